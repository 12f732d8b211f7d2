"""The frozen material of one run: what it learns from as JSONL files in its folder, split into train and held-out.

The lines are in TRL's conversational formats (preference, unpaired, prompt and completion), and name the rows behind
them. What makes a pair or a lesson is decided in `feedback`; how many tokens a line has, in `retrain.training`.
"""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from assistant.errors import BadInput
from feedback.lessons import Lesson
from feedback.pairs import Pair, PairSet, Single
from retrain.masking import Masking

TRAIN, TRAIN_SINGLES, TRAIN_LESSONS = "train.jsonl", "train_singles.jsonl", "train_lessons.jsonl"
ROWS_OF = {"dpo": TRAIN, "kto": TRAIN_SINGLES, "sft": TRAIN_LESSONS}
"""Which file each method learns from."""
HELD_OUT, THUMBS = "held_out.jsonl", "thumbs.jsonl"
"""What a run is tested on, and the single thumbs beside its pairs: they tell the gate what people like."""
OWN, OWN_KIND = ("own-1.jsonl", "own-2.jsonl"), "own"
"""Preferences between replies that a run's model wrote, a file for each time, and the `kind` of those rows."""
FROZEN = (*ROWS_OF.values(), HELD_OUT, THUMBS, *OWN)
"""All files of a run that hold what people said."""
EXAMPLE = "example:"
"""How the ids of rows begin that are no feedback, but lines of a file."""
CONFIG, PROGRESS, REPORT, RESULT = "config.json", "progress.jsonl", "report.json", "result.json"
LOG, ADAPTER, REHEARSAL, STAYING = "worker.log", "adapter", "rehearsal.jsonl", "staying.jsonl"
INFLUENCE, KEPT = "influence.jsonl", "kept.json"
"""What else is in a run's folder: all that its child is told, and what it tells."""
MIN_PAIRS = 8
"""From so many pairs on, training is by DPO."""
MIN_SINGLES = 16
"""With fewer pairs, so many liked and disliked answers are needed for KTO, of each kind a quarter at least."""
MIN_HELD_OUT = 3
"""With fewer, nobody could tell a gain from chance."""
HELD_OUT_SHARE = 0.2
MIN_LESSONS = 8
MAX_LESSONS_HELD_OUT = 24
"""The gate looks at so many at most; the rest is worth more in training."""
TOO_FEW_LESSONS = (
    "There is too little to teach: {found} of {needed} {what}. "
    "Write a file with more examples, or correct and like more answers."
)

Kept = TypeVar("Kept", Pair, Single, Lesson)


def choose_method(pair_set: PairSet) -> tuple[str, str]:
    """`dpo` or `kto`, and why in a sentence. Raises `BadInput` that says what is missing for either."""
    pairs = len(pair_set.pairs)
    if pairs >= MIN_PAIRS:
        return "dpo", f"DPO, because there are {pairs} preference pairs."
    liked, disliked = liked_and_disliked(pair_set)
    if liked + disliked >= MIN_SINGLES and min(liked, disliked) >= MIN_SINGLES // 4:
        return "kto", (
            f"KTO on {liked} liked and {disliked} disliked answers, because {pairs} pairs are too few for DPO."
        )
    raise BadInput(
        f"There is too little feedback to learn from: {pairs} of {MIN_PAIRS} preference pairs, and {liked} liked and "
        f"{disliked} disliked answers of {MIN_SINGLES} in all, at least {MIN_SINGLES // 4} of each. "
        "Correct some answers, or try again and choose the better one."
    )


def require_lessons(lessons: Sequence[Lesson], *, what: str) -> None:
    """Raise `BadInput` if there are too few lessons to teach."""
    if len(lessons) < MIN_LESSONS:
        raise BadInput(TOO_FEW_LESSONS.format(found=len(lessons), needed=MIN_LESSONS, what=what))


