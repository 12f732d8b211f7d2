"""Three kinds of people who only use the keyboard: all is reached, the place is always seen, and never lost."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlmodel import select

from assistant import records
from feedback.tables import Correction, Rating, Value
from tests.builders import add_turn
from tests.pages import a_candidate
from tests.serving import ADMIN_PASSWORD, AppServer

pytestmark = pytest.mark.browser

MOST_STOPS = 120
SEEN = """() => {
  const at = document.activeElement;
  if (!at || at === document.body) return "nothing has the focus";
  const near = [at, at.nextElementSibling, ...(at.closest("label, .input-container, .wrap, .block") || at).children,
    at.parentElement, at.closest("label"), at.closest(".input-container"), at.closest(".wrap")];
  const outlined = near.some((node) => {
    if (!node) return false;
    const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(node);
    return outlineStyle !== "none" && parseFloat(outlineWidth) >= 2 && outlineColor !== "rgba(0, 0, 0, 0)";
  });
  return outlined ? "" : at.outerHTML.slice(0, 200);
}"""
"""What has the focus without an outline that shows it; empty if all is well."""


def stops(page: Page, key: str) -> Iterator[None]:
    for _ in range(MOST_STOPS):
        page.keyboard.press(key)
        yield


def go_to(page: Page, control: Locator, *, back: bool = False) -> None:
    """Press Tab until the control has the focus; each stop on the way must be seen."""
    expect(control).to_be_visible()
    for _ in stops(page, "Shift+Tab" if back else "Tab"):
        if not page.evaluate("document.activeElement === document.body"):  # the browser's own bar is beyond the last
            assert page.evaluate(SEEN) == ""
        if control.evaluate("(node) => node === document.activeElement"):
            return
    raise AssertionError(f"{control} is not reached by Tab")


def press(page: Page, control: Locator, key: str = "Enter", *, back: bool = False) -> None:
    go_to(page, control, back=back)
    page.keyboard.press(key)


def holds_its_place(page: Page) -> None:
    """The focus is on something that shows it, once the page has come to rest."""
    page.wait_for_function(f"() => ({SEEN})() === ''")


def ask(page: Page, text: str) -> None:
    expect(page.get_by_placeholder("Ask a question")).to_be_focused()
    page.keyboard.type(text)
    page.keyboard.press("Enter")
    expect(page.locator("#tl-thread .tl-tools").last).to_be_visible()
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    holds_its_place(page)


def sign_in(page: Page, name: str, password: str, *, link: Callable[[], Locator]) -> None:
    press(page, link())
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.keyboard.type(password)
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Sign out")).to_be_visible()


def last(app: AppServer, table: Any, reply: str) -> Any:
    with app.services.database.read() as session:
        return session.exec(select(table).where(table.reply_id == reply)).all()[-1]


def test_a_guest_asks_opens_a_source_rates_corrects_and_undoes(app: AppServer, page: Page) -> None:
    page.goto("/")
    expect(page.locator(".tl-example").first).to_be_visible()
    app.engine.enqueue("It is kept in one folder [2].")
    ask(page, "Where are my documents kept?")
    reply = page.locator("article[data-reply]").get_attribute("data-reply")
    assert reply

    press(page, page.locator("#tl-thread .tl-cite"), back=True)
    expect(page.locator(".tl-source[data-n='2'] blockquote")).to_be_visible()
    holds_its_place(page)
    press(page, page.get_by_role("button", name="Show in the document"))
    expect(page.locator("#tl-thread mark")).to_be_visible()
    page.wait_for_function("document.activeElement.matches('.tl-place')")

    press(page, page.get_by_role("button", name="Bad answer"))
    expect(page.locator(".tl-form")).to_be_visible()
    holds_its_place(page)
    press(page, page.get_by_role("checkbox", name="Too short"), " ")
    go_to(page, page.get_by_label("What should it have said?"))
    page.keyboard.press("Control+A")
    page.keyboard.type("In the folder that you chose.")
    press(page, page.get_by_role("button", name="Save"))
    expect(page.locator(".tl-said")).to_contain_text("questions like this get your answer")
    holds_its_place(page)
    rated = last(app, Rating, reply)
    assert (rated.value, rated.reasons) == (Value.down, ["too_short"])
    assert last(app, Correction, reply).text == "In the folder that you chose."

    press(page, page.get_by_role("button", name="Undo"))
    expect(page.get_by_role("button", name="Bad answer")).to_have_attribute("aria-pressed", "false")
    holds_its_place(page)
    assert last(app, Rating, reply).value is Value.none

    app.engine.enqueue("In the folder of your home [1].")
    press(page, page.get_by_role("button", name="Try again"), back=True)
    choice = page.get_by_role("group", name="Which answer is better?")
    expect(choice).to_be_visible()
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    holds_its_place(page)
    press(page, choice.get_by_role("button", name="Answer 2"))
    expect(page.locator(".tl-choice")).to_contain_text("You found Answer 2 better")
    holds_its_place(page)


def test_a_member_signs_in_and_out(app: AppServer, page: Page) -> None:
    app.services.accounts.add("maria", "crocus in april")
    page.goto("/")
    expect(page.locator(".tl-example").first).to_be_visible()
    sign_in(page, "maria", "crocus in april", link=lambda: page.get_by_role("link", name="Sign in"))
    expect(page.get_by_role("link", name="Documents")).to_be_hidden()
    press(page, page.get_by_role("link", name="Sign out"))
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()


def test_an_admin_adds_a_document_reads_feedback_and_opens_a_report(app: AppServer, page: Page, tmp_path: Path) -> None:
    a_candidate(app.services)
    with app.services.database.write() as session:
        asked = records.assistant_by_slug(session, "default")
        reply = add_turn(session, asked, "When does the ferry leave?", "Every hour.")
        session.add(Rating(reply_id=reply.id, rater="ann", value=Value.down))
    notes = tmp_path / "depot.md"
    notes.write_text("# Depot\n\nThe depot opens at nine.\n")
    page.on("filechooser", lambda opened: opened.set_files(str(notes)))  # from the start: it takes a moment to arm
    page.goto("/documents?a=default")
    expect(page.locator(".tl-empty")).to_be_visible()
    sign_in(page, "admin", ADMIN_PASSWORD, link=lambda: page.locator(".tl-empty").get_by_role("link", name="Sign in"))
    expect(page).to_have_url(re.compile(r"/documents\?a=default$"))
    expect(page.locator(".tl-page .tl-table")).to_be_visible()
    press(page, page.get_by_role("button", name="upload").first)
    expect(page.locator(".tl-table")).to_contain_text("depot.md")
    holds_its_place(page)

    press(page, page.get_by_role("link", name="Feedback", exact=True), back=True)
    expect(page.get_by_role("heading", name="Feedback", level=1)).to_be_visible()
    expect(page.locator(".tl-replies").get_by_role("link", name="When does the ferry leave?")).to_be_visible()
    go_to(page, page.get_by_label("Search"))
    page.keyboard.type("ferry")
    press(page, page.locator(".tl-replies").get_by_role("link", name="When does the ferry leave?"))
    expect(page.locator(".tl-opened").first).to_contain_text("Every hour")
    holds_its_place(page)
    press(page, page.get_by_role("link", name="Retrain"), back=True)
    expect(page.get_by_role("heading", name="Retrain", level=1)).to_be_visible()
    press(page, page.get_by_role("button", name="Report").last)
    expect(page.locator(".tl-verdict")).to_be_visible()
    holds_its_place(page)
