"""How likely models find replies, token by token: the figures behind fluency and preference. Forward passes only.

It loads copies of its own: a forward pass beside running generation on the same instance is unsafe.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from assistant import attention, models
from assistant.prompt import ChatMessage, encode_messages, encode_reply, encode_text
from assistant.version import load_merged

TOKENS_AT_ONCE = 2048
"""Padding counted; each may need a number for every word of the vocabulary."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A prompt with the reply that people preferred, and the other one, which may have had a prompt of its own.

    Of a taught reply, the other one is what the active adapter writes to the prompt; empty until it has.
    """

    prompt: list[ChatMessage]
    chosen: str
    rejected: str
    rejected_prompt: list[ChatMessage] | None = None


@dataclass(frozen=True, kw_only=True)
class Gain:
    """By how many nats the candidate finds each reply of a pair likelier than the active adapter does."""

    chosen: float
    rejected: float
    chosen_tokens: int
    rejected_tokens: int

    @property
    def margin(self) -> float:
        """The gain of the chosen over the rejected reply: DPO's implicit reward, its beta left out."""
        return self.chosen - self.rejected

    @property
    def margin_per_token(self) -> float:
        """The same for each token, so that a mere like or dislike of length gains nothing."""
        return self.chosen / self.chosen_tokens - self.rejected / self.rejected_tokens


@dataclass(frozen=True, kw_only=True)
class Answered:
    """A prompt's ids and what each side replied."""

    prompt: Sequence[int]
    replies: tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Scores:
    """`written` has for each prompt the nats under the base model and the tokens of what either side replied."""

    written: list[tuple[float, int, float, int]]
    gains: list[Gain]

    @property
    def nll(self) -> tuple[float, float]:
        """The mean over all tokens of each side's replies, in nats."""
        old, old_tokens, new, new_tokens = (sum(column) for column in zip(*self.written, strict=True))
        return old / max(1, old_tokens), new / max(1, new_tokens)


def score(
    answered: Sequence[Answered],
    pairs: Sequence[Pair],
    *,
    model: str,
    active: Path | None,
    candidate: Path,
    tokenizer: PreTrainedTokenizerBase,
    on_scored: Callable[[int], None],
) -> Scores:
    """Score both sides' replies under the base model, and the pairs under both adapters; loads two models at most.

    `on_scored` is told how many prompts were scored, one under each of the three counted for itself.
    """
    base = load_scorer(model, None)
    written = _written(base, answered, tokenizer=tokenizer)
    on_scored(len(answered))
    before = _pair_sums(base if active is None else load_scorer(model, active), pairs, tokenizer=tokenizer)
    on_scored(len(pairs))
    del base
    after = _pair_sums(load_scorer(model, candidate), pairs, tokenizer=tokenizer)
    on_scored(len(pairs))
    gains = [
        Gain(
            chosen=new[0] - old[0],
            rejected=new[1] - old[1],
            chosen_tokens=len(encode_reply(tokenizer, pair.chosen)),
            rejected_tokens=len(encode_reply(tokenizer, pair.rejected)),
        )
        for pair, old, new in zip(pairs, before, after, strict=True)
    ]
    return Scores(written=written, gains=gains)


def load_scorer(model: str, adapter: Path | None) -> PreTrainedModel:
    """A resolved model with an adapter merged into it, for forward passes. Raises as `load_merged` does."""
    merged = load_merged(model, adapter, dtype=models.compute_dtype(), device=models.device())
    attention.use(merged)
    return merged


def _written(
    base: PreTrainedModel, answered: Sequence[Answered], *, tokenizer: PreTrainedTokenizerBase
) -> list[tuple[float, int, float, int]]:
    # Without the token that ends a turn: when to stop is a matter of taste, and not of fluency.
    replies = [encode_text(tokenizer, reply) for one in answered for reply in one.replies]
    found = log_likelihoods(base, [one.prompt for one in answered for _ in one.replies], replies)
    sides = zip(found[::2], found[1::2], strict=True)
    return [(-sum(old), len(old), -sum(new), len(new)) for old, new in sides]


def _pair_sums(
    model: PreTrainedModel, pairs: Sequence[Pair], *, tokenizer: PreTrainedTokenizerBase
) -> list[tuple[float, float]]:
    asked = [messages for pair in pairs for messages in (pair.prompt, pair.rejected_prompt or pair.prompt)]
    replies = [encode_reply(tokenizer, reply) for pair in pairs for reply in (pair.chosen, pair.rejected)]
    found = [sum(row) for row in log_likelihoods(model, [encode_messages(tokenizer, each) for each in asked], replies)]
    return list(zip(found[::2], found[1::2], strict=True))


@torch.inference_mode()
def log_likelihoods(
    model: PreTrainedModel, prompts: Sequence[Sequence[int]], replies: Sequence[Sequence[int]]
) -> list[list[float]]:
    """The natural log-probability of each token of each reply, given its prompt and what comes before it in the reply.

    An empty reply gives an empty list. Rows are computed with those of about their length.
    """
    order = sorted(range(len(replies)), key=lambda at: len(prompts[at]) + len(replies[at]))
    parts: list[list[int]] = []
    for at in order:
        tokens = len(prompts[at]) + len(replies[at])
        if parts and (len(parts[-1]) + 1) * tokens <= TOKENS_AT_ONCE:
            parts[-1].append(at)
        else:
            parts.append([at])
    found: dict[int, list[float]] = {}
    for part in parts:
        rows = token_log_probs(model, [prompts[at] for at in part], [replies[at] for at in part])
        found |= {at: row.tolist() for at, row in zip(part, rows, strict=True)}
    return [found[at] for at in range(len(replies))]


def token_log_probs(
    model: PreTrainedModel, prompts: Sequence[Sequence[int]], replies: Sequence[Sequence[int]]
) -> list[torch.Tensor]:
    """The same at once and with a way back to the weights."""
    rows = [[*prompt, *reply] for prompt, reply in zip(prompts, replies, strict=True)]
    longest, start = max(map(len, rows)), min(map(len, prompts))
    # Padding on the right is seen by no token before it, and what it gets itself is thrown away, so no mask is needed.
    padded = torch.tensor([row + [0] * (longest - len(row)) for row in rows], device=model.device)
    logits = model(input_ids=padded, use_cache=False, logits_to_keep=longest - start + 1).logits
    found = []
    for row, prompt, reply in zip(logits, prompts, replies, strict=True):
        predicting = row[len(prompt) - start :][: len(reply)]
        tokens = torch.tensor(list(reply), dtype=torch.long, device=model.device)
        found.append(predicting.float().log_softmax(-1).gather(-1, tokens[:, None])[:, 0])
    return found
