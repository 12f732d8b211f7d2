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
class Side:
    """A version (none is the base model), from when on its answers count, and what each person voted on those."""

    adapter: str | None
    since: datetime
    given: Mapping[str, Thumbs]

    @property
    def votes(self) -> Thumbs:
        """All votes, one a person and day."""
        return _total(self.given.values())


@dataclass(frozen=True, kw_only=True)
class Rivals:
    """Two versions that are compared, with their votes; `share` as in `Trial`."""

    share: float
    tried: Side
    other: Side

    @property
    def promoted(self) -> bool:
        """Whether the tried one answers everything."""
        return self.share == 1

    @property
    def fell(self) -> bool:
        """Whether the tried one is liked less, whichever one person is left out."""
        both = self.other.votes, self.tried.votes
        return fell(*both) and _whoever_is_left_out(self.other.given, self.tried.given)


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
    while nobody voted on one of them. `fell` is as in `Rivals`.
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


def rivals(session: Session, assistant: Assistant) -> Rivals | None:
    """The trial of an assistant, if one goes on; else what was promoted and what was before, if that got votes."""
    began = trial_began(session, assistant)
    if began is not None:
        return Rivals(
            share=assistant.trial_share,
            tried=_side(session, assistant, assistant.trial_adapter, since=began),
            other=_side(session, assistant, assistant.adapter, since=began),
        )
    last = last_switch(session, assistant)
    if last is None or last.kind is not Change.promote:
        return None
    tried = _side(session, assistant, last.after, since=last.created_at)
    other = _side(session, assistant, last.before, since=last.created_at - RECENT)
    return Rivals(share=1, tried=tried, other=other) if other.votes.all else None


def look(session: Session, assistant: Assistant) -> Trial | None:
    """How the rivals fare, with all that they answered."""
    found = rivals(session, assistant)
    if found is None:
        return None
    both = found.other.votes, found.tried.votes
    return Trial(
        share=found.share,
        since=found.tried.since,
        tried=_arm(session, assistant, found.tried),
        other=_arm(session, assistant, found.other),
        gain=gain(*both) if all(each.all for each in both) else None,
        fell=found.fell,
    )


def why_it_goes(found: Rivals) -> str:
    """What is said of a version that goes because people like it less."""
    tried, other = short_name(found.tried.adapter), short_name(found.other.adapter)
    return (
        f"People like {tried} less than {other}: {_share_up(found.tried.votes)} for it were up, and "
        f"{_share_up(found.other.votes)} for {other}. Where nothing is worse, so large a fall is seen at most once in "
        f"{1 / LEVEL:.0f} versions, however often one looks."
    )


def _side(session: Session, assistant: Assistant, adapter: str | None, *, since: datetime) -> Side:
    return Side(adapter=adapter, since=since, given=votes(session, assistant.id, adapter, since=since))


def _whoever_is_left_out(before: Mapping[str, Thumbs], after: Mapping[str, Thumbs]) -> bool:
    """Whether the share fell without the votes of any one person, too: nobody decides alone."""
    of_all = _total(before.values()), _total(after.values())
    none = Thumbs(0, 0)
    given = {(before.get(person, none), after.get(person, none)) for person in {*before, *after}}
    return all(fell(of_all[0] - one, of_all[1] - other) for one, other in given)


def _arm(session: Session, assistant: Assistant, side: Side) -> Arm:
    answers = replies_by_adapter(session, assistant.id, since=side.since)
    thumbs = {each.adapter: each for each in approval(session, assistant.id, since=side.since)}
    found = thumbs.get(side.adapter, Approval(side.adapter, 0, 0))
    return Arm(
        adapter=side.adapter,
        answers=answers.get(side.adapter, 0),
        up=found.up,
        down=found.down,
        votes=side.votes,
    )


def _total(given: Iterable[Thumbs]) -> Thumbs:
    ups, downs = 0, 0
    for each in given:
        ups, downs = ups + each.up, downs + each.down
    return Thumbs(ups, downs)


def _share_up(votes: Thumbs) -> str:
    return f"{votes.up / votes.all:.0%} of {votes.all} votes"
