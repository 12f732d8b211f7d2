"""The retrain page in a real browser: a run, a report and what taught it, a trial by keyboard, and the schedule."""

import re

import pytest
from playwright.sync_api import Page, expect
from sqlmodel import select

from assistant import records
from feedback import ratings
from retrain.tables import Adapter, AdapterState, Run
from tests.browsing import sign_in
from tests.builders import add_turn
from tests.pages import a_family, a_run_elsewhere, tell_of_another_step
from tests.serving import AppServer

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def family(app: AppServer) -> tuple[str, ...]:
    return a_family(app.services)


def state(app: AppServer, adapter: str) -> AdapterState:
    with app.services.database.read() as session:
        return session.get_one(Adapter, adapter).state


def trial(app: AppServer) -> tuple[str | None, float]:
    with app.services.database.read() as session:
        asked = records.assistant_by_slug(session, "default")
        return asked.trial_adapter, asked.trial_share


def test_an_admin_watches_a_run_and_cancels_it(app: AppServer, page: Page, family: tuple[str, ...]) -> None:
    assert family
    run = a_run_elsewhere(app.services)
    sign_in(page, "/retrain")
    expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "15")
    expect(page.get_by_text("step 3 of 10, about 2 min left in all")).to_be_visible()
    expect(page.locator(".vega-embed canvas, .vega-embed svg")).to_have_count(4)
    expect(page.get_by_role("button", name="Retrain", exact=True)).to_be_disabled()
    tell_of_another_step(app.services, run)
    expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "20")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("The run is being cancelled.")).to_be_visible()
    with app.services.database.write() as session:
        row = session.get_one(Run, run)
        assert row.cancel_requested
        session.delete(row)


def test_an_admin_reads_a_report_and_what_taught_it(page: Page, family: tuple[str, ...]) -> None:
    assert family
    sign_in(page, "/retrain")
    page.locator(".tl-node", has_text="v5").get_by_role("button", name="Report").click()
    expect(page.get_by_role("heading", name="v5: Passed")).to_be_visible()
    expect(page.locator(".tl-report ins").last).to_be_visible()
    page.get_by_text("What taught v5").click()
    taught = page.locator(".tl-taught[start] li")
    expect(taught).to_have_count(10)
    expect(taught.first.get_by_role("link", name="See the answer")).to_have_attribute(
        "href", re.compile(r"^\./feedback\?a=default&reply=[0-9a-f]{32}$")
    )
    page.get_by_role("button", name="On", exact=True).click()
    expect(page.get_by_text("11 to 20 of 33")).to_be_visible()
    page.get_by_role("button", name="Back", exact=True).click()
    expect(page.get_by_text("1 to 10 of 33")).to_be_visible()


def test_what_cannot_be_done_is_told_and_a_rejection_stands(
    app: AppServer, page: Page, family: tuple[str, ...]
) -> None:
    sign_in(page, "/retrain")
    page.on("dialog", lambda dialog: dialog.accept())
    fourth = page.locator(".tl-node", has_text="v4")
    fourth.get_by_role("button", name="Try it").click()
    expect(page.get_by_text("is not installed")).to_be_visible()
    fourth.get_by_role("button", name="Promote").click()
    expect(page.get_by_text("is not installed").last).to_be_visible()
    assert trial(app)[0] == family[4] and state(app, family[2]) is AdapterState.active
    fourth.get_by_role("button", name="Reject").click()
    expect(fourth).to_contain_text("rejected")
    assert state(app, family[3]) is AdapterState.rejected


def test_a_trial_is_ended_by_keyboard_alone(app: AppServer, page: Page, family: tuple[str, ...]) -> None:
    sign_in(page, "/retrain")
    panel = page.get_by_role("region", name="Trial")
    expect(panel).to_contain_text("Too little to tell")
    expect(panel).to_contain_text("It answers 10% of the conversations")
    assert trial(app) == (family[4], 0.1)
    page.get_by_role("button", name="Promote v5").focus()
    page.keyboard.press("Tab")
    focused = page.get_by_role("button", name="End the trial")
    expect(focused).to_be_focused()
    outline = focused.evaluate("element => getComputedStyle(element).outlineStyle")
    assert outline == "solid", "the focus can be seen"
    page.keyboard.press("Enter")
    expect(panel).to_have_count(0)
    assert trial(app) == (None, 0.0)


def test_settings_out_of_bounds_are_refused_with_a_sentence(app: AppServer, page: Page) -> None:
    with app.services.database.write() as session:
        asked = records.assistant_by_slug(session, "default")
        for number in range(8):
            reply = add_turn(session, asked, f"What is number {number}?", "I cannot tell.")
            ratings.correct(session, reply.id, rater=f"p{number}", text=f"It is house number {number}.", any_owner=True)
    sign_in(page, "/retrain")
    expect(page.locator(".tl-ready")).to_contain_text("A run can start")
    with app.services.database.read() as session:
        before = len(session.exec(select(Run.id)).all())
    page.get_by_role("button", name="Advanced").first.click()
    rounds = page.get_by_label("Rounds")
    expect(rounds).to_have_value("6")  # what is opened is filled in a moment later, over what was typed meanwhile
    rounds.fill("99")
    page.get_by_role("button", name="Retrain", exact=True).click()
    expect(page.get_by_text("The number of rounds must be a whole number from 1 to 10")).to_be_visible()
    with app.services.database.read() as session:
        assert len(session.exec(select(Run.id)).all()) == before


def test_an_admin_sets_a_schedule_in_words_or_by_a_line_and_is_told_what_is_wrong_with_one(page: Page) -> None:
    sign_in(page, "/retrain")
    expect(page.get_by_label("New preferences needed")).to_have_value("20")  # filled in a moment after it is shown
    page.get_by_label("Retrain by itself").check()
    when = page.get_by_label("When", exact=True)
    when.click()
    page.get_by_role("option", name="Every night at 3").click()
    save = page.get_by_role("button", name="Save")
    save.click()
    expect(page.get_by_text("Every day at 03:00, if 20 new preferences are there")).to_be_visible()
    page.get_by_role("button", name="Advanced").last.click()
    line = page.get_by_label("Times of your own (a cron line)")
    expect(line).to_have_value("0 3 * * *")
    line.fill("often")
    expect(when).to_have_value("At times of your own, under Advanced")
    save.click()
    expect(page.get_by_text("is not a cron line")).to_be_visible()
    expect(line).to_have_value("often")
    line.fill("0 4 * * 0")
    expect(when).to_have_value("Every Sunday at 4")
    save.click()
    expect(page.get_by_text("Every Sunday at 04:00, if 20 new preferences are there")).to_be_visible()
