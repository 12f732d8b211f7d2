"""Where rows pulled an update, on a tiny model: what was planted wrong pulls against the rest."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from assistant import models
from retrain import influence
from retrain.influence import weigh
from retrain.recipe import Recipe
from retrain.training import load_trainable
from tests.tiny import save_tiny, save_tiny_adapter

GOOD, BAD = "Yes, and so is seven.", "Ask my aunt, not me."
WRONG = {2, 5}
Rows = Sequence[Mapping[str, Any]]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """The tiny model, and an adapter as training leaves one."""
    base = str(save_tiny(tmp_path_factory.mktemp("tiny")))
    return base, save_tiny_adapter(tmp_path_factory.mktemp("adapter") / "a", base, seed=3)


@pytest.fixture(autouse=True)
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "compute_dtype", lambda: torch.float32)


def asked(number: int) -> list[dict[str, str]]:
    return [{"role": "user", "content": f"Is {number} a number?"}]


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def preference(number: int, *, wrong: bool = False) -> dict[str, Any]:
    chosen, rejected = (BAD, GOOD) if wrong else (GOOD, BAD)
    names = {"prompt": asked(number), "rows": [f"correction:{number}"]}
    return names | {"chosen": said(chosen), "rejected": said(rejected)}


def single(number: int, text: str, *, label: bool) -> dict[str, Any]:
    return {"prompt": asked(number), "completion": said(text), "label": label, "rows": [f"rating:{number}"]}


HELD_OUT = [preference(number) for number in range(100, 104)]


def pulls(folder: Path, tiny: tuple[str, Path], rows: Rows, *, held_out: Rows = HELD_OUT, **recipe: Any) -> list[Any]:
    model, adapter = tiny
    weigh(folder, model=model, adapter=adapter, rows=rows, held_out=held_out, recipe=Recipe(**recipe))
    return [json.loads(line) for line in (folder / "influence.jsonl").read_text().splitlines()]


def against(found: Rows) -> set[str]:
    return {line["rows"][0] for line in found if line["pull"] < 0}


def test_preferences_the_wrong_way_round_pull_against_the_others(tmp_path: Path, tiny: tuple[str, Path]) -> None:
    rows = [preference(number, wrong=number in WRONG) for number in range(8)]
    found = pulls(tmp_path, tiny, rows)
    assert against(found) == {f"correction:{number}" for number in WRONG} and len(found) == 8
    assert all(-1 <= line["pull"] <= 1 and set(line) == {"rows", "pull"} for line in found)
    assert pulls(tmp_path, tiny, rows) == found, "the same again"


def test_thumbs_the_wrong_way_round_do_too(tmp_path: Path, tiny: tuple[str, Path]) -> None:
    rows = [single(n, GOOD if n % 2 else BAD, label=bool(n % 2) is not (n in WRONG)) for n in range(8)]
    opposed = [
        {**each, "rejected_prompt": asked(number)} for number, each in enumerate(HELD_OUT, start=200)
    ]  # as KTO's are held out: each answer has a prompt of its own
    found = pulls(tmp_path, tiny, rows, held_out=opposed)
    assert against(found) == {f"rating:{number}" for number in WRONG}


def test_a_lesson_that_others_contradict_pulls_least(tmp_path: Path, tiny: tuple[str, Path]) -> None:
    lessons = [{"prompt": asked(n), "completion": said(BAD if n in WRONG else GOOD), "rows": [f"rating:{n}"]}
               for n in range(8)]  # fmt: skip
    held_out = [{"prompt": asked(n), "chosen": said(GOOD), "rows": []} for n in range(100, 104)]
    found = sorted(pulls(tmp_path, tiny, lessons, held_out=held_out), key=lambda line: line["pull"])
    assert {line["rows"][0] for line in found[:2]} == {f"rating:{number}" for number in WRONG}


def test_what_is_no_feedback_and_what_is_too_long_is_not_looked_at(tmp_path: Path, tiny: tuple[str, Path]) -> None:
    taught = {**preference(1), "rows": ["example:file:1"]}
    long = {**preference(2), "chosen": said(GOOD * 40)}
    found = pulls(tmp_path, tiny, [taught, long, preference(3)], max_length=200)
    assert [line["rows"] for line in found] == [["correction:3"]]
    assert pulls(tmp_path, tiny, [preference(3)], held_out=[]) == []


def test_of_many_rows_chance_picks_some(
    tmp_path: Path, tiny: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(influence, "MOST_ROWS", 3)
    rows = [preference(number) for number in range(8)]
    first = pulls(tmp_path, tiny, rows, seed=1)
    assert len(first) == 3 and pulls(tmp_path, tiny, rows, seed=1) == first != pulls(tmp_path, tiny, rows, seed=2)


def test_only_the_top_layers_are_computed_backwards(tiny: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(influence, "LAYERS", 1)
    model = load_trainable(*tiny, Recipe())
    kept = influence._top_layers(model)
    learning = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    assert len(kept) == len(learning) == 14 and all(".layers.1." in name for name in learning)
