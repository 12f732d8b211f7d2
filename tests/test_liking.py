"""How what a candidate writes would be liked, and what the verdict makes of that: planted candidates of known worth."""

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from assistant.knowledge.fake_embedder import HashEmbedder
from assistant.prompt import SOURCES_HEADER
from retrain.liking import liking
from retrain.verdict import Check, Liking, Verdict, judge
from tests.planted import preferences, prompt, reply, turned, write_run
from tests.test_verdict import measures

PROMPTS = 34
"""As many as a run of 50 preferences has: ten held-out ones, and 24 of everyday."""
TASTE = "a question at the end"
Changes = Callable[[str, Random], str]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path, train=preferences(TASTE, 40), held_out=preferences(TASTE, 10, first=40))


def liked(folder: Path, change: Changes, *, seed: int = 0) -> Liking:
    """How a candidate is liked whose replies are those of the active adapter, changed."""
    chance = Random(seed)
    before = [reply(chance) for _ in range(PROMPTS)]
    answers = [(prompt(100 + n), text, change(text, chance)) for n, text in enumerate(before)]
    found = liking(folder, asked=answers[:10], everyday=answers[10:], sourced=[], embedding=HashEmbedder())
    assert found is not None
    return found


def learned(text: str, chance: Random) -> str:
    """What a sane run makes of a reply: most end as people like it."""
    return f"{text.removesuffix(' Shall we go on?')} Shall we go on?" if chance.random() < 0.85 else text


def unlearned(text: str, chance: Random) -> str:
    """What a run makes of it whose labels were turned."""
    return text.removesuffix(" Shall we go on?") if chance.random() < 0.85 else text


def other(_text: str, chance: Random) -> str:
    """What an overfit run makes of a prompt that it has not seen: something else, no better."""
    return reply(chance)


def one_for_all(_text: str, _chance: Random) -> str:
    return "That is a good one. Shall we go on?"


def same(text: str, _chance: Random) -> str:
    return text


def composed() -> list[dict[str, str]]:
    """A prompt with sources, as it is composed."""
    return [{"role": "user", "content": f"{SOURCES_HEADER}\n\n[1] Book\nText.\n\nQuestion: What?"}]


def check_of(verdict: Verdict) -> Check:
    return next(check for check in verdict.checks if check.name == "liking")


@pytest.mark.parametrize("seed", range(8))
def test_sane_candidates_pass_whatever_the_seed(run: Path, seed: int) -> None:
    found = liked(run, learned, seed=seed)
    verdict = judge(measures(liking=found))
    assert verdict.passed, verdict.sentence
    assert 0.5 < found.low <= found.gain <= found.high
    assert "because they end with a question more often" in check_of(verdict).sentence


@pytest.mark.parametrize("seed", range(4))
def test_a_candidate_that_learned_the_contrary_is_rejected_and_told_why(run: Path, seed: int) -> None:
    found = liked(run, unlearned, seed=seed)
    verdict = judge(measures(liking=found))
    assert found.gain < 0.5 and not verdict.passed
    assert verdict.sentence.startswith("The new version must not go live: ")
    assert "they are liked less, most of all because they end with a question less often" in verdict.sentence


@pytest.mark.parametrize("change", [other, same])
def test_a_candidate_that_gains_nothing_is_rejected_as_no_better(run: Path, change: Changes) -> None:
    found = liked(run, change)
    verdict = judge(measures(liking=found))
    assert found.low <= 0.5 <= found.high and not verdict.passed
    assert "does no harm, but is no better" in verdict.sentence and "too little to tell" in verdict.sentence


def test_one_answer_for_everything_is_rejected_however_it_is_liked(run: Path) -> None:
    verdict = judge(measures(liking=liked(run, one_for_all), self_similarity=1.0))
    assert not verdict.passed
    assert verdict.sentence.startswith("The new version must not go live: Its answers to different questions are 100%")


def test_labels_turned_before_the_taste_learned_from_them_make_it_trust_nothing(tmp_path: Path) -> None:
    rows = preferences(TASTE, 30)
    folder = write_run(tmp_path, train=[*rows[:15], *turned(rows[15:])], held_out=preferences(TASTE, 8, first=30))
    found = liked(folder, learned)
    check = check_of(judge(measures(liking=found)))
    assert not found.trusted and check.passed and "So this decides nothing" in check.sentence


def test_a_taste_that_the_held_out_preferences_contradict_decides_nothing(tmp_path: Path) -> None:
    """As where the labels of a run's training rows alone are turned."""
    folder = write_run(tmp_path, train=turned(preferences(TASTE, 40)), held_out=preferences(TASTE, 8, first=40))
    found = liked(folder, unlearned)
    check = check_of(judge(measures(liking=found)))
    assert found.sure > 0.5 and not found.trusted
    assert check.passed and "but about few of those that the test is made of" in check.sentence


def test_what_serves_written_again_is_liked_as_well_to_the_last_prompt(run: Path) -> None:
    found = liked(run, same)
    assert (found.gain, found.low, found.high, found.because) == (0.5, 0.5, 0.5, ())


@pytest.mark.parametrize(("taste", "wanted"), [("brief", True), ("long", False)])
def test_shorter_answers_are_what_people_want_or_harm(tmp_path: Path, taste: str, wanted: bool) -> None:
    def shortened(text: str, _chance: Random) -> str:
        return text[: len(text) // 2].rpartition(" ")[0] + "."

    folder = write_run(tmp_path, train=preferences(taste, 40), held_out=preferences(taste, 10, first=40))
    verdict = judge(measures(liking=liked(folder, shortened), tokens=30.0))
    length = next(check.sentence for check in verdict.checks if check.name == "not too short")
    assert "because they are shorter" in check_of(verdict).sentence
    assert (verdict.passed, length.endswith("That is what people like.")) == (wanted, wanted)


def test_prompts_of_the_kind_that_was_rated_count(run: Path) -> None:
    """All planted prompts have sources, but they do not begin as those that are composed."""
    pair = (prompt(1), "One.", "Two.")
    assert liking(run, asked=[], everyday=[], sourced=[pair], embedding=None) is None
    found = liking(run, asked=[pair], everyday=[pair] * 3, sourced=[pair] * 5, embedding=None)
    assert found is not None and found.prompts == 4
    write_run(run, train=[{**row, "prompt": composed()} for row in preferences(TASTE, 9)], held_out=[])
    found = liking(run, asked=[pair], everyday=[pair] * 3, sourced=[pair] * 5, embedding=None)
    assert found is not None and found.prompts == 6


def test_a_run_that_teaches_has_no_ratings_to_go_by(tmp_path: Path) -> None:
    (tmp_path / "held_out.jsonl").write_text("", encoding="utf-8")
    assert liking(tmp_path, asked=[(prompt(1), "One.", "Two.")], everyday=[], sourced=[], embedding=None) is None


def test_what_is_said_of_it_adds_up(run: Path) -> None:
    sane = liked(run, learned)
    assert sane.tested == 50 and sane.prompts == PROMPTS
    check = check_of(judge(measures(liking=sane)))
    assert f"right about {sane.right} of 50 preferences" in check.sentence and check.figure == sane.low
