"""Tells whether one share of thumbs up is less than another, however often one looks; and by how much. Pure.

The evidence that a share has fallen is an e-process, by universal inference (Wasserman, Ramdas & Balakrishnan 2020,
https://arxiv.org/abs/1912.11436, section 8): how well the thumbs are explained by a mixture of falls (Robbins 1970),
fixed beforehand, over the best explanation in which nothing fell. Where nothing did, it ever reaches 1 / `LEVEL` with a
probability of at most `LEVEL` (Ville's inequality), whatever the order and the numbers in which thumbs arrive. So it
may be looked at after each of them, and it needs nothing but their counts.
"""

from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.05
"""At most so often is a fall seen that is none, in all the looks at two versions together."""
LIMIT = -log(LEVEL)
"""Of the evidence's logarithm, from which on a share has fallen."""
LEAST, MOST = 5, 50
"""The falls in the mixture, in points of a hundred; smaller ones are hardly ever noticed, larger ones soon."""
_SHARES = (np.arange(100) + 0.5) / 100
_APART = np.arange(100)[:, None] - np.arange(100)[None, :]
"""By how many points the share of a row is above that of a column."""
_WIDEST = 90
"""More points than so many, either way, are not told of."""


@dataclass(frozen=True)
class Thumbs:
    """How many are up and down."""

    up: int
    down: int

    @property
    def all(self) -> int:
        """Both."""
        return self.up + self.down

    def __sub__(self, other: "Thumbs") -> "Thumbs":
        return Thumbs(self.up - other.up, self.down - other.down)


def fell(before: Thumbs, after: Thumbs) -> bool:
    """Whether the share of thumbs up is less after than before."""
    return _highest(before, after) - _highest_without_fall(before, after, points=0) >= LIMIT and (
        log_evidence(before, after) >= LIMIT  # no mixture explains more than the best of all, which costs less to ask
    )


def log_evidence(before: Thumbs, after: Thumbs, *, points: int = 0) -> float:
    """The logarithm of the evidence that the share after is not `points` above the share before, or more."""
    joint = _log_likelihood(before)[:, None] + _log_likelihood(after)[None, :]
    falls = joint[(_APART >= LEAST - points) & (_APART <= MOST - points)]
    highest = float(falls.max())
    mixture = highest + log(float(np.exp(falls - highest).mean()))
    return mixture - _highest_without_fall(before, after, points=points)


def gain(before: Thumbs, after: Thumbs) -> tuple[float, float]:
    """By how much the share after is above the share before, at least and at most; below 0 it is less.

    Each end holds at all looks together, but for a probability of `LEVEL`; where the share `fell`, the upper one is 0
    or less. In steps of a point.
    """
    return -_most(after, before) / 100, _most(before, after) / 100


def _most(before: Thumbs, after: Thumbs) -> int:
    """The fewest points of which there is evidence that the share after is not so far above the share before."""
    low, high = -_WIDEST, 100
    while low < high:
        middle = (low + high) // 2
        if log_evidence(before, after, points=middle) >= LIMIT:
            high = middle
        else:
            low = middle + 1
    return low


def _log_likelihood(thumbs: Thumbs) -> NDArray[np.float64]:
    """Of each of the shares."""
    found: NDArray[np.float64] = thumbs.up * np.log(_SHARES) + thumbs.down * np.log1p(-_SHARES)
    return found


def _highest(*several: Thumbs) -> float:
    """The log-likelihood of the shares that explain the thumbs best."""
    return sum(_times_log(n, n / each.all) for each in several for n in (each.up, each.down) if n)


def _highest_without_fall(before: Thumbs, after: Thumbs, *, points: int) -> float:
    """The highest log-likelihood of any two shares of which the one after is so many points above, or more."""
    apart = points / 100
    if not before.all or not after.all or after.up / after.all - before.up / before.all >= apart:
        return _highest(before, after)
    if not points:
        return _highest(Thumbs(before.up + after.up, before.down + after.down))
    low, high = max(0.0, -apart), min(1.0, 1 - apart)
    for _ in range(40):  # the likelihood at that distance has one peak, and its slope is greater than 0 up to there
        share = (low + high) / 2
        rising = before.up / share - before.down / (1 - share)
        rising += after.up / (share + apart) - after.down / (1 - share - apart)
        low, high = (share, high) if rising > 0 else (low, share)
    share = (low + high) / 2
    parts = ((before.up, share), (before.down, 1 - share), (after.up, share + apart), (after.down, 1 - share - apart))
    return sum(_times_log(n, of) for n, of in parts if n)


def _times_log(n: int, share: float) -> float:
    return n * log(share)
