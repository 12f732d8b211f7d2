"""What people think of a version's answers, one vote a person and day: many thumbs of one do not outvote others.

A person's first thumb of a day (UTC) for a version's answers is their vote: which one it is does not change with what
they say next, and so it can be looked at at any time (`feedback.shares`).
"""

from datetime import datetime

import sqlalchemy
from sqlalchemy import case, func
from sqlmodel import Session, col

from assistant.tables import Conversation, Message, Reply
from feedback import counting
from feedback.shares import Thumbs
from feedback.tables import IMPORTER, Rating, Value


def votes(session: Session, assistant_id: str, adapter: str | None, *, since: datetime) -> dict[str, Thumbs]:
    """The votes of each person for the answers that a version (none: the base model) has written since."""
    rating = counting.ratings().where(Rating.rater != IMPORTER).subquery()
    first = (
        sqlalchemy.select(func.min(rating.c.id))
        .join(Message, col(Message.id) == rating.c.reply_id)
        .join(Reply, col(Reply.message_id) == col(Message.id))
        .join(Conversation, col(Conversation.id) == col(Message.conversation_id))
        .where(
            col(Conversation.assistant_id) == assistant_id,
            col(Reply.adapter).is_(None) if adapter is None else col(Reply.adapter) == adapter,
            col(Message.created_at) >= since,
        )
        .group_by(rating.c.rater, func.date(rating.c.created_at))
    )
    up = func.sum(case((col(Rating.value) == Value.up, 1), else_=0))
    counted = sqlalchemy.select(col(Rating.rater), up, func.count()).where(col(Rating.id).in_(first))
    rows = session.connection().execute(counted.group_by(col(Rating.rater)))
    return {rater: Thumbs(ups, all_ - ups) for rater, ups, all_ in rows}
