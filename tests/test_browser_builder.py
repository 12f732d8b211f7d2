"""The builder page in a real Chromium: an assistant is made, tried out, saved, taken along and deleted."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from assistant import records
from tests.browsing import sign_in
from tests.serving import AppServer

pytestmark = pytest.mark.browser


def test_an_admin_makes_one_tries_it_unsaved_and_deletes_it(app: AppServer, page: Page, tmp_path: Path) -> None:
    sign_in(page, "/assistant")
    page.get_by_role("link", name="Tutor").click()
    name = page.get_by_label("Name", exact=True)
    expect(name).to_have_value("Tutor")
    name.fill("Bees & Oaks")
    expect(page.get_by_label("Short name")).to_have_value("bees-oaks")
    name.fill("")
    expect(page.locator(".tl-problem", has_text="The name")).to_have_text("The name must have at least a word.")
    name.fill("Bees & Oaks")
    expect(page.locator(".tl-problem")).to_have_count(0)
    expect(page.locator(".tl-preview h1")).to_have_text("Bees & Oaks")
    page.get_by_label("Example questions").fill("What do bees eat?")
    app.engine.enqueue("Nectar, **mostly**.")
    page.get_by_role("button", name="What do bees eat?").click()
    expect(page.locator(".tl-tried strong")).to_have_text("mostly")
    page.get_by_role("button", name="Start over").click()
    expect(page.locator(".tl-opening")).to_be_visible()
    page.get_by_role("button", name="Make it").click()
    expect(page.locator(".tl-head h1")).to_have_text("Bees & Oaks")
    expect(page.get_by_text("It has no documents yet")).to_be_visible()

    page.get_by_label("Creative", exact=True).check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved. The next answer")).to_be_visible()
    with app.services.database.read() as session:
        made = records.assistant_by_slug(session, "bees-oaks")
    assert (made.temperature, made.top_p, made.example_questions) == (0.9, 0.95, ["What do bees eat?"])

    page.get_by_role("button", name="Make the file").click()
    with page.expect_download() as download:
        page.locator(".tl-fields a[download]").first.click()
    file = tmp_path / "bees.zip"
    download.value.save_as(file)
    page.get_by_role("link", name="All assistants").click()
    with page.expect_file_chooser() as choosing:
        page.get_by_role("button", name="Import from a file").click()
    choosing.value.set_files(file)
    expect(page.locator(".tl-thanks")).to_contain_text("Imported Bees & Oaks.")

    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.message), dialog.accept()))
    card = page.locator("li", has_text="bees-oaks-2")
    card.get_by_role("button", name="Delete").click()
    expect(page.locator(".tl-thanks")).to_contain_text("Deleted")
    expect(card).to_have_count(0)
    assert "Delete Bees & Oaks?" in asked[0] and "cannot be undone" in asked[0]


def test_a_guest_sees_neither_assistants_nor_settings(page: Page) -> None:
    page.goto("/assistant?a=default")
    expect(page.get_by_role("heading", name="Sign in as admin")).to_be_visible()
    assert page.locator(".tl-cards, .tl-head").count() == 0
    assert page.get_by_label("Name", exact=True).count() == page.get_by_label("Instructions").count() == 0


def test_on_a_phone_form_and_preview_take_turns(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    sign_in(page, "/assistant")
    page.get_by_role("link", name="Tutor").click()
    instructions, box = page.get_by_label("Instructions"), page.get_by_placeholder("Ask it something")
    expect(instructions).to_be_visible()
    expect(box).to_be_hidden()
    instructions.scroll_into_view_if_needed()
    page.get_by_role("button", name="Try it").click()
    expect(box).to_be_in_viewport()
    expect(page.locator(".tl-preview h1")).to_be_in_viewport()
    expect(instructions).to_be_hidden()
    page.get_by_role("button", name="Settings").click()
    expect(instructions).to_be_visible()
    page.set_viewport_size({"width": 1440, "height": 900})
    expect(page.get_by_role("button", name="Try it")).to_be_hidden()
    expect(box).to_be_visible()
