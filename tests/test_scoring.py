from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel

from assistant import models
from assistant.prompt import encode_messages, encode_reply, encode_text
from retrain.scoring import Answered, Gain, Pair, log_likelihoods, score
from tests.tiny import save_tiny, save_tiny_adapter, tiny_model, tiny_tokenizer

PROMPT = [5, 17, 200, 31, 8]
REPLIES = [[40, 41, 42, 43, 44, 45], [9], [], [60, 61, 62]]
MESSAGES = [{"role": "user", "content": "What is a heron?"}]
OTHER = [{"role": "user", "content": "Who sang?"}]
PAIR = Pair(prompt=MESSAGES, chosen="A bird.", rejected="That is not something I could tell you.")
OPPOSED = Pair(prompt=MESSAGES, chosen=PAIR.chosen, rejected=PAIR.rejected, rejected_prompt=OTHER)


def plain(model: Any, prompt: list[int], reply: list[int]) -> list[float]:
    """The same by one forward pass over prompt and reply together."""
    with torch.inference_mode():
        logits = model(torch.tensor([prompt + reply])).logits[0].log_softmax(-1)
    return [float(logits[len(prompt) - 1 + i, token]) for i, token in enumerate(reply)]


@pytest.mark.parametrize("replies", [REPLIES, REPLIES[1:3], [[]], []])
def test_each_token_gets_what_a_pass_over_prompt_and_reply_gives(replies: list[list[int]]) -> None:
    model = tiny_model()
    found = log_likelihoods(model, [PROMPT] * len(replies), replies)
    assert [len(row) for row in found] == [len(reply) for reply in replies]
    for reply, row in zip(replies, found, strict=True):
        assert row == pytest.approx(plain(model, PROMPT, reply), abs=1e-4)


def test_a_margin_per_token_takes_no_account_of_length() -> None:
    gain = Gain(chosen=-1.0, rejected=-4.0, chosen_tokens=10, rejected_tokens=100)
    assert gain.margin == 3.0
    assert gain.margin_per_token == pytest.approx(-0.06)


@pytest.mark.parametrize("active_seed", [None, 1])
def test_gains_are_the_candidate_against_the_active_adapter_and_fluency_is_the_base_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, active_seed: int | None
) -> None:
    monkeypatch.setattr(models, "compute_dtype", lambda: torch.float32)
    base = str(save_tiny(tmp_path / "base"))
    candidate = save_tiny_adapter(tmp_path / "candidate", base, seed=2)
    active = save_tiny_adapter(tmp_path / "active", base, seed=active_seed) if active_seed else None
    tokenizer, steps = tiny_tokenizer(), list[int]()
    prompt = encode_messages(tokenizer, MESSAGES)
    scores = score(
        [
            Answered(prompt=prompt, replies=("The old reply.", "")),
            Answered(prompt=prompt, replies=("Two.", "The new.")),
        ],
        [PAIR, OPPOSED],
        model=base,
        active=active,
        candidate=candidate,
        tokenizer=tokenizer,
        on_scored=steps.append,
    )

    def unmerged(adapter: Path | None) -> Any:
        model = models.load_model(base, dtype=torch.float32, device="cpu")
        return PeftModel.from_pretrained(model, str(adapter)) if adapter else model

    def total(adapter: Path | None, text: str, *, asked: list[int] = prompt) -> float:
        return sum(plain(unmerged(adapter), asked, encode_reply(tokenizer, text)))

    gain, opposed = scores.gains
    other = encode_messages(tokenizer, OTHER)
    moved = total(candidate, PAIR.rejected, asked=other) - total(active, PAIR.rejected, asked=other)
    assert opposed.chosen == pytest.approx(gain.chosen, abs=1e-3)
    assert opposed.rejected == pytest.approx(moved, abs=1e-3)
    assert gain.chosen == pytest.approx(total(candidate, PAIR.chosen) - total(active, PAIR.chosen), abs=1e-3)
    assert gain.rejected == pytest.approx(total(candidate, PAIR.rejected) - total(active, PAIR.rejected), abs=1e-3)
    assert gain.chosen_tokens == len(encode_reply(tokenizer, PAIR.chosen))
    old = [
        token
        for text in ("The old reply.", "Two.")
        for token in plain(unmerged(None), prompt, encode_text(tokenizer, text))
    ]
    new = plain(unmerged(None), prompt, encode_text(tokenizer, "The new."))
    assert scores.nll == pytest.approx((-sum(old) / len(old), -sum(new) / len(new)), abs=1e-4)
    assert steps == [2, 2, 2]
