"""Preferences between a model's own replies: to each prompt it writes several, and the best is set against the worst.

What people prefer is little, and half of it they wrote themselves, in words that the model would not have found. Pairs
of its own replies move it further at less cost (https://arxiv.org/abs/2404.14367). Which of them people would like is
told by the taste that their ratings teach (`retrain.taste`); best against worst of a few is the choice of
https://arxiv.org/abs/2401.10020. So single thumbs teach, too; and where few prompts were rated, prompts that nobody
rated do, for a taste speaks of any reply.
"""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy

from assistant.engine import Engine, Sampling, Weights
from assistant.prompt import ChatMessage, encode_messages, encode_text
from assistant.quoting import own_words
from retrain.dataset import OWN_KIND
from retrain.measures import repetition
from retrain.rehearsal import TEMPERATURE
from retrain.replies import Probe, Written, compose_probe, mostly_sourced, write_replies
from retrain.scoring import load_scorer, log_likelihoods
from retrain.taste import Taste

LEAST_PROMPTS, PROMPTS = 64, 128
"""With fewer rated prompts, everyday ones come to them, which nothing else asks: what people said about a few prompts,
learned once more from the same ones, made answers a third more surprising. At most so many are answered, by chance."""
LEAST_RATED, LEAST_SOURCED = 16, 32
"""Of fewer prompts there is too little to know a taste by, or, where they have sources and none come to them, to learn
from."""
UNRATED = Path(__file__).with_name("unrated.txt")
MAX_NEW_TOKENS = 120
FLUENCY = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""What a nat more a token under the base model takes from how well a reply is liked: the first by which what is
preferred is plain enough, or the last. Who is right about a taste need not be strange."""
PLAIN = 0.9
"""How surprising that is at most, as a multiple of what serves says: a model that learns it comes out above."""
REPEATED = 0.1
"""The share of a reply that may have stood in it before, for it to be the better one: to the base model what goes round
in circles is the plainest of all."""
TOLD_APART = 0.75
"""The share of prompts whose best and worst replies are learned from, those that differ most."""


@dataclass(frozen=True, kw_only=True)
class Own:
    """What came of a model's own replies."""

    preferences: list[dict[str, Any]]
    """In TRL's format; each names the rows behind its prompt, if any."""
    surprise: float
    """How many times as surprising to the base model as those of what serves all replies were, in nats a token."""


def own_preferences(
    engine: Engine,
    rows: Sequence[Mapping[str, Any]],
    *,
    taste: Taste,
    model: str,
    adapter: Path,
    serves: Path | None,
    system: str,
    quotes: bool,
    number: int,
    seed: int,
    turn: int = 0,
    of: int = 1,
) -> Own:
    """Preferences between the adapter's replies, `number` to each prompt of rated rows, in turns to other prompts.

    The same rows and seed give the same preferences; `quotes` is as in `write_replies`. What serves writes a reply to
    each, too: how plain it is counts.
    """
    tokenizer = engine.tokenizer(model)
    asked = _rated(rows, seed=seed)
    if not mostly_sourced(rows):
        unrated = UNRATED.read_text(encoding="utf-8").splitlines()[: max(0, LEAST_PROMPTS - len(asked))]
        asked += [(compose_probe(engine, each, model=model, system=system).messages, []) for each in unrated]
    asked = asked[turn::of]
    sampling = Sampling(temperature=TEMPERATURE, max_new_tokens=MAX_NEW_TOKENS, seed=seed)
    base = load_scorer(model, None)

    def write(weights: Path | None, times: int) -> list[_Reply]:
        prompts = [prompt for prompt, _ in asked for _ in range(times)]
        probes = [Probe(messages=prompt, ids=encode_messages(tokenizer, prompt)) for prompt in prompts]
        of = Weights(model=model, adapter=weights)
        written = write_replies(engine, probes, weights=of, sampling=sampling, on_reply=lambda: None, quotes=quotes)
        replies = [encode_text(tokenizer, reply.text) for reply in written]
        found = log_likelihoods(base, [probe.ids for probe in probes], replies)
        repeated = [repetition([own_words(reply.text)]) for reply in written]
        return [
            _Reply(reply, -sum(each), len(each), again)
            for reply, each, again in zip(written, found, repeated, strict=True)
        ]

    own, usual = write(adapter, number), _surprise(write(serves, 1))
    by_prompt = [own[at : at + number] for at in range(0, len(own), number)]
    liked = [
        taste.score(prompt, [reply.written.text for reply in replies])
        for (prompt, _), replies in zip(asked, by_prompt, strict=True)
    ]
    choices: list[_Choice] = []
    for fluency in FLUENCY:
        found = [_choose(*of, fluency=fluency) for of in zip(asked, by_prompt, liked, strict=True)]
        found = sorted((choice for choice in found if choice.tells), key=lambda choice: -choice.gap)
        choices = found[: round(TOLD_APART * len(found))]
        if _surprise([choice.best for choice in choices]) <= PLAIN * usual:
            break
    return Own(
        preferences=[_preference(choice) for choice in choices],
        surprise=_surprise(own) / max(usual, 1e-6),
    )


