"""How a trial goes: what people thought of both adapters' answers since it began, and whether that tells them apart."""

from dataclasses import dataclass
from datetime import datetime
from math import sqrt

from sqlmodel import Session

from assistant.records import replies_by_adapter
from assistant.tables import Assistant
from feedback.overview import Approval, approval
from retrain.serving import trial_began

Z_95 = 1.959964
"""The standard normal quantile of a 95% interval."""


@dataclass(frozen=True, kw_only=True)
class Arm:
    """What one of the two has answered since the trial began; none is the base model."""

    adapter: str | None
    answers: int
    up: int
    down: int


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A trial as it stands. `gain` is what the tried one's share of thumbs up has on the other's, at least and at most,
    with 95% confidence; none while one of them has no thumbs.
    """

    share: float
    since: datetime
    tried: Arm
    serving: Arm
    gain: tuple[float, float] | None


def look(session: Session, assistant: Assistant) -> Trial | None:
    """The trial of an assistant, if one goes on."""
    since = trial_began(session, assistant)
    if since is None:
        return None
    answers = replies_by_adapter(session, assistant.id, since=since)
    thumbs = {each.adapter: each for each in approval(session, assistant.id, since=since)}

    def arm(adapter: str | None) -> Arm:
        given = thumbs.get(adapter, Approval(adapter, 0, 0))
        return Arm(adapter=adapter, answers=answers.get(adapter, 0), up=given.up, down=given.down)

    tried, serving = arm(assistant.trial_adapter), arm(assistant.adapter)
    return Trial(
        share=assistant.trial_share, since=since, tried=tried, serving=serving, gain=difference(tried, serving)
    )


def difference(one: Arm, other: Arm) -> tuple[float, float] | None:
    """A 95% interval of how much greater one share of thumbs up is than another; none without thumbs on both.

    The hybrid score interval, method 10 of Newcombe 1998, "Interval estimation for the difference between independent
    proportions", https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8%3C873::AID-SIM779%3E3.0.CO;2-I. It takes thumbs
    as independent, so where few people give many, the truth is less certain than it says.
    """
    if not one.up + one.down or not other.up + other.down:
        return None
    (p, low_p, high_p), (q, low_q, high_q) = _wilson(one), _wilson(other)
    below, above = sqrt((p - low_p) ** 2 + (high_q - q) ** 2), sqrt((high_p - p) ** 2 + (q - low_q) ** 2)
    return p - q - below, p - q + above


def _wilson(arm: Arm) -> tuple[float, float, float]:
    """The share of thumbs up, and Wilson's score interval of it."""
    n = arm.up + arm.down
    share, z = arm.up / n, Z_95
    centre, half = share + z**2 / (2 * n), z * sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return share, (centre - half) / (1 + z**2 / n), (centre + half) / (1 + z**2 / n)
