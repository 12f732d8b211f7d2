"""A table of results as a picture: what was gained, with its interval, and what of each limit it cost beside it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from assistant.tables import GoldenKind
from bench.loop_gain.measures import LIMITS, WANTED_OF_EACH
from bench.loop_gain.tables import PLAIN_TRL, Row

INK, FAINT, OURS, THEIRS, LIMIT = "#24292f", "#d0d7de", "#2f6f9f", "#8c959f", "#b3402a"
AT_ONCE = "#bf8700"
PASSED, REJECTED, SINCE = "passed the gate", "rejected by the gate", "since the first round"
COSTS = {"drift": "o", "perplexity_rise": "s", "distinct_2_fall": "^", "documents_fall": "x"}
LABELS = {"perplexity_rise": "perplexity", "distinct_2_fall": "distinct-2", "documents_fall": "documents"}
MOST = 3.0
"""A cost beyond so many times its limit is drawn there."""
LINE, MARGINS = 0.30, 2.3
"""Inches of a row, and of what is around the rows."""


def draw(title: str, rows: Sequence[Row], file: Path) -> None:
    """Write a PNG with a line for each row that was measured, the first on top."""
    shown = [row for row in rows if row.told.get("figures")]
    if not shown:
        return
    figure = Figure(figsize=(11, MARGINS + LINE * len(shown)), dpi=130, layout="constrained", facecolor="white")
    gain, cost = figure.subplots(1, 2, sharey=True, width_ratios=(5, 4))
    figure.suptitle(title, x=0.01, ha="left", color=INK, fontweight="bold")
    at = range(len(shown) - 1, -1, -1)
    gain.set_yticks(at, [row.label for row in shown], fontsize=9)
    gain.set_ylim(-0.6, len(shown) - 0.4)
    _draw_gain(gain, at, shown)
    _draw_cost(cost, at, [row.told["figures"] for row in shown])
    for axes, columns in ((gain, 3), (cost, 4)):
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
        axes.hlines(at, *axes.get_xlim(), color=FAINT, linewidth=0.5, zorder=0)
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.legend(
            loc="lower left",
            bbox_to_anchor=(0, 1),
            ncols=columns,
            fontsize=8,
            frameon=False,
            handletextpad=0.3,
            columnspacing=1.2,
        )
    file.parent.mkdir(parents=True, exist_ok=True)
    FigureCanvasAgg(figure).print_png(str(file))


def _draw_gain(axes: Axes, at: Sequence[int], rows: Sequence[Row]) -> None:
    axes.set(xlim=(0, 1.02), xlabel="gain: share of new questions with a better reply")
    axes.axvline(0.5, color=INK, linewidth=0.7)
    labelled: set[str] = set()
    for y, row in zip(at, rows, strict=True):
        figures = row.told["figures"]
        name = _kind(row)
        axes.errorbar(
            figures["gain"],
            y,
            xerr=[[figures["gain"] - figures["gain_low"]], [figures["gain_high"] - figures["gain"]]],
            color=THEIRS if name == PLAIN_TRL else OURS,
            markerfacecolor="white" if name == REJECTED else None,
            fmt="o",
            markersize=6,
            capsize=3,
            label=None if name in labelled else name,
        )
        labelled.add(name)
    best = [row.told["figures"]["ceiling"] for row in rows]
    axes.scatter(best, at, marker="|", color=THEIRS, s=60, label="at best")
    near = [
        (row.told.get("at_once", {}).get(GoldenKind.corrected, {}).get("gain"), y)
        for y, row in zip(at, rows, strict=True)
    ]
    known = [(gain, y) for gain, y in near if gain is not None]
    if known:
        axes.scatter(
            [gain for gain, _ in known],
            [y for _, y in known],
            marker="D",
            color=AT_ONCE,
            s=20,
            zorder=3,
            label="at once, near",
        )
    axes.axvline(WANTED_OF_EACH, color=LIMIT, linewidth=0.9, linestyle="--", label=f"wanted: {WANTED_OF_EACH:.0%}")


def _kind(row: Row) -> str:
    """What the colour of a row means."""
    if row.label.endswith(PLAIN_TRL):
        return PLAIN_TRL
    return {"passed": PASSED, "rejected": REJECTED}.get(row.verdict.partition(" ")[0], SINCE)


def _draw_cost(axes: Axes, at: Sequence[int], figures: Sequence[dict[str, Any]]) -> None:
    axes.set(xlabel="cost: share of the most that may be lost")
    for name, marker in COSTS.items():
        shares = [max(-MOST, min(MOST, _lost(each, name))) for each in figures]
        axes.scatter(shares, at, marker=marker, color=INK, s=26, alpha=0.75, label=LABELS.get(name, name))
        beyond = [(share, y) for share, y in zip(shares, at, strict=True) if share > 1]
        axes.scatter([share for share, _ in beyond], [y for _, y in beyond], marker=marker, color=LIMIT, s=26)
    left, right = axes.get_xlim()
    axes.set_xlim(min(left, -0.2), max(right, 1.2))
    axes.axvline(0.0, color=INK, linewidth=0.7)
    axes.axvline(1.0, color=LIMIT, linewidth=0.9, linestyle="--")


def _lost(figures: dict[str, Any], name: str) -> float:
    """What was lost of something, as a share of what may be."""
    nothing = 1.0 if name == "drift" else 0.0
    return float((figures[name] - nothing) / (LIMITS[name] - nothing))
