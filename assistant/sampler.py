"""How the next token is chosen, for each request of a batch by its own settings and its own seed.

A sampled token depends on the seed, its position and the model's scores, and never on who else is in the batch. It is
where the running sum of the probabilities, in the order of the vocabulary, passes a number that comes of seed and
position.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import torch
from transformers.generation.continuous_batching.cb_logits_processors import (
    ContinuousBatchingLogitsProcessor,
    ContinuousBatchingLogitsProcessorList,
)
from transformers.generation.logits_process import LogitsProcessorList

DIGITS = 3
"""Bytes of the number that decides: as many as float32 tells apart."""


def choose(scores: torch.Tensor, *, temperature: float, top_p: float, seed: int, position: int) -> int:
    """Draw a token id from the scores (shape [vocabulary]) of the next token at a `position` of the sequence.

    `top_p` keeps the most probable tokens until their sum reaches it. The same arguments give the same token.
    """
    probabilities = torch.softmax(scores.float() / temperature, dim=-1)
    candidates = None
    if top_p < 1:
        # What is rarer than this sums to less than 1 - top_p even if every token were: only the rest needs sorting.
        floor = (1 - top_p) / len(probabilities)
        candidates = torch.nonzero(probabilities >= floor).squeeze(-1)
        ranked, order = probabilities[candidates].sort(descending=True, stable=True)
        before = ranked.cumsum(-1) - ranked
        candidates = candidates[order[before < top_p]].sort().values
        probabilities = probabilities[candidates]
    sums = probabilities.cumsum(-1)
    if not len(sums) or not sums[-1] > 0:  # the scores are not numbers: nothing can be drawn from them
        return 0
    passed = sums[-1] * _uniform(seed=seed, position=position)
    drawn = torch.searchsorted(sums, passed, right=True)  # past what has no probability
    return int(drawn if candidates is None else candidates[drawn])


def _uniform(*, seed: int, position: int) -> float:
    """From 0 to 1, without 1: so many digits that no sum, times the number, is rounded up to the sum."""
    digest = blake2b(f"{seed} {position}".encode(), digest_size=DIGITS).digest()
    return int.from_bytes(digest) / float(256**DIGITS)


class SeededSampler(ContinuousBatchingLogitsProcessor):  # type: ignore[misc]
    """Sets the score of the token drawn for each sampled request to infinity, so that arg max takes it.

    `prepare_tensor_args` and `__call__` are called in turn by one thread (batching is synchronous): what the first
    learns about the requests, the second uses.
    """

    supported_kwargs = {"temperature": float, "top_p": float, "seed": int}  # noqa: RUF012, the base class declares it
    ignored_kwargs = ()

    def __init__(self) -> None:
        self._draws: list[dict[str, Any] | None] = []

    def fill_defaults(self, int32_tensor: torch.Tensor) -> None:
        """Nothing travels in the tensor."""
        int32_tensor.zero_()

    def prepare_tensor_args(self, requests_with_new_token: Sequence[Any]) -> torch.Tensor:
        """Note how each request of the coming batch wants its next token drawn."""
        self._draws = [_draw(request.state) for request in requests_with_new_token]
        return torch.zeros(len(self._draws), dtype=torch.int32)

    def __call__(self, scores: torch.Tensor, tensor_arg: torch.Tensor) -> torch.Tensor:  # noqa: ARG002, the base class declares it
        """Mark the drawn tokens in scores of shape [requests, vocabulary], in place."""
        for row, draw in enumerate(self._draws):
            if draw is not None:
                scores[row, choose(scores[row], **draw)] = float("inf")
        return scores


def _draw(state: Any) -> dict[str, Any] | None:
    if not state.logit_processor_kwargs.get("temperature"):
        return None
    # A request that was evicted starts over with its tokens as part of its prompt: the sum stays the same.
    return {**state.logit_processor_kwargs, "position": len(state.initial_tokens) + len(state.generated_tokens)}


def seeded_processors() -> Any:
    """The list of processors to give to a continuous batching manager before it starts."""
    processors = ContinuousBatchingLogitsProcessorList(LogitsProcessorList([SeededSampler()]))
    processors.tensors_required = 1  # counted by transformers only for processors that it converts itself
    return processors
