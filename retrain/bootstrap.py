"""How sure a figure is that was found on a few prompts: the paired bootstrap, which draws the prompts anew.

Both sides answered the same prompts, so a prompt is drawn with all that was measured on it. Percentile intervals, as in
Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13; for text, Koehn 2004,
https://aclanthology.org/W04-3250.
"""

from collections.abc import Callable, Sequence

import numpy
from numpy.typing import NDArray

DRAWS = 4_000
Sums = NDArray[numpy.float64]


def ratio_of_means(old: Sums, old_count: Sums, new: Sums, new_count: Sums) -> Sums:
    """How many times as much one side has of something on average as the other; also where a side has none to count."""
    before, after = old / numpy.maximum(old_count, 1), new / numpy.maximum(new_count, 1)
    return after / numpy.maximum(before, 1e-6)


def interval(
    prompts: Sequence[Sequence[float]], statistic: Callable[..., Sums], *, level: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Between what a statistic of sums lies, with this certainty.

    `prompts` has for each prompt what was measured on it, at least one prompt; `statistic` gets the sum of each column
    over the prompts that were drawn, as one array (draws,) per column.
    """
    measured = numpy.asarray(prompts, dtype=numpy.float64)
    drawn = numpy.random.default_rng(seed).integers(0, len(measured), size=(DRAWS, len(measured)))
    found = statistic(*measured[drawn].sum(axis=1).T)
    low, high = numpy.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
