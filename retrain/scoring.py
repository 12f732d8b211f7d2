"""How likely models find replies, token by token: the figures behind fluency and preference. Forward passes only.

It loads copies of its own: a forward pass beside running generation on the same instance is unsafe.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import DynamicCache, PreTrainedModel, PreTrainedTokenizerBase

from assistant import attention, models
from assistant.prompt import ChatMessage, encode_messages, encode_reply, encode_text
from assistant.version import load_merged


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
    on_scored: Callable[[], None],
) -> Scores:
    """Score both sides' replies under the base model, and the pairs under both adapters; loads two models at most."""

    def load(adapter: Path | None) -> PreTrainedModel:
        merged = load_merged(model, adapter, dtype=models.compute_dtype(), device=models.device())
        attention.use(merged)
        return merged

    base = load(None)
    written = _written(base, answered, tokenizer=tokenizer, on_scored=on_scored)
    before = _pair_sums(base if active is None else load(active), pairs, tokenizer=tokenizer, on_scored=on_scored)
    del base
    after = _pair_sums(load(candidate), pairs, tokenizer=tokenizer, on_scored=on_scored)
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


def _written(
    base: PreTrainedModel,
    answered: Sequence[Answered],
    *,
    tokenizer: PreTrainedTokenizerBase,
    on_scored: Callable[[], None],
) -> list[tuple[float, int, float, int]]:
    found = []
    for one in answered:
        # Without the token that ends a turn: when to stop is a matter of taste, and not of fluency.
        replies = [encode_text(tokenizer, reply) for reply in one.replies]
        old, new = log_likelihoods(base, one.prompt, replies)
        found.append((-sum(old), len(old), -sum(new), len(new)))
        on_scored()
    return found


def _pair_sums(
    model: PreTrainedModel,
    pairs: Sequence[Pair],
    *,
    tokenizer: PreTrainedTokenizerBase,
    on_scored: Callable[[], None],
) -> list[tuple[float, float]]:
    sums = []
    for pair in pairs:
        prompt = encode_messages(tokenizer, pair.prompt)
        other = prompt if pair.rejected_prompt is None else encode_messages(tokenizer, pair.rejected_prompt)
        replies = [encode_reply(tokenizer, pair.chosen), encode_reply(tokenizer, pair.rejected)]
        chosen, rejected = likelihoods_after(model, [prompt, other], replies)
        sums.append((sum(chosen), sum(rejected)))
        on_scored()
    return sums


def log_likelihoods(
    model: PreTrainedModel, prompt: Sequence[int], replies: Sequence[Sequence[int]]
) -> list[list[float]]:
    """The natural log-probability of each token of each reply, given one prompt and what comes before it in the reply.

    An empty reply gives an empty list.
    """
    return likelihoods_after(model, [prompt] * len(replies), replies)


@torch.inference_mode()
def likelihoods_after(
    model: PreTrainedModel, prompts: Sequence[Sequence[int]], replies: Sequence[Sequence[int]]
) -> list[list[float]]:
    """The same with a prompt for each reply."""
    return [row.tolist() for row in token_log_probs(model, prompts, replies)]


def token_log_probs(
    model: PreTrainedModel, prompts: Sequence[Sequence[int]], replies: Sequence[Sequence[int]]
) -> list[torch.Tensor]:
    """The same with a way back to the weights. A prompt that all replies share is read once."""
    if all(prompt == prompts[0] for prompt in prompts):
        rows = [*_padded(model, prompts[0], replies)] if replies else []
    else:
        rows = [_padded(model, prompt, [reply])[0] for prompt, reply in zip(prompts, replies, strict=True)]
    return [row[: len(reply)] for row, reply in zip(rows, replies, strict=True)]


def _padded(model: PreTrainedModel, prompt: Sequence[int], replies: Sequence[Sequence[int]]) -> torch.Tensor:
    """As (replies, tokens of the longest); what stands past an end is no use."""
    longest = max((len(reply) for reply in replies), default=0)
    if longest == 0:
        return torch.zeros(len(replies), 0)
    start = torch.tensor([list(prompt)], device=model.device)
    cache = DynamicCache(config=model.config)
    first = model(input_ids=start, past_key_values=cache, use_cache=True, logits_to_keep=1).logits
    cache.batch_repeat_interleave(len(replies))
    # Padding on the right is seen by no token before it, and what it gets itself is thrown away, so no mask is needed.
    padded = torch.tensor([[*reply, *[0] * (longest - len(reply))] for reply in replies], device=model.device)
    rest = model(input_ids=padded[:, :-1], past_key_values=cache, use_cache=True).logits if longest > 1 else None
    first = first.expand(len(replies), -1, -1)
    logits = first if rest is None else torch.cat([first, rest], dim=1)
    return logits.float().log_softmax(-1).gather(-1, padded.unsqueeze(-1)).squeeze(-1)
