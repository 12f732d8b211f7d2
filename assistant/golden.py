"""The rows of golden answers, and the only queries on them. Sessions are passed in; nothing here commits.

Whoever stores one names it by a key, to replace or remove it. Why it is worth imitating is not known here; which are
near to a question is found by `assistant.knowledge.examples`.
"""

from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import delete
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, or_, select

from assistant.tables import GoldenAnswer, Message


def put(session: Session, answer: GoldenAnswer) -> None:
    """Store an answer in place of the one of its key; where nothing is new, that one stays."""
    held = session.exec(
        select(GoldenAnswer).where(GoldenAnswer.assistant_id == answer.assistant_id, GoldenAnswer.key == answer.key)
    ).first()
    if held is not None:
        if _content(held) == _content(answer):
            return
        session.delete(held)
        session.flush()
    session.add(answer)
    session.flush()


def remove(session: Session, assistant_id: str, keys: Collection[str]) -> None:
    """Remove the answers of these keys, where they are."""
    session.execute(
        delete(GoldenAnswer).where(
            col(GoldenAnswer.assistant_id) == assistant_id, col(GoldenAnswer.key).in_(list(keys))
        )
    )


def keys(session: Session, assistant_id: str, *, question: str | None = None) -> set[str]:
    """The keys of all that belong to a reply; with `question`, to a reply to a message of exactly these words."""
    query = select(GoldenAnswer.key).where(
        GoldenAnswer.assistant_id == assistant_id, col(GoldenAnswer.reply_id).is_not(None)
    )
    if question is not None:
        reply, asked = aliased(Message), aliased(Message)
        query = query.join(reply, col(reply.id) == col(GoldenAnswer.reply_id))
        query = query.join(asked, col(asked.id) == col(reply.parent_id)).where(asked.text == question)
    return set(session.exec(query))


def readers(session: Session, assistant_id: str) -> list[tuple[str, str | None]]:
    """The id of each answer of an assistant, and the only person whom it serves; in a fixed order."""
    query = select(GoldenAnswer.id, GoldenAnswer.reader).where(GoldenAnswer.assistant_id == assistant_id)
    return list(session.exec(query.order_by(col(GoldenAnswer.id))))


def everybodys(session: Session, assistant_id: str) -> Sequence[GoldenAnswer]:
    """The answers of an assistant that serve everybody, oldest first."""
    query = select(GoldenAnswer).where(GoldenAnswer.assistant_id == assistant_id, col(GoldenAnswer.reader).is_(None))
    return session.exec(query.order_by(col(GoldenAnswer.created_at), col(GoldenAnswer.id))).all()


def questions(session: Session, ids: Collection[str]) -> dict[str, str]:
    """The questions of these answers, by id."""
    query = select(GoldenAnswer.id, GoldenAnswer.question).where(col(GoldenAnswer.id).in_(list(ids)))
    return dict(session.exec(query).all())


def by_ids(session: Session, ids: Collection[str]) -> dict[str, GoldenAnswer]:
    """These answers by id."""
    query = select(GoldenAnswer).where(col(GoldenAnswer.id).in_(list(ids)))
    return {answer.id: answer for answer in session.exec(query)}


def instead_of(session: Session, replies: Iterable[str], *, reader: str) -> dict[str, str]:
    """What these replies should have said, by reply, as far as it serves this person; their own word goes first."""
    query = select(GoldenAnswer).where(
        col(GoldenAnswer.reply_id).in_(list(replies)),
        or_(col(GoldenAnswer.reader).is_(None), GoldenAnswer.reader == reader),
    )
    held: Sequence[GoldenAnswer] = session.exec(query).all()
    return {answer.reply_id or "": answer.answer for answer in sorted(held, key=lambda each: each.reader or "")}


def _content(answer: GoldenAnswer) -> tuple[object, ...]:
    return answer.reply_id, answer.kind, answer.question, answer.answer, answer.asker, answer.reader
