"""The page of one's own in a real Chromium: what one said is taken back and undone, opened, taken away and deleted."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlmodel import select

from assistant.tables import Conversation
from feedback.tables import Rating, Value
from tests.browsing import TIMEOUT_MS, ask
from tests.serving import AppServer

pytestmark = pytest.mark.browser


def values(app: AppServer, reply: str) -> Sequence[Value]:
    with app.services.database.read() as session:
        return session.exec(select(Rating.value).where(Rating.reply_id == reply).order_by(Rating.id)).all()  # type: ignore[arg-type]


def mine(app: AppServer, table: Any) -> int:
    with app.services.database.read() as session:
        return len(session.exec(select(table)).all())


def rate_one(app: AppServer, page: Page, question: str) -> str:
    """Ask, and like the answer; its id."""
    app.engine.enqueue(f"About {question} it is so.")
    ask(page, question)
    page.get_by_role("button", name="Good answer").last.click()
    expect(page.get_by_role("button", name="Good answer").last).to_have_attribute("aria-pressed", "true")
    reply = page.locator("article[data-reply]").last.get_attribute("data-reply")
    assert reply
    return reply


def test_a_guest_finds_a_rating_takes_it_back_undoes_that_and_opens_it(app: AppServer, page: Page) -> None:
    page.goto("/")
    reply = rate_one(app, page, "first")
    for n in range(6):
        app.engine.enqueue("A long answer. " * 60)
        ask(page, f"more {n}")
    page.get_by_role("link", name="My feedback").click()
    card = page.locator(".tl-card")
    expect(card).to_contain_text("You liked it")
    card.locator("summary").click()
    expect(card.locator("blockquote")).to_have_text("About first it is so.")

    page.keyboard.press("Tab")
    take, undo = card.get_by_role("button", name="Take back"), card.get_by_role("button", name="Undo")
    expect(take).to_be_focused()
    page.keyboard.press("Enter")
    expect(card.get_by_role("status")).to_have_text("Taken back.")
    expect(undo).to_be_focused()
    assert values(app, reply) == [Value.up, Value.none]
    page.keyboard.press("Enter")
    expect(card.get_by_role("status")).to_have_text("Put back.")
    expect(take).to_be_focused()
    assert values(app, reply) == [Value.up, Value.none, Value.up]

    card.get_by_role("link", name="Open in the conversation").click()
    expect(page.locator(f'.tl-named[data-reply="{reply}"]')).to_be_in_viewport()
    page.reload()
    expect(page.locator("#tl-thread")).to_contain_text("About first it is so.")


def test_a_guest_takes_everything_away_and_deletes_it(app: AppServer, page: Page) -> None:
    page.goto("/")
    rate_one(app, page, "second")
    page.get_by_role("link", name="See and delete it").click()
    expect(page.get_by_role("heading", name="What is kept about you")).to_be_visible(timeout=TIMEOUT_MS)
    with page.expect_download() as coming:
        page.get_by_role("button", name="Download it all").click()
    data = json.loads(Path(coming.value.path()).read_text())
    assert [held["title"] for held in data["conversations"]] == ["second"] and len(data["ratings"]) == 1

    before = mine(app, Conversation)
    page.get_by_role("button", name="Delete everything").click()
    dialog = page.get_by_role("dialog", name="Delete everything?")
    expect(dialog).to_contain_text("1 conversation with 2 messages")
    expect(dialog.get_by_role("button", name="Keep it")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert mine(app, Conversation) == before
    page.get_by_role("button", name="Delete everything").click()
    dialog.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("Gone: 1 conversation with 2 messages")).to_be_visible()
    expect(page.get_by_role("button", name="Download it all")).to_be_hidden()
    assert mine(app, Conversation) == before - 1
    page.get_by_role("tab", name="Feedback").click()
    expect(page.get_by_role("heading", name="Nothing yet")).to_be_visible()


def test_a_conversation_is_deleted_only_after_a_yes(app: AppServer, page: Page) -> None:
    page.goto("/")
    rate_one(app, page, "third")
    page.goto("/mine?show=conversations")
    delete = page.get_by_role("button", name="Delete third")
    page.once("dialog", lambda dialog: dialog.dismiss())
    delete.click()
    expect(page.get_by_role("link", name="third")).to_be_visible()
    page.once("dialog", lambda dialog: dialog.accept())
    delete.click()
    expect(page.get_by_role("heading", name="No conversations yet")).to_be_visible()


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("part", ["feedback", "conversations", "kept"])
def test_the_page_is_not_wider_than_its_window(app: AppServer, page: Page, width: int, part: str) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.goto("/")
    rate_one(app, page, "unbreakable" * 30)
    page.goto(f"/mine?show={part}")
    expect(page.locator(".tl-mine h1").locator("visible=true")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
