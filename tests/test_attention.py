"""Attention by products: the numbers and the gradients of torch's, for every mask, and torch's itself for the rest."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from assistant import attention, models
from tests.tiny import tiny_model

ROWS, HEADS, KEY_HEADS, WIDTH = 2, 6, 2, 16
MODULE: Any = SimpleNamespace(is_causal=True, num_key_value_groups=HEADS // KEY_HEADS)


@pytest.fixture(autouse=True)
def several_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "BLOCK", 4)


def tensors(queries: int, keys: int, *, dtype: torch.dtype = torch.bfloat16) -> list[Tensor]:
    generator = torch.Generator().manual_seed(queries + keys)
    shapes = ((HEADS, queries), (KEY_HEADS, keys), (KEY_HEADS, keys))
    return [torch.randn(ROWS, *shape, WIDTH, generator=generator).to(dtype) for shape in shapes]


def both(given: list[Tensor], mask: Tensor | None, **options: Any) -> list[list[Tensor]]:
    """Output and gradients by products, and by torch in float32."""
    found = []
    for attend, dtype in ((attention.attend, torch.bfloat16), (sdpa_attention_forward, torch.float32)):
        inputs = [each.detach().to(dtype).requires_grad_() for each in given]
        output, _ = attend(MODULE, *inputs, mask, **options)
        (output.float() * torch.arange(output.numel()).view_as(output).cos()).sum().backward()
        found.append([output.detach().float(), *(each.grad.float() for each in inputs if each.grad is not None)])
    return found


def lower(size: int) -> Tensor:
    return torch.ones(size, size, dtype=torch.bool).tril()


PADDED = lower(11).repeat(ROWS, 1, 1, 1) & (torch.arange(11) >= torch.tensor([0, 3])[:, None])[:, None, None]
PADDED |= torch.eye(11, dtype=torch.bool)  # else torch has no numbers for what may look nowhere
HIDDEN = lower(11).clone()
HIDDEN[7:, 3:7] = False
SOME = torch.arange(11) % 3 > 0


@pytest.mark.parametrize(
    ("queries", "keys", "mask"),
    [
        (11, 11, None),
        (4, 4, None),
        (3, 3, None),
        (1, 11, None),
        (1, 11, SOME[None, None, None].repeat(ROWS, 1, 1, 1)),
        (11, 11, PADDED),
        (11, 11, HIDDEN[None, None]),
        (5, 11, lower(11)[None, None, 6:]),
    ],
)
def test_the_numbers_and_their_gradients_are_those_of_torch(queries: int, keys: int, mask: Tensor | None) -> None:
    ours, torchs = both(tensors(queries, keys), mask, scaling=0.3)
    assert len(ours) == 4
    for one, other in zip(ours, torchs, strict=True):
        assert torch.linalg.vector_norm(one - other) < 0.01 * torch.linalg.vector_norm(other)


def test_what_may_look_nowhere_spoils_nobody_else() -> None:
    query, key, value = tensors(5, 5)
    mask = lower(5)[None, None].clone()
    mask[..., 0, :] = False
    output, _ = attention.attend(MODULE, query, key, value, mask)
    assert bool(torch.isfinite(output).all())


@pytest.mark.parametrize("case", ["float32", "dropout", "a bias", "a mask of numbers", "no mask, and keys to come"])
def test_what_it_does_not_know_goes_to_torch(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def by_torch(*_: Any, **options: Any) -> tuple[Tensor, None]:
        asked.append(options)
        return torch.zeros(()), None

    monkeypatch.setattr(attention, "sdpa_attention_forward", by_torch)
    query, key, value = tensors(
        3, 5 if "keys" in case else 3, dtype=torch.float32 if case == "float32" else torch.bfloat16
    )
    mask = torch.zeros(1, 1, 3, 3) if case == "a mask of numbers" else None
    options: dict[str, Any] = {"dropout": {"dropout": 0.1}, "a bias": {"position_bias": torch.zeros(())}}.get(case, {})
    attention.attend(MODULE, query, key, value, mask, **options)
    assert len(asked) == 1 and options.items() <= asked[0].items()


def test_a_model_says_what_it_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "compute_dtype", lambda: torch.bfloat16)
    monkeypatch.setattr(models, "device", lambda: torch.device("cpu"))
    ids = torch.randint(3, 300, (2, 9), generator=torch.Generator().manual_seed(1))
    real = torch.tensor([[1] * 9, [0] * 4 + [1] * 5])
    model = tiny_model().to(torch.bfloat16)
    usual = said(model, ids, real)
    attention.use(model)
    assert model.config._attn_implementation == attention.NAME
    assert float((said(model, ids, real) - usual).abs().max()) < 0.15  # of scores up to 10
    assert float(usual.abs().max()) > 5


@torch.inference_mode()
def said(model: Any, ids: Tensor, real: Tensor) -> Tensor:
    """The scores after a padded prompt and, from the cache, after one more token."""
    cache = DynamicCache(config=model.config)
    first = model(input_ids=ids[:, :-1], attention_mask=real[:, :-1], past_key_values=cache).logits[:, -1]
    then = model(input_ids=ids[:, -1:], attention_mask=real, past_key_values=cache).logits[:, -1]
    return torch.cat([first, then]).float()


def test_where_torch_computes_in_float32_it_stays_with_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "compute_dtype", lambda: torch.float32)
    model = tiny_model()
    attention.use(model)
    assert model.config._attn_implementation == "sdpa"