def enough(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether rated rows have so many different prompts that own preferences are worth their time.

    Where most have sources nothing comes to them, so it takes more.
    """
    return len(_rated(rows, seed=0)) >= (LEAST_SOURCED if mostly_sourced(rows) else LEAST_RATED)


def _rated(rows: Sequence[Mapping[str, Any]], *, seed: int) -> list[tuple[list[ChatMessage], list[str]]]:
    """The different prompts of rows, each with the ids of all that is behind it."""
    prompts: dict[str, tuple[list[ChatMessage], list[str]]] = {}
    for row in rows:
        _, ids = prompts.setdefault(json.dumps(row["prompt"], sort_keys=True), (row["prompt"], []))
        ids.extend(row["rows"])
    asked = list(prompts.values())
    return asked if len(asked) <= PROMPTS else random.Random(seed).sample(asked, PROMPTS)


class _Reply(NamedTuple):
    """A reply, how surprising it is to the base model, and the share of its own words that stood in it before.

    A quotation may say again what it bears out.
    """

    written: Written
    nats: float
    tokens: int
    repeated: float


class _Choice(NamedTuple):
    """The best of the replies to a prompt that do not repeat themselves, the worst, and by how much they differ."""

    prompt: list[ChatMessage]
    ids: list[str]
    best: _Reply
    worst: _Reply
    gap: float

    @property
    def tells(self) -> bool:
        """Whether it is one between two replies."""
        best, worst = self.best.written.text, self.worst.written.text
        return bool(best and worst and best != worst)


def _choose(
    asked: tuple[list[ChatMessage], list[str]], replies: Sequence[_Reply], liked: Sequence[float], *, fluency: float
) -> _Choice:
    scores = numpy.array(liked) - fluency * numpy.array([_surprise([reply]) for reply in replies])
    worst = int(scores.argmin())
    fresh = [at for at, reply in enumerate(replies) if reply.repeated <= REPEATED]
    best = max(fresh, key=lambda at: float(scores[at]), default=worst)
    return _Choice(*asked, replies[best], replies[worst], float(scores[best] - scores[worst]))


def _surprise(replies: Sequence[_Reply]) -> float:
    """Nats a token."""
    return sum(reply.nats for reply in replies) / max(1, sum(reply.tokens for reply in replies))


def _preference(choice: _Choice) -> dict[str, Any]:
    chosen, rejected = ([{"role": "assistant", "content": reply.written.text}] for reply in (choice.best, choice.worst))
    return {
        "prompt": choice.prompt,
        "chosen": chosen,
        "rejected": rejected,
        "finished": choice.best.written.ended,
        "kind": OWN_KIND,
        "rows": choice.ids,
    }
