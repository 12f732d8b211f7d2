"""Who wants the contrary of what others want, told by what their better and worse texts are like. Pure.

People seldom judge the same two texts, but tastes show: others' claims foretell who wins by a few marks of a text (how
long it is, its layout, how it ends, words that come again and again), each counted for itself as in naive Bayes. It
says nothing of what is true, and nothing where others' claims foretell little.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence, Set
from itertools import chain
from typing import NamedTuple

from feedback.claims import Claim, Kind, Poll
from feedback.rules import Rules
from feedback.tables import IMPORTER

WORD = re.compile(r"\w+")
PATTERNS = tuple(map(re.compile, (r"(?m)^\s*(?:[-*•]|\d+[.)])\s", r"\[\d+\]", r"\d")))
FIGURES = tuple(f"({name})" for name in "words letters lines ? ! .?! quotes bullets [n] digits .$ !$ ?$".split())
"""No word has brackets."""
COMMON = 5
"""A word says something from so many claims on."""


class Marks(NamedTuple):
    """What the better of two texts has more of, and what it has less of; words stand for themselves."""

    more: Set[str]
    less: Set[str]


def contrary(claims: Iterable[Claim], voted: Iterable[Poll], *, rules: Rules) -> frozenset[str]:
    """The people whose claims go against what others' foretell, where these foretell each other's well enough."""
    marks: dict[str, list[Marks]] = defaultdict(list)
    for rater, better, worse in _said(claims, voted):
        if rater != IMPORTER:
            marks[rater].append(_marks(better, worse))
    total = _Wins([*chain.from_iterable(marks.values())])
    times, right = Counter[str](), Counter[str]()
    for rater, claimed in marks.items():
        weights = total.weights_without(_Wins(claimed))
        for found in claimed:
            for_it, against = ([weights[mark] for mark in side if mark in weights] for side in found)
            likely = math.fsum(for_it) - math.fsum(against)
            times[rater] += likely != 0
            right[rater] += likely > 0
    all_told, all_right = times.total(), right.total()
    found_contrary = set()
    for rater, count in times.items():
        others = all_told - count
        if not rules.least_told <= count <= others:
            continue
        share = (all_right - right[rater]) / others
        if share >= rules.foretold and _chance(right[rater], count, share) < rules.contrary:
            found_contrary.add(rater)
    return frozenset(found_contrary)


def _chance(right: int, count: int, share: float) -> float:
    """That so few or fewer of `count` are right, each with this chance: the binomial distribution's lower tail."""
    return sum(math.comb(count, k) * share**k * (1 - share) ** (count - k) for k in range(right + 1))


def _said(claims: Iterable[Claim], voted: Iterable[Poll]) -> Iterator[tuple[str, str, str]]:
    """A person, a text that they find better and one that they find worse; thumbs up and down are paired in turn."""
    for claim in claims:
        if not claim.tie and claim.kind is not Kind.retry:
            yield claim.raters[0], claim.chosen, claim.rejected
    thumbs: dict[str, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for poll in voted:
        for vote in poll.votes:
            thumbs[vote.rater][not vote.up].append(vote.answer.text)
    for rater, (liked, disliked) in thumbs.items():
        yield from ((rater, better, worse) for better, worse in zip(liked, disliked, strict=False))


def _marks(better: str, worse: str) -> Marks:
    first, second = better.casefold(), worse.casefold()
    words, others = WORD.findall(first), WORD.findall(second)
    figures = zip(FIGURES, _figures(first, words), _figures(second, others), strict=True)
    differing = [(name, more > less) for name, more, less in figures if more != less]
    said, unsaid = set(words), set(others)
    return Marks(
        more=(said - unsaid).union(name for name, more in differing if more),
        less=(unsaid - said).union(name for name, more in differing if not more),
    )


def _figures(text: str, words: Sequence[str]) -> list[float]:
    letters, end = sum(map(len, words)) / max(1, len(words)), text.rstrip()[-1:]
    full, asked, cried = map(text.count, ".?!")
    quoted = sum(map(text.count, '"“”'))
    found = [len(pattern.findall(text)) for pattern in PATTERNS]
    ends = [end == sign for sign in ".!?"]
    return [len(words), letters, text.count("\n"), asked, cried, full + asked + cried, quoted, *found, *ends]


class _Wins:
    """How often the better texts of some claims have more of each mark, and how often they have less."""

    def __init__(self, claimed: Collection[Marks]) -> None:
        self.more = Counter(chain.from_iterable(found.more for found in claimed))
        self.less = Counter(chain.from_iterable(found.less for found in claimed))

    def weights_without(self, own: "_Wins") -> dict[str, float]:
        """The log-odds that a text wins which has more of a mark, by all claims but these; for marks of these."""
        weights = {}
        for mark in own.more.keys() | own.less.keys():
            wins, losses = self.more[mark] - own.more[mark], self.less[mark] - own.less[mark]
            if wins + losses >= COMMON:
                weights[mark] = math.log((wins + 1) / (losses + 1))
        return weights
