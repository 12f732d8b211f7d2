"""The feedback page in a real Chromium, as an admin uses it; rows instead of a model."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from assistant import records
from assistant.tables import Message
from feedback import ratings
from tests.browsing import sign_in
from tests.builders import add_turn
from tests.serving import AppServer

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def replies(app: AppServer) -> Iterator[dict[str, Message]]:
    """Answers that people rated: mint is liked, roses are disputed and corrected."""
    with app.services.database.write() as session:
        asked = records.assistant_by_slug(session, "default")
        roses = add_turn(session, asked, "When do I prune roses?", "In late winter.", sources=["Prune in winter."])
        mint = add_turn(session, asked, "And mint?", "Any time.", owner="bob")
        for reply, rater, value in ((roses, "ann", "down"), (roses, "bob", "up"), (mint, "bob", "up")):
            ratings.rate(session, reply.id, rater=rater, value=value, any_owner=True)
        ratings.correct(session, roses.id, rater="ann", text="in march")
    yield {"roses": roses, "mint": mint}


def test_an_admin_finds_opens_leaves_out_and_words_better(page: Page, replies: dict[str, Message]) -> None:
    sign_in(page, "/feedback")
    expect(page.locator(".tl-standout")).to_contain_text("2 of 3 ratings are good")
    expect(page.locator(".tl-reply")).to_have_count(2)
    page.get_by_label("Search").press_sequentially("MINT")
    expect(page.locator(".tl-reply")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"[?&]q=MINT"))
    page.reload()
    expect(page.get_by_label("Search")).to_have_value("MINT")
    expect(page.locator(".tl-reply")).to_have_count(1)
    page.get_by_label("Search").press("Control+a")
    page.get_by_label("Search").press("Delete")
    page.get_by_label("Search").press("Enter")
    expect(page.locator(".tl-reply")).to_have_count(2)

    page.locator(".tl-panel", has_text="People disagree").get_by_role("link", name="When do I prune roses?").click()
    expect(page.locator(".tl-narrowed")).to_contain_text("When do I prune roses?")
    page.locator(".tl-reply").get_by_role("link").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="When do I prune roses?")).to_be_focused()
    expect(page).to_have_url(re.compile(replies["roses"].id))

    disliked = page.locator(".tl-remark", has_text="did not like it")
    disliked.get_by_text("Leave out of training").click()
    disliked.get_by_label("Why?").fill("Wrong thumb")
    disliked.get_by_role("button", name="Leave out").click()
    expect(disliked).to_contain_text("Left out by you: Wrong thumb")
    expect(page.get_by_text("an admin leaves it out of training")).to_be_visible()
    disliked.get_by_role("button", name="Use it again").click()
    expect(disliked).to_contain_text("counts")

    corrected = page.locator(".tl-remark", has_text="in march")
    corrected.get_by_text("Word it better").click()
    corrected.get_by_label("What it should have said").fill("In March.")
    corrected.get_by_role("button", name="Save").click()
    expect(page.locator(".tl-lesson").first).to_contain_text("In March.")
    page.get_by_role("button", name="Take it back").click()
    expect(page.locator(".tl-lesson").first).to_contain_text("in march")

    page.go_back()
    expect(page.locator(".tl-narrowed")).to_be_visible()
    page.get_by_role("link", name="Show others, too").click()
    expect(page.locator(".tl-reply")).to_have_count(2)


@pytest.mark.parametrize("width", [390, 1440])
def test_the_page_and_an_opened_reply_fit_the_window(page: Page, replies: dict[str, Message], width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    sign_in(page, "/feedback")
    expect(page.locator(".tl-reply").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.goto(f"/feedback?reply={replies['roses'].id}")
    expect(page.get_by_role("heading", name="What it teaches")).to_be_visible()
    for summary in page.locator(".tl-opened summary").all():
        summary.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
