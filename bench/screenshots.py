"""Pictures of every page for docs and eyes: `python -m bench.screenshots [--to docs/screenshots]`.

Starts the app on an empty home with scripted answers, chats a little as a person would, and photographs each page light
on a desktop and dark on a phone.
"""

import argparse
import json
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect, sync_playwright

from tests.browsing import CHROMIUM, QUIET
from tests.pages import a_candidate, a_run_elsewhere
from tests.serving import ADMIN_PASSWORD, AppServer, serve_app

DESKTOP, PHONE = 1440, 390
VIEWS = (("desktop", DESKTOP, "light"), ("phone", PHONE, "dark"))
PAGES = ("documents", "feedback", "retrain", "assistant")
TALK = (
    (
        "Where are my documents kept?",
        "Everything is kept in **one folder** on your machine: the database, the documents and the versions that were "
        "trained [1]. Nothing that you upload leaves it [1].",
    ),
    (
        "What happens if the machine was off?",
        "A training run that was due meanwhile starts **once**, when Thumbloop is started again [1].",
    ),
)
OTHER_ANSWER = "Nothing is lost. A missed run is caught up once at the next start [1]."
WINDOW_HEIGHT = 900
SETTLE_MS = 900


def main() -> None:
    """Take all pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=Path("docs/screenshots"))
    to: Path = parser.parse_args().to
    to.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, serve_app(Path(home)) as app, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        _take_all(app, browser, to)
        browser.close()


def _take_all(app: AppServer, browser: Browser, to: Path) -> None:
    person = _signed_in(app, browser)
    page = person.new_page()
    _snap(page, f"{app.url}/", to / "welcome-desktop-light.png", waits_for=".tl-example")
    conversation = _talk(app, page, to)
    a_candidate(app.services)
    _let_training_come_far(app)
    state = person.storage_state()
    for size, width, scheme in VIEWS:
        viewport = ViewportSize(width=width, height=WINDOW_HEIGHT)
        context = browser.new_context(viewport=viewport, storage_state=state, base_url=app.url)
        page = context.new_page()
        name = f"{size}-{scheme}.png"
        _snap(page, f"{conversation}&__theme={scheme}", to / f"chat-{name}", waits_for="#tl-thread .tl-tools")
        for path in PAGES:
            _snap(page, f"/{path}?__theme={scheme}", to / f"{path}-{name}", waits_for=".tl-page h1", whole=True)
        context.close()


def _signed_in(app: AppServer, browser: Browser) -> BrowserContext:
    context = browser.new_context(viewport={"width": DESKTOP, "height": WINDOW_HEIGHT})
    page = context.new_page()
    page.goto(f"{app.url}/login")
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill(ADMIN_PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("link", name="Sign out")).to_be_visible()
    page.close()
    return context


def _talk(app: AppServer, page: Page, to: Path) -> str:
    """Ask, rate, correct and try again; the conversation's address."""
    for question, answer in TALK:
        app.engine.enqueue(answer)
        page.get_by_placeholder("Ask a question").fill(question)
        page.keyboard.press("Enter")
        expect(page.locator(".tl-text").last).to_contain_text(answer.split("**")[1])
        expect(page.get_by_role("button", name="Send")).to_be_visible()
    page.get_by_role("button", name="Good answer").first.click()
    page.get_by_text("Backed by its sources").click()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Bad answer").last.click()
    page.get_by_text("Too long").click()
    page.wait_for_timeout(SETTLE_MS)
    page.screenshot(path=to / "rating-desktop-light.png")
    page.get_by_label("What should it have said?").fill("A missed run is caught up once.")
    page.get_by_role("button", name="Save").click()
    app.engine.enqueue(OTHER_ANSWER)
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".tl-choice")).to_be_visible()
    page.wait_for_timeout(SETTLE_MS)
    page.screenshot(path=to / "compare-desktop-light.png")
    return page.url


def _let_training_come_far(app: AppServer) -> None:
    run = a_run_elsewhere(app.services)
    told = [
        {
            "state": "training",
            "step": step,
            "of": 10,
            "loss": round(0.69 * 0.93**step, 3),
            "margin": round(0.06 * step, 3),
            "accuracy": min(0.5 + step / 15, 1.0),
            "kl": round(0.002 * step, 4),
        }
        for step in range(1, 4)
    ]
    path = app.services.runs.folder(run) / "progress.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in told), encoding="utf-8")


def _snap(page: Page, address: str, to: Path, *, waits_for: str, whole: bool = False) -> None:
    page.goto(address)
    page.locator(waits_for).last.wait_for()
    page.wait_for_timeout(SETTLE_MS)
    page.screenshot(path=to, full_page=whole)


if __name__ == "__main__":
    main()