def freeze(
    pair_set: PairSet, folder: Path, *, method: str, seed: int, lessons: Sequence[Lesson] = ()
) -> dict[str, Any]:
    """Write the files of a run; the counts of what is in them.

    Held out are whole conversations, or whole questions where the conversations are too few or too large for that. For
    KTO the held-out lines set a liked against a disliked answer, each to its own prompt; for SFT there is no rejected
    answer. Single thumbs and lessons beside pairs are left out where they are on what is held out. E-mail addresses,
    phone and card numbers are masked in every text. Deterministic: the same rows and seed give the same files.
    """
    if method == "sft":
        return _freeze_lessons(lessons, folder, seed=seed)
    method = method.rpartition("+")[2]
    if method == "dpo":
        train, held_out, split_by = split(pair_set.pairs, seed=seed)
        singles: list[dict[str, Any]] = []
        thumbs = [_unpaired(single) for single in _apart_from(held_out, pair_set.singles)]
        lines, tests = [_preference(pair) for pair in train], [_preference(pair) for pair in held_out]
    else:
        train_singles, held_out_singles, split_by = split(_as_singles(pair_set), seed=seed)
        singles, thumbs, lines = [_unpaired(single) for single in train_singles], [], []
        tests = [_opposed(up, down) for up, down in _matched(held_out_singles)]
    files = {TRAIN: lines, TRAIN_SINGLES: singles, HELD_OUT: tests, THUMBS: thumbs}
    taught: dict[str, Any] = {}
    if lessons:
        files[TRAIN_LESSONS] = [_lesson(lesson) for lesson in _apart_from(held_out, lessons)]
        taught = {"lessons": len(files[TRAIN_LESSONS])}
    return {
        **taught,
        "train": len(lines) or len(singles),
        "held_out": len(tests),
        "split_by": split_by,
        "kinds": dict(Counter(pair.kind.value for pair in pair_set.pairs)),
        "singles": len(pair_set.singles),
        "left_out": pair_set.left_out,
        **_write_masked(folder, files),
    }


def _freeze_lessons(lessons: Sequence[Lesson], folder: Path, *, seed: int) -> dict[str, Any]:
    train, held_out, split_by = split(lessons, seed=seed, at_most=MAX_LESSONS_HELD_OUT)
    files = {
        TRAIN_LESSONS: [_lesson(lesson) for lesson in train],
        HELD_OUT: [
            {"prompt": list(lesson.prompt), "chosen": _said(lesson.answer), "rows": list(lesson.rows)}
            for lesson in held_out
        ],
    }
    return {
        "lessons": len(train),
        "held_out": len(held_out),
        "split_by": split_by,
        **_write_masked(folder, files),
    }


def _write_masked(folder: Path, files: Mapping[str, Sequence[dict[str, Any]]]) -> dict[str, Any]:
    """Write the files; what was masked in them, and their hashes."""
    masking = Masking()
    hashes = {name: write(folder / name, masking.rows(rows)) for name, rows in files.items()}
    return {"masked": masking.counts, "sha256": hashes}


def _apart_from(held_out: Sequence[Pair | Single], rows: Sequence[Kept]) -> list[Kept]:
    """The rows that share neither conversation nor question with what is held out."""
    tested = {key for one in held_out for key in _conversation_keys(one)}
    return [row for row in rows if tested.isdisjoint(_conversation_keys(row))]


