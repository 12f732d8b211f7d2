"""Finds the golden answers whose questions are near to a question. Whoever put them there is not known here.

The rows are the truth (`assistant.golden`). The vectors of their questions are stored in the index folder and held in
memory as one matrix an assistant: every question is compared with all, so what serves others never hides one's own.
"""

import threading
from dataclasses import dataclass

import numpy as np

from assistant import golden
from assistant.database import Database
from assistant.knowledge.index import Index
from assistant.knowledge.vectors import Vectors
from assistant.tables import GoldenAnswer, GoldenKind

READ = 50
"""So many of the nearest are read to choose among."""


@dataclass(frozen=True)
class Example:
    """A golden answer that was found, and the cosine similarity of its question to the one that was asked."""

    answer: GoldenAnswer
    score: float


@dataclass(frozen=True)
class _View:
    """One state of an assistant's golden answers, replaced as a whole; `vectors` has a row for each."""

    held: list[tuple[str, str | None]]
    vectors: Vectors


class Examples:
    """The golden answers of all assistants. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._views: dict[str, _View] = {}
        self._changing = threading.Lock()

    def near(
        self, index: Index, assistant_id: str, question: str, *, reader: str, limit: int, least: float
    ) -> list[Example]:
        """Those that may serve `reader`, of a score of at least `least`, the nearest first; one for each question.

        Of several for one question, what a person wrote goes before what was liked, the reader's own before
        everybody's, and the newer before the older. Looks at the rows as they are now.
        """
        with self._database.read() as session:
            held = golden.readers(session, assistant_id)
        view = self._view(index, assistant_id, held) if held and question.strip() else None
        if view is None or not view.held:
            return []
        scores = view.vectors @ index.embed_query(question)
        fitting = [at for at in np.flatnonzero(scores >= least) if view.held[at][1] in (None, reader)]
        best_first = sorted(fitting, key=lambda at: -scores[at])[:READ]
        found = {view.held[at][0]: float(scores[at]) for at in best_first}
        with self._database.read() as session:
            answers = golden.by_ids(session, found)
        best: dict[str, Example] = {}
        for example in sorted((Example(answer, found[id_]) for id_, answer in answers.items()), key=_rank):
            best.setdefault(example.answer.question, example)
        return list(best.values())[:limit]

    def drop(self, index: Index, assistant_id: str) -> None:
        """Throw the vectors away; they are made anew when they are needed."""
        with self._changing:
            self._views.pop(assistant_id, None)
            index.drop(_key(assistant_id))

    def clear(self) -> None:
        """Forget what is in memory, for when the index is closed."""
        with self._changing:
            self._views.clear()

    def _view(self, index: Index, assistant_id: str, held: list[tuple[str, str | None]]) -> _View:
        view = self._views.get(assistant_id)
        if view is not None and view.held == held:
            return view
        with self._changing:
            view, key = self._views.get(assistant_id), _key(assistant_id)
            known = index.kept(key) if view is None else _by_id(view)
            wanted = [id_ for id_, _ in held]
            with self._database.read() as session:
                missing = golden.questions(session, [id_ for id_ in wanted if id_ not in known])
            index.discard(key, known.keys() - set(wanted))
            known |= index.keep(key, missing)
            there = [each for each in held if each[0] in known]  # without what was deleted since
            vectors = np.array([known[id_] for id_, _ in there], dtype=np.float32)
            self._views[assistant_id] = view = _View(there, vectors)
            return view


def _rank(example: Example) -> tuple[float, bool, bool, float]:
    answer = example.answer
    approved, for_all = answer.kind is GoldenKind.approved, answer.reader is None
    return -round(example.score, 4), approved, for_all, -answer.created_at.timestamp()


def _by_id(view: _View) -> dict[str, Vectors]:
    return {id_: vector for (id_, _), vector in zip(view.held, view.vectors, strict=True)}


def _key(assistant_id: str) -> str:
    return f"{assistant_id}-golden"
