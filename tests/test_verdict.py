import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from retrain.verdict import HeldOut, Liking, Measures, Side, judge, needed_to_beat_chance

RUNS = json.loads((Path(__file__).parents[1] / "docs" / "benchmarks" / "gate.json").read_text(encoding="utf-8"))
"""Real runs on the default model whose worth is known, by `bench/gate.py`."""
SIDE = Side(
    replies=48,
    tokens=80.0,
    nll=1.08,
    entropy=8.0,
    self_similarity=0.12,
    distinct_2=0.82,
    repetition=0.05,
    loops=0.02,
    empty=0.0,
    cut_off=0.5,
    grounded=10,
)
HELD_OUT = HeldOut(
    pairs=24, preferred=20, preferred_per_token=16, margin=4.0, chosen_tokens=40.0, rejected_tokens=120.0
)


LIKING = Liking(
    tested=45, right=38, sure=0.71, confirmed=True, prompts=34, gain=0.8, low=0.66, high=0.91, because=("are shorter",)
)


def measures(
    *,
    held_out: dict[str, Any] | None = None,
    fluency: tuple[float, float] | None = None,
    liking: Liking | None = None,
    **candidate: Any,
) -> Measures:
    return Measures(
        fluency=fluency,
        liking=liking,
        active=SIDE,
        candidate=replace(SIDE, **candidate),
        held_out=replace(HELD_OUT, **(held_out or {})),
        grounded_questions=16,
    )


def test_fluency_that_is_too_uncertain_does_not_pass() -> None:
    sure, unsure = (judge(measures(nll=1.1, fluency=(0.95, high))) for high in (1.12, 1.4))
    assert sure.passed and "between 0.95 and 1.12 with 95% certainty" in sure.checks[0].sentence
    assert not unsure.passed and "too uncertain to rule out harm" in unsure.sentence


@pytest.mark.parametrize(
    "candidate", [{}, {"nll": 1.05, "tokens": 35.0, "cut_off": 0.0}, {"nll": 1.15}, {"entropy": 6.0}, {"grounded": 8}]
)
def test_a_candidate_that_learned_and_writes_as_well_passes(candidate: dict[str, Any]) -> None:
    verdict = judge(measures(**candidate))
    assert verdict.passed, verdict.sentence
    assert all(check.passed for check in verdict.checks)


@pytest.mark.parametrize(
    ("candidate", "name"),
    [
        ({"nll": 1.76}, "fluency"),
        ({"nll": 1.26}, "fluency"),
        ({"entropy": 4.7}, "variety"),
        ({"self_similarity": 0.5}, "sameness"),
        ({"repetition": 0.2}, "repetition"),
        ({"loops": 0.2}, "loops"),
        ({"tokens": 9.0}, "not too short"),
        ({"tokens": 200.0}, "not too long"),
        ({"empty": 0.1}, "empty replies"),
        ({"cut_off": 0.8}, "unfinished replies"),
        ({"grounded": 5}, "answers from sources"),
    ],
)
def test_harm_by_one_figure_is_enough_to_be_rejected(candidate: dict[str, Any], name: str) -> None:
    verdict = judge(measures(**candidate))
    assert not verdict.passed
    assert [check.name for check in verdict.checks if not check.passed] == [name]
    assert verdict.sentence.startswith("The new version must not go live: ")


@pytest.mark.parametrize("preferred", [0, 12, 14])
def test_a_candidate_that_learned_nothing_does_not_pass_as_a_gain(preferred: int) -> None:
    verdict = judge(measures(held_out={"preferred": preferred}))
    assert not verdict.passed
    assert "no better than the one before" in verdict.sentence
    assert f"{preferred} of 24" in verdict.sentence


def test_a_liking_counts_where_the_taste_is_known_and_says_why() -> None:
    likings = {
        "better": LIKING,
        "unclear": replace(LIKING, gain=0.55, low=0.42, high=0.68),
        "worse": replace(LIKING, gain=0.2, low=0.1, high=0.35, because=("are longer", "quote less")),
        "unknown": replace(LIKING, sure=0.49, gain=0.2, low=0.1, high=0.35),
    }
    verdicts = {name: judge(measures(liking=liking)) for name, liking in likings.items()}
    assert {name: verdict.passed for name, verdict in verdicts.items()} == {
        "better": True, "unclear": False, "worse": False, "unknown": True,
    }  # fmt: skip
    assert [check.sentence for check in verdicts["better"].checks if check.name == "liking"] == [
        "Going by a taste learned from the ratings (right about 38 of 45 preferences that were kept from it), people "
        "would like 80% of its answers better than those of the version before, between 66% and 91% with 95% "
        "certainty, most of all because they are shorter."
    ]
    assert "is no better than the one before" in verdicts["unclear"].sentence
    assert verdicts["worse"].sentence.startswith("The new version must not go live: Going by a taste")
    assert "liked less, most of all because they are longer and quote less." in verdicts["worse"].sentence


def test_what_is_liked_and_other_measures_are_read_from_a_report_as_they_were() -> None:
    for found in (measures(liking=LIKING, fluency=(0.9, 1.1)), measures()):
        assert Measures.of(json.loads(json.dumps(asdict(found)))) == found


def test_too_few_held_out_pairs_tell_nothing() -> None:
    verdict = judge(measures(held_out={"pairs": 2, "preferred": 2}))
    assert not verdict.passed
    assert "too few to tell" in verdict.sentence


@pytest.mark.parametrize(
    ("pairs", "needed"), [(0, None), (2, None), (3, 3), (4, 4), (5, 4), (6, 5), (11, 8), (18, 12), (24, 15), (48, 28)]
)
def test_more_than_chance_is_what_coins_show_once_in_five_times_at_most(pairs: int, needed: int | None) -> None:
    assert needed_to_beat_chance(pairs) == needed


def test_a_report_reads_as_sentences_with_figures() -> None:
    sentences = {check.name: check.sentence for check in judge(measures(nll=1.76, grounded=6)).checks}
    assert sentences["fluency"] == (
        "To the original model its answers are 1.63 times as surprising as those of the version before "
        "(1.76 against 1.08; likelihood in nats a token)."
    )
    assert sentences["answers from sources"] == (
        "It answers 6 of 16 questions about a given passage right (before: 10)."
    )


@pytest.mark.parametrize(("name", "setting"), [(name, setting) for name in RUNS for setting in RUNS[name]["reports"]])
def test_the_limits_tell_real_runs_apart(name: str, setting: str) -> None:
    run = RUNS[name]
    verdict = judge(Measures.of(run["reports"][setting]["measures"]))
    assert verdict.passed is run["good"], verdict.sentence


def test_the_same_weights_with_other_seeds_are_within_the_limits() -> None:
    once, again = (Measures.of(RUNS["clean"]["reports"][setting]["measures"]) for setting in ("0.8", "0.8 again"))
    for side in ("active", "candidate"):
        for one, other in ((once, again), (again, once)):
            verdict = judge(replace(once, active=getattr(one, side), candidate=getattr(other, side)))
            assert verdict.passed, verdict.sentence
