"""What each signal says, one by one: that of two texts one is the better answer to a prompt. Pure.

Nothing is weighed here: claims may contradict each other or be about texts that are nearly the same. `feedback.pairs`
sees to that. A text is known by its prompt and its words, so the same answer given twice is one text.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from assistant.prompt import ChatMessage
from feedback.evidence import Answer, Evidence, TextKey, Thumb
from feedback.likeness import normal


class Kind(StrEnum):
    """Which signal a pair is from, the most trusted first."""

    comparison = "comparison"
    correction = "correction"
    retry = "retry"
    same_prompt = "same_prompt"


@dataclass(frozen=True, kw_only=True)
class Claim:
    """That one text is a better answer than another; for a tie the order of the two says nothing."""

    kind: Kind
    prompt: tuple[ChatMessage, ...]
    chosen: str
    rejected: str
    rows: tuple[tuple[str, int], ...]
    """Table and number of each row that it is made of."""
    raters: tuple[str, ...]
    replies: tuple[str, ...]
    conversations: tuple[str, ...]
    better: TextKey
    worse: TextKey
    finished: bool = True
    """Whether the better text ends where its writer ended it."""
    tie: bool = False


@dataclass(frozen=True, kw_only=True)
class Vote:
    """The last thumb of one person on a text, and the answer it was given for."""

    row: int
    rater: str
    up: bool
    answer: Answer


def _alike(_rater: str) -> float:
    return 1.0


@dataclass(frozen=True)
class Poll:
    """What people think of one text: one vote a person, the earliest first."""

    text: TextKey
    votes: tuple[Vote, ...]
    weight: Callable[[str], float] = field(default=_alike, compare=False)
    """Of a person's vote."""
    least_lead: float = 0.0
    """By so much the votes of one side must weigh more, where there are two."""

    @cached_property
    def divided(self) -> bool:
        """Whether some like it and some do not."""
        return any(vote.up is not self.votes[0].up for vote in self.votes)

    @cached_property
    def verdict(self) -> bool | None:
        """Whether the most like it, as votes weigh; None when they are too evenly split."""
        if not self.divided:
            return self.votes[0].up
        up, down = (sum(self.weight(vote.rater) for vote in self.votes if vote.up is side) for side in (True, False))
        return None if abs(up - down) <= self.least_lead else up > down

    @cached_property
    def winning(self) -> tuple[Vote, ...]:
        """The votes that made the verdict."""
        return tuple(vote for vote in self.votes if vote.up is self.verdict) if self.divided else self.votes

    @property
    def answer(self) -> Answer:
        """The first answer of those that were voted so, a finished one if there is one."""
        return min(self.winning, key=lambda vote: (not vote.answer.finished, vote.row)).answer


def compared(evidence: Evidence) -> Iterator[Claim]:
    """From comparisons: the winner over the loser."""
    answers = {answer.id: answer for answer in evidence.answers}
    for choice in sorted(evidence.choices, key=lambda choice: choice.row):
        winner, loser = answers[choice.winner], answers[choice.loser]
        rows = (("comparison", choice.row),)
        yield _over(Kind.comparison, winner, loser, rows=rows, raters=(choice.rater,), tie=choice.tie)


def corrected(evidence: Evidence) -> Iterator[Claim]:
    """From corrections: the corrected text over the original."""
    answers = {answer.id: answer for answer in evidence.answers}
    for correction in sorted(evidence.corrections, key=lambda correction: correction.row):
        answer = answers[correction.reply]
        yield Claim(
            kind=Kind.correction,
            prompt=answer.prompt,
            chosen=correction.text,
            rejected=answer.text,
            rows=(("correction", correction.row),),
            raters=(correction.rater,),
            replies=(answer.id,),
            conversations=(answer.conversation,),
            better=(answer.prompt_key, normal(correction.text)),
            worse=answer.text_key,
        )


def retried(evidence: Evidence) -> Iterator[Claim]:
    """From opposite thumbs of one person on two answers to one question: the liked over the other."""
    answers = {answer.id: answer for answer in evidence.answers}
    thumbs: dict[tuple[str, str], list[Thumb]] = defaultdict(list)
    for thumb in sorted(evidence.thumbs, key=lambda thumb: thumb.row):
        thumbs[thumb.rater, answers[thumb.reply].question].append(thumb)
    for (rater, _), given in thumbs.items():
        for up in given:
            for down in given:
                if up.up and not down.up:
                    rows = (("rating", up.row), ("rating", down.row))
                    yield _over(Kind.retry, answers[up.reply], answers[down.reply], rows=rows, raters=(rater,))


def agreed(liked: Poll, disliked: Poll) -> Claim | None:
    """From opposite verdicts on two answers to one prompt: the liked over the other, unless one person says both."""
    votes = (*liked.winning, *disliked.winning)
    raters = tuple(dict.fromkeys(vote.rater for vote in votes))
    if len(raters) < 2:
        return None
    rows = tuple(("rating", vote.row) for vote in votes)
    return _over(Kind.same_prompt, liked.answer, disliked.answer, rows=rows, raters=raters)


def polls(evidence: Evidence) -> list[Poll]:
    """The votes on every text that has a thumb, in the order in which the texts were first voted on."""
    answers = {answer.id: answer for answer in evidence.answers}
    votes: dict[TextKey, dict[str, Vote]] = defaultdict(dict)
    for thumb in sorted(evidence.thumbs, key=lambda thumb: thumb.row):
        answer = answers[thumb.reply]
        votes[answer.text_key][thumb.rater] = Vote(row=thumb.row, rater=thumb.rater, up=thumb.up, answer=answer)
    return [Poll(text, tuple(sorted(given.values(), key=lambda vote: vote.row))) for text, given in votes.items()]


def _over(
    kind: Kind,
    chosen: Answer,
    rejected: Answer,
    *,
    rows: tuple[tuple[str, int], ...],
    raters: tuple[str, ...],
    tie: bool = False,
) -> Claim:
    return Claim(
        kind=kind,
        prompt=chosen.prompt,
        chosen=chosen.text,
        rejected=rejected.text,
        rows=rows,
        raters=raters,
        replies=(chosen.id, rejected.id),
        conversations=tuple(dict.fromkeys((chosen.conversation, rejected.conversation))),
        better=chosen.text_key,
        worse=rejected.text_key,
        finished=chosen.finished,
        tie=tie,
    )
