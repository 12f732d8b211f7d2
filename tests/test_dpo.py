"""What DPO learns from a correction: what people changed of an answer is learned, and the rest stays as it was."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer

from assistant import models
from assistant.adapters import name_weights
from assistant.prompt import encode_messages, encode_text
from retrain.dpo import changed, edits
from retrain.recipe import Recipe
from retrain.scoring import load_scorer, log_likelihoods
from retrain.training import build_trainer, encode_rows, load_trainable, train
from tests.tiny import save_tiny, save_tiny_adapter

BEGUN, ADDED = "It is in the shed", "Shall I go on"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_tiny(tmp_path_factory.mktemp("tiny")))


@pytest.mark.parametrize(
    ("rejected", "chosen", "expected"),
    [
        ([1, 2, 9], [1, 2, 5, 6, 9], [False, False, True, True, True]),
        ([1, 2, 3, 4, 9], [1, 2, 9], [False, False, True]),
        ([1, 2, 3, 9], [1, 7, 3, 9], [False, True, True, False]),
        ([1, 9], [7, 8, 1, 9], [True, True, True, False]),
        ([1, 2, 3, 4, 5, 6, 9], [8, 2, 3, 4, 5, 7, 9], [True, True, False, False, False, True, True]),
        ([1, 2, 3, 4, 5, 6, 9], [8, 3, 4, 7, 9], [True, True, True, True, True]),
        ([1, 2], [1, 2], [False, False]),
        ([1, 2], [3], [True]),
        ([1, 2], [], []),
    ],
    ids=[
        "more at the end",
        "cut",
        "another word",
        "more at the start",
        "two words",
        "chance",
        "the same",
        "all new",
        "nothing",
    ],
)
def test_what_was_changed_are_new_tokens_and_what_follows_on_a_change(
    rejected: list[int], chosen: list[int], expected: list[bool]
) -> None:
    assert changed(rejected, chosen) == expected


def test_what_was_changed_is_found_in_a_batch_behind_prompts_of_any_length() -> None:
    ids = torch.tensor([[4, 1, 5, 9, 0], [4, 4, 7, 9, 0], [4, 1, 9, 0, 0], [4, 4, 9, 0, 0]])
    replies = torch.tensor([[0, 1, 1, 1, 0], [0, 0, 1, 1, 0], [0, 1, 1, 0, 0], [0, 0, 1, 0, 0]]).bool()
    expected = torch.tensor([[0, 0, 1, 1, 0], [0, 0, 1, 1, 0], [0] * 5, [0] * 5]).bool()
    assert torch.equal(edits(ids, replies), expected)


def test_what_people_added_is_learned_and_what_they_left_is_held(
    base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "compute_dtype", lambda: torch.float32)
    edited = learned(base, tmp_path / "edited", edit=1.0, hold=0.0)
    held = learned(base, tmp_path / "held", edit=1.0, hold=5.0)
    assert min(edited["learned"], held["learned"]) > 1, "nats a token"
    assert held["moved"] < 0.5 * edited["moved"]


@pytest.mark.parametrize("serving", ["an adapter", "the base model"])
def test_a_model_that_goes_on_from_elsewhere_is_held_to_what_serves(base: str, tmp_path: Path, serving: str) -> None:
    start = save_tiny_adapter(tmp_path / "start", base, seed=1)
    serves = save_tiny_adapter(tmp_path / "serves", base, seed=2) if serving == "an adapter" else None
    recipe = Recipe(
        epochs=24, batch_size=4, learning_rate=5e-3, edit=0.0, hold=50.0, loss_types=("sigmoid",), loss_weights=(0.0,)
    )  # fmt: skip

    def far_from_what_serves(adapter: Path) -> float:
        said, wanted = (likelihoods(load_scorer(base, weights), base) for weights in (adapter, serves))
        return sum((one - other) ** 2 for one, other in zip(said, wanted, strict=True))

    for held_to, folder in ((start, tmp_path / "stays"), (serves, tmp_path / "returns")):
        train(
            method="dpo",
            model=base,
            parent=start,
            serves=held_to,
            origin=held_to,
            rows=[{**row(n), "rejected": row(n)["chosen"]} for n in range(8)],
            recipe=recipe,
            folder=folder,
            on_step=lambda _: None,
        )
        name_weights(folder, id="new", parent=None, model=base, model_name="tiny", run="run")
    stays, returns = (far_from_what_serves(tmp_path / name) for name in ("stays", "returns"))
    assert returns < 0.2 * stays
    assert stays == pytest.approx(far_from_what_serves(start), rel=0.2)


def test_on_a_flag_the_losses_are_those_of_trl(base: str, tmp_path: Path) -> None:
    with_terms = learned(base, tmp_path / "terms", edit=1.0, hold=5.0, fast=False)
    without = learned(base, tmp_path / "none", edit=0.0, hold=0.0, fast=False)
    assert with_terms == without


def learned(base: str, folder: Path, *, edit: float, hold: float, fast: bool = True) -> dict[str, float]:
    """How likely what people added became, and how far the words before it moved, in nats a token."""
    recipe = Recipe(
        epochs=6, batch_size=4, learning_rate=5e-3, rank=4, alpha=8, edit=edit, hold=hold, fast=fast,
        loss_types=("sigmoid",), loss_weights=(0.1,),
    )  # fmt: skip
    tokenizer = models.load_tokenizer(base)
    encoded, _ = encode_rows(tokenizer, [row(n) for n in range(8)], method="dpo", max_length=recipe.max_length)
    model = load_trainable(base, None, recipe)
    before = likelihoods(model, base)
    build_trainer(model, tokenizer, encoded, method="dpo", recipe=recipe, folder=folder).train()
    model.eval()
    after = likelihoods(model, base)
    kept = len(after) - len(encode_text(tokenizer, f". {ADDED}"))
    gains = [new - old for old, new in zip(before, after, strict=True)]
    return {
        "learned": sum(gains[kept:]) / len(gains[kept:]),
        "moved": sum(gain**2 for gain in gains[:kept]) / kept,
    }


def likelihoods(model: Any, base: str) -> list[float]:
    tokenizer = AutoTokenizer.from_pretrained(base)
    prompt = encode_messages(tokenizer, row(0)["prompt"])
    return log_likelihoods(model, [prompt], [encode_text(tokenizer, f"{BEGUN} 0. {ADDED}")])[0]


def row(number: int) -> dict[str, Any]:
    said = {"chosen": f"{BEGUN} {number}. {ADDED}", "rejected": f"{BEGUN} {number}"}
    messages = {name: [{"role": "assistant", "content": text}] for name, text in said.items()}
    return {"prompt": [{"role": "user", "content": f"Where is number {number}?"}], **messages}
