"""What is computed at once: rows of about one length, so that little is padded."""

import random
from collections.abc import Callable, Sequence
from typing import TypeVar

Row = TypeVar("Row")


def by_length(rows: Sequence[Row], *, length: Callable[[Row], int], at_once: int, seed: int) -> list[list[Row]]:
    """Rows in parts that are computed at once, each of about one length; what follows what is left to chance.

    A step of training may add up several such parts, so it still sees rows of all kinds; transformers' own
    `group_by_length` would give it rows of one length only, the longest first.
    """
    dice = random.Random(seed)
    mixed = sorted(dice.sample(list(rows), len(rows)), key=length)
    whole = len(mixed) - len(mixed) % at_once
    parts = [mixed[start : start + at_once] for start in range(0, whole, at_once)]
    dice.shuffle(parts)
    return [*parts, mixed[whole:]] if mixed[whole:] else parts
