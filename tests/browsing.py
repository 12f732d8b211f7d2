"""A real Chromium for tests, on a running app with scripted replies; `conftest.py` makes its fixtures known."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright

from tests.serving import ADMIN_PASSWORD, AppServer, serve_app

CHROMIUM = "/usr/bin/chromium"
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-quic",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
]
TIMEOUT_MS = 15_000
LEAVING = ("AbortError", "Unexpected error Connection errored out")
"""What Gradio 6.31 logs when a page is left while it still asks for something."""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    with serve_app(tmp_path_factory.mktemp("browser")) as served:
        yield served


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        expect.set_options(timeout=TIMEOUT_MS)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def person(app: AppServer, chromium: Browser) -> Iterator[BrowserContext]:
    """A fresh guest. Whatever the pages ask of other hosts, or complain about, fails the test."""
    with watched(chromium, base_url=app.url, allowed=(app.url,)) as context:
        yield context


@contextmanager
def watched(
    chromium: Browser, *, base_url: str, allowed: tuple[str, ...], ignored: tuple[str, ...] = ()
) -> Iterator[BrowserContext]:
    """A browser of its own, in which pages may load from the `allowed` addresses and say nothing but the `ignored`."""
    context = chromium.new_context(base_url=base_url, viewport={"width": 1280, "height": 800})
    context.set_default_timeout(TIMEOUT_MS)
    outside: list[str] = []
    complaints: list[str] = []

    def asked(request: Request) -> None:
        if not request.url.startswith((*allowed, "data:", "blob:")):
            outside.append(request.url)

    def said(message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith((*LEAVING, *ignored)):
            complaints.append(message.text)

    context.on("request", asked)
    context.on("console", said)
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    yield context
    context.close()
    assert not outside
    assert not complaints


@pytest.fixture
def page(person: BrowserContext) -> Page:
    return person.new_page()


def ask(page: Page, text: str) -> None:
    tools = page.locator("#tl-thread .tl-tools")
    before = tools.count()
    page.get_by_placeholder("Ask a question").fill(text)
    page.keyboard.press("Enter")
    expect(tools).not_to_have_count(before)
    expect(page.get_by_role("button", name="Send")).to_be_visible()


def sign_in(page: Page, path: str) -> None:
    page.goto(path)
    page.locator(".tl-empty").get_by_role("link", name="Sign in").click()
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill(ADMIN_PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("link", name="Sign out")).to_be_visible()
