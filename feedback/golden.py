"""Golden answers: what people correct or approve is given as an example from that moment on, for questions near to it.

Which answers these are is a pure function of the evidence, by the same rules as the lessons that training learns from.
What somebody without an account says counts for nobody but themselves: on a public page anybody could otherwise put
words into the assistant's mouth. Who that is, `feedback` does not know: each row says whether it may act for all.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from sqlmodel import Session, col, select

from assistant import golden, records
from assistant.questions import search_query
from assistant.tables import Conversation, GoldenAnswer, GoldenKind, Message
from feedback.evidence import Choice, CorrectedText, Evidence, Thumb, gather
from feedback.lessons import Lesson, build_lessons
from feedback.tables import IMPORTER

Said = TypeVar("Said", Thumb, CorrectedText, Choice)


@dataclass(frozen=True)
class Golden:
    """A lesson that acts at once, for everybody or for one person only."""

    lesson: Lesson
    reader: str | None

    @property
    def key(self) -> str:
        return f"{self.lesson.replies[0]} {self.reader or ''}".strip()


def golden_answers(evidence: Evidence) -> Iterator[Golden]:
    """What the evidence makes golden. What was imported is for training only: nobody said it about this assistant.

    Anybody's thumb down or choice of another answer keeps an answer from being approved for all.
    """
    for lesson in build_lessons(_for_all(evidence)):
        yield Golden(lesson, None)
    for rater, said in _of_single_people(evidence):
        for lesson in build_lessons(said):
            yield Golden(lesson, rater)


def refresh(session: Session, assistant_id: str, *, question: str | None = None) -> None:
    """Bring the stored golden answers in line with what people say now; with `question`, those to these words."""
    held = golden.keys(session, assistant_id, question=question)
    wanted = {each.key: each for each in golden_answers(gather(session, assistant_id, question=question))}
    golden.remove(session, assistant_id, held.difference(wanted))
    for each in wanted.values():
        golden.put(session, _row(session, assistant_id, each))


def refresh_of_reply(session: Session, reply_id: str) -> None:
    """The same for the question of a reply, wherever it was asked."""
    query = (
        select(Message, Conversation.assistant_id)
        .join(Conversation, col(Conversation.id) == col(Message.conversation_id))
        .where(col(Message.id) == select(Message.parent_id).where(Message.id == reply_id).scalar_subquery())
    )
    found = session.exec(query).first()
    if found is not None:
        refresh(session, found[1], question=found[0].text)


def _for_all(evidence: Evidence) -> Evidence:
    return replace(
        evidence,
        thumbs=tuple(thumb for thumb in evidence.thumbs if thumb.for_all or not thumb.up),
        corrections=tuple(correction for correction in evidence.corrections if correction.for_all),
    )


def _of_single_people(evidence: Evidence) -> Iterator[tuple[str, Evidence]]:
    """What each person said who may only act for themselves."""
    answers = {answer.id: answer for answer in evidence.answers}
    thumbs, corrections = _by_rater(evidence.thumbs), _by_rater(evidence.corrections)
    choices = _by_rater(evidence.choices)
    alone = {thumb.rater for thumb in evidence.thumbs if not thumb.for_all}
    alone |= {correction.rater for correction in evidence.corrections if not correction.for_all}
    for rater in sorted(alone - {IMPORTER}):
        ids = {thumb.reply for thumb in thumbs[rater]} | {each.reply for each in corrections[rater]}
        ids |= {id_ for choice in choices[rater] for id_ in (choice.winner, choice.loser)}
        yield (
            rater,
            Evidence(
                answers=tuple(answers[id_] for id_ in sorted(ids)),
                thumbs=tuple(thumbs[rater]),
                corrections=tuple(corrections[rater]),
                choices=tuple(choices[rater]),
            ),
        )


def _by_rater(said: Iterable[Said]) -> defaultdict[str, list[Said]]:
    found: defaultdict[str, list[Said]] = defaultdict(list)
    for each in said:
        found[each.rater].append(each)
    return found


def _row(session: Session, assistant_id: str, each: Golden) -> GoldenAnswer:
    lesson = each.lesson
    message, _ = records.reply(session, lesson.replies[0])
    asked = session.get_one(Message, message.parent_id)
    before = session.get(Message, asked.parent_id) if asked.parent_id else None
    earlier = session.get(Message, before.parent_id) if before is not None and before.parent_id else None
    history = [{"role": "user", "content": earlier.text}] if earlier is not None else []
    return GoldenAnswer(
        assistant_id=assistant_id,
        key=each.key,
        reply_id=message.id,
        kind=GoldenKind.corrected if lesson.corrects else GoldenKind.approved,
        question=search_query(asked.text, history),
        answer=lesson.answer,
        asker=session.get_one(Conversation, message.conversation_id).owner,
        reader=each.reader,
    )
