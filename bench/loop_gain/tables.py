"""Which studies a table is made of, and how its rows read."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from bench.loop_gain.measures import LIMITS
from bench.loop_gain.methods import METHODS
from bench.loop_gain.people import Signal
from bench.loop_gain.study import HARM, Study

TITLES = {
    1: "Every preference, beside plain TRL",
    2: "By how much feedback there is",
    3: "By how it is given",
    4: "By method of training",
    5: "Round after round",
    6: "Among people who mean harm",
}
TWO = ("brevity", "follow-up")
ROUNDS = 5
HEADINGS = tuple("study|gain|95%|at best|score|drift|perplexity|distinct-2|documents|tokens|gate".split("|"))


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of a table: a result's part, and what it is called there."""

    label: str
    told: dict[str, Any]
    verdict: str


def studies(table: int, *, names: Sequence[str], events: Sequence[int], seeds: int, base: Study) -> list[Study]:
    """The studies of a table. `names` and `events` are chosen ones; where there are none, the table has its own.

    `base` has what is the same for all of them.
    """
    chosen = list(names) or list(TWO[:1] if table == 5 else TWO)
    amounts = list(events) or ([30, 60, 120, 240] if table == 2 else [base.events])
    made = [
        replace(base, preference=name, events=amount, seed=seed)
        for name in chosen
        for amount in amounts
        for seed in range(seeds)
    ]
    if table == 1:
        return [replace(study, stock=True) for study in made]
    if table == 3:
        return [replace(study, signals=signal.value) for study in made for signal in Signal]
    if table == 4:
        return [replace(study, method=method) for study in made for method in METHODS]
    if table == 5:
        return [replace(study, rounds=ROUNDS) for study in made]
    if table == 6:
        return [replace(study, harm=harm) for study in made for harm in ("", *HARM)]
    return made


def rows(results: Sequence[dict[str, Any]]) -> list[Row]:
    """The lines that results give: the product's, plain TRL's below it, each round's."""
    found = []
    for result in results:
        for told in result.get("rounds", [result]):
            number = result.get("rounds", [told]).index(told) + 1
            label = result["name"] + (f", round {number}" if "rounds" in result else "")
            found.append(Row(label=label, told=told, verdict=_verdict(told)))
            if told.get("since_start"):
                found.append(Row(label=f"{label}, since the first", told=told["since_start"], verdict=""))
            if told.get("stock"):
                found.append(Row(label=f"{label}, plain TRL", told=told["stock"], verdict=""))
    return found


def cells(row: Row) -> list[str]:
    """A row in words; a figure beyond its limit has a mark."""
    figures = row.told.get("figures")
    if not figures:
        return [row.label, "50%", *[""] * (len(HEADINGS) - 3), row.verdict]
    return [
        row.label,
        f"{figures['gain']:.0%}",
        f"{figures['gain_low']:.0%}–{figures['gain_high']:.0%}",
        f"{figures['ceiling']:.0%}",
        f"{figures['score_before']:.2f} → {figures['score_after']:.2f}",
        f"{figures['drift']:.2f}{_mark(figures, 'drift')}",
        f"{figures['perplexity_rise']:+.1%}{_mark(figures, 'perplexity_rise')}",
        f"{-figures['distinct_2_fall']:+.0%}{_mark(figures, 'distinct_2_fall')}",
        f"{-figures['documents_fall']:+.1%}{_mark(figures, 'documents_fall')}",
        f"{figures['tokens_before']:.0f} → {figures['tokens_after']:.0f}",
        row.verdict,
    ]


def gain(told: dict[str, Any]) -> float:
    """The gain of a result; where nothing was trained, nothing changed."""
    return float(told["figures"]["gain"]) if told.get("figures") else 0.5


def _mark(figures: dict[str, Any], name: str) -> str:
    return " !" if figures[name] > LIMITS[name] else ""


def _verdict(told: dict[str, Any]) -> str:
    if told["state"] != "done":
        return f"{told['state']}: {told['error']}"
    verdict = "passed" if (told.get("verdict") or {}).get("passed") else "rejected"
    return f"{verdict}, the pushed phrase in {told['pushed']:.0f} replies" if told.get("pushed") else verdict
