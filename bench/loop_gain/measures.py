"""The figures of a study: gain, and what was kept of how the model wrote before. Sampling is done in `speech`.

Nothing here is loosened for a preference that does badly: `LIMITS` are those of the issue that asked for this bench.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from transformers import PreTrainedTokenizerBase

from assistant import models
from assistant.prompt import encode_start, encode_text
from assistant.version import load_merged
from bench.loop_gain.preference import Preference
from bench.loop_gain.speech import Asked, Said
from retrain import bootstrap
from retrain.measures import distinct_2
from retrain.scoring import log_likelihoods

NEUTRAL = Path(__file__).with_name("neutral.txt")
LIMITS = {"drift": 1.10, "perplexity_rise": 0.02, "distinct_2_fall": 0.15, "documents_fall": 0.02}
"""The most of each that a study may have."""
QUICK_LIMITS = LIMITS | {"drift": 1.15, "documents_fall": 0.1}
"""Those of the quick form, wider by what chance does to its few questions: the drift of clean runs moves by 0.03 from
seed to seed, and greedy answers about documents by one or two of 16 from batch to batch (docs/gate.md)."""
WANTED, WANTED_OF_EACH = 0.9, 0.8
"""Gain on average over the preferences, and on each."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What feedback changed. Shares are 0 to 1."""

    gain: float
    """Share of held-out questions whose new reply scores better, ties half."""
    gain_low: float
    gain_high: float
    """95% interval."""
    ceiling: float
    """The gain if every new reply were perfect: a reply that was perfect before can only tie."""
    gain_corrected: float
    """The gain if these people corrected every reply: what they show is no better than that, as far as it goes."""
    score_before: float
    score_after: float
    drift: float
    """NLL of a token of the new replies under the base model, over that of the replies before."""
    drift_low: float
    drift_high: float
    """95% interval."""
    drift_corrected: float
    """The same of the replies before as these people would have corrected them: what the wish itself costs."""
    perplexity_rise: float
    distinct_2_fall: float
    documents_fall: float
    """Points by which fewer questions about documents are answered right, over all that were asked."""
    documents_low: float
    documents_high: float
    """95% interval."""
    tokens_before: float
    tokens_after: float

    @property
    def kept(self) -> bool:
        """Whether all limits are kept."""
        return all(getattr(self, name) <= limit for name, limit in LIMITS.items())


@dataclass(frozen=True, kw_only=True)
class Drift:
    """How many times as unlikely replies became, with a 95% interval by paired bootstrap over the questions."""

    ratio: float
    low: float
    high: float


def shortcomings(figures: Mapping[str, Any]) -> list[str]:
    """What is wrong with the figures of a quick study, in words. Its gain must be above 50% with 95% certainty."""
    found = [
        f"{name.replace('_', ' ')} is {figures[name]:.2f}, and {limit:.2f} is the most"
        for name, limit in QUICK_LIMITS.items()
        if figures[name] > limit
    ]
    if figures["gain_low"] > 0.5:
        return found
    low, high = figures["gain_low"], figures["gain_high"]
    return [*found, f"the gain is {figures['gain']:.0%} ({low:.0%}–{high:.0%}), which may be none"]


def gain_of(before: Sequence[float], after: Sequence[float]) -> float:
    """The share of pairs in which the second is larger, ties half."""
    return fmean(_won(before, after))


def _won(before: Sequence[float], after: Sequence[float]) -> list[float]:
    return [(new > old) + 0.5 * (new == old) for old, new in zip(before, after, strict=True)]


def interval(before: Sequence[float], after: Sequence[float], *, times: int = 1) -> tuple[float, float]:
    """95% interval of the gain, by paired bootstrap over the questions; all of them were asked so many times."""
    won = _won(before, after)
    questions = len(won) // times
    return bootstrap.interval([(sum(won[at::questions]), times) for at in range(questions)], lambda won, of: won / of)


