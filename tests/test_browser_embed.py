"""The chat in pages of other sites, and the documents page, in a real Chromium; scripted replies, no model."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from zipfile import ZipFile

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect
from sqlmodel import select

from assistant import records
from feedback.tables import Rating, Value
from tests.browsing import sign_in, watched
from tests.serving import AppServer

pytestmark = pytest.mark.browser

HOSTILE = '<img src="http://evil.example/x.png" onerror="alert(1)"><script>alert(2)</script>'


@dataclass(frozen=True)
class Site:
    """Somebody else's web site, by the name of this machine that makes it another site than the app."""

    port: int
    pages: dict[str, str] = field(default_factory=dict)

    def url(self, path: str, *, host: str = "localhost") -> str:
        return f"http://{host}:{self.port}{path}"

    def put(self, body: str) -> str:
        """Serve a plain page with this in it; its path."""
        path = f"/page-{len(self.pages)}.html"
        self.pages[path] = f"<!doctype html><html lang=en><title>A plain page</title><body><h1>Ours</h1>{body}</body>"
        return path


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    pages: dict[str, str] = {"/favicon.ico": ""}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = pages.get(self.path, "").encode()
            self.send_response(200 if self.path in pages else 404)
            self.send_header("content-type", "text/html; charset=utf-8")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, name="another site")
    thread.start()
    yield Site(server.server_port, pages)
    server.shutdown()
    server.server_close()
    thread.join(10)


@contextmanager
def visiting(app: AppServer, chromium: Browser, site: Site, *, host: str = "localhost") -> Iterator[Page]:
    """A page for a visitor of that site, who may load from it and from the app."""
    with watched(chromium, base_url=site.url("", host=host), allowed=(site.url("", host=host), app.url)) as context:
        yield context.new_page()


def ask_in(app: AppServer, frame: FrameLocator | Page, text: str, answer: str) -> None:
    app.engine.enqueue(answer)
    frame.get_by_placeholder("Ask a question").fill(text)
    frame.get_by_placeholder("Ask a question").press("Enter")
    expect(frame.locator("#tl-thread article").last).to_contain_text(answer)


def rate_in(app: AppServer, frame: FrameLocator) -> Rating:
    """Give a thumb up, and find it in the database."""
    frame.get_by_role("button", name="Good answer").last.click()
    expect(frame.locator(".tl-form")).to_be_visible()
    reply = frame.locator("article[data-reply]").last.get_attribute("data-reply")
    with app.services.database.read() as session:
        return session.exec(select(Rating).where(Rating.reply_id == reply)).one()


def copied(page: Page, label: str) -> str:
    """What the share page gives to copy under a label."""
    page.get_by_role("button", name=f"Copy: {label}").click()
    expect(page.get_by_role("button", name=f"Copy: {label}")).to_have_text("Copied")
    return str(page.evaluate("navigator.clipboard.readText()"))


@pytest.mark.parametrize("label", ["Frame", "Gradio tag"])
def test_what_the_share_page_gives_to_copy_chats_and_takes_a_thumb_on_another_site(
    app: AppServer, chromium: Browser, page: Page, site: Site, label: str
) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    sign_in(page, "/share?a=default")
    snippet = copied(page, label)
    with visiting(app, chromium, site) as abroad:
        abroad.goto(site.put(snippet))
        chat = abroad.frame_locator("iframe")
        expect(chat.get_by_role("link", name="New chat")).to_be_visible()
        ask_in(app, chat, "Where are my documents kept?", "In one folder.")
        first = rate_in(app, chat)
        assert first.value is Value.up and first.rater.startswith("guest-")
        ask_in(app, chat, "Really?", "Yes, there.")
        assert rate_in(app, chat).rater == first.rater
        assert abroad.url.endswith(".html")


def test_the_share_page_prepares_a_space(page: Page) -> None:
    sign_in(page, "/share")
    page.get_by_role("button", name="Prepare the Space").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="default-space.zip").or_(
            page.locator("a[download='default-space.zip']")
        ).first.click()
    with ZipFile(download.value.path()) as zipped:
        assert zipped.testzip() is None and "app.py" in zipped.namelist()


