"""The head for TRL's trainers gives what TRL's own gives, forwards and backwards, and trains to the same losses."""

from functools import wraps
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    Gemma3TextConfig,
    Lfm2Config,
    MistralConfig,
    PreTrainedConfig,
    Qwen3NextConfig,
)
from trl.trainer.dpo_trainer import DataCollatorForPreference
from trl.trainer.utils import FusedCausalLMOutput, add_fused_lm_head

from assistant import models
from retrain import log_probs
from retrain.log_probs import add_head
from retrain.recipe import Recipe
from retrain.training import build_trainer, encode_rows, load_trainable
from tests.tiny import save_tiny, tiny_model

PAIRS = [(5, 4, 7), (9, 1, 3), (3, 8, 1)]
"""Tokens of prompt, chosen and rejected reply."""


def trainable(*, frozen: bool = True) -> PeftModel:
    config = LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM")
    torch.manual_seed(1)
    return get_peft_model(tiny_model().requires_grad_(not frozen), config)


def batch(*, two_prompts: bool = False) -> dict[str, Tensor]:
    dice = torch.Generator().manual_seed(0)

    def ids(length: int) -> list[int]:
        return torch.randint(3, 200, (length,), generator=dice).tolist()

    rows = [{"prompt_ids": ids(p), "chosen_ids": ids(c), "rejected_ids": ids(r)} for p, c, r in PAIRS]
    found: dict[str, Tensor] = DataCollatorForPreference(pad_token_id=0)(rows)
    if two_prompts:
        found["input_ids"][len(PAIRS), 0] += 1
    return found


def score(model: PeftModel, asked: dict[str, Tensor]) -> tuple[FusedCausalLMOutput, Tensor]:
    """What the head says, and the gradient of all weights together, each token weighing differently."""
    labels = asked["input_ids"].masked_fill(asked["completion_mask"] == 0, -100)
    inputs = {name: asked[name] for name in ("input_ids", "attention_mask")}
    found = model(**inputs, use_cache=False, labels=labels, fused_lm_head=True)
    weights = torch.linspace(-1, 1, found.log_probs.numel()).view_as(found.log_probs)
    (found.log_probs * weights).sum().backward()
    gradients = [each.grad.flatten() for each in model.parameters() if each.grad is not None]
    return found, torch.cat(gradients)


@pytest.mark.parametrize("two_prompts", [False, True])
@pytest.mark.parametrize("pairs", [False, True])
def test_the_numbers_and_their_gradients_are_those_of_trl(pairs: bool, two_prompts: bool) -> None:
    ours, trls = trainable(), trainable()
    add_head(ours.get_base_model(), pairs=pairs)
    add_fused_lm_head(trls.get_base_model(), outputs=("log_probs", "is_top1"))
    asked = batch(two_prompts=two_prompts)
    (found, gradient), (wanted, its_gradient) = score(ours, asked), score(trls, asked)
    torch.testing.assert_close(found.log_probs, wanted.log_probs, rtol=0, atol=1e-5)
    torch.testing.assert_close(gradient, its_gradient, rtol=0, atol=1e-4)
    torch.testing.assert_close(found.loss, wanted.loss)
    assert torch.equal(found.label_mask, wanted.label_mask)
    assert torch.equal(found.is_top1 & found.label_mask, wanted.is_top1 & wanted.label_mask)


def test_replies_are_scored_in_parts_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, parts = trainable(), trainable()
    for model in (whole, parts):
        add_head(model.get_base_model(), pairs=True)
    expected = score(whole, batch())
    monkeypatch.setattr(log_probs, "SCORED_AT_ONCE", 3)
    found = score(parts, batch())
    torch.testing.assert_close(found[0].log_probs, expected[0].log_probs)
    torch.testing.assert_close(found[1], expected[1])


def test_a_prompt_that_two_replies_share_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model = trainable()
    add_head(model.get_base_model(), pairs=True)
    read: list[int] = []
    inner = model.get_base_model().base_model
    forward = inner.forward
    monkeypatch.setattr(
        inner, "forward", lambda **inputs: read.append(inputs["input_ids"].numel()) or forward(**inputs)
    )
    score(model, batch())
    assert read == [len(PAIRS) * max(map(sum, PAIRS))]


