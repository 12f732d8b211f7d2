"""Many replies that nobody reads while they are written: padded batches, in less than half of the time of the chat.

Which token comes next is drawn as there (`assistant.sampler`): the same seed, the same draw.
"""

from collections.abc import Callable, Sequence
from itertools import compress
from typing import Any

import torch
from transformers import DynamicCache, PreTrainedTokenizerBase

from assistant import attention, models
from assistant.engine import Piece, Sampling
from assistant.kv_cache import growing_cache
from assistant.sampler import choose
from assistant.version import Key, cached_tokens, load_merged, stop_tokens_of

ROWS_AT_ONCE = 128
MOST_FILLED = 4096
"""Tokens by which the shorter rows of a batch are filled up to the longest: about as dear as one row by itself."""
LEAST_WRITING = 0.75
"""The share of a batch's rows that still write: with fewer, the others are left out, which copies the cache."""


class BulkWriter:
    """A version of a model of its own. Used by one thread at a time."""

    def __init__(self, key: Key, *, tokenizer: PreTrainedTokenizerBase) -> None:
        """Reads the weights and merges the adapter. Raises `ModelUnavailable`, `AdapterRefused`."""
        self.key = key
        self._tokenizer = tokenizer
        self._model = load_merged(key.path, key.adapter, dtype=models.compute_dtype(), device=models.device())
        self._stop_tokens = stop_tokens_of(self._model, tokenizer)
        attention.use(self._model)
        # Of a padded batch the last states do not lie together, and torch would copy the head for each row.
        self._model.get_output_embeddings().register_forward_pre_hook(lambda _head, given: (given[0].contiguous(),))

    def write(
        self,
        prompts: Sequence[Sequence[int]],
        *,
        samplings: Sequence[Sampling],
        on_reply: Callable[[], None],
    ) -> list[Piece]:
        """A reply to each prompt, as one piece. Prompts are read with those of about their length."""
        order = sorted(range(len(prompts)), key=lambda at: (samplings[at].max_new_tokens, len(prompts[at])))
        written: dict[int, Piece] = {}
        for part in _parts(order, prompts, samplings, room=cached_tokens(self._model.config.get_text_config())):
            replies = self._batch([prompts[at] for at in part], [samplings[at] for at in part])
            for at, reply in zip(part, replies, strict=True):
                written[at] = reply
                on_reply()
        return [written[at] for at in range(len(prompts))]

    @torch.inference_mode()
    def _batch(self, prompts: Sequence[Sequence[int]], samplings: Sequence[Sampling]) -> list[Piece]:
        """Prompts that are alike are read once; rows that came to their end are left out before long."""
        different = list(dict.fromkeys(map(tuple, prompts)))
        longest = max(map(len, different))
        fills = [longest - len(prompt) for prompt in different]
        cache = growing_cache(self._model.config)
        ids = self._tensor([[0] * fill + list(prompt) for fill, prompt in zip(fills, different, strict=True)])
        mask = self._tensor([[0] * fill + [1] * (longest - fill) for fill in fills])
        scores = self._scores(ids, mask, cache)

        replies: list[list[int]] = [[] for _ in prompts]
        rows = list(range(len(prompts)))
        kept = [different.index(tuple(prompt)) for prompt in prompts]
        while rows:
            if len(kept) <= LEAST_WRITING * len(scores) or len(kept) > len(scores):
                at = self._tensor(kept)
                cache.batch_select_indices(at)
                mask, scores, kept = mask[at], scores[at], list(range(len(kept)))
            drawn = [
                _draw(scores[at], samplings[row], position=len(prompts[row]) + len(replies[row]))
                for at, row in zip(kept, rows, strict=True)
            ]
            ids = self._tensor([[0]] * len(scores))
            ids[kept, 0] = self._tensor(drawn)
            for row, token in zip(rows, drawn, strict=True):
                replies[row].append(token)
            writing = [not self._ended(replies[row], samplings[row]) for row in rows]
            rows, kept = list(compress(rows, writing)), list(compress(kept, writing))
            if rows:
                mask = torch.cat([mask, torch.ones_like(ids)], dim=1)
                scores = self._scores(ids, mask, cache)
        return [self._piece(reply) for reply in replies]

    def _scores(self, ids: torch.Tensor, mask: torch.Tensor, cache: DynamicCache) -> torch.Tensor:
        """Of the next token after `ids`, which come after what the cache holds, for each row; the mask is of both."""
        positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, -ids.shape[1] :]
        inputs = {"input_ids": ids, "attention_mask": mask, "position_ids": positions, "past_key_values": cache}
        found: torch.Tensor = self._model(**inputs, use_cache=True, logits_to_keep=1).logits[:, -1]
        return found

    def _tensor(self, numbers: Sequence[Any]) -> torch.Tensor:
        return torch.tensor(numbers, device=self._model.device)

    def _ended(self, reply: Sequence[int], sampling: Sampling) -> bool:
        return reply[-1] in self._stop_tokens or len(reply) == sampling.max_new_tokens

    def _piece(self, reply: Sequence[int]) -> Piece:
        stopped = reply[-1] in self._stop_tokens
        said = reply[:-1] if stopped else reply
        text = self._tokenizer.decode(said, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return Piece(str(text), len(said), "stop" if stopped else "length")


def _draw(scores: torch.Tensor, sampling: Sampling, *, position: int) -> int:
    if not sampling.temperature:
        return int(scores.argmax())
    temperature, top_p = sampling.temperature, sampling.top_p
    return choose(scores, temperature=temperature, top_p=top_p, seed=sampling.seed, position=position)


def _parts(
    order: Sequence[int], prompts: Sequence[Sequence[int]], samplings: Sequence[Sampling], *, room: int
) -> list[list[int]]:
    """Numbers of prompts that are computed at once, in their order: with room in the cache, and little to fill up."""
    parts: list[list[int]] = []
    lengths: list[int] = []
    for at in order:  # a part's last is its longest
        tokens = len(prompts[at]) + samplings[at].max_new_tokens
        fits = len(lengths) < ROWS_AT_ONCE and (len(lengths) + 1) * tokens <= room
        if lengths and fits and len(lengths) * tokens - sum(lengths) <= MOST_FILLED:
            parts[-1].append(at)
            lengths.append(tokens)
        else:
            parts.append([at])
            lengths = [tokens]
    return parts
