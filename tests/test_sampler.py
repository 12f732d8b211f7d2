"""The sampler: a draw follows the probabilities, top_p and the seed, and nothing else."""

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from assistant import sampler
from assistant.sampler import SeededSampler, choose

SCORES = torch.tensor([0.5, 0.25, 0.15, 0.1]).log()


def draws(count: int, *, temperature: float = 1.0, top_p: float = 1.0) -> Counter[int]:
    return Counter(choose(SCORES, temperature=temperature, top_p=top_p, seed=seed, position=7) for seed in range(count))


def test_draws_follow_the_probabilities() -> None:
    drawn = draws(4000)
    for token, expected in enumerate((0.5, 0.25, 0.15, 0.1)):
        assert abs(drawn[token] / 4000 - expected) < 0.03


def test_a_low_temperature_sharpens() -> None:
    assert draws(500, temperature=0.2)[0] > 0.9 * 500


def test_top_p_keeps_the_smallest_set_that_reaches_it() -> None:
    assert set(draws(500, top_p=0.5)) == {0}
    assert set(draws(500, top_p=0.6)) == {0, 1}
    assert set(draws(500, top_p=0.85)) == {0, 1, 2}


def test_top_p_agrees_with_transformers_on_a_large_vocabulary() -> None:
    from transformers import TopPLogitsWarper

    scores = torch.randn(20_000, generator=torch.Generator().manual_seed(3)) * 3
    allowed = set(torch.isfinite(TopPLogitsWarper(0.8)(None, scores[None])[0]).nonzero().flatten().tolist())
    drawn = {choose(scores, temperature=1.0, top_p=0.8, seed=seed, position=1) for seed in range(600)}
    assert len(drawn) > 100 and drawn <= allowed


def test_the_same_seed_and_position_give_the_same_token_and_others_do_not() -> None:
    flat = torch.zeros(1000)
    first = choose(flat, temperature=1.0, top_p=1.0, seed=1, position=5)
    assert first == choose(flat.clone(), temperature=1.0, top_p=1.0, seed=1, position=5)
    assert first != choose(flat, temperature=1.0, top_p=1.0, seed=1, position=6)
    assert first != choose(flat, temperature=1.0, top_p=1.0, seed=2, position=5)


@pytest.mark.parametrize(("number", "first"), [(0.0, True), (1 - 2**-24, False)])
def test_what_has_no_probability_is_never_drawn(number: float, monkeypatch: pytest.MonkeyPatch, *, first: bool) -> None:
    monkeypatch.setattr(sampler, "_uniform", lambda **_: number)
    scores = torch.full((100,), -torch.inf)
    scores[40:60] = torch.linspace(0, 1, 20)
    kept = {top_p: choose(scores, temperature=1.0, top_p=top_p, seed=1, position=1) for top_p in (1.0, 0.2)}
    assert kept[1.0] == (40 if first else 59)
    assert kept[0.2] in range(55, 60)


def test_scores_that_are_not_numbers_do_not_stop_the_batch() -> None:
    assert choose(torch.full((8,), float("nan")), temperature=1.0, top_p=0.9, seed=1, position=1) == 0


def test_greedy_rows_are_left_alone_beside_sampled_ones() -> None:
    processor = SeededSampler()
    sampled: dict[str, Any] = {"temperature": 1.0, "top_p": 0.9, "seed": 4}
    states = [
        SimpleNamespace(logit_processor_kwargs=kwargs, initial_tokens=[1, 2], generated_tokens=[3])
        for kwargs in ({"temperature": 0.0, "top_p": 0.5, "seed": 4}, sampled)
    ]
    processor.prepare_tensor_args([SimpleNamespace(state=state) for state in states])
    scores = processor(torch.stack([SCORES, SCORES]), torch.zeros(2))
    assert torch.equal(scores[0], SCORES)
    assert int(scores[1].argmax()) == choose(SCORES, **sampled, position=3)
