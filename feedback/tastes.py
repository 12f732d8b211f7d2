"""Who wants the contrary of what others want, told by what their better and worse texts are like. Pure.

People seldom judge the same two texts, but tastes show: others' claims foretell who wins by a few marks of a text (how
long it is, its layout, how it ends, words that come again and again), each counted for itself as in naive Bayes. It
says nothing of what is true, and nothing where others' claims foretell little.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from feedback.claims import Claim, Kind, Poll
from feedback.rules import Rules
from feedback.tables import IMPORTER

WORD = re.compile(r"\w+")
COUNTED = (r"\n", r"\?", "!", r"(?m)^\s*(?:[-*•]|\d+[.)])\s", r"\[\d+\]", r"[\"“”]", r"\d", "[.!?]")
COMMON = 5
"""A word says something from so many claims on."""

Mark = tuple[str, bool]
"""What two texts differ in, and whether the better one has more of it."""


def contrary(claims: Iterable[Claim], voted: Iterable[Poll], *, rules: Rules) -> frozenset[str]:
    """The people whose claims go against what others' foretell, where these foretell each other's well enough."""
    marks = [(rater, _marks(better, worse)) for rater, better, worse in _said(claims, voted) if rater != IMPORTER]
    total = Counter[Mark]()
    of: dict[str, Counter[Mark]] = defaultdict(Counter)
    for rater, found in marks:
        total.update(found)
        of[rater].update(found)
    times, right = Counter[str](), Counter[str]()
    for rater, found in marks:
        likely = sum(_weight(mark, total, of[rater]) for mark in found)
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


def _marks(better: str, worse: str) -> set[Mark]:
    words, others = WORD.findall(better.casefold()), WORD.findall(worse.casefold())
    figures = [("words", len(words), len(others)), ("letters", _mean(words), _mean(others))]
    figures += [(sign, len(re.findall(sign, better)), len(re.findall(sign, worse))) for sign in COUNTED]
    figures += [("end " + sign, better.rstrip().endswith(sign), worse.rstrip().endswith(sign)) for sign in ".!?"]
    marks = {(name, more > less) for name, more, less in figures if more != less}
    marks |= {("word " + word, True) for word in set(words).difference(others)}
    return marks | {("word " + word, False) for word in set(others).difference(words)}


def _weight(mark: Mark, total: Counter[Mark], own: Counter[Mark]) -> float:
    """The log-odds that a text wins which has more (or less) of it, by all claims but a person's own."""
    name, more = mark
    wins, losses = total[mark] - own[mark], total[name, not more] - own[name, not more]
    return math.log((wins + 1) / (losses + 1)) if wins + losses >= COMMON else 0.0


def _mean(words: Sequence[str]) -> float:
    return sum(map(len, words)) / max(1, len(words))
