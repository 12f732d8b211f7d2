"""The tables of what answers: assistants, documents and chunks, conversations and how replies were made, examples."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from assistant.database import new_id, state_type, utc_now

HEADING_SEPARATOR = " › "


class Focus(StrEnum):
    """What a question is answered from."""

    auto = "auto"
    """Sentences for small models, passages for others."""
    passages = "passages"
    sentences = "sentences"


class Access(StrEnum):
    """Who may use an assistant. Admins may use any."""

    everyone = "everyone"
    members = "members"
    """Those who signed in."""
    admins = "admins"


class Assistant(SQLModel, table=True):
    """A persona with its documents, model and adapter."""

    id: str = Field(default_factory=new_id, primary_key=True)
    slug: str = Field(unique=True, index=True)
    name: str
    avatar: str = ""
    """One emoji, or one or two letters; empty: `face` is the name's first letter."""
    access: Access = Field(default=Access.everyone, sa_type=state_type(Access))
    system_prompt: str
    greeting: str = ""
    example_questions: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    model: str = "default"
    """`default` is what `THUMBLOOP_MODEL` names; else a hub id or a local folder."""
    adapter: str | None = None
    """Id of the adapter that it serves (a folder of that name in the adapters folder); none is the base model."""
    trial_adapter: str | None = None
    """Id of an adapter that answers a share of the conversations instead."""
    trial_share: float = 0.0
    """Over 0 and under 1 while there is a trial adapter."""
    focus: Focus = Field(default=Focus.auto, sa_type=state_type(Focus))
    passages: int = 4
    """How many passages or sentences a question is answered from; 0 turns retrieval off."""
    min_score: float | None = None
    """Passages that match the question less are left out, and all sentences if the best does; none: as learned."""
    context_tokens: int = 1536
    """Budget of the whole prompt in the chat model's tokens."""
    max_new_tokens: int = 256
    temperature: float = 0.3
    """0 is greedy decoding."""
    top_p: float = 0.9
    compare_share: float = 0.0
    """Share of the questions on the chat page that get two answers at once, for the reader to choose between."""
    created_at: datetime = Field(default_factory=utc_now)

    @property
    def face(self) -> str:
        """What stands for it beside its name: its avatar, or the first letter of its name."""
        return self.avatar or next((letter for letter in self.name if letter.isalnum()), "?").upper()


class Document(SQLModel, table=True):
    """A file's text, as parsed. Its name is its identity within an assistant: the same name again replaces it."""

    __table_args__ = (UniqueConstraint("assistant_id", "name"),)
    id: str = Field(default_factory=new_id, primary_key=True)
    assistant_id: str = Field(foreign_key="assistant.id", index=True, ondelete="CASCADE")
    name: str
    title: str
    sha256: str
    """Of the file's bytes."""
    text: str
    created_at: datetime = Field(default_factory=utc_now)


class Chunk(SQLModel, table=True):
    """A piece of a document that the embedding model can read whole: `document.text[start:end]`."""

    id: str = Field(default_factory=new_id, primary_key=True)
    document_id: str = Field(foreign_key="document.id", index=True, ondelete="CASCADE")
    position: int
    start: int
    end: int
    heading: str = ""
    """The headings above it, outermost first, joined by `HEADING_SEPARATOR`."""
    text: str


class Conversation(SQLModel, table=True):
    """One person's exchange with one assistant."""

    id: str = Field(default_factory=new_id, primary_key=True)
    assistant_id: str = Field(foreign_key="assistant.id", index=True, ondelete="CASCADE")
    owner: str = Field(index=True)
    """Opaque id of the person; only they and admins see it."""
    title: str
    head: str | None = None
    """Id of the message that the next question continues; none: the newest reply."""
    created_at: datetime = Field(default_factory=utc_now)
    updated_at: datetime = Field(default_factory=utc_now)


class Role(StrEnum):
    user = "user"
    assistant = "assistant"


class Message(SQLModel, table=True):
    """A question or a reply. Those with one `parent_id` are siblings: answers to one question, or its other words."""

    id: str = Field(default_factory=new_id, primary_key=True)
    conversation_id: str = Field(foreign_key="conversation.id", index=True, ondelete="CASCADE")
    parent_id: str | None = Field(default=None, foreign_key="message.id", index=True, ondelete="CASCADE")
    role: Role = Field(sa_type=state_type(Role))
    text: str
    created_at: datetime = Field(default_factory=utc_now)


class ReplyState(StrEnum):
    streaming = "streaming"
    done = "done"
    stopped = "stopped"
    """The reader pressed stop or left; the text is what had been written by then."""
    failed = "failed"


ANSWERED = (ReplyState.done, ReplyState.stopped)
"""The states of a reply that its reader can judge."""


class Reply(SQLModel, table=True):
    """What a reply was made of: everything needed to train on it, frozen when it was made."""

    message_id: str = Field(primary_key=True, foreign_key="message.id", ondelete="CASCADE")
    state: ReplyState = Field(default=ReplyState.streaming, sa_type=state_type(ReplyState))
    model: str
    adapter: str | None
    prompt: list[dict[str, str]] = Field(sa_column=Column(JSON, nullable=False))
    """The messages as given to the model: `{"role", "content"}`, sources and all."""
    sources: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """Each: `n` (its number in the prompt), `chunk`, `document`, `title`, `heading`, `text`, `score`, `start`, `end`,
    `cited`."""
    temperature: float
    top_p: float
    max_new_tokens: int
    seed: int
    prompt_tokens: int = 0
    reply_tokens: int = 0
    first_token_s: float | None = None
    """Seconds from the question to the first token, retrieval included."""
    total_s: float | None = None
    error: str = ""


class GoldenKind(StrEnum):
    """How an answer became golden."""

    corrected = "corrected"
    approved = "approved"


class GoldenAnswer(SQLModel, table=True):
    """A question and an answer worth imitating where a question is near to it. It never changes but by a new id."""

    __table_args__ = (UniqueConstraint("assistant_id", "key"),)
    id: str = Field(default_factory=new_id, primary_key=True)
    assistant_id: str = Field(foreign_key="assistant.id", index=True, ondelete="CASCADE")
    key: str
    """By which its maker replaces or removes it."""
    reply_id: str | None = Field(default=None, foreign_key="message.id", index=True, ondelete="CASCADE")
    """The reply that it mends or repeats: it goes when that goes."""
    kind: GoldenKind = Field(sa_type=state_type(GoldenKind))
    question: str
    answer: str
    asker: str = ""
    """Opaque id of whose question it is; nobody else is shown the question."""
    reader: str | None = None
    """Opaque id of the only person whom it serves; none: everybody."""
    created_at: datetime = Field(default_factory=utc_now)
