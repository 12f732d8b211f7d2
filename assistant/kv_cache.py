"""The keys and values of a batch that is written token by token, with room for those to come.

Transformers' own cache makes new tensors for each token, and copies all that came before it: with 64 replies at once
that was the dearest line of a profile.
"""

from typing import Any

from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

ROOM = 64
"""Tokens for which room is made at once."""


def growing_cache(config: Any) -> DynamicCache:
    """An empty cache for a model; layers that look back only so far keep transformers' own."""
    cache = DynamicCache(config=config)
    cache.layers = [_Growing() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache


class _Growing(DynamicLayer):  # type: ignore[misc]
    """Keys and values are the filled part, (rows, heads, tokens, width), of tensors that are longer."""

    keys: Tensor
    values: Tensor

    def __init__(self) -> None:
        super().__init__()
        self._tensors: list[Tensor] = []
        self._room = 0

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Add tokens; all keys and values."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        added, before = (key_states, value_states), self.get_seq_length()
        after = before + key_states.shape[-2]
        if after > self._room:
            self._room = after + ROOM
            self._tensors = [states.new_empty(*states.shape[:2], self._room, states.shape[-1]) for states in added]
            if before:
                for tensor, filled in zip(self._tensors, (self.keys, self.values), strict=True):
                    tensor[:, :, :before] = filled
        for tensor, states in zip(self._tensors, added, strict=True):
            tensor[:, :, before:after] = states
        self.keys, self.values = (tensor[:, :, :after] for tensor in self._tensors)
        return self.keys, self.values

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep these rows, in this order; one may be kept more than once."""
        super().batch_select_indices(indices)
        self._room = 0
