"""Simulated people: what they ask, what they think of the answer, and what they then do through the public endpoints.

They are as people are: some only read, each gives feedback in a manner of their own, and a share of what they say is
wrong. Everything but the answers is the same for the same seed, so people go on where an interruption left them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Any, Protocol

from bench.loop_gain.preference import Answer, Preference

WRONG = 0.15
"""Of all judgements."""
LURKERS = 0.25
"""Of all people: they ask, and say nothing."""
LURKER_QUESTIONS = 2
EVENTS_EACH = 5


class Client(Protocol):
    """What people need of `gradio_client.Client`."""

    def predict(self, *, api_name: str, **arguments: Any) -> Any: ...


class Signal(StrEnum):
    """The manner in which a person gives feedback."""

    thumbs = "thumbs"
    retries = "retries"
    """Thumbs, and another try after a bad answer."""
    corrections = "corrections"
    """What it should have said; a thumb where that is what it said."""
    comparisons = "comparisons"
    """Always two answers, and which is better; a thumb where they see no difference."""


MIX = tuple(Signal)


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody who talks to an assistant; without a signal, only that."""

    name: str
    preference: Preference
    questions: tuple[str, ...]
    """What they ask, in this order, and then again."""
    events: int
    """How much feedback they give, or how often a lurker asks."""
    signal: Signal | None
    wrong: float = WRONG
    others: tuple[Preference, ...] = ()
    """Tastes of other people; a wrong correction is one of theirs."""
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Event:
    """One piece of feedback, in the person's nth conversation. `given` is `up`, `down`, `corrected` or `compared`."""

    person: str
    occasion: int
    given: str
    wrong: bool
    question: str
    text: str
    """Of the answer, for a comparison of the winner, for a correction what was wanted."""
    score: float
    """Of the answer as it came."""
    reply: str


def crowd(
    preference: Preference,
    *,
    events: int,
    signals: Sequence[Signal] = MIX,
    others: Sequence[Preference] = (),
    wrong: float = WRONG,
    seed: int = 0,
) -> list[Person]:
    """People who give so much feedback together, with their signals in turn, and lurkers beside them."""
    chance = Random(f"crowd {preference.name} {seed}")
    raters = max(len(signals), events // EVENTS_EACH)
    lurkers = round(raters * LURKERS / (1 - LURKERS))
    questions = list(preference.questions().train)
    chance.shuffle(questions)
    people = []
    for n in range(raters + lurkers):
        rates = n < raters
        people.append(
            Person(
                name=f"{'rater' if rates else 'lurker'} {n + 1}",
                preference=preference,
                questions=tuple(questions[n :: raters + lurkers] or questions),
                events=events // raters + (n < events % raters) if rates else LURKER_QUESTIONS,
                signal=signals[n % len(signals)] if rates else None,
                wrong=wrong,
                others=tuple(others),
                seed=seed,
            )
        )
    return people


@dataclass
class Acting:
    """A person at work with a client. `done` is what they did before an interruption."""

    person: Person
    client: Client
    assistant: str
    done: Sequence[Event] = field(default=())

    def run(self, told: Callable[[Event], None]) -> None:
        """Talk and give feedback until the person has given theirs; each event is told as soon as it is given."""
        given = len(self.done)
        occasion = 1 + max((event.occasion for event in self.done), default=-1)
        while given < self.person.events:
            for event in self._occasion(occasion):
                told(event)
                given += 1
            occasion += 1
            if self.person.signal is None:
                given += 1

    def _occasion(self, occasion: int) -> Iterator[Event]:
        person = self.person
        chance = Random(f"{person.seed} {person.name} {occasion}")
        question = person.questions[occasion % len(person.questions)]
        turn = self.client.predict(api_name="/chat", message=question, assistant=self.assistant)
        first = _Reading(person, occasion, question, turn, chance)
        match person.signal:
            case Signal.thumbs:
                yield self._rate(first, first.content)
            case Signal.retries:
                yield from self._retry(first)
            case Signal.corrections:
                yield self._correct(first)
            case Signal.comparisons:
                yield self._compare(first)

    def _again(self, first: "_Reading") -> "_Reading":
        turn = self.client.predict(api_name="/retry", reply=first.reply)
        return _Reading(first.person, first.occasion, first.question, turn, first.chance)

    def _rate(self, read: "_Reading", likes: bool) -> Event:
        wrong = read.errs()
        value = "up" if likes is not wrong else "down"
        self.client.predict(api_name="/rate", reply=read.reply, value=value, reasons=[], comment="")
        return read.event(value, wrong=wrong)

    def _retry(self, first: "_Reading") -> Iterator[Event]:
        rated = self._rate(first, first.content)
        yield rated
        if rated.given == "down":
            second = self._again(first)
            yield self._rate(second, second.content or second.score - first.score >= self.person.preference.least)

    def _correct(self, read: "_Reading") -> Event:
        wrong = read.errs()
        if read.content and not wrong:
            self.client.predict(api_name="/rate", reply=read.reply, value="up", reasons=[], comment="")
            return read.event("up", wrong=False)
        taste = read.chance.choice(self.person.others) if wrong and self.person.others else self.person.preference
        text = taste.correct(read.answer).replace("\0", "").strip()  # no keyboard has one, but a model can write it
        if text in ("", read.answer.text):
            return self._rate(read, likes=False)
        self.client.predict(api_name="/correct", reply=read.reply, text=text)
        return read.event("corrected", wrong=wrong, text=text)

    def _compare(self, first: "_Reading") -> Event:
        second = self._again(first)
        worse, better = sorted((first, second), key=lambda read: read.score)
        if better.score - worse.score < self.person.preference.least:
            return self._rate(first, first.content)
        wrong = first.errs()
        if wrong:
            worse, better = better, worse
        self.client.predict(api_name="/compare", winner=better.reply, loser=worse.reply)
        return better.event("compared", wrong=wrong)


class _Reading:
    """An answer as a person has read it."""

    def __init__(self, person: Person, occasion: int, question: str, turn: Mapping[str, Any], chance: Random) -> None:
        self.person, self.occasion, self.question, self.chance = person, occasion, question, chance
        self.reply: str = turn["reply"]
        self.answer = Answer(question, turn["text"], turn["sources"])
        self.score = person.preference.score(self.answer)
        self.content = self.score >= person.preference.content

    def errs(self) -> bool:
        return self.chance.random() < self.person.wrong

    def event(self, given: str, *, wrong: bool, text: str | None = None) -> Event:
        return Event(
            person=self.person.name,
            occasion=self.occasion,
            given=given,
            wrong=wrong,
            question=self.question,
            text=self.answer.text if text is None else text,
            score=round(self.score, 4),
            reply=self.reply,
        )
