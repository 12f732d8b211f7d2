"""What an adapter writes on given prompts: many at once through an engine, each with a seed of its own.

The gate's own prompts, everyday ones and questions about a passage, lie beside this file.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from assistant.engine import Engine, Sampling, Weights
from assistant.prompt import SOURCES_HEADER, ChatMessage, compose, encode_messages, sources_in
from assistant.quoting import write_quoting
from retrain.dataset import read

HERE = Path(__file__).parent
NEUTRAL, GROUNDED, PASSAGES = HERE / "neutral.jsonl", HERE / "grounded.jsonl", HERE / "passages.jsonl"


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A prompt that both adapters answer. A grounded one comes with words of which a right answer has one."""

    messages: list[ChatMessage]
    ids: list[int]
    answers: tuple[str, ...] = ()

    @property
    def question(self) -> str:
        """What was asked, without the sources that stood before it."""
        return self.messages[-1]["content"].rpartition("Question: ")[2]


@dataclass(frozen=True, kw_only=True)
class Written:
    """A reply, how many tokens it has, and whether it came to an end by itself."""

    text: str
    tokens: int
    ended: bool


@dataclass(frozen=True)
class GivenPassage:
    """A passage that a question comes with, wherever it is from."""

    title: str
    text: str
    heading: str = ""


def write_replies(
    engine: Engine,
    probes: Sequence[Probe],
    *,
    weights: Weights,
    sampling: Sampling,
    on_reply: Callable[[], None],
    quotes: bool = False,
) -> list[Written]:
    """Answer each probe, the nth with the nth seed after `sampling.seed`; `on_reply` is called for each.

    If it `quotes`, quotations come from a prompt's sources, as in the chat.
    """
    written = write_quoting(
        engine,
        [probe.ids for probe in probes],
        weights=weights,
        samplings=[replace(sampling, seed=sampling.seed + number) for number in range(len(probes))],
        sources=[sources_in(probe.messages) if quotes else () for probe in probes],
        on_reply=on_reply,
    )
    return [Written(text=one.text.strip(), tokens=one.tokens, ended=one.finish == "stop") for one in written]


def neutral_probes(engine: Engine, *, model: str, system: str) -> list[Probe]:
    """The everyday prompts, as the assistant would be asked them."""
    return [compose_probe(engine, row["prompt"], model=model, system=system) for row in read(NEUTRAL)]


def mostly_sourced(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether most of the rows' prompts have sources."""
    sourced = [row for row in rows if row["prompt"][-1]["content"].startswith(SOURCES_HEADER)]
    return 2 * len(sourced) > len(rows)


def grounded_probes(engine: Engine, *, model: str, system: str, file: Path = GROUNDED) -> list[Probe]:
    """The questions about a passage, with the passage as their source; those of the gate, or of `PASSAGES`."""
    return [
        compose_probe(
            engine,
            row["question"],
            model=model,
            system=system,
            passages=[GivenPassage(row["title"], row["passage"])],
            answers=tuple(row.get("answers", ())),
        )
        for row in read(file)
    ]


def asked_probes(engine: Engine, prompts: Sequence[list[ChatMessage]], *, model: str, at_most: int) -> list[Probe]:
    """Prompts as they were once given to the model; each counts once."""
    different = {json.dumps(messages): messages for messages in prompts}
    tokenizer = engine.tokenizer(model)
    chosen = list(different.values())[:at_most]
    return [Probe(messages=messages, ids=encode_messages(tokenizer, messages)) for messages in chosen]


def compose_probe(
    engine: Engine,
    question: str,
    *,
    model: str,
    system: str,
    passages: Sequence[GivenPassage] = (),
    answers: tuple[str, ...] = (),
) -> Probe:
    """A question of a first turn, as a model with these instructions is asked it."""
    prompt = compose(
        engine.tokenizer(model), question, system=system, passages=passages, budget=engine.context_tokens(model)
    )
    return Probe(messages=prompt.messages, ids=prompt.ids, answers=answers)
