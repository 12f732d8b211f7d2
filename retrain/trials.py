"""How a version fares beside the one that it may replace, or did: what people thought of both, and what that proves.

A version on trial is compared with what serves, since the trial began; one that was promoted, with what served before.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from assistant.adapters import short_name
from assistant.records import replies_by_adapter
from assistant.tables import Assistant
from feedback.overview import Approval, approval
from feedback.shares import LEVEL, Thumbs, fell, gain
from feedback.votes import votes
from retrain.serving import last_switch, trial_began
from retrain.tables import Change

RECENT = timedelta(days=60)
"""What served before a promotion is judged by what it answered in so long a time up to then."""


@dataclass(frozen=True, kw_only=True)
class Arm:
    """What one of the two has answered in its time; none is the base model. `votes` are one a person and day."""

    adapter: str | None
    answers: int
    up: int
    down: int
    votes: Thumbs


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A comparison as it stands.

    `gain` is what the tried one's share of votes up has on the other's, at least and at most (`feedback.shares`); none
    while nobody voted on one of them. `fell` is whether the tried one is liked less, whichever one person is left out.
    """

    share: float
    """Of the conversations, that the tried one answers; 1 once it is promoted."""
    since: datetime
    tried: Arm
    other: Arm
    gain: tuple[float, float] | None
    fell: bool

    @property
    def promoted(self) -> bool:
        """Whether the tried one answers everything."""
        return self.share == 1


def look(session: Session, assistant: Assistant) -> Trial | None:
    """The trial of an assistant, if one goes on; else how what was promoted fares, if what was before was rated."""
    began = trial_began(session, assistant)
    if began is not None:
        tried, other = _Side(assistant.trial_adapter, began), _Side(assistant.adapter, began)
        return _compared(session, assistant, tried, other, share=assistant.trial_share)
    last = last_switch(session, assistant)
    if last is None or last.kind is not Change.promote:
        return None
    tried, other = _Side(last.after, last.created_at), _Side(last.before, last.created_at - RECENT)
    found = _compared(session, assistant, tried, other, share=1)
    return found if found.other.votes.all else None


def why_it_goes(found: Trial) -> str:
    """What is said of a version that goes because people like it less."""
    tried, other = short_name(found.tried.adapter), short_name(found.other.adapter)
    return (
        f"People like {tried} less than {other}: {_share_up(found.tried.votes)} for it were up, and "
        f"{_share_up(found.other.votes)} for {other}. Where nothing is worse, so large a fall is seen at most once in "
        f"{1 / LEVEL:.0f} versions, however often one looks."
    )


@dataclass(frozen=True)
class _Side:
    """A version, and from when on its answers count."""

    adapter: str | None
    since: datetime


def _compared(session: Session, assistant: Assistant, tried: _Side, other: _Side, *, share: float) -> Trial:
    after, before = (votes(session, assistant.id, side.adapter, since=side.since) for side in (tried, other))
    arms = _arm(session, assistant, tried, after), _arm(session, assistant, other, before)
    both = arms[1].votes, arms[0].votes
    return Trial(
        share=share,
        since=tried.since,
        tried=arms[0],
        other=arms[1],
        gain=gain(*both) if all(each.all for each in both) else None,
        fell=fell(*both) and _whoever_is_left_out(before, after),
    )


def _whoever_is_left_out(before: Mapping[str, Thumbs], after: Mapping[str, Thumbs]) -> bool:
    """Whether the share fell without the votes of any one person, too: nobody decides alone."""
    of_all = _total(before.values()), _total(after.values())
    none = Thumbs(0, 0)
    given = {(before.get(person, none), after.get(person, none)) for person in {*before, *after}}
    return all(fell(of_all[0] - one, of_all[1] - other) for one, other in given)


def _arm(session: Session, assistant: Assistant, side: _Side, given: Mapping[str, Thumbs]) -> Arm:
    answers = replies_by_adapter(session, assistant.id, since=side.since)
    thumbs = {each.adapter: each for each in approval(session, assistant.id, since=side.since)}
    found = thumbs.get(side.adapter, Approval(side.adapter, 0, 0))
    return Arm(
        adapter=side.adapter,
        answers=answers.get(side.adapter, 0),
        up=found.up,
        down=found.down,
        votes=_total(given.values()),
    )


def _total(given: Iterable[Thumbs]) -> Thumbs:
    ups, downs = 0, 0
    for each in given:
        ups, downs = ups + each.up, downs + each.down
    return Thumbs(ups, downs)


def _share_up(votes: Thumbs) -> str:
    return f"{votes.up / votes.all:.0%} of {votes.all} votes"
