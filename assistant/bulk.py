"""Many replies that nobody reads while they are written: padded batches, in less than half of the time of the chat.

Which token comes next is drawn as there (`assistant.sampler`): the same seed, the same draw.
"""

from collections.abc import Callable, Sequence

import torch
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList, PreTrainedTokenizerBase

from assistant import attention, models
from assistant.engine import Piece, Sampling
from assistant.sampler import choose
from assistant.version import Key, cached_tokens, load_merged, stop_tokens_of

ROWS_AT_ONCE = 64
MOST_FILLED = 4096
"""Tokens by which the shorter rows of a batch are filled up to the longest: about as dear as one row by itself."""


class BulkWriter:
    """A version of a model of its own. Used by one thread at a time."""

    def __init__(self, key: Key, *, tokenizer: PreTrainedTokenizerBase) -> None:
        """Reads the weights and merges the adapter. Raises `ModelUnavailable`, `AdapterRefused`."""
        self.key = key
        self._tokenizer = tokenizer
        self._model = load_merged(key.path, key.adapter, dtype=models.compute_dtype(), device=models.device())
        self._stop_tokens = stop_tokens_of(self._model, tokenizer)
        self._model.generation_config = GenerationConfig(
            do_sample=False, eos_token_id=sorted(self._stop_tokens), pad_token_id=min(self._stop_tokens)
        )
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
        longest = max(map(len, prompts))
        fills = [longest - len(prompt) for prompt in prompts]
        ids = torch.tensor([[0] * fill + list(prompt) for fill, prompt in zip(fills, prompts, strict=True)])
        real = torch.tensor([[0] * fill + [1] * (longest - fill) for fill in fills])
        drawing = LogitsProcessorList([_Drawing(samplings, fills)])
        device = self._model.device
        found = self._model.generate(
            input_ids=ids.to(device),
            attention_mask=real.to(device),
            max_new_tokens=max(sampling.max_new_tokens for sampling in samplings),
            logits_processor=drawing,
        )
        replies = found[:, longest:].tolist()
        return [self._own(reply, sampling) for reply, sampling in zip(replies, samplings, strict=True)]

    def _own(self, row: list[int], sampling: Sampling) -> Piece:
        """What a row says up to its own end: it was written on until the longest of its batch was done."""
        row = row[: sampling.max_new_tokens]
        end = next((at for at, token in enumerate(row) if token in self._stop_tokens), None)
        text = self._tokenizer.decode(row[:end], skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return Piece(str(text), len(row[:end]), "length" if end is None else "stop")


class _Drawing(LogitsProcessor):  # type: ignore[misc]
    """Sets the score of the token drawn for each row that is not greedy to infinity, so that arg max takes it."""

    def __init__(self, samplings: Sequence[Sampling], fills: Sequence[int]) -> None:
        self._rows = list(enumerate(zip(samplings, fills, strict=True)))

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        for row, (sampling, fill) in self._rows:
            if sampling.temperature:
                drawn = choose(
                    scores[row],
                    temperature=sampling.temperature,
                    top_p=sampling.top_p,
                    seed=sampling.seed,
                    position=input_ids.shape[1] - fill,
                )
                scores[row, drawn] = torch.inf
        return scores


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