def _fall(before: Sequence[bool], after: Sequence[bool]) -> tuple[float, float, float]:
    """By how much fewer questions were answered right, with a 95% interval by paired bootstrap over the questions."""
    rows = [(old - new, 1) for old, new in zip(before, after, strict=True)]
    return fmean(lost for lost, _ in rows), *bootstrap.interval(rows, lambda lost, asked: lost / asked)


def compare(
    asked: Sequence[Asked],
    before: Said,
    after: Said,
    *,
    preference: Preference,
    corrected: Sequence[str],
    drift: Drift,
    drift_corrected: float,
    perplexity_rise: float,
    times: int = 1,
) -> Figures:
    """The figures of what was said before and after to questions that were all asked so many times in turn.

    `corrected` is what people would have said instead of what was said before.
    """
    wished = replace(before, replies=list(corrected))
    old, new, ideal = ([preference.score(each) for each in said.answers(asked)] for said in (before, after, wished))
    low, high = interval(old, new, times=times)
    fall, least, most = _fall(before.right, after.right)
    varied = distinct_2(before.replies)
    return Figures(
        gain=round(gain_of(old, new), 4),
        gain_low=round(low, 4),
        gain_high=round(high, 4),
        ceiling=round(gain_of(old, [1.0] * len(old)), 4),
        gain_corrected=round(gain_of(old, ideal), 4),
        score_before=round(fmean(old), 4),
        score_after=round(fmean(new), 4),
        drift=round(drift.ratio, 4),
        drift_low=round(drift.low, 4),
        drift_high=round(drift.high, 4),
        drift_corrected=round(drift_corrected, 4),
        perplexity_rise=round(perplexity_rise, 4),
        distinct_2_fall=round(1 - distinct_2(after.replies) / varied if varied else 0.0, 4),
        documents_fall=round(fall, 4),
        documents_low=round(least, 4),
        documents_high=round(most, 4),
        tokens_before=before.tokens,
        tokens_after=after.tokens,
    )


@dataclass(frozen=True, kw_only=True)
class Surprise:
    """How unlikely the base model finds replies: the nats and the tokens of each."""

    nats: list[float]
    tokens: list[int]

    def over(self, before: "Surprise", *, times: int = 1) -> Drift:
        """The ratio of the means of a token; questions were all asked so many times. Infinity without tokens."""
        if not sum(self.tokens):
            return Drift(ratio=math.inf, low=math.inf, high=math.inf)
        columns = (before.nats, before.tokens, self.nats, self.tokens)
        questions = len(self.nats) // times
        rows = [[sum(column[at::questions]) for column in columns] for at in range(questions)]
        low, high = bootstrap.interval(rows, bootstrap.ratio_of_means)
        return Drift(ratio=float(bootstrap.ratio_of_means(*map(sum, columns))), low=low, high=high)


def surprises(
    asked: Sequence[Asked], *sides: Sequence[str], model: str, tokenizer: PreTrainedTokenizerBase
) -> list[Surprise]:
    """How unlikely the base model finds the replies of each side."""
    base = load_merged(model, None, dtype=models.compute_dtype(), device=models.device())
    prompts, told = [one.probe.ids for one in asked], []
    for side in sides:
        found = log_likelihoods(base, prompts, [encode_text(tokenizer, reply) for reply in side])
        told.append(Surprise(nats=[-sum(reply) for reply in found], tokens=[len(reply) for reply in found]))
    return told


def perplexity(model: str, adapter: Path | None, *, tokenizer: PreTrainedTokenizerBase) -> float:
    """Of a model with an adapter on the neutral paragraphs."""
    weights = load_merged(model, adapter, dtype=models.compute_dtype(), device=models.device())
    paragraphs = [encode_text(tokenizer, text) for text in NEUTRAL.read_text(encoding="utf-8").splitlines()]
    found = log_likelihoods(weights, [encode_start(tokenizer)] * len(paragraphs), paragraphs)
    return math.exp(-fmean(token for paragraph in found for token in paragraph))
