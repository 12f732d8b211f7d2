"""The bench of feedback: what golden answers change before anything is trained."""

from dataclasses import asdict
from pathlib import Path

import pytest

from assistant import golden, records
from assistant.database import open_database
from assistant.engine import Sampling
from assistant.fake_engine import FakeEngine
from assistant.knowledge.fake_embedder import HashEmbedder
from assistant.tables import GoldenAnswer, GoldenKind
from bench.loop_gain import tables
from bench.loop_gain.app import SLUG
from bench.loop_gain.at_once import compose_twice, measure
from bench.loop_gain.preferences import preferences
from bench.loop_gain.questions import about_documents, answered, everyday, reworded, unanswered
from bench.loop_gain.study import Study

EVERYDAY = everyday().train
ASKED = EVERYDAY[12], EVERYDAY[43]
CORRECTED = "Juno here! It makes the dough rise."


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """What two guests left: one corrected an answer, the other liked one, and a third asked what nobody rewords."""
    database = open_database(f"sqlite:///{tmp_path / 'thumbloop.db'}")
    database.migrate()
    kinds = (GoldenKind.corrected, GoldenKind.approved, GoldenKind.corrected)
    with database.write() as session:
        settings = {"name": "Bench", "model": "default", "passages": 0, "system_prompt": "You are Juno."}
        assistant = records.create_assistant(session, slug=SLUG, **settings)
        for n, (question, kind) in enumerate(zip((*ASKED, "What is it?"), kinds, strict=True)):
            who = f"guest-{n}"
            text = {"question": question, "answer": CORRECTED}
            row = GoldenAnswer(assistant_id=assistant.id, key=who, kind=kind, asker=who, reader=who, **text)
            golden.put(session, row)
    database.close()
    return tmp_path


def test_every_question_of_the_bench_has_another_wording() -> None:
    asked = {*EVERYDAY, *answered(held_out=False), *unanswered(held_out=False)}
    assert set(reworded()) == asked
    assert not asked & set(reworded().values()) and len(set(reworded().values())) == len(asked)
    held_out = {one.question for one in about_documents().values() if one.held_out}
    assert not held_out & set(reworded())


def test_golden_answers_change_what_near_questions_are_answered_and_no_others(
    left: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    persona, engine = preferences()["persona"], FakeEngine()
    monkeypatch.setattr("bench.loop_gain.at_once.reworded", lambda: {ASKED[0]: f"{ASKED[0]}?", ASKED[1]: "Quiet room"})
    asked = compose_twice(engine, persona, home=left, embedder=HashEmbedder(), near=5, held_out=3)
    assert [one.kind for one in asked] == ["corrected", "approved", *["held_out"] * 3]
    assert [one.changes for one in asked] == [True, False, False, False, False]
    assert asked[0].given.question == ASKED[0], "a reworded question is scored by what was meant"
    assert asked[0].repeated == CORRECTED, "to hardly other words the program says it itself"
    found = measure(engine, asked, persona, adapter=None, seed=7)
    assert found["corrected"]["gain"] == 1.0 and found["corrected"]["score_after"] == 1.0
    assert found["corrected"]["samples"][0]["after"] == CORRECTED
    assert found["approved"]["gain"] == found["held_out"]["gain"] == 0.5
    assert (found["approved"]["changed"], found["held_out"]["asked"]) == (0, 3)
    assert len(engine.history) == 1, "nothing is written that cannot differ"


def test_both_sides_of_a_changed_prompt_are_written_with_the_same_seed(
    left: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    persona, engine = preferences()["persona"], FakeEngine()
    near = f"Please tell me then: {ASKED[0]}"
    monkeypatch.setattr("bench.loop_gain.at_once.reworded", lambda: {ASKED[0]: near})
    asked = compose_twice(engine, persona, home=left, embedder=HashEmbedder(), near=5, held_out=0)
    assert [one.repeated for one in asked] == [None]
    measure(engine, asked, persona, adapter=None, seed=7)
    without, given = engine.history
    assert without.sampling == given.sampling == Sampling(temperature=0.8, top_p=0.95, max_new_tokens=128, seed=7)
    read = engine.tokenizer("default").decode
    assert CORRECTED in read(given.prompt) and CORRECTED not in read(without.prompt)


def test_without_golden_answers_nothing_is_asked(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'thumbloop.db'}")
    database.migrate()
    with database.write() as session:
        records.create_assistant(session, slug=SLUG, name="Bench", model="default", system_prompt="Be brief.")
    database.close()
    engine, brevity = FakeEngine(), preferences()["brevity"]
    asked = compose_twice(engine, brevity, home=tmp_path, embedder=HashEmbedder(), near=5, held_out=5)
    found = measure(engine, asked, brevity, adapter=None, seed=7)
    assert found == {kind: {"asked": 0} for kind in found} and not engine.history


def test_a_table_says_what_changed_at_once() -> None:
    told = {"corrected": {"gain": 0.9}, "approved": {"asked": 0}, "held_out": {"gain": 0.5}}
    study = asdict(Study(preference="x"))
    row = tables.rows([{"study": study, "state": "refused", "error": "", "figures": None, "at_once": told}])[0]
    assert tables.cells(row)[1] == "90% / 50%"
