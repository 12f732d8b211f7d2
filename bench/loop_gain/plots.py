"""A table of results as a picture: gain with its interval, and drift beside it."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bench.loop_gain.measures import LIMITS, WANTED_OF_EACH
from bench.loop_gain.tables import Row

INK, OURS, THEIRS, LIMIT = "#24292f", "#2f6f9f", "#b0b7bf", "#b3402a"


def draw(title: str, rows: Sequence[Row], file: Path) -> None:
    """Write a PNG with a line for each row that was measured, the first on top."""
    shown = [row for row in rows if row.told.get("figures")]
    if not shown:
        return
    figure = Figure(figsize=(10, 1.6 + 0.36 * len(shown)), dpi=130, layout="constrained")
    gain, drift = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    figure.suptitle(title, x=0.01, ha="left", color=INK)
    at = range(len(shown) - 1, -1, -1)
    colours = [THEIRS if row.label.endswith("plain TRL") else OURS for row in shown]
    figures = [row.told["figures"] for row in shown]
    values = [each["gain"] for each in figures]
    below = [each["gain"] - each["gain_low"] for each in figures]
    above = [each["gain_high"] - each["gain"] for each in figures]
    gain.barh(at, values, xerr=[below, above], color=colours, ecolor=INK, capsize=2, height=0.7)
    gain.set(xlim=(0, 1), xlabel="share of held-out questions with a better reply")
    gain.set_yticks(at, [row.label for row in shown], fontsize=8)
    gain.axvline(0.5, color=INK, linewidth=0.6)
    gain.axvline(WANTED_OF_EACH, color=LIMIT, linewidth=0.9, linestyle="--")
    drift.barh(at, [each["drift"] for each in figures], color=colours, height=0.7)
    drift.set(xlabel="drift", xlim=(min(0.6, *(each["drift"] for each in figures)), None))
    drift.axvline(1.0, color=INK, linewidth=0.6)
    drift.axvline(LIMITS["drift"], color=LIMIT, linewidth=0.9, linestyle="--")
    for axes in (gain, drift):
        axes.spines[["top", "right"]].set_visible(False)
    file.parent.mkdir(parents=True, exist_ok=True)
    FigureCanvasAgg(figure).print_png(str(file))
