"""The chat page in a real Chromium: branches, two answers at once, conversations and assistants; by keyboard, too."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from assistant import records
from assistant.tables import Assistant
from feedback.tables import Comparison, Rating
from tests.browsing import ask
from tests.serving import AppServer, eventually
from tests.test_browser import rows

pytestmark = pytest.mark.browser

PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1440, "height": 900}


@pytest.fixture(params=[PHONE, DESKTOP], ids=["phone", "desktop"])
def sized(request: pytest.FixtureRequest, page: Page) -> Page:
    page.set_viewport_size(request.param)
    return page


@pytest.fixture
def gardener(app: AppServer) -> Iterator[Assistant]:
    with app.services.database.write() as session:
        made = records.create_assistant(
            session, slug="garden", name="Rose", system_prompt="Help.", avatar="🌱", compare_share=1.0, passages=0
        )
    yield made
    with app.services.database.write() as session:
        session.delete(records.assistant_by_slug(session, "garden"))


def in_panel(page: Page) -> Locator:
    """The panel with the conversations, unfolded on a phone."""
    expect(page.locator("#tl-side .tl-new")).to_be_attached()
    menu = page.locator("#tl-side .tl-menu")
    if menu.is_visible() and menu.get_attribute("aria-expanded") == "false":
        menu.click()
    return page.locator("#tl-side")


def do_with(page: Page, title: str, what: str) -> None:
    row = in_panel(page).get_by_role("listitem").filter(has_text=title)
    row.hover()
    row.locator("summary").click()
    row.get_by_role("button", name=what).click()


def test_a_page_whose_bar_comes_late_lists_and_answers(app: AppServer, page: Page) -> None:
    page.goto("/")
    app.engine.enqueue("Under the mat.")
    ask(page, "Where is the key?")
    config = page.request.get("/config").json()
    bars = {part["id"] for part in config["components"] if part["props"].get("elem_id") == "tl-top"}
    filling = {event["id"] for event in config["dependencies"] if bars & set(event["outputs"])}
    late: list[Route] = []

    def let(route: Route) -> None:
        sent = route.request.post_data_json if route.request.method == "POST" else {}
        late.append(route) if sent.get("fn_index") in filling else route.continue_()

    page.route("**/gradio_api/**", let)
    page.reload()
    expect(page.get_by_text("Under the mat.")).to_be_visible()
    page.get_by_label("Search your conversations").fill("mat")
    expect(page.locator(".tl-hit")).to_have_count(1)
    app.engine.enqueue("Since May.")
    ask(page, "Since when?")
    expect(page.get_by_text("Since May.")).to_be_visible()
    expect(page.get_by_text("There is no assistant")).to_have_count(0)
    assert late
    for route in late:
        route.continue_()


def test_an_edited_question_branches_and_the_branch_survives_a_reload(app: AppServer, sized: Page) -> None:
    page = sized
    page.goto("/")
    app.engine.enqueue("Under the mat.")
    ask(page, "Where is the key?")
    app.engine.enqueue("There are two.")
    ask(page, "How many doors are there?")
    page.locator(".tl-query").first.hover()
    page.get_by_role("button", name="Edit this question").first.click()
    box = page.get_by_label("The question in other words")
    expect(box).to_be_focused()
    expect(box).to_have_value("Where is the key?")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Edit this question").first).to_be_focused()
    page.keyboard.press("Enter")
    box.fill("Where is the other key?")
    app.engine.enqueue("On the hook.")
    page.keyboard.press("Enter")
    expect(page.get_by_text("On the hook.")).to_be_visible()
    expect(page.locator("#tl-thread .tl-text")).to_have_count(1)
    expect(page.get_by_text("2 of 2")).to_be_visible()
    expect(page.get_by_placeholder("Ask a question")).to_be_focused()
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]  # type: ignore[index]

    page.get_by_role("button", name="Earlier question").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_text("There are two.")).to_be_visible()
    expect(page.get_by_role("button", name="Later question")).to_be_focused()
    page.reload()
    expect(page.get_by_text("There are two.")).to_be_visible()
    expect(page.get_by_text("1 of 2")).to_be_visible()


@pytest.mark.usefixtures("gardener")
def test_two_answers_come_at_once_and_a_choice_is_undone_on_the_spot(app: AppServer, sized: Page) -> None:
    page = sized
    page.goto("/")
    panel = in_panel(page)
    panel.locator("summary.tl-assistant").click()
    panel.get_by_role("link", name="Rose").click()
    expect(page).to_have_url(re.compile(r"\?a=garden$"))
    expect(page.get_by_role("heading", name="Rose")).to_be_visible()
    app.engine.enqueue("Prune in winter.")
    app.engine.enqueue("Prune late in winter, before the buds open.")
    ask(page, "When do I prune?")
    pair = page.locator(".tl-pair > .tl-answer")
    expect(pair).to_have_count(2)
    group = page.get_by_role("group", name="Which answer is better?")
    group.get_by_role("button", name="Answer 1").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".tl-choice")).to_contain_text("You found Answer 1 better")
    expect(page.get_by_role("button", name="Undo")).to_be_focused()
    page.keyboard.press("Enter")
    expect(group.get_by_role("button", name="Answer 1")).to_be_focused()
    assert len(rows(app, Comparison, loser_id=pair.nth(1).get_attribute("data-reply"))) == 2
    expect(page.locator("#tl-told p")).to_have_text("Done")


def test_a_thumb_down_keeps_its_reason_at_once_and_offers_another_answer(app: AppServer, page: Page) -> None:
    page.goto("/")
    app.engine.enqueue("Nowhere.")
    ask(page, "Where is the key?")
    reply = page.locator("article[data-reply]").get_attribute("data-reply")
    page.get_by_role("button", name="Bad answer").click()
    page.get_by_label("In your words").fill("It hangs somewhere.")
    page.get_by_role("checkbox", name="Wrong").check()
    eventually(lambda: rows(app, Rating, reply_id=reply)[-1].reasons == ["wrong"])
    expect(page.get_by_label("In your words")).to_have_value("It hangs somewhere.")
    app.engine.enqueue("On the hook.")
    page.get_by_role("button", name="Show another answer").click()
    expect(page.get_by_role("group", name="Which answer is better?")).to_be_visible()
    last = rows(app, Rating, reply_id=reply)[-1]
    assert (last.reasons, last.comment) == (["wrong"], "It hangs somewhere.")
    page.get_by_role("button", name="Change").click()
    expect(page.get_by_role("checkbox", name="Wrong")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Change")).to_be_focused()


def test_conversations_are_searched_renamed_downloaded_and_deleted(app: AppServer, sized: Page, tmp_path: Path) -> None:
    page = sized
    page.goto("/")
    for question, answer in (("Where is the key?", "Under the mat."), ("How many doors?", "There are two.")):
        app.engine.enqueue(answer)
        ask(page, question)
        in_panel(page).get_by_role("button", name="New conversation").click()
        expect(page.locator(".tl-example").first).to_be_visible()
    search = in_panel(page).get_by_label("Search your conversations")
    search.press_sequentially("mat")
    expect(page.locator("#tl-side li")).to_have_count(1)
    expect(page.locator(".tl-hit mark")).to_have_text("mat")
    search.fill("")
    expect(page.locator("#tl-side li")).to_have_count(2)

    do_with(page, "Where is the key?", "Rename")
    field = page.get_by_label("New name")
    expect(field).to_be_focused()
    field.fill("Keys")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Keys", exact=True)).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("button", name="How many doors?", exact=True)).to_be_focused()

    with page.expect_download() as download:
        do_with(page, "Keys", "Download")
    assert download.value.suggested_filename == "keys.md"
    download.value.save_as(tmp_path / "keys.md")
    assert "## Question\n\nWhere is the key?\n\n## Answer\n\nUnder the mat." in (tmp_path / "keys.md").read_text()

    do_with(page, "Keys", "Delete")
    dialog = page.get_by_role("dialog", name="Delete this conversation?")
    expect(dialog).to_contain_text("Keys")
    page.keyboard.press("Escape")
    expect(page.locator("#tl-side li")).to_have_count(2)
    do_with(page, "Keys", "Delete")
    dialog.get_by_role("button", name="Delete").click()
    expect(page.locator("#tl-side li")).to_have_count(1)

    in_panel(page).get_by_role("button", name="How many doors?", exact=True).click()
    expect(page.get_by_text("There are two.")).to_be_visible()
    do_with(page, "How many doors?", "Delete")
    dialog.get_by_role("button", name="Delete").click()
    expect(page.locator(".tl-example").first).to_be_visible()
    expect(page.locator("#tl-side li")).to_have_count(0)
    expect(page).not_to_have_url(re.compile(r"c=\w"))


def test_a_name_half_typed_outlives_a_list_that_is_drawn_anew(page: Page) -> None:
    page.goto("/")
    ask(page, "Where is the key?")
    do_with(page, "Where is the key?", "Rename")
    page.get_by_label("New name").fill("Half a na")
    page.get_by_label("Search your conversations").press_sequentially("key")
    expect(page.locator("#tl-side li")).to_have_count(1)
    expect(page.get_by_label("New name")).to_have_value("Half a na")
    page.get_by_label("New name").press("Enter")
    expect(page.get_by_role("button", name="Half a na")).to_be_visible()
