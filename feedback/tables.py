"""The tables of what people thought. Rows are only added: the last row of a person counts, the others are history.

An id is never used twice, also after a person's rows were deleted: an adapter names the rows it learned from.
"""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, Column
from sqlmodel import Field, SQLModel

from assistant.database import state_type, utc_now

AUTOINCREMENT = {"sqlite_autoincrement": True}
IMPORTER = "import"
"""The rater of imported rows. It is no person, so no person's share of the pairs is held against it."""


class Value(StrEnum):
    up = "up"
    down = "down"
    none = "none"
    """Taken back."""


class Outcome(StrEnum):
    better = "better"
    tie = "tie"
    none = "none"
    """Taken back."""


class Rating(SQLModel, table=True):
    """A thumb. The last row of a person for a reply counts."""

    __table_args__ = AUTOINCREMENT
    id: int | None = Field(default=None, primary_key=True)
    reply_id: str = Field(foreign_key="message.id", index=True, ondelete="CASCADE")
    rater: str = Field(index=True)
    """Opaque id of the person."""
    value: Value = Field(sa_type=state_type(Value))
    reasons: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    comment: str = ""
    for_all: bool = False
    """Whether it may act for everybody at once; otherwise in the rater's own conversations only."""
    created_at: datetime = Field(default_factory=utc_now)


class Correction(SQLModel, table=True):
    """What the reply should have said. The last row of a person for a reply counts; an empty text takes it back."""

    __table_args__ = AUTOINCREMENT
    id: int | None = Field(default=None, primary_key=True)
    reply_id: str = Field(foreign_key="message.id", index=True, ondelete="CASCADE")
    rater: str = Field(index=True)
    text: str
    for_all: bool = False
    """Whether it may act for everybody at once; otherwise in the rater's own conversations only."""
    created_at: datetime = Field(default_factory=utc_now)


class Comparison(SQLModel, table=True):
    """Two replies to one question and which was better. A person's last row for the two, in either order, counts."""

    __table_args__ = AUTOINCREMENT
    id: int | None = Field(default=None, primary_key=True)
    winner_id: str = Field(foreign_key="message.id", index=True, ondelete="CASCADE")
    loser_id: str = Field(foreign_key="message.id", index=True, ondelete="CASCADE")
    rater: str = Field(index=True)
    outcome: Outcome = Field(default=Outcome.better, sa_type=state_type(Outcome))
    created_at: datetime = Field(default_factory=utc_now)


class Exclusion(SQLModel, table=True):
    """That an admin leaves a row out of training, and why. The last one of a row counts; an empty reason takes it back.

    People keep what they said: only training, and what is made ready for it, does not see it.
    """

    __table_args__ = AUTOINCREMENT
    id: int | None = Field(default=None, primary_key=True)
    row: str = Field(index=True)
    """Which row, such as `rating:12`."""
    reply_id: str = Field(foreign_key="message.id", index=True, ondelete="CASCADE")
    """The reply that the row is about; of a comparison, the winner."""
    rater: str = Field(index=True)
    """Who said it."""
    admin: str
    """Opaque id of who leaves it out."""
    reason: str
    created_at: datetime = Field(default_factory=utc_now)
