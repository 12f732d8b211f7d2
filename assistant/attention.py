"""Attention by matrix products, for models that train or write many replies on a CPU in bfloat16.

Torch's own kernel for CPUs gains nothing from bfloat16 there, and reads a key once for each query head that shares it.
Here queries are taken in blocks, each against the keys up to its end, all heads of a key at once. What this does not
know (dropout, biases, paged caches, other precisions) goes to torch's.
"""

from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from assistant import models

NAME = "products"
BLOCK = 128
"""Queries at once."""
NO_MATTER = {
    "position_ids",
    "use_cache",
    "cache_position",
    "output_attentions",
    "position_embeddings",
    "sliding_window",
}
"""Options of layers that change nothing here: windows are in the mask."""


def use(model: PreTrainedModel) -> None:
    """Let a model attend by products, where it asks torch for attention now and that is the slower one."""
    by_torch = model.config.get_text_config()._attn_implementation == "sdpa"
    if by_torch and models.device().type == "cpu" and models.compute_dtype() is torch.bfloat16:
        AttentionInterface.register(NAME, attend)
        AttentionMaskInterface.register(NAME, sdpa_mask)
        model.set_attn_implementation(NAME)


def attend(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    dropout: float = 0.0,
    scaling: float | None = None,
    **options: Any,
) -> tuple[Tensor, None]:
    """What transformers asks of an attention function: (rows, queries, heads, width) and no weights.

    `query` is (rows, heads, queries, width), `key` and `value` are (rows, key heads, keys, width), and a mask of
    (rows or 1, 1, queries, keys) is true where a query may look.
    """
    dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else query.dtype
    queries, keys = query.shape[2], key.shape[2]
    masked = attention_mask is None or (attention_mask.dtype is torch.bool and attention_mask.shape[1] == 1)
    plain = not dropout and all(option is None for name, option in options.items() if name not in NO_MATTER)
    causal = queries == keys and getattr(module, "is_causal", True)
    if not (plain and masked and dtype is torch.bfloat16 and (causal or queries == 1 or attention_mask is not None)):
        given = (module, query, key, value, attention_mask)
        output, _ = sdpa_attention_forward(*given, dropout=dropout, scaling=scaling, **options)
        return output, None
    scaling = query.shape[-1] ** -0.5 if scaling is None else scaling
    taken = ((query * scaling).to(dtype), key.to(dtype), value.to(dtype))
    found: Tensor = _Products.apply(*taken, attention_mask, causal)  # type: ignore[no-untyped-call]
    return found.transpose(1, 2), None


class _Products(torch.autograd.Function):
    """Queries come scaled. The probabilities are kept for the way back."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, causal: bool) -> Tensor:
        found, kept = torch.empty_like(query), []
        for start, end, upto in _blocks(query, key, causal=causal):
            scores = _together(query, key, start, end) @ key[:, :, :upto].mT
            probabilities = scores.view(*scores.shape[:2], -1, end - start, upto)
            if mask is not None:  # the least number, and not -inf: a query that may look nowhere is no error
                least = torch.finfo(query.dtype).min
                probabilities.masked_fill_(~mask[:, :, None, start:end, :upto], least)
            elif causal:
                probabilities[..., start:] += _triangle(end - start, like=query)
            probabilities = probabilities.softmax(-1).flatten(2, 3)
            kept.append(probabilities)
            found[:, :, start:end] = _apart(probabilities @ value[:, :, :upto], end - start)
        ctx.causal = causal
        ctx.save_for_backward(query, key, value, found, *kept)
        return found

    @staticmethod
    def backward(ctx: Any, *of_outputs: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        query, key, value, found, *kept = ctx.saved_tensors
        (of_found,) = of_outputs
        of_query = torch.empty_like(query)
        of_key, of_value = (torch.zeros_like(each, dtype=torch.float32) for each in (key, value))
        mean = (of_found * found).sum(-1, keepdim=True)
        for (start, end, upto), probabilities in zip(_blocks(query, key, causal=ctx.causal), kept, strict=True):
            given = _together(of_found, key, start, end)
            of_value[:, :, :upto] += probabilities.mT @ given
            of_scores = given @ value[:, :, :upto].mT
            of_scores.sub_(_together(mean, key, start, end)).mul_(probabilities)
            of_query[:, :, start:end] = _apart(of_scores @ key[:, :, :upto], end - start)
            of_key[:, :, :upto] += of_scores.mT @ _together(query, key, start, end)
        return of_query, of_key.to(key.dtype), of_value.to(value.dtype), None, None


def _blocks(query: Tensor, key: Tensor, *, causal: bool) -> list[tuple[int, int, int]]:
    """From which query to which, and how many keys those may see."""
    queries, keys = query.shape[2], key.shape[2]
    ends = [(start, min(start + BLOCK, queries)) for start in range(0, queries, BLOCK)]
    return [(start, end, end if causal else keys) for start, end in ends]


def _together(of_queries: Tensor, key: Tensor, start: int, end: int) -> Tensor:
    """Some queries, those of heads that share a key below each other: (rows, key heads, heads x queries, width)."""
    rows, _, _, width = of_queries.shape
    return of_queries[:, :, start:end].reshape(rows, key.shape[1], -1, width)


def _apart(together: Tensor, queries: int) -> Tensor:
    """The way back from `_together`: (rows, heads, queries, width)."""
    rows, _, _, width = together.shape
    return together.view(rows, -1, queries, width)


def _triangle(size: int, *, like: Tensor) -> Tensor:
    return torch.full((size, size), -torch.inf, dtype=like.dtype, device=like.device).triu(1)
