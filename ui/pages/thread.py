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
from assistant.tables import ANSWERED, Message, Reply, ReplyState, Role
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
        return bool(self.text.strip()) and self.state in ANSWERED

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
    goes_on: str = ""
    """The answer that the conversation goes on from."""
    wordings: tuple[str, ...] = ()
    """Ids of the question in all the words in which it was asked here, oldest first."""
    wording: int = 0
    """Which of them this is, from 0."""
    choice: Choice | None = None
    """The reader's choice between the rivals."""
    passed: bool = False
    """Whether the reader went on from the newest answer."""

    @property
    def undecided(self) -> bool:
        """Whether the reader may be asked which of the rivals is better."""
        return self.rivals is not None and self.choice is None and not self.passed

    @property
    def current(self) -> int:
        """Which answer the conversation goes on from, from 0."""
        found = [n for n, answer in enumerate(self.answers) if answer.reply == self.goes_on]
        return found[0] if found else len(self.answers) - 1

    @property
    def rivals(self) -> tuple[Answer, Answer] | None:
        """The newest answer and the best one before it, as far as that is known, where both can be compared."""
        finished = [answer for answer in self.answers if answer.finished]
        if len(finished) < 2:
            return None
        *earlier, newest = finished
        unbeaten = [answer for answer in earlier if not {*answer.opinion.worse_than} - {newest.reply}]
        return (unbeaten or earlier)[-1], newest


def load(session: Session, conversation: str, *, owner: str) -> tuple[Exchange, ...]:
    """The exchanges of one of the owner's conversations, in order. Raises `NotFound`."""
    records.conversation(session, conversation, owner=owner)
    written = records.messages(session, conversation)
    made = records.replies(session, conversation)
    opinions = ratings.of_person(session, list(made), owner)
    line = records.thread(session, conversation)
    return tuple(
        _exchange(question, answer, written, made, opinions)
        for question, answer in zip(line[::2], line[1::2], strict=True)
    )


def _exchange(
    question: Message,
    answer: Message,
    written: Sequence[Message],
    made: dict[str, Reply],
    opinions: dict[str, Opinion],
) -> Exchange:
    replies = [message for message in written if message.parent_id == question.id]
    wordings = [
        message.id for message in written if message.parent_id == question.parent_id and message.role is Role.user
    ]
    exchange = Exchange(
        question=question.text,
        answers=tuple(_answer(message, made[message.id], opinions[message.id]) for message in replies),
        goes_on=answer.id,
        wordings=tuple(wordings),
        wording=wordings.index(question.id),
    )
    if exchange.rivals is None:
        return exchange
    first, second = (rival.reply for rival in exchange.rivals)
    passed = any(message.parent_id == second for message in written)
    return replace(exchange, choice=_choice(first, second, opinions[first]), passed=passed)


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
