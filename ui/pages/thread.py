"""A conversation as a page shows it: each question with all its answers, and what the reader thought of them.

Reads rows and gives frozen values; how they look is `ui.pages.thread_html`'s business.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from sqlmodel import Session

from assistant import records
from assistant.citations import unsupported
from assistant.tables import Message, Reply, ReplyState, Role
from feedback import ratings
from feedback.ratings import Opinion


@dataclass(frozen=True)
class Answer:
    """One reply to a question."""

    reply: str
    text: str
    state: ReplyState
    error: str = ""
    sources: tuple[dict[str, Any], ...] = ()
    adapter: str | None = None
    opinion: Opinion = field(default_factory=Opinion)
    """What the reader thinks of it."""

    @property
    def finished(self) -> bool:
        """Whether there is something to rate."""
        return bool(self.text.strip()) and self.state in (ReplyState.done, ReplyState.stopped)

    @cached_property
    def doubts(self) -> tuple[tuple[int, int], ...]:
        """Where it states what none of its sources says; nowhere, if it was given none."""
        return unsupported(self.text, self.sources) if self.sources else ()


@dataclass(frozen=True)
class Choice:
    """Which of two answers the reader found better; a tie has both and says so."""

    winner: str
    loser: str
    tie: bool


@dataclass(frozen=True)
class Exchange:
    """A question and its answers, oldest first."""

    question: str
    answers: tuple[Answer, ...]
    choice: Choice | None = None
    """The reader's choice between the two newest answers."""

    @property
    def rivals(self) -> tuple[Answer, Answer] | None:
        """The two newest answers, where there are two that are worth comparing."""
        finished = [answer for answer in self.answers if answer.finished]
        return (finished[-2], finished[-1]) if len(finished) > 1 else None


def load(session: Session, conversation: str, *, owner: str) -> tuple[Exchange, ...]:
    """The exchanges of one of the owner's conversations, in order. Raises `NotFound`."""
    records.conversation(session, conversation, owner=owner)
    written = records.messages(session, conversation)
    made = records.replies(session, conversation)
    opinions = ratings.of_person(session, list(made), owner)
    line = [message.id for message in records.thread(session, conversation) if message.role is Role.user]
    by_id = {message.id: message for message in written}
    return tuple(_exchange(by_id[question], written, made, opinions) for question in line)


def _exchange(
    question: Message, written: Sequence[Message], made: dict[str, Reply], opinions: dict[str, Opinion]
) -> Exchange:
    replies = [message for message in written if message.parent_id == question.id and message.role is Role.assistant]
    exchange = Exchange(
        question=question.text,
        answers=tuple(_answer(message, made[message.id], opinions[message.id]) for message in replies),
    )
    if exchange.rivals is None:
        return exchange
    first, second = (answer.reply for answer in exchange.rivals)
    return replace(exchange, choice=_choice(first, second, opinions[first]))


def _answer(message: Message, made: Reply, opinion: Opinion) -> Answer:
    return Answer(
        reply=message.id,
        text=message.text,
        state=made.state,
        error=made.error,
        sources=tuple(made.sources),
        adapter=made.adapter,
        opinion=opinion,
    )


def _choice(first: str, second: str, of_first: Opinion) -> Choice | None:
    if second in of_first.better_than:
        return Choice(first, second, tie=False)
    if second in of_first.worse_than:
        return Choice(second, first, tie=False)
    return Choice(first, second, tie=True) if second in of_first.tied_with else None
