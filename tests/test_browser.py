"""The pages in a real Chromium, as three kinds of people use them; scripted replies, no model."""

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlmodel import select

from assistant.engine import Piece, Sampling, Weights
from assistant.tables import Reply, ReplyState
from feedback.tables import Comparison, Correction, Outcome, Rating, Value
from tests.browsing import ask, sign_in
from tests.serving import AppServer

pytestmark = pytest.mark.browser

HOSTILE = '<img src="http://evil.example/x.png" onerror="alert(1)"><script>alert(2)</script>'


def endless_until(ended: threading.Event) -> Callable[..., Iterator[Piece]]:
    """A stream that never ends by itself, and sets the event when it is closed."""

    def stream(prompt: Sequence[int], *, weights: Weights, sampling: Sampling) -> Iterator[Piece]:  # noqa: ARG001
        try:
            yield Piece("Once upon a time. There was", 2)
            while not ended.wait(0.02):
                yield Piece("", 2)
        finally:
            ended.set()

    return stream


def rows(app: AppServer, table: Any, **where: Any) -> Sequence[Any]:
    with app.services.database.read() as session:
        return session.exec(select(table).filter_by(**where)).all()


def test_a_guest_asks_opens_a_source_rates_corrects_and_finds_it_all_after_a_reload(app: AppServer, page: Page) -> None:
    page.goto("/")
    app.engine.enqueue("It is **so** [1].")
    page.locator(".tl-example").first.click()
    expect(page.locator("#tl-thread strong")).to_have_text("so")
    page.locator("#tl-thread .tl-cite").click()
    expect(page.locator(".tl-source[data-n='1'] blockquote")).to_be_visible()

    page.get_by_role("button", name="Bad answer").click()
    page.get_by_text("Too short").click()
    page.get_by_label("In your words").fill("Say where.")
    page.get_by_label("What should it have said?").fill("In the folder that you chose.")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".tl-said")).to_contain_text("questions like this get your answer")
    reply = page.locator("article[data-reply]").get_attribute("data-reply")
    last = rows(app, Rating, reply_id=reply)[-1]
    assert (last.value, last.reasons, last.comment) == (Value.down, ["too_short"], "Say where.")
    assert [row.text for row in rows(app, Correction, reply_id=reply)] == ["In the folder that you chose."]

    page.reload()
    expect(page.locator("#tl-thread strong")).to_have_text("so")
    expect(page.get_by_role("button", name="Bad answer")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#tl-side [aria-current]")).to_be_visible()

    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Bad answer")).to_have_attribute("aria-pressed", "false")
    assert rows(app, Rating, reply_id=reply)[-1].value is Value.none


def test_another_answer_stands_beside_the_first_and_one_is_chosen(app: AppServer, page: Page) -> None:
    page.goto("/")
    app.engine.enqueue("The first [1].")
    ask(page, "Which one?")
    app.engine.enqueue("The second [1].")
    page.get_by_role("button", name="Try again").click()
    page.get_by_role("group", name="Which answer is better?").get_by_role("button", name="Answer 2").click()
    expect(page.locator(".tl-choice")).to_contain_text("You found Answer 2 better")
    expect(page.locator(".tl-text", has_text="The first")).to_be_hidden()
    page.get_by_role("button", name="Earlier answer").locator("visible=true").click()
    expect(page.locator(".tl-text", has_text="The first")).to_be_visible()
    expect(page.locator(".tl-text", has_text="The second")).to_be_hidden()
    first = page.locator("article[data-reply]").get_attribute("data-reply")
    assert len(rows(app, Comparison, loser_id=first, outcome=Outcome.better)) == 1


def test_stop_ends_the_reply_and_keeps_what_was_written(
    app: AppServer, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()
    monkeypatch.setattr(app.engine, "stream", endless_until(ended))
    page.goto("/")
    page.get_by_placeholder("Ask a question").fill("Tell me a story")
    page.keyboard.press("Enter")
    expect(page.locator("#tl-live")).to_contain_text("Once upon")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#tl-thread")).to_contain_text("Stopped before the end")
    expect(page.locator("#tl-thread")).to_contain_text("Once upon")
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    assert ended.wait(5), "the engine was told"
    reply = page.locator("article[data-reply]").get_attribute("data-reply")
    assert rows(app, Reply, message_id=reply)[0].state is ReplyState.stopped


def test_hostile_text_shows_as_text_and_reaches_nobody(app: AppServer, page: Page) -> None:
    page.goto("/")
    app.engine.enqueue(f"{HOSTILE} ![x](http://evil.example/y.png) and [a link](http://evil.example/z)")
    ask(page, HOSTILE)
    expect(page.locator(".tl-question")).to_contain_text("<script>alert(2)</script>")
    expect(page.locator(".tl-text")).to_contain_text("<script>alert(2)</script>")
    assert page.locator("#tl-thread img, #tl-thread script, #tl-side img").count() == 0


def test_an_empty_and_a_far_too_long_message_are_refused_and_kept(page: Page) -> None:
    page.goto("/")
    box = page.get_by_placeholder("Ask a question")
    expect(page.locator(".tl-example").first).to_be_visible()
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("Type a question first.")).to_be_visible()
    box.fill("long " * 2_000)
    page.keyboard.press("Enter")
    expect(page.get_by_text("at most 8000")).to_be_visible()
    expect(box).to_have_value("long " * 2_000)
    expect(page.get_by_role("button", name="Send")).to_be_visible()


@pytest.mark.parametrize("path", ["/documents", "/feedback", "/retrain", "/assistant", "/share"])
def test_a_guest_sees_no_data_on_a_page_for_admins(page: Page, path: str) -> None:
    page.goto(path)
    expect(page.get_by_role("heading", name="Sign in as admin")).to_be_visible()
    assert page.locator(".tl-table, .tl-figures, .tl-replies").count() == 0
    values = {box.input_value() for box in page.locator("input, textarea").all()}
    assert values <= {"", "default"}, "no more than which assistant the page is about"


def test_an_admin_adds_a_document_tries_it_reads_feedback_and_signs_out(
    app: AppServer, page: Page, tmp_path: Path
) -> None:
    notes, broken = tmp_path / "depot.md", tmp_path / "broken.pdf"
    notes.write_text("# Depot\n\nThe depot opens at nine.\n")
    broken.write_bytes(b"this is no PDF")
    sign_in(page, "/documents")
    expect(page.locator(".tl-table tbody tr").first).to_be_visible()
    page.set_input_files("input[type=file]", [str(notes), str(broken)])
    expect(page.locator(".tl-outcomes")).to_contain_text("broken.pdf")
    expect(page.locator(".tl-table")).to_contain_text("depot.md")
    page.get_by_placeholder("Type a question").fill("When does the depot open?")
    page.get_by_role("button", name="Search").click()
    expect(page.locator(".tl-found")).to_contain_text("opens at nine")

    page.get_by_role("link", name="Chat", exact=True).click()
    app.engine.enqueue("At nine [1].")
    ask(page, "When does the depot open?")
    page.get_by_role("button", name="Good answer").click()
    expect(page.locator(".tl-form")).to_be_visible()
    page.get_by_role("link", name="Feedback", exact=True).click()
    expect(page.locator(".tl-replies")).to_contain_text("When does the depot open?")
    page.get_by_role("link", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    expect(page.get_by_role("link", name="Documents")).to_be_hidden()


@pytest.mark.parametrize("width", [390, 1440])
def test_no_page_is_wider_than_its_window(app: AppServer, page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    sign_in(page, "/documents")
    app.engine.enqueue("a-very-long-word-" * 20)
    page.goto("/")
    ask(page, "unbreakable" * 30)
    for path in ("", "/documents", "/feedback", "/retrain", "/assistant", "/share"):
        if path:
            page.goto(path)
            expect(page.locator(".tl-page h1")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path or "chat"


def test_who_opens_another_conversation_meanwhile_sees_that_one(
    app: AppServer, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.goto("/")
    app.engine.enqueue("It is settled.")
    ask(page, "What was first?")
    page.get_by_role("button", name="New conversation").click()
    expect(page.locator(".tl-example").first).to_be_visible()
    ended = threading.Event()
    monkeypatch.setattr(app.engine, "stream", endless_until(ended))
    page.get_by_placeholder("Ask a question").fill("Tell me a story")
    page.keyboard.press("Enter")
    expect(page.locator("#tl-live")).to_contain_text("Once upon")
    expect(page.get_by_role("button", name="Tell me a story")).to_be_visible()  # it moves the others down
    page.get_by_role("button", name="What was first?").click()
    expect(page.locator("#tl-thread")).to_contain_text("It is settled.")
    assert ended.wait(5), "the engine was told"
    expect(page.locator("#tl-live")).to_be_empty()
    expect(page.get_by_role("button", name="Send")).to_be_visible()


def test_a_source_opens_in_its_document_and_what_no_source_says_is_marked(app: AppServer, page: Page) -> None:
    page.goto("/")
    app.engine.enqueue("It is kept in one folder [1]. It weighs 40 kilograms.")
    ask(page, "Where are my documents kept?")
    source = page.locator(".tl-source[data-n='1']")
    source.locator("summary").click()
    words = source.locator("blockquote").inner_text()
    source.get_by_role("button", name="Show in the document").click()
    expect(source.locator("mark")).to_have_text(words)
    expect(source.locator("mark")).to_be_in_viewport()

    check = page.get_by_role("button", name="Check")
    check.click()
    doubt = page.locator(".tl-doubting .tl-doubt")
    expect(doubt).to_have_text("It weighs 40 kilograms.")
    expect(doubt).to_have_attribute("title", "No source says this")
    expect(page.locator(".tl-doubts")).to_contain_text("1 part")

    source.get_by_role("button", name="Show less").click()
    expect(source.locator("mark")).to_have_count(0)
    expect(source.locator("blockquote")).to_be_visible()
    expect(doubt).to_be_visible()
    check.click()
    expect(doubt).to_have_count(0)
    expect(page.locator(".tl-doubts")).to_be_hidden()
