"""Whether a version goes by itself when it should, and only then: the sequential test on simulated thumbs, no model.

    python -m bench.rollback [--streams 300] [--thumbs 10000] [--json FILE]

Each stream is a version's life: thumbs arrive one by one, each of another person, and the test (`feedback.shares`) is
looked at after each. Where nothing fell, each version that goes is a false alarm; beside it stands what the usual test
of two proportions at the same level does when it is looked at as often. Where approval fell from 80%, it tells after
how many thumbs the version goes.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from feedback.shares import LEVEL, LIMIT, Thumbs, fell

APPROVALS = (0.5, 0.8, 0.95)
FELL_FROM, FALLS = 0.8, (0.1, 0.2, 0.3)
USUAL_Z = 1.645
"""Of a one-sided test at `LEVEL`."""


@dataclass(frozen=True)
class Way:
    """How thumbs reach the new version: its share of them, and how many the one before it had already."""

    name: str
    share: float
    before: int = 0


WAYS = (Way("trial of half", 0.5), Way("trial of a tenth", 0.1), Way("promotion after 300 thumbs", 1.0, 300))


def main(
    streams: Annotated[int, typer.Option(help="Simulate so many versions for each row.", min=10)] = 300,
    thumbs: Annotated[int, typer.Option(help="Watch each for so many thumbs.", min=100)] = 10_000,
    result: Annotated[Path | None, typer.Option("--json", help="Write the figures here.")] = None,
) -> None:
    """Count false alarms, and thumbs until a fall is noticed."""
    cases = [(way, share, 0.0) for way in WAYS for share in APPROVALS]
    cases += [(way, FELL_FROM, fall) for way in WAYS for fall in FALLS]
    rows = [
        simulate(way, share, fall, streams=streams, thumbs=thumbs)
        for way, share, fall in track(cases, console=Console(stderr=True))
    ]
    sys.stdout.write(f"level {LEVEL:.0%}, {streams} versions a row, up to {thumbs:,} thumbs, a look after each\n\n")
    for row in rows:
        sys.stdout.write(told(row) + "\n")
    if result is not None:
        result.write_text(json.dumps({"streams": streams, "thumbs": thumbs, "rows": rows}, indent=1) + "\n")


def simulate(way: Way, share: float, fall: float, *, streams: int, thumbs: int) -> dict[str, Any]:
    """What became of so many versions whose share of thumbs up is lower by a fall."""
    noticed, usual = [], 0
    for seed in range(streams):
        counts = stream(way, share, share - fall, thumbs=thumbs, seed=seed)
        noticed.append(first_fall(counts))
        usual += bool(usual_test(counts).any())
    row = {"way": way.name, "approval": share, "fall": fall, "went": sum(n is not None for n in noticed) / streams}
    if not fall:
        return row | {"usual": usual / streams}
    tenths = quantiles([thumbs if n is None else n for n in noticed], n=10)
    return row | {"median": tenths[4], "nine_in_ten": tenths[8]}


def stream(way: Way, old: float, new: float, *, thumbs: int, seed: int) -> NDArray[np.int64]:
    """The counts after each thumb, a row each: up and down of the version before, up and down of the new one."""
    dice = np.random.default_rng(seed)
    of_new = dice.random(thumbs) < way.share
    up = dice.random(thumbs) < np.where(of_new, new, old)
    counts = np.cumsum([~of_new & up, ~of_new & ~up, of_new & up, of_new & ~up], axis=1).T
    liked = int((dice.random(way.before) < old).sum())
    return counts + np.array([liked, way.before - liked, 0, 0])


def first_fall(counts: NDArray[np.int64]) -> int | None:
    """After how many thumbs the test first sees a fall; it is asked where some two shares explain enough at all."""
    one, other = counts[:, :2], counts[:, 2:]
    less = other[:, 0] * one.sum(1) < one[:, 0] * other.sum(1)
    ratio = _highest(one) + _highest(other) - _highest(one + other)
    asked = np.flatnonzero(less & (ratio >= LIMIT - 1e-9))
    return next((int(n) + 1 for n in asked if fell(*_thumbs(counts[n]))), None)


def usual_test(counts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """After which thumbs the test of two proportions, meant for one look, sees a fall; from 10 of each on."""
    one, other = counts[:, :2], counts[:, 2:]
    n, m = np.maximum(one.sum(1), 1), np.maximum(other.sum(1), 1)
    pooled = (one[:, 0] + other[:, 0]) / (n + m)
    error = np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    found: NDArray[np.bool_] = (
        (n >= 10) & (m >= 10) & (one[:, 0] / n - other[:, 0] / m >= USUAL_Z * error) & (error > 0)
    )
    return found


def _highest(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """The log-likelihood of the share that explains each row of thumbs best."""
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    total: NDArray[np.float64] = (counts * np.log(np.where(counts > 0, shares, 1))).sum(1)
    return total


def _thumbs(row: NDArray[np.int64]) -> tuple[Thumbs, Thumbs]:
    up, down, new_up, new_down = (int(n) for n in row)
    return Thumbs(up, down), Thumbs(new_up, new_down)


def told(row: dict[str, Any]) -> str:
    """A row in words."""
    if not row["fall"]:
        return (
            f"{row['way']:27} nothing fell from {row['approval']:4.0%}: {row['went']:6.1%} went; "
            f"by the usual test {row['usual']:.0%}"
        )
    return (
        f"{row['way']:27} {row['approval']:.0%} to {row['approval'] - row['fall']:.0%}: {row['went']:6.1%} went, "
        f"half within {row['median']:.0f} thumbs, nine in ten within {row['nine_in_ten']:.0f}"
    )


if __name__ == "__main__":
    typer.run(main)
