"""Freezing what people said: the split leaks nothing, the files are TRL's formats, and too little feedback says so."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from assistant.errors import BadInput
from feedback.claims import Kind
from feedback.lessons import Lesson
from feedback.pairs import LeftOut, Pair, PairSet, Single
from retrain.dataset import HELD_OUT, THUMBS, TRAIN, TRAIN_SINGLES, choose_method, freeze, read, split


def pair(number: int, *, conversation: str | None = None, question: str | None = None) -> Pair:
    return Pair(
        kind=Kind.comparison,
        prompt=({"role": "user", "content": question or f"Question {number}?"},),
        chosen=f"good {number}",
        rejected=f"bad {number}",
        rows=(f"comparison:{number}",),
        raters=("ann",),
        replies=(),
        conversations=(conversation or f"conversation {number}",),
    )


def single(number: int, *, label: bool, question: str | None = None) -> Single:
    return Single(
        prompt=({"role": "user", "content": question or f"Question {number}?"},),
        completion=f"answer {number}",
        label=label,
        rows=(f"rating:{number}",),
        raters=("ann",),
        replies=(),
        conversations=(f"conversation {number}",),
    )


def lesson(number: int, *, question: str | None = None) -> Lesson:
    return Lesson(
        prompt=({"role": "user", "content": question or f"Question {number}?"},),
        answer=f"answer {number}",
        rows=(f"correction:{number}",),
    )


def pair_set(pairs: Sequence[Pair] = (), singles: Sequence[Single] = ()) -> PairSet:
    return PairSet(tuple(pairs), tuple(singles), (LeftOut(reason="tie", rows=(), replies=()),))


def test_no_conversation_and_no_question_is_on_both_sides() -> None:
    pairs = [pair(n, conversation=f"c{n // 3}", question=f"q{n % 25}") for n in range(30)]
    train, held_out, by = split(pairs, seed=1)
    assert by == "conversation"
    assert len(train) + len(held_out) == 30 and 3 <= len(held_out) <= 9
    for key in (lambda p: set(p.conversations), lambda p: {p.prompt[0]["content"]}):
        assert not set().union(*map(key, train)) & set().union(*map(key, held_out))


def test_one_long_conversation_is_split_by_question() -> None:
    train, held_out, by = split([pair(n, conversation="the only one") for n in range(20)], seed=1)
    assert (by, len(train), len(held_out)) == ("question", 16, 4)


def test_the_split_depends_on_the_seed_alone() -> None:
    pairs = [pair(n) for n in range(20)]
    assert split(pairs, seed=1) == split(pairs, seed=1)
    assert len({tuple(p.rows for p in split(pairs, seed=seed)[1]) for seed in range(5)}) > 1


def test_enough_pairs_train_by_dpo_and_the_smallest_number_still_leaves_some_to_test_on(tmp_path: Path) -> None:
    made = pair_set([pair(n) for n in range(8)])
    assert choose_method(made)[0] == "dpo"
    counts = freeze(made, tmp_path, method="dpo", seed=3)
    assert (counts["train"], counts["held_out"]) == (5, 3)
    assert counts["left_out"] == {"tie": 1}


def test_pairs_are_frozen_in_trls_conversational_format_with_their_rows(tmp_path: Path) -> None:
    counts = freeze(pair_set([pair(n) for n in range(10)]), tmp_path, method="dpo", seed=3)
    rows = read(tmp_path / TRAIN) + read(tmp_path / HELD_OUT)
    assert sorted(row["rows"][0] for row in rows) == sorted(f"comparison:{n}" for n in range(10))
    assert rows[0]["chosen"][0]["role"] == "assistant" and rows[0]["prompt"][0]["role"] == "user"
    before = {name: (tmp_path / name).read_bytes() for name in (TRAIN, HELD_OUT, TRAIN_SINGLES)}
    assert freeze(pair_set([pair(n) for n in range(10)]), tmp_path, method="dpo", seed=3) == counts
    assert before == {name: (tmp_path / name).read_bytes() for name in before}


def test_single_thumbs_beside_pairs_are_kept_for_the_gate_apart_from_what_is_held_out(tmp_path: Path) -> None:
    made = pair_set([pair(n) for n in range(10)], [single(n, label=n % 2 == 0) for n in range(5, 20)])
    freeze(made, tmp_path, method="dpo", seed=3)
    thumbs, held_out = read(tmp_path / THUMBS), {row["prompt"][0]["content"] for row in read(tmp_path / HELD_OUT)}
    asked = {row["prompt"][0]["content"] for row in thumbs}
    assert asked == {f"Question {n}?" for n in range(5, 20)} - held_out and len(asked) < 15
    assert {"prompt", "completion", "label", "rows"} == set(thumbs[0]) and read(tmp_path / TRAIN_SINGLES) == []


def test_single_thumbs_and_the_halves_of_few_pairs_train_by_kto(tmp_path: Path) -> None:
    made = pair_set([pair(n) for n in range(100, 104)], [single(n, label=n % 2 == 0) for n in range(12)])
    method, why = choose_method(made)
    assert method == "kto" and "4 pairs are too few" in why
    counts = freeze(made, tmp_path, method=method, seed=3)
    singles, held_out = read(tmp_path / TRAIN_SINGLES), read(tmp_path / HELD_OUT)
    assert {row["label"] for row in singles} == {True, False}
    assert counts["train"] == len(singles) and counts["held_out"] == len(held_out) > 0
    assert {"prompt", "chosen", "rejected_prompt", "rejected", "rows"} == set(held_out[0])
    trained = {json.dumps(row["prompt"]) for row in singles}
    assert not trained & {json.dumps(row[key]) for row in held_out for key in ("prompt", "rejected_prompt")}


@pytest.mark.parametrize(
    "made",
    [
        pair_set(),
        pair_set([pair(n) for n in range(7)]),
        pair_set(singles=[single(n, label=False) for n in range(40)]),
    ],
    ids=["nothing", "seven pairs", "only thumbs down"],
)
def test_too_little_feedback_says_what_is_missing(made: PairSet) -> None:
    with pytest.raises(BadInput, match=r"of 8 preference pairs.*at least 4 of each"):
        choose_method(made)