def test_on_the_same_site_a_frame_finds_its_conversation_after_a_reload(
    app: AppServer, chromium: Browser, site: Site
) -> None:
    with visiting(app, chromium, site, host="127.0.0.1") as abroad:
        abroad.goto(site.put(f'<iframe src="{app.url}/a/default" width="390" height="700"></iframe>'))
        chat = abroad.frame_locator("iframe")
        ask_in(app, chat, "What is it?", "It is settled.")
        (frame,) = [each for each in abroad.frames if each.url.startswith(app.url)]
        assert "c=" in frame.url
        frame.goto(frame.url)
        expect(chat.locator("#tl-thread")).to_contain_text("It is settled.")
        chat.get_by_role("link", name="New chat").click()
        expect(chat.locator(".tl-example").first).to_be_visible()


def test_the_chat_alone_leads_nowhere_else(app: AppServer, page: Page) -> None:
    sign_in(page, "/documents")
    page.goto("/a/default")
    expect(page.locator(".tl-example").first).to_be_visible()
    expect(page.locator(".tl-bar-alone")).to_contain_text("Thumbloop")
    leads = [(link.get_attribute("href"), link.get_attribute("target")) for link in page.get_by_role("link").all()]
    assert leads == [("./embed?a=default", None), ("./mine?show=kept", "_blank")]
    assert page.locator("#tl-side").count() == 0
    ask_in(app, page, "Who is there?", "Only me.")


def test_another_site_cannot_hold_any_other_page(app: AppServer, chromium: Browser, site: Site) -> None:
    with watched(chromium, base_url=site.url(""), allowed=(site.url(""), app.url), ignored=("Framing",)) as context:
        abroad = context.new_page()
        abroad.goto(site.put(f'<iframe src="{app.url}/"></iframe><iframe src="{app.url}/a/default"></iframe>'))
        expect(abroad.frame_locator("iframe >> nth=1").locator(".tl-example").first).to_be_visible()
        assert abroad.frame_locator("iframe >> nth=0").locator("#tl-top").count() == 0


def test_the_documents_page_from_drop_to_delete(app: AppServer, page: Page, tmp_path: Path) -> None:
    parts = "".join(f"## Part {n}\n\n{HOSTILE} {f'Part {n} is about the weather vane. ' * 12}\n\n" for n in range(25))
    (tmp_path / "parts.md").write_text(f"# Weather vanes\n\n{parts}")
    (tmp_path / "broken.pdf").write_bytes(b"no PDF")
    sign_in(page, "/documents")
    page.set_input_files("input[type=file]", [str(tmp_path / "parts.md"), str(tmp_path / "broken.pdf")])
    expect(page.locator(".tl-reading")).to_contain_text("2 of 2 files read, 1 not added")
    expect(page.locator(".tl-outcomes")).to_contain_text("it is no PDF")

    expect(page.locator(".tl-table")).to_contain_text("Weather vanes")
    find = page.get_by_placeholder("Find a document by its name")
    find.fill("nothing like it")
    expect(page.get_by_text("No document has")).to_be_visible()
    find.fill("weather")
    expect(page.locator(".tl-table tbody tr")).to_have_count(1)
    page.get_by_role("button", name="Weather vanes").click()
    expect(page.get_by_role("heading", name="Weather vanes", exact=True)).to_be_focused()
    expect(page.locator(".tl-passages li")).to_have_count(20)
    expect(page.locator(".tl-passages li").first).to_contain_text("<script>alert(2)</script>")
    page.get_by_role("button", name="Next").click()
    expect(page.locator(".tl-passages")).to_contain_text("Weather vanes › Part 19")

    page.get_by_role("button", name="Ask this document").click()
    question = page.get_by_placeholder("Type a question")
    expect(question).to_be_focused()
    question.fill("What is part 3 about?")
    question.press("Enter")
    expect(page.locator(".tl-found li").first).to_contain_text("Weather vanes")
    expect(page.locator(".tl-verdict-line")).to_contain_text("An answer would be given")
    page.locator(".tl-found").get_by_role("button", name="Open").first.click()
    expect(page.locator(".tl-marked")).to_be_in_viewport()

    (tmp_path / "vanes.txt").write_text("All there is about vanes.")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Replace").click()
    chooser.value.set_files(str(tmp_path / "vanes.txt"))
    expect(page.locator(".tl-passages li")).to_have_count(1)
    expect(page.get_by_text("Replaced", exact=True)).to_be_visible()
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.get_by_role("button", name="Delete").click()
    expect(page.locator(".tl-passages li")).to_have_count(1)
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete").click()
    expect(page.locator(".tl-passages")).to_have_count(0)
    with app.services.database.read() as session:
        asked = records.assistant_by_slug(session, "default").id
    assert not {"parts.md", "vanes.txt"} & {each.name for each in app.services.knowledge.documents(asked)}
