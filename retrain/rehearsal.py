"""Answers of what serves, and plain prose, mixed into training, so that what nobody spoke of stays as it was.

The prompts, `everyday.txt` and `passages.jsonl`, are none of those that the gate or a benchmark asks, and no paragraph
of `prose.txt` is one that a benchmark reads.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from assistant.engine import Engine, Sampling, Weights
from assistant.prompt import ChatMessage
from retrain.masking import Masking
from retrain.replies import PASSAGES, Probe, compose_probe, grounded_probes, mostly_sourced, write_replies

MAX_NEW_TOKENS = 96
TEMPERATURE = 0.8
PROSE = Path(__file__).with_name("prose.txt")
SYSTEMS = (
    "You are a helpful assistant.",
    "You are a friendly companion who likes to talk.",
    "Answer clearly and to the point.",
)
"""Every second prompt is asked with one of these, the others with the assistant's own instructions."""


def rehearse(
    engine: Engine,
    *,
    weights: Weights,
    system: str,
    number: int,
    seed: int,
) -> list[dict[str, Any]]:
    """So many everyday prompts with what the weights answer, as rows for teaching; empty answers are left out.

    The same seed gives the same prompts. An answer that did not end in time is marked as not `finished`. The rows are
    masked, as those of feedback are.
    """
    probes = everyday_probes(engine, model=weights.model, system=system, number=number, seed=seed)
    sampling = Sampling(temperature=TEMPERATURE, max_new_tokens=MAX_NEW_TOKENS, seed=seed)
    replies = write_replies(engine, probes, weights=weights, sampling=sampling, on_reply=lambda: None)
    rows = [
        {
            "prompt": probe.messages,
            "completion": _said(reply.text),
            "finished": reply.ended,
            "label": False,
        }
        for probe, reply in zip(probes, replies, strict=True)
        if reply.text
    ]
    return Masking().rows(rows)


def stay(
    engine: Engine, *, weights: Weights, system: str, rows: Sequence[Mapping[str, Any]], number: int
) -> list[dict[str, Any]]:
    """Preferences between equals, which teach a model to stay as it is: answers of the weights, and prose.

    The answers are to questions about a passage and, where most of the rated `rows` have sources, as many everyday
    prompts. Prose has no prompt: feedback sharpens what a model writes, and that makes rare words rarer everywhere.
    """
    probes = grounded_probes(engine, model=weights.model, system=system, file=PASSAGES)[:number]
    if mostly_sourced(rows):
        probes += everyday_probes(engine, model=weights.model, system=system, number=number, seed=0)
    sampling = Sampling(max_new_tokens=MAX_NEW_TOKENS)
    replies = write_replies(engine, probes, weights=weights, sampling=sampling, on_reply=lambda: None)
    written = [
        (probe.messages, reply.text, reply.ended) for probe, reply in zip(probes, replies, strict=True) if reply.text
    ]
    prose = PROSE.read_text(encoding="utf-8").splitlines()
    return [
        {"prompt": prompt, **dict.fromkeys(("chosen", "rejected"), _said(text)), "finished": finished}
        for prompt, text, finished in [*written, *(([], text, False) for text in prose)]
    ]


def everyday_probes(
    engine: Engine, *, model: str, system: str, number: int, seed: int, others: Sequence[str] = SYSTEMS
) -> list[Probe]:
    """So many everyday prompts, every second one with other instructions than the assistant's own, if there are any."""
    return [
        compose_probe(
            engine, question, model=model, system=others[at // 2 % len(others)] if others and at % 2 else system
        )
        for at, question in enumerate(islice(_asked(seed), number))
    ]


def _said(text: str) -> list[ChatMessage]:
    return [{"role": "assistant", "content": text}]


def _asked(seed: int) -> Iterator[str]:
    """Prompts without end: each once before any comes again."""
    prompts = Path(__file__).with_name("everyday.txt").read_text(encoding="utf-8").splitlines()
    dice = random.Random(seed)
    while True:
        yield from dice.sample(prompts, len(prompts))
