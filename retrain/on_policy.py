"""Preferences between a model's own replies: to rated prompts it writes several, and the best is set against the worst.

What people prefer is little, and half of it they wrote themselves, in words that the model would not have found. Pairs
of its own replies move it further at less cost (https://arxiv.org/abs/2404.14367). Which of them people would like is
told by the taste that their ratings teach (`retrain.taste`); best against worst of a few is the choice of
https://arxiv.org/abs/2401.10020. So single thumbs teach, too.
"""

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy
from numpy.typing import NDArray

from assistant.engine import Engine, Sampling, Weights
from assistant.prompt import ChatMessage, encode_messages, encode_text
from retrain.dataset import OWN_KIND
from retrain.rehearsal import TEMPERATURE
from retrain.replies import Probe, Written, write_replies
from retrain.scoring import load_scorer, log_likelihoods
from retrain.taste import Taste

LEAST_PROMPTS, PROMPTS = 32, 128
"""With fewer there is little to learn from them but what people said, once more and further than it carries: of the
nineteen preferences of a short trial, answers became a third more surprising. At most so many are answered, by chance.
"""
MAX_NEW_TOKENS = 120
FLUENCY = 1.0
"""What a nat more a token under the base model takes from how well a reply is liked: who is right about a taste need
not be strange."""
TOLD_APART = 0.5
"""The share of prompts whose best and worst replies are learned from, those that differ most."""


def own_preferences(
    engine: Engine,
    rows: Sequence[Mapping[str, Any]],
    *,
    taste: Taste,
    model: str,
    adapter: Path,
    number: int,
    seed: int,
) -> list[dict[str, Any]]:
    """Preferences between the adapter's replies, `number` to each prompt of rated rows, in TRL's format.

    Each names the rows behind its prompt. The same rows and seed give the same preferences.
    """
    asked = _asked(rows, seed=seed)
    tokenizer = engine.tokenizer(model)
    probes = [
        Probe(messages=prompt, ids=encode_messages(tokenizer, prompt)) for prompt, _ in asked for _ in range(number)
    ]
    sampling = Sampling(temperature=TEMPERATURE, max_new_tokens=MAX_NEW_TOKENS, seed=seed)
    weights = Weights(model=model, adapter=adapter)
    written = write_replies(engine, probes, weights=weights, sampling=sampling, on_reply=lambda: None)
    found = log_likelihoods(
        load_scorer(model, None),
        [probe.ids for probe in probes],
        [encode_text(tokenizer, reply.text) for reply in written],
    )
    surprises = numpy.array([-sum(each) / max(1, len(each)) for each in found])
    pairs = []
    for at, (prompt, ids) in enumerate(asked):
        own = slice(at * number, (at + 1) * number)
        gap, best, worst = _best_and_worst(prompt, written[own], surprises[own], taste=taste)
        if best.text and worst.text and best.text != worst.text:
            pairs.append((gap, _preference(prompt, best, worst, ids)))
    pairs.sort(key=lambda each: -each[0])
    return [row for _, row in pairs[: round(TOLD_APART * len(pairs))]]


def enough(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether rated rows have so many different prompts that own preferences are worth their time."""
    return len(_asked(rows, seed=0)) >= LEAST_PROMPTS


def _asked(rows: Sequence[Mapping[str, Any]], *, seed: int) -> list[tuple[list[ChatMessage], list[str]]]:
    """The different prompts of rows, each with the ids of all that is behind it."""
    prompts: dict[str, tuple[list[ChatMessage], list[str]]] = {}
    for row in rows:
        _, ids = prompts.setdefault(json.dumps(row["prompt"], sort_keys=True), (row["prompt"], []))
        ids.extend(row["rows"])
    asked = list(prompts.values())
    return asked if len(asked) <= PROMPTS else random.Random(seed).sample(asked, PROMPTS)


def _best_and_worst(
    prompt: Sequence[ChatMessage], replies: Sequence[Written], surprises: NDArray[numpy.float64], *, taste: Taste
) -> tuple[float, Written, Written]:
    """By how much they differ, and which they are."""
    scores = numpy.array(taste.score(prompt, [reply.text for reply in replies])) - FLUENCY * surprises
    best, worst = int(scores.argmax()), int(scores.argmin())
    return float(scores[best] - scores[worst]), replies[best], replies[worst]


def _preference(prompt: list[ChatMessage], best: Written, worst: Written, ids: list[str]) -> dict[str, Any]:
    chosen, rejected = ([{"role": "assistant", "content": reply.text}] for reply in (best, worst))
    return {
        "prompt": prompt,
        "chosen": chosen,
        "rejected": rejected,
        "finished": best.ended,
        "kind": OWN_KIND,
        "rows": ids,
    }
