"""The growing cache holds what transformers' own would hold."""

import torch
from transformers import DynamicCache, LlamaConfig, MistralConfig
from transformers.cache_utils import DynamicSlidingWindowLayer

from assistant.kv_cache import ROOM, growing_cache

SHAPE = {"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "hidden_size": 32}


def test_a_growing_cache_is_what_copying_gives_through_growth_and_a_choice_of_rows() -> None:
    config = LlamaConfig(**SHAPE)
    growing, copying = growing_cache(config), DynamicCache(config=config)
    torch.manual_seed(0)
    rows = 3
    for tokens in (5, *[1] * (ROOM + 2), 2):
        added = torch.randn(2, rows, 2, tokens, 8)
        for layer in range(2):
            ours, theirs = (cache.update(added[0], added[1], layer) for cache in (growing, copying))
            assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))
        if growing.get_seq_length() in {7, ROOM}:
            at = torch.tensor([2, 0, 2, 1])[: rows + 1]
            growing.batch_select_indices(at)
            copying.batch_select_indices(at)
            rows = len(at)
    assert growing.get_seq_length() == copying.get_seq_length() == ROOM + 9


def test_layers_that_look_back_only_so_far_stay_transformers_own() -> None:
    cache = growing_cache(MistralConfig(**SHAPE, sliding_window=4))
    assert all(type(layer) is DynamicSlidingWindowLayer for layer in cache.layers)
