"""What golden answers change at once, before any training: what served answers with them, and without.

Asked are other wordings of questions whose answer somebody corrected or liked, by that person, as a guest's golden
answers serve nobody else; and the held-out questions, each by whoever has the nearest golden answer, so that this is
the most that they change for anybody. Where the prompt stays as it was, so does the reply, and it is not written.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from assistant import golden, records
from assistant.demonstrations import to_repeat
from assistant.engine import Engine
from assistant.grounding import Grounding
from assistant.knowledge.index import EmbeddingModel
from assistant.tables import Assistant, Focus, GoldenAnswer, GoldenKind
from bench.loop_gain.app import SLUG
from bench.loop_gain.measures import gain_of, interval
from bench.loop_gain.preference import Answer, Preference
from bench.loop_gain.questions import reworded
from bench.loop_gain.speech import Asked, open_home, sample
from retrain.replies import Probe

HELD_OUT = "held_out"
KINDS = (*(kind.value for kind in GoldenKind), HELD_OUT)
SAMPLES = 3


@dataclass(frozen=True, kw_only=True)
class Twice:
    """A question as the model gets it without golden answers, and with them."""

    kind: str
    """Of the golden answer whose question is asked in other words, or that it is held out."""
    without: Asked
    given: Asked
    repeated: str | None = None
    """What the program says itself, where it is asked nearly the very question that was corrected."""

    @property
    def changes(self) -> bool:
        """Whether golden answers change anything for it."""
        return self.repeated is not None or self.given.probe.ids != self.without.probe.ids


def compose_twice(
    engine: Engine, preference: Preference, *, home: Path, embedder: EmbeddingModel, near: int, held_out: int
) -> list[Twice]:
    """At most `near` questions by each kind of golden answer, the oldest first, and the first held-out ones."""
    with open_home(home, embedder) as (database, knowledge):
        with database.read() as session:
            assistant = records.assistant_by_slug(session, SLUG)
            ids = [id_ for id_, _ in golden.readers(session, assistant.id)]
            answers = sorted(golden.by_ids(session, ids).values(), key=lambda answer: (answer.created_at, answer.id))
        grounding = Grounding(engine=engine, knowledge=knowledge)
        asked = [
            _twice(grounding, assistant, kind, answer.question, reworded()[answer.question], reader=_reader(answer))
            for kind in GoldenKind
            for answer in [one for one in answers if one.kind is kind and one.question in reworded()][:near]
        ]
        questions = preference.questions().held_out[:held_out]
        nearest = zip(questions, _nearest(questions, answers, embedder), strict=False)
        return asked + [
            _twice(grounding, assistant, HELD_OUT, question, question, reader=_reader(answer))
            for question, answer in nearest
        ]


def _twice(grounding: Grounding, assistant: Assistant, kind: str, meant: str, said: str, *, reader: str) -> Twice:
    """`meant` is the question in the words by which replies to it are scored."""
    plain, told = (grounding.compose(assistant, said, reader=who) for who in (None, reader))
    corrected = [source for source in told.sources if source.get("golden") == GoldenKind.corrected]
    repeated = to_repeat(corrected) if grounding.focus(assistant) is Focus.sentences else None
    without, given = (Asked(meant, Probe(messages=one.messages, ids=one.ids), one.sources) for one in (plain, told))
    return Twice(kind=kind, without=without, given=given, repeated=repeated and str(repeated["text"]))


def _reader(answer: GoldenAnswer) -> str:
    return answer.reader or answer.asker


def _nearest(
    questions: Sequence[str], answers: Sequence[GoldenAnswer], embedder: EmbeddingModel
) -> Sequence[GoldenAnswer]:
    """For each question the golden answer whose question is the most similar; none at all without any."""
    if not answers:
        return ()
    cosines = embedder.embed(list(questions)) @ embedder.embed([answer.question for answer in answers]).T
    return [answers[at] for at in np.argmax(cosines, axis=1)]


def measure(
    engine: Engine,
    asked: Sequence[Twice],
    preference: Preference,
    *,
    adapter: Path | None,
    seed: int,
) -> dict[str, Any]:
    """The gain by golden answers for each kind of question, and a few replies both ways."""
    changed = sorted((one for one in asked if one.changes), key=lambda one: one.repeated is not None)
    written = [one.given for one in changed if one.repeated is None]
    before = sample(engine, [one.without for one in changed], adapter=adapter, seed=seed)
    after = sample(engine, written, adapter=adapter, seed=seed)
    texts = [reply.text for reply in after] + [one.repeated for one in changed if one.repeated is not None]
    found = {}
    for kind in KINDS:
        both = [
            (_answer(one.without, old.text), _answer(one.given, new))
            for one, old, new in zip(changed, before, texts, strict=True)
            if one.kind == kind
        ]
        found[kind] = _figures(sum(one.kind == kind for one in asked), both, preference)
    return found


def _answer(asked: Asked, text: str) -> Answer:
    return Answer(asked.question, text, asked.sources)


def _figures(asked: int, both: Sequence[tuple[Answer, Answer]], preference: Preference) -> dict[str, Any]:
    """Of so many questions those that were answered twice changed; the others are ties."""
    if not asked:
        return {"asked": 0}
    before = [preference.score(old) for old, _ in both]
    after = [preference.score(new) for _, new in both]
    same = [0.0] * (asked - len(both))
    low, high = interval(before + same, after + same)
    return {
        "asked": asked,
        "changed": len(both),
        "gain": round(gain_of(before + same, after + same), 4),
        "gain_low": round(low, 4),
        "gain_high": round(high, 4),
        "score_before": round(fmean(before), 4) if both else None,
        "score_after": round(fmean(after), 4) if both else None,
        "samples": [{"question": old.question, "before": old.text, "after": new.text} for old, new in both[:SAMPLES]],
    }
