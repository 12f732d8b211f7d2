"""The budget of an update, on a tiny random model: it ends a run in time and leaves the best step's weights."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from assistant import models
from assistant.errors import ThumbloopError
from retrain import budget
from retrain.budget import PATIENCE, Budget, Check, Probe, shortest
from retrain.recipe import Recipe
from retrain.training import Step, train
from tests.tiny import save_tiny

RECIPE = Recipe(
    epochs=4, batch_size=2, learning_rate=3e-2, rank=4, alpha=8, kl=1e9, total_kl=1e9,
    edit=0.0, hold=0.0, loss_types=("sigmoid", "sft"), loss_weights=(1.0, 1.0),
)  # fmt: skip


def row(number: int, *, chosen: str = "Short.", rejected: str = "Long and longer.", **more: Any) -> dict[str, Any]:
    texts = {"chosen": chosen, "rejected": rejected}
    said = {name: [{"role": "assistant", "content": text}] for name, text in texts.items()}
    return {"prompt": [{"role": "user", "content": f"Question {number}?"}], **said, **more}


ROWS = [row(n) for n in range(8)]
SAME = [row(n) for n in range(20, 24)]
OPPOSITE = [row(n, chosen="Long and longer.", rejected="Short.") for n in range(20, 24)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_tiny(tmp_path_factory.mktemp("tiny")))


@pytest.fixture(autouse=True)
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "compute_dtype", lambda: torch.float32)


def learn(
    model: str, folder: Path, held_out: list[dict[str, Any]], recipe: Recipe = RECIPE, *, parent: Path | None = None
) -> tuple[dict[str, Any], list[Step]]:
    steps: list[Step] = []
    figures = train(
        method="dpo",
        model=model,
        parent=parent,
        serves=parent,
        origin=None,
        rows=ROWS,
        held_out=held_out,
        recipe=recipe,
        folder=folder,
        on_step=steps.append,
    )
    return figures, steps


def moved(folder: Path) -> bool:
    weights = load_file(folder / "adapter_model.safetensors")
    return any(bool(weight.any()) for name, weight in weights.items() if "lora_B" in name)


def test_within_the_budget_the_step_that_fits_held_out_preferences_best_stays(model: str, tmp_path: Path) -> None:
    figures, steps = learn(model, tmp_path, SAME)
    assert figures["kept_step"] > 0 and moved(tmp_path)
    assert figures["kl"] == pytest.approx(next(s.kl for s in steps if s.step == figures["kept_step"]), abs=1e-4)
    assert [step.step for step in steps if step.kl is not None] == list(range(2, len(steps) + 1, 2))


def test_the_weights_that_are_saved_are_those_of_the_step_that_stays(model: str, tmp_path: Path) -> None:
    full, steps = learn(model, tmp_path / "full", SAME)
    limit = next(step.kl for step in steps if step.step == 4)
    assert limit is not None
    figures, seen = learn(model, tmp_path / "ended", SAME, replace(RECIPE, kl=limit + 1e-6))
    assert figures["kept_step"] <= 4 < figures["steps"] < full["steps_planned"]
    assert figures["kl"] <= limit + 1e-6 < max(step.kl or 0.0 for step in seen)
    before, after = (load_file(tmp_path / name / "adapter_model.safetensors") for name in ("full", "ended"))
    assert any(not torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize(
    ("losses", "kept", "last"),
    [
        ((0.69, 0.6, 0.5, 0.51, 0.52, 0.5, 0.51, 0.52, 0.51), 8, 8),
        ((0.69, 0.6, 0.5, 0.55, 0.54, 0.56, 0.5, 0.5, 0.5), 2, 5),
        ((0.69, 0.6, 0.5, 0.48, 0.51, 0.5, 0.52, 0.5, 0.5), 8, 8),
        ((0.69, 0.7, 0.71, 0.69, 0.6, 0.6, 0.6, 0.6, 0.6), 0, 3),
    ],
)
def test_of_steps_that_are_as_good_the_last_stays(
    monkeypatch: pytest.MonkeyPatch, losses: tuple[float, ...], kept: int, last: int
) -> None:
    probe = Probe(prompts=([0],), replies=([0],), own=(True,))
    watched = Budget(torch.nn.Linear(1, 1), [probe], kl=0.1, total=1.0, beta=0.1)  # type: ignore[arg-type]
    monkeypatch.setattr(watched, "_read", list)
    monkeypatch.setattr(watched, "_check", lambda step, _: Check(step=step, kl=0.0, loss=losses[step], total=0.0))
    watched.on_train_begin()
    control = SimpleNamespace(should_training_stop=False)
    for step in range(1, 9):
        watched.on_step_end(None, SimpleNamespace(global_step=step, max_steps=8), control)
        if control.should_training_stop:
            break
    assert watched.kept is not None and watched.kept.step == kept and step == last


def test_beyond_the_budget_at_once_nothing_is_learned(model: str, tmp_path: Path) -> None:
    figures, _ = learn(model, tmp_path, SAME, replace(RECIPE, kl=1e-9))
    assert figures["kept_step"] == 0 and figures["kl"] == 0.0 and not moved(tmp_path)


def test_round_after_round_the_total_counts_from_where_preferences_began(model: str, tmp_path: Path) -> None:
    first, _ = learn(model, tmp_path / "first", SAME)
    assert first["total_kl"] == first["kl"] > 0
    still = replace(RECIPE, learning_rate=0.0)
    again, _ = learn(model, tmp_path / "again", SAME, still, parent=tmp_path / "first")
    assert again["kl"] == 0.0 and again["total_kl"] == pytest.approx(first["total_kl"], abs=1e-4)


def test_a_step_beyond_the_total_is_not_kept(model: str, tmp_path: Path) -> None:
    learn(model, tmp_path / "first", SAME, replace(RECIPE, epochs=1))
    again = partial(learn, model, held_out=SAME, parent=tmp_path / "first")
    free, _ = again(tmp_path / "free")
    bound = replace(RECIPE, total_kl=free["total_kl"] * 0.99)
    bounded, _ = again(tmp_path / "bounded", recipe=bound)
    assert bounded["total_kl"] <= bound.total_kl and bounded["kept_step"] < free["kept_step"]


def test_a_run_whose_total_is_used_up_says_to_start_anew(model: str, tmp_path: Path) -> None:
    first, _ = learn(model, tmp_path / "first", SAME)
    spent = replace(RECIPE, total_kl=first["total_kl"] / 2)
    with pytest.raises(ThumbloopError, match="Start anew"):
        learn(model, tmp_path / "again", SAME, spent, parent=tmp_path / "first")


def test_what_others_prefer_otherwise_is_not_learned(model: str, tmp_path: Path) -> None:
    figures, _ = learn(model, tmp_path, OPPOSITE)
    assert figures["kept_step"] == 0 and not moved(tmp_path)
    assert figures["steps"] == PATIENCE * figures["steps_planned"] // budget.CHECKS


def test_without_held_out_preferences_a_run_goes_to_its_end(model: str, tmp_path: Path) -> None:
    figures, steps = learn(model, tmp_path, [])
    assert figures["steps"] == figures["steps_planned"] == 16 and "kept_step" not in figures
    assert all(step.kl is None for step in steps) and moved(tmp_path)


def test_a_correction_is_no_text_of_the_reference(model: str, tmp_path: Path) -> None:
    corrections = [row(n, chosen="Nobody wrote this.", kind="correction") for n in range(20, 24)]
    both, ours = (learn(model, tmp_path / name, rows)[1] for name, rows in (("a", corrections), ("b", SAME)))
    assert [step.kl for step in both][1] != [step.kl for step in ours][1]


def test_a_check_reads_the_shortest_rows_and_no_more_than_it_has_time_for() -> None:
    def probe(tokens: int) -> Probe:
        return Probe(prompts=([0] * (tokens - 1),), replies=([0],), own=(True,))

    assert [each.tokens for each in shortest([probe(3000), probe(10), probe(1500)])] == [10, 1500]
    assert [each.tokens for each in shortest([probe(9000)])] == [9000]
