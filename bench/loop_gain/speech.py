"""What an adapter says to the held-out questions, and to questions about documents: sampled in this process.

The app must have ended: the index of a home folder belongs to one process. Prompts are composed as the app composes
them, and both sides get the same prompts with the same seeds.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant import records
from assistant.database import Database, open_database
from assistant.engine import Engine, Sampling, Weights
from assistant.grounding import Grounding
from assistant.knowledge import Knowledge
from assistant.knowledge.index import EmbeddingModel
from bench.grounding import UNSEEN
from bench.loop_gain.app import MAX_NEW_TOKENS, SLUG, TOP_P
from bench.loop_gain.preference import FROM_SOURCES, Answer, Preference
from bench.loop_gain.questions import DOCUMENTS, TRAIN_OF_DOCUMENT
from retrain.measures import contains_any
from retrain.replies import GivenPassage, Probe, Written, compose_probe, grounded_probes, write_replies

UNASKED = Path(__file__).with_name("unasked")
"""Documents of which nobody is asked anything but to measure."""
TEMPERATURE = 0.8
DOCUMENT_TOKENS = 48


@dataclass(frozen=True)
class Asked:
    """A held-out question as the model gets it."""

    question: str
    probe: Probe
    sources: Sequence[dict[str, Any]] = ()


@dataclass(frozen=True)
class Said:
    """What one side answered to the held-out questions, and which questions about documents it answered right."""

    replies: list[str]
    tokens: float
    """Mean length."""
    ended: float
    """Share of the replies that came to an end by themselves."""
    right: list[bool]
    """Of each question about documents."""

    def answers(self, asked: Sequence[Asked]) -> list[Answer]:
        """The replies as a person would read them."""
        return [Answer(one.question, text, one.sources) for one, text in zip(asked, self.replies, strict=True)]


def compose_held_out(
    engine: Engine, preference: Preference, *, home: Path, embedder: EmbeddingModel, number: int
) -> list[Asked]:
    """The first held-out questions of a preference, composed for its assistant in a home folder."""
    questions = preference.questions().held_out[:number]
    if not preference.documents:
        return [
            Asked(question, compose_probe(engine, question, model="default", system=preference.system))
            for question in questions
        ]
    with open_home(home, embedder) as (database, knowledge):
        with database.read() as session:
            assistant = records.assistant_by_slug(session, SLUG)
        grounding = Grounding(engine=engine, knowledge=knowledge)
        composed = [grounding.compose(assistant, question) for question in questions]
        return [
            Asked(question, Probe(messages=one.messages, ids=one.ids), one.sources)
            for question, one in zip(questions, composed, strict=True)
        ]


@contextmanager
def open_home(home: Path, embedder: EmbeddingModel) -> Iterator[tuple[Database, Knowledge]]:
    """What a home folder remembers, and how it is searched."""
    with ExitStack() as stack:
        database = open_database(f"sqlite:///{home / 'thumbloop.db'}")
        stack.callback(database.close)
        knowledge = Knowledge(database, index_dir=home / "index", embedder=embedder)
        stack.callback(knowledge.close)
        knowledge.open()
        yield database, knowledge


def document_probes(engine: Engine, *, number: int) -> list[Probe]:
    """Questions about given passages with known answers, on which nothing is trained here."""
    probes = grounded_probes(engine, model="default", system=FROM_SOURCES)
    for folder, first in ((UNSEEN, 0), (DOCUMENTS, TRAIN_OF_DOCUMENT), (UNASKED, 0)):
        for row in _answered(folder, first=first):
            title, *paragraphs = (folder / row["document"]).read_text(encoding="utf-8").strip().split("\n\n")
            holding = next((part for part in paragraphs if row["answer"] in part), None)
            if holding is not None:
                probes.append(
                    compose_probe(
                        engine,
                        row["question"],
                        model="default",
                        system=FROM_SOURCES,
                        passages=[GivenPassage(title.lstrip("# "), holding)],
                        answers=(row["answer"],),
                    )
                )
    return probes[:number]


def _answered(folder: Path, *, first: int) -> list[dict[str, str]]:
    """The questions of a folder that have an answer; of each document from the nth on."""
    lines = (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    by_document: dict[str, list[dict[str, str]]] = {}
    for row in map(json.loads, lines):
        if row["answer"]:
            by_document.setdefault(row["document"], []).append(row)
    return [row for rows in by_document.values() for row in rows[first:]]


def speak(
    engine: Engine,
    asked: Sequence[Asked],
    documents: Sequence[Probe],
    *,
    adapter: Path | None,
    seed: int,
    on_reply: Callable[[], None],
) -> Said:
    """Sample a reply to each held-out question, and answer those about documents greedily."""
    greedy = Sampling(max_new_tokens=DOCUMENT_TOKENS)
    weights = Weights(model="default", adapter=adapter)
    written = sample(engine, asked, adapter=adapter, seed=seed, on_reply=on_reply)
    told = write_replies(engine, documents, weights=weights, sampling=greedy, on_reply=on_reply)
    return Said(
        replies=[reply.text for reply in written],
        tokens=round(sum(reply.tokens for reply in written) / len(written), 1),
        ended=round(sum(reply.ended for reply in written) / len(written), 3),
        right=[contains_any(reply.text, probe.answers) for reply, probe in zip(told, documents, strict=True)],
    )


def sample(
    engine: Engine,
    asked: Sequence[Asked],
    *,
    adapter: Path | None,
    seed: int,
    on_reply: Callable[[], None] = lambda: None,
) -> list[Written]:
    """A reply to each question as the chat would show it, the nth with the nth seed after `seed`."""
    weights = Weights(model="default", adapter=adapter)
    free = Sampling(temperature=TEMPERATURE, top_p=TOP_P, max_new_tokens=MAX_NEW_TOKENS, seed=seed)
    probes = [one.probe for one in asked]
    return write_replies(engine, probes, weights=weights, sampling=free, on_reply=on_reply, quotes=True)