TINY: dict[str, Any] = {
    "vocab_size": 200,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 8,
    "pad_token_id": 0,
}
LONGEST = max(map(sum, PAIRS))
FULL, SLIDING, LINEAR = "full_attention", "sliding_attention", "linear_attention"
SHAPES: dict[str, tuple[PreTrainedConfig, bool]] = {
    "windows": (MistralConfig(**TINY, sliding_window=6), False),
    "windows that are wide enough": (MistralConfig(**TINY, sliding_window=LONGEST), True),
    "no windows": (MistralConfig(**TINY, sliding_window=None), True),
    "a layer with windows": (Gemma3TextConfig(**TINY, sliding_window=6, layer_types=[SLIDING, FULL]), False),
    "a wide layer with windows": (Gemma3TextConfig(**TINY, sliding_window=64, layer_types=[SLIDING, FULL]), True),
    "a recurrent layer": (
        Qwen3NextConfig(
            **TINY,
            layer_types=[LINEAR, FULL],
            num_experts=0,
            linear_num_key_heads=1,
            linear_num_value_heads=2,
            linear_key_head_dim=8,
            linear_value_head_dim=8,
        ),
        False,
    ),
    "convolutions": (Lfm2Config(**TINY, layer_types=["conv", FULL]), False),
}


@pytest.mark.parametrize(("shape", "packs"), SHAPES.values(), ids=SHAPES.keys())
def test_a_prompt_is_shared_only_where_a_layer_sees_no_more_than_it_is_shown(
    shape: PreTrainedConfig, packs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made() -> Any:
        torch.manual_seed(2)
        return AutoModelForCausalLM.from_config(shape, dtype=torch.float32)

    ours, trls = made(), made()
    for model in (ours, trls):
        model.get_output_embeddings().requires_grad_(False)
    rows: list[int] = []
    inner = ours.base_model.forward

    @wraps(inner)
    def noted(**inputs: Any) -> Any:
        rows.append(len(inputs["input_ids"]))
        return inner(**inputs)

    monkeypatch.setattr(ours.base_model, "forward", noted)
    add_head(ours, pairs=True)
    add_fused_lm_head(trls, outputs=("log_probs", "is_top1"))
    (found, gradient), (wanted, its_gradient) = score(ours, batch()), score(trls, batch())
    torch.testing.assert_close(found.log_probs, wanted.log_probs, rtol=0, atol=1e-5)
    torch.testing.assert_close(gradient, its_gradient, rtol=0, atol=1e-4)
    assert rows == [len(PAIRS) if packs else 2 * len(PAIRS)]


def test_a_model_whose_head_is_trained_gets_the_head_of_trl() -> None:
    model = trainable(frozen=False)
    for each in model.parameters():
        each.requires_grad_(True)
    add_head(model.get_base_model(), pairs=True, outputs=("log_probs", "is_top1"))
    found, _ = score(model, batch())
    assert model.get_output_embeddings().weight.grad is not None
    assert found.log_probs.any()


def test_without_its_own_head_the_model_is_as_before() -> None:
    model = trainable()
    ids = batch()["input_ids"]
    before = model(input_ids=ids).logits
    add_head(model.get_base_model())
    assert torch.equal(model(input_ids=ids).logits, before)


@pytest.mark.parametrize("method", ["dpo", "kto", "sft"])
def test_training_loses_as_much_in_every_step_as_by_trl_alone(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "compute_dtype", lambda: torch.float32)  # rounded less than what is compared
    model = str(save_tiny(tmp_path / "tiny"))
    fast, plain = (losses(model, method, fast=fast, folder=tmp_path / str(fast)) for fast in (True, False))
    assert fast == pytest.approx(plain, abs=1e-3)
    assert len(fast) == 8 and max(fast) - min(fast) > 0.01


def losses(model: str, method: str, *, fast: bool, folder: Path) -> list[float]:
    recipe = Recipe(epochs=2, batch_size=2, learning_rate=1e-2, rank=4, alpha=8, edit=0.0, hold=0.0, fast=fast)
    tokenizer = models.load_tokenizer(model)
    encoded, _ = encode_rows(tokenizer, [row(n) for n in range(8)], method=method, max_length=recipe.max_length)
    trainer = build_trainer(
        load_trainable(model, None, recipe), tokenizer, encoded, method=method, recipe=recipe, folder=folder
    )
    trainer.train()
    return [float(step["loss"]) for step in trainer.state.log_history if "loss" in step]


def row(number: int) -> dict[str, Any]:
    said = {"chosen": "Short." * (number + 1), "rejected": "Long and longer.", "completion": f"It is {number}."}
    messages = {name: [{"role": "assistant", "content": text}] for name, text in said.items()}
    asked = [{"role": "user", "content": f"Question {number}" + "?" * number}]
    return {"prompt": asked, "label": number % 2 == 0, **messages}
