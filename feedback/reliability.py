"""How reliable people are, by how often they agree with others about the same answers. Pure.

Whoever meets nobody counts as usual. It tells careless people and those with a taste of their own from the others; that
many who agree are right it must believe.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from feedback.claims import Claim, Kind, Poll
from feedback.evidence import TextKey
from feedback.rules import Rules
from feedback.tables import IMPORTER
from feedback.tastes import contrary

ROUNDS = 10

Meeting = Sequence[tuple[str, bool]]
"""What different people say of one thing: a person, and which of two sides they take."""


@dataclass(frozen=True)
class Reliability:
    """How much each person's word weighs, as log-odds that it is right, and who is unreliable."""

    usual: float
    known: Mapping[str, float] = field(default_factory=dict)
    unreliable: frozenset[str] = frozenset()

    def weight(self, rater: str) -> float:
        """Never below zero: nobody is so wrong that the contrary were true."""
        return max(0.0, self.known.get(rater, self.usual))

    def distrusts(self, raters: Iterable[str]) -> bool:
        """Whether all of them are unreliable."""
        return self.unreliable.issuperset(raters)


def judge_people(claims: Sequence[Claim], voted: Sequence[Poll], *, rules: Rules) -> Reliability:
    """The reliability of all who met others, over the same text or the same two texts, or by their tastes."""
    meetings = [met for met in (*_over_two(claims), *map(_over_one, voted)) if len(met) > 1]
    times = Counter(rater for met in meetings for rater, _ in met)
    right = _shares_right(meetings, times, prior=rules.usual_reliability, strength=rules.weight_of_usual)
    known = {rater: share for rater, share in right.items() if times[rater] >= rules.least_met}
    least = median(known.values()) - rules.unreliable_by if known else 0.0
    return Reliability(
        usual=_log_odds(rules.usual_reliability),
        known={rater: _log_odds(share) for rater, share in right.items()},
        unreliable=contrary(claims, voted, rules=rules).union(rater for rater, share in known.items() if share < least),
    )


def _over_two(claims: Iterable[Claim]) -> Iterable[Meeting]:
    said: dict[frozenset[TextKey], dict[str, bool]] = {}
    for claim in claims:
        if not claim.tie and claim.kind is not Kind.retry:  # of which the thumbs are counted themselves
            sides = said.setdefault(frozenset((claim.better, claim.worse)), {})
            sides |= {rater: claim.better < claim.worse for rater in claim.raters if rater != IMPORTER}
    return (list(sides.items()) for sides in said.values())


def _over_one(poll: Poll) -> Meeting:
    return [(vote.rater, vote.up) for vote in poll.votes if vote.rater != IMPORTER]


def _shares_right(
    meetings: Sequence[Meeting], times: Mapping[str, int], *, prior: float, strength: float
) -> dict[str, float]:
    """How often each is right, with what is true found along with it: Dawid and Skene 1979, with one coin a person
    (https://doi.org/10.2307/2346806), and the prior counting for `strength` meetings.
    """
    right = dict.fromkeys(times, prior)
    for _ in range(ROUNDS):
        weights = {rater: _log_odds(share) for rater, share in right.items()}
        agreed = dict.fromkeys(times, 0.0)
        for met in meetings:
            balance = sum(weights[rater] if side else -weights[rater] for rater, side in met)
            true = (1 + math.tanh(balance / 2)) / 2
            for rater, side in met:
                agreed[rater] += true if side else 1 - true
        right = {rater: (prior * strength + agreed[rater]) / (strength + times[rater]) for rater in times}
    return right


def _log_odds(share: float) -> float:
    return math.log(share / (1 - share))
