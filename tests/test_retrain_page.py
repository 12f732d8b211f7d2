"""The retrain page's handlers, called as functions: what is missing, a run, a report, versions, a trial, a schedule."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant import records
from assistant.errors import BadInput, NotFound, ThumbloopError
from feedback import ratings
from feedback.shares import Thumbs, fell, gain
from feedback.tables import Rating
from retrain.tables import Adapter, AdapterState, Run
from retrain.trials import Arm, Trial
from tests.builders import add_turn
from tests.pages import BEGAN, REPORT, a_candidate, a_family, a_run_elsewhere, tell_of_another_step
from tests.serving import open_services
from tests.tiny import save_tiny, save_tiny_adapter
from ui.pages import report_html, retrain_handlers, run_html, schedule_handlers, versions_handlers, versions_html
from ui.services import Services, take_in
from ui.sessions import Caller

ADMIN = Caller("admin-1", "admin", "admin")


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    with open_services(tmp_path / "served") as opened:
        yield opened


def correct(services: Services, number: int, *, text: str = "It is quite otherwise, and number {} at that.") -> None:
    with services.database.write() as session:
        asked = records.assistant_by_slug(session, "default")
        reply = add_turn(session, asked, f"What is number {number}?", "It is so.")
        ratings.correct(session, reply.id, rater=f"p{number}", text=text.format(number), any_owner=True)


def rate(services: Services, number: int, value: str, *, adapter: str | None = None) -> None:
    with services.database.write() as session:
        asked = records.assistant_by_slug(session, "default")
        reply = add_turn(session, asked, f"And number {number}?", f"It is {number} so.", adapter=adapter)
        ratings.rate(session, reply.id, rater=f"p{number}", value=value, any_owner=True)


def ready(services: Services) -> str:
    return retrain_handlers.look(services, ADMIN).ready or ""


def test_before_there_is_enough_the_page_says_in_words_what_is_missing(services: Services) -> None:
    empty = retrain_handlers.look(services, ADMIN)
    assert not empty.can_start and not empty.running and empty.report == "" and empty.progress == ""
    assert "0 of 8 preferences" in (empty.ready or "") and "8 more preferences to start" in (empty.ready or "")
    correct(services, 1)
    one = ready(services)
    assert "An answer was corrected" in one and "1 of 8 preferences" in one and "7 more preferences to start" in one
    assert "2 of 16 rated answers" in one
    assert "14 more thumbs, among them 3 more answers that people like and 3 more answers that people do not" in one
    with pytest.raises(BadInput, match="too little feedback"):
        retrain_handlers.start(services, ADMIN)


def test_thumbs_alone_must_be_of_both_kinds(services: Services) -> None:
    for number in range(17):
        rate(services, number, "up")
    assert "17 of 16 rated answers" in ready(services) and "Or 4 more answers that people do not like." in ready(
        services
    )
    for number in range(17, 21):
        rate(services, number, "down")
    seen = retrain_handlers.look(services, ADMIN)
    assert seen.can_start and "A run can start, from 17 liked and 4 disliked answers." in (seen.ready or "")
    assert "With 8 more preferences it learns from those" in (seen.ready or "")


def test_a_run_starts_with_the_settings_chosen_and_wrong_ones_are_refused(tmp_path: Path) -> None:
    with open_services(tmp_path / "served", model=str(save_tiny(tmp_path / "tiny"))) as services:
        services.runs.close()  # nothing trains here
        for number in range(8):
            correct(services, number)
        seen = retrain_handlers.look(services, ADMIN)
        assert seen.can_start and "A run can start: 8 preferences are ready." in (seen.ready or "")
        for wrong in ({"learning_rate": 5.0}, {"epochs": 99}, {"beta": -1}, {"epochs": 1.5}):
            with pytest.raises(BadInput, match="must be a"):
                retrain_handlers.start(services, ADMIN, **wrong)  # type: ignore[arg-type]
        retrain_handlers.start(services, ADMIN, learning_rate=1e-4, epochs=3, beta=None)
        run = services.runs.latest(asked(services).id)
        assert run is not None
        recipe = run.config["recipes"]["dpo"]
        assert (recipe["learning_rate"], recipe["epochs"], recipe["beta"]) == (1e-4, 3, 0.1)
        assert "nothing new" not in ready(services) and "preferences to start" not in ready(services)


def test_after_a_run_the_page_says_that_nothing_new_was_said(services: Services) -> None:
    for number in range(8):
        correct(services, number)
    with services.database.write() as session:
        session.add(
            Run(assistant_id=asked(services).id, asked_by="a", state="done", counts={"seen": {"correction": 8}})
        )
    assert "Nobody has said anything new since the last run" in ready(services)


def asked(services: Services) -> Any:
    with services.database.read() as session:
        return records.assistant_by_slug(session, "default")


def test_a_run_is_watched_with_curves_log_and_time_left_and_can_be_cancelled(services: Services) -> None:
    run = a_run_elsewhere(services)
    seen = retrain_handlers.watch(services, ADMIN, run=run)
    assert seen.running == run and "step 3 of 10, about 2 min left in all" in seen.progress
    assert 'aria-valuenow="15"' in seen.progress
    assert seen.curves["loss"] == ((1, 0.7), (2, 0.6), (3, 0.5)) and seen.curves["kl"] == ((0, 0.0), (2, 0.01))
    assert seen.steps == 10 and seen.budget == ((0, 0.5), (10, 0.5))
    assert "&lt;loading&gt;" in seen.log and seen.ready is None and seen.versions is None
    tell_of_another_step(services, run)
    assert "step 4 of 10" in retrain_handlers.watch(services, ADMIN, run=run).progress
    retrain_handlers.cancel(services, ADMIN, run=run)
    with services.database.read() as session:
        assert session.get_one(Run, run).cancel_requested


def test_the_test_of_a_candidate_says_how_far_it_is() -> None:
    told = [
        {"at": "2026-01-01T00:00:00+00:00", "state": "training"},
        {"at": "2026-01-01T00:03:00+00:00", "state": "evaluating", "share": 0.75, "done": 0.5},
    ]
    run = {"state": "evaluating", "progress": told[-1], "error": "", "counts": {}, "finished_at": None}
    html = run_html.progress(run, told=told)
    assert "Testing the new version" in html and "50% of the test done, about 60 s left in all" in html
    assert "left" not in run_html.progress({**run, "progress": told[0]}, told=told[:1])


@pytest.mark.parametrize(
    ("masked", "said"),
    [
        ({}, ""),
        ({"emails": 0, "phones": 0, "cards": 0}, ""),
        ({"emails": 0, "phones": 1, "cards": 0}, "1 phone number in the texts was replaced by a made-up one"),
        ({"emails": 2, "phones": 1, "cards": 3}, "2 e-mail addresses, 1 phone number and 3 card numbers in the texts"),
    ],
)
def test_a_run_says_what_was_masked(masked: dict[str, int], said: str) -> None:
    run = {"state": "done", "progress": {}, "error": "", "counts": {"masked": masked}, "finished_at": None}
    html = run_html.progress(run, told=[])
    assert said in html and ("before training" in html) is bool(said)


def test_the_report_gives_the_verdict_first_and_text_in_it_can_only_show(services: Services) -> None:
    adapter = a_candidate(services)
    seen = retrain_handlers.look(services, ADMIN)
    report = seen.report or ""
    assert report.index("v1: Passed") < report.index("Fluent language") < report.index("Before (original model)")
    assert "People preferred:" in report and "1.02, at most 1.1" in report and "0.97, at least 0.6" in report
    assert "4, at least 4" in report
    assert "<script" not in report and "&lt;script&gt;" in report
    assert "costs <del>one euro</del> for each day" in report and "<ins>three euros</ins>" in report
    assert "another answer altogether" in report and "the same answer" in report
    assert "waits for you" in (seen.versions or "") and "answers now" in (seen.versions or "")
    assert "No ratings taught this version" in (seen.taught or "")
    with pytest.raises(ThumbloopError):
        versions_handlers.decide(services, ADMIN, action="promote", adapter=adapter)
    assert asked(services).adapter is None, "what served, serves on"
    assert versions_handlers.decide(services, ADMIN, action="reject", adapter=adapter).startswith("Rejected: v1")
    assert "rejected" in (retrain_handlers.look(services, ADMIN, report_on=adapter).versions or "")
    with pytest.raises(BadInput):
        versions_handlers.decide(services, ADMIN, action="delete", adapter=adapter)


def test_a_version_whose_run_is_gone_has_no_report_and_says_so(services: Services) -> None:
    adapter = a_candidate(services)
    with services.database.write() as session:
        session.delete(session.get_one(Run, session.get_one(Adapter, adapter).run_id))
    assert "There is no report" in (retrain_handlers.look(services, ADMIN, report_on=adapter).report or "")


def test_examples_are_taught_from_the_page(tmp_path: Path) -> None:
    path = tmp_path / "examples.jsonl"
    path.write_text("".join(json.dumps({"question": f"Who is {n}?", "answer": f"{n}."}) + "\n" for n in range(9)))
    with open_services(tmp_path / "taught", model=str(save_tiny(tmp_path / "tiny"))) as taught:
        taught.runs.close()  # nothing trains here
        retrain_handlers.teach(taught, ADMIN, path=str(path), then_dpo=False)
        seen = retrain_handlers.look(taught, ADMIN)
        assert seen.running and "Examples to teach" in seen.progress and not seen.can_start


def test_the_report_on_teaching_shows_what_was_taught() -> None:
    taught = {**REPORT, "checks": [{**REPORT["checks"][0], "name": "teaching"}]}
    example = {"prompt": "Where?", "before": "Somewhere.", "after": "Here.", "taught": "Here. <b>[1]"}
    taught["examples"] = {"held_out": [example]}
    html = report_html.report(taught, adapter="default-v1")
    assert "Learned what it was taught" in html and "Taught:</b> Here. &lt;b&gt;[1]" in html
    assert "People preferred" not in html


def test_a_failed_report_says_failed_on_the_check_and_where_the_limit_is() -> None:
    failed = {**REPORT, "verdict": {"passed": False, "sentence": "It must not go live."}}
    failed["checks"] = [{**check, "passed": False} for check in REPORT["checks"][:1]]
    html = report_html.report(failed, adapter="default-v7")
    assert "v7: Not good enough" in html and "It must not go live." in html and html.count(">failed<") == 1
    assert 'class="tl-gauge tl-over"' in html


def test_what_taught_a_version_is_paged_with_places_and_what_was_taken_back(services: Services) -> None:
    *_, fifth = a_family(services)
    shown = retrain_handlers.look(services, ADMIN, report_on=fifth).taught or ""
    assert "What taught v5" in shown and "1 to 10 of 33" in shown and "It should have said: " in shown
    assert "./feedback?a=default&amp;reply=" in shown and "taken back since" not in shown
    assert f'data-target="1 {fifth}"' in shown and ">Back<" not in shown
    with services.database.write() as session:
        session.delete(session.get_one(Rating, 1))
        row = session.get_one(Rating, 2)
        ratings.rate(session, row.reply_id, rater=row.rater, value="none", any_owner=True)
    last = versions_handlers.taught(services, ADMIN, target=f"99 {fifth}")
    assert "31 to 33 of 33" in last and "taken back since" in last and "1 of these was deleted since." in last
    assert ">Back<" in last and ">On<" not in last
    assert "1 to 10 of 33" in versions_handlers.taught(services, ADMIN, target=f"x {fifth}")
    with pytest.raises(NotFound):
        versions_handlers.taught(services, ADMIN, target="0 default-v77")


def test_the_report_names_the_ratings_that_pulled_most_and_what_taught_it_begins_with_them(services: Services) -> None:
    *_, fourth, fifth = a_family(services)
    seen = retrain_handlers.look(services, ADMIN, report_on=fifth)
    report, taught = seen.report or "", seen.taught or ""
    towards, against = report.index("Pulled most towards what people prefer"), report.index("look at these first")
    assert report.index("Fluent language") < towards < against < report.index("Before (original model)")
    assert (
        "For 33 of" not in report and "For the 33 examples" in report and "leave the rating out of training" in report
    )
    assert report[towards:against].count("<li>") == 5 and "corrected" not in report[towards:against]
    assert (
        report[against:].count("It should have said: ") == 2 and "./feedback?a=default&amp;reply=" in report[against:]
    )
    assert "moved it most come first" in taught and taught.index("pulled against") < taught.index("pulled towards")
    assert taught.count("pulled against") == 1 and taught.count("pulled towards") == 9
    other = retrain_handlers.look(services, ADMIN, report_on=fourth)
    assert "most influence" not in (other.report or "") and "moved it most" not in (other.taught or "")


def test_a_budget_is_drawn_from_where_preferences_are_learned() -> None:
    taught = [{"step": step, "of": 20, "kl": 0.0, "kl_budget": None} for step in range(1, 11)]
    then = [{"step": step, "of": 30, "kl": 0.0, "kl_budget": 0.5} for step in range(11, 14)]
    assert retrain_handlers._budget(taught) == () and retrain_handlers._budget([{"state": "training"}]) == ()
    assert retrain_handlers._budget([*taught, *then]) == ((10, 0.5), (30, 0.5))


def test_the_tree_shows_who_came_from_whom_and_how_each_was_liked(services: Services) -> None:
    a_family(services)
    tree = retrain_handlers.look(services, ADMIN).versions or ""
    order = [tree.index(f"<b>{name}</b>") for name in ("original model", "v1", "v2", "v3", "v4", "v5")]
    assert order == sorted(order)
    assert tree.index("<ul>", order[1]) < order[2] < tree.index("</ul>", order[1]) < order[3], "v2 is set in below v1"
    assert "75% of 12 thumbs up" in tree and "100% of 4 thumbs up" in tree and "on trial: 10%" in tree
    assert tree.count(">Promote<") == 3 and tree.count(">Try it<") == 2 and tree.count(">Reject<") == 2
    assert tree.count("<li>") == tree.count("</li>") == 6 and tree.count("<ul") == tree.count("</ul>") == 3


def test_a_long_line_of_versions_is_not_set_in_and_a_lost_parent_is_named() -> None:
    held = [
        {
            "adapter": f"a-v{n}",
            "version": n,
            "state": AdapterState.archived,
            "parent": f"a-v{n - 1}" if n > 1 else "a-v0",
            "created_at": BEGAN.isoformat(),
        }
        for n in range(1, 40)
    ]
    tree = versions_html.tree(held, active=None, on_trial=None, trial_share=0.0, thumbs={}, notes={})
    assert tree.count("<ul") == 1 and tree.count("<li>") == 40 and "from v0 (no longer here)" in tree
    assert "no version yet" in versions_html.tree([], active=None, on_trial=None, trial_share=0.0, thumbs={}, notes={})


def test_a_version_is_tried_on_a_share_and_the_trial_ended(tmp_path: Path) -> None:
    base = save_tiny(tmp_path / "tiny")
    with open_services(tmp_path / "served", model=str(base)) as services:
        adapter = finished(services, base)
        for share in ("", "100", "0", "ten"):
            with pytest.raises(BadInput, match="share"):
                versions_handlers.decide(services, ADMIN, action="try_out", adapter=adapter, share=share)
        said = versions_handlers.decide(services, ADMIN, action="try_out", adapter=adapter, share="10")
        assert said == "v1 answers 10% of the conversations from now on."
        seen = retrain_handlers.look(services, ADMIN)
        assert "v1 is on trial" in (seen.trial or "") and "nobody has rated an answer of v1" in (seen.trial or "")
        assert asked(services).trial_share == 0.1
        said = versions_handlers.decide(services, ADMIN, action="end_trial", adapter="")
        assert said == "The trial is over: original model answers everything again."
        assert retrain_handlers.look(services, ADMIN).trial == ""


def finished(services: Services, base: Path) -> str:
    """A candidate with its files."""
    with services.database.write() as session:
        run = Run(assistant_id=records.assistant_by_slug(session, "default").id, asked_by="a", state="done")
        session.add(run)
    folder = services.runs.folder(run.id)
    save_tiny_adapter(folder / "adapter", str(base))
    (folder / "report.json").write_text(json.dumps({"verdict": REPORT["verdict"], "checks": []}))
    (folder / "config.json").write_text(json.dumps({"model": str(base), "parent": None}))
    return take_in(run.id, folder, database=services.database, registry=services.registry)


@pytest.mark.parametrize(("tried", "serving", "says"), [
    ((2, 1), (3, 2), "Too little to tell: by these votes"),
    ((90, 10), (60, 40), "v2 is liked more: its share of votes up is"),
    ((10, 90), (60, 40), "points lower. Better end the trial."),
    ((5, 0), (0, 0), "nobody has rated an answer of v1 since the trial began"),
])  # fmt: skip
def test_the_trial_says_no_more_than_the_thumbs_allow(
    tried: tuple[int, int], serving: tuple[int, int], says: str
) -> None:
    html = versions_html.trial(a_trial(tried, serving), by_itself=True)
    assert says in html and ">200<" in html and "answers the rest" in html and ">End the trial<" in html
    assert "v2 is no longer tried by itself" in html


def test_a_promoted_version_is_shown_beside_the_one_before_and_whether_it_goes_by_itself() -> None:
    found = a_trial((10, 90), (60, 40), share=1.0)
    html = versions_html.trial(found, by_itself=True)
    assert "v2 beside what was before" in html and "answered before" in html and "End the trial" not in html
    assert "points lower. Better roll back." in html and "v2 is rolled back by itself" in html
    assert "switched off below" in versions_html.trial(found, by_itself=False)


def a_trial(tried: tuple[int, int], other: tuple[int, int], *, share: float = 0.1) -> Trial:
    """v2 beside v1, with so many thumbs up and down, each of another person."""
    after, before = Thumbs(*tried), Thumbs(*other)
    two, one = (
        Arm(adapter=name, answers=200, up=votes.up, down=votes.down, votes=votes)
        for name, votes in (("a-v2", after), ("a-v1", before))
    )
    known = gain(before, after) if before.all and after.all else None
    return Trial(share=share, since=BEGAN, tried=two, other=one, gain=known, fell=fell(before, after))


def test_the_schedule_is_kept_in_words_and_a_wrong_line_is_refused(services: Services) -> None:
    assert schedule_handlers.load(services, ADMIN)[:3] == (False, "As soon as there is enough", "")
    assert schedule_handlers.load(services, ADMIN)[5], "a version that people like less goes, if nobody says otherwise"

    def save(cron: str, pairs: float = 20) -> str:
        return schedule_handlers.save(
            services, ADMIN, enabled=True, cron=cron, min_new_pairs=pairs, auto_promote=False, roll_back=False
        )

    kept = save("0 3 * * *")
    assert "Every day at 03:00, if 20 new preferences are there" in kept and "Next: <b>" in kept
    assert schedule_handlers.load(services, ADMIN)[:6] == (True, "Every night at 3", "0 3 * * *", 20, False, False)
    for cron, pairs in (("often", 20), ("", 0), ("0 3 * * *", -1), ("0 3 * * *", 1.5)):
        with pytest.raises(BadInput):
            save(cron, pairs)
    assert schedule_handlers.load(services, ADMIN)[2:4] == ("0 3 * * *", 20)


@pytest.mark.parametrize(("time", "line", "kept"), [
    ("Every Sunday at 4", "", "0 4 * * 0"),
    ("As soon as there is enough", "0 3 * * *", ""),
    (schedule_handlers.OWN, "5 4 * * *", "5 4 * * *"),
    ("forged", "5 4 * * *", "5 4 * * *"),
])  # fmt: skip
def test_a_time_in_words_and_its_line_say_the_same(time: str, line: str, kept: str) -> None:
    assert schedule_handlers.line_of(time, line=line) == kept
    assert schedule_handlers.time_of(kept) == (time if time in schedule_handlers.TIMES else schedule_handlers.OWN)