def write_synced(path: Path, data: bytes) -> None:
    """Write a file of a run in one step, and return once it is on disk: there is all of it, or none."""
    temporary = path.with_name(f".{path.name}")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def read(path: Path) -> list[dict[str, Any]]:
    """The lines of one of a run's files; as bytes, because text may hold other separators of lines than ours."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def split(rows: Sequence[Kept], *, seed: int, at_most: int | None = None) -> tuple[list[Kept], list[Kept], str]:
    """Split rows into train and held-out, and say by what: `conversation`, or `question` where that is not possible.

    About `at_most` are held out.
    """
    wanted = min(max(MIN_HELD_OUT, round(len(rows) * HELD_OUT_SHARE)), at_most or len(rows))
    for name, keys in (("conversation", _conversation_keys), ("question", _question_keys)):
        groups = _connected(rows, keys)
        order = sorted(range(len(groups)), key=lambda at: _dice(groups[at], rows, seed=seed))
        held: set[int] = set()
        for at in order:
            if len(held) < wanted and len(held) + len(groups[at]) <= wanted * 3 // 2:
                held.update(groups[at])
        if len(held) >= MIN_HELD_OUT or name == "question":
            train = [row for at, row in enumerate(rows) if at not in held]
            return train, [row for at, row in enumerate(rows) if at in held], name
    raise AssertionError("the last way of splitting always returns")


def _connected(rows: Sequence[Kept], keys: Callable[[Kept], Iterable[str]]) -> list[list[int]]:
    """Positions of rows in groups, such that rows of different groups share no key."""
    groups: dict[int, list[int]] = {}
    group_of: dict[str, int] = {}
    for at, row in enumerate(rows):
        row_keys = set(keys(row))
        joined = sorted({group_of[key] for key in row_keys if key in group_of})
        members = [member for group in joined for member in groups.pop(group)] + [at]
        groups[at] = members
        group_of |= {key: at for member in members for key in keys(rows[member])}
    return list(groups.values())


def _conversation_keys(row: Pair | Single | Lesson) -> Iterable[str]:
    return (*row.conversations, *_question_keys(row))


def _question_keys(row: Pair | Single | Lesson) -> Iterable[str]:
    return ("prompt " + json.dumps(row.prompt, sort_keys=True),)


def _dice(group: Sequence[int], rows: Sequence[Kept], *, seed: int) -> str:
    key = min(min(rows[at].rows) for at in group)
    return hashlib.sha256(f"{seed} {key}".encode()).hexdigest()


def liked_and_disliked(pair_set: PairSet) -> tuple[int, int]:
    """How many answers people liked, and how many they did not, those in pairs included."""
    singles = _as_singles(pair_set)
    liked = sum(single.label for single in singles)
    return liked, len(singles) - liked


def _as_singles(pair_set: PairSet) -> list[Single]:
    """All answers that people liked or did not like, those in pairs included."""
    halves = [
        Single(
            prompt=pair.prompt,
            completion=text,
            label=label,
            rows=pair.rows,
            raters=pair.raters,
            replies=pair.replies,
            conversations=pair.conversations,
        )
        for pair in pair_set.pairs
        for text, label in ((pair.chosen, True), (pair.rejected, False))
    ]
    return [*halves, *pair_set.singles]


def _matched(singles: Sequence[Single]) -> list[tuple[Single, Single]]:
    ups = [single for single in singles if single.label]
    downs = [single for single in singles if not single.label]
    return [(ups[at % len(ups)], downs[at % len(downs)]) for at in range(max(len(ups), len(downs))) if ups and downs]


def _preference(pair: Pair) -> dict[str, Any]:
    return {
        "prompt": list(pair.prompt),
        "chosen": _said(pair.chosen),
        "rejected": _said(pair.rejected),
        "kind": pair.kind.value,
        "rows": list(pair.rows),
    }


def _unpaired(single: Single) -> dict[str, Any]:
    return {
        "prompt": list(single.prompt),
        "completion": _said(single.completion),
        "label": single.label,
        "rows": list(single.rows),
    }


def _lesson(lesson: Lesson) -> dict[str, Any]:
    return {"prompt": list(lesson.prompt), "completion": _said(lesson.answer), "rows": list(lesson.rows)}


def _opposed(up: Single, down: Single) -> dict[str, Any]:
    return {
        "prompt": list(up.prompt),
        "chosen": _said(up.completion),
        "rejected_prompt": list(down.prompt),
        "rejected": _said(down.completion),
        "rows": [*up.rows, *down.rows],
    }


def _said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def write(path: Path, rows: Iterable[dict[str, Any]]) -> str:
    """Write the lines of one of a run's files; their SHA-256."""
    data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    write_synced(path, data)
    return hashlib.sha256(data).hexdigest()
