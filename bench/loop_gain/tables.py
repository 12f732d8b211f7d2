"""Which studies a table is made of, and how its rows read."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from assistant.tables import GoldenKind
from bench.loop_gain.at_once import HELD_OUT
from bench.loop_gain.measures import LIMITS
from bench.loop_gain.methods import METHODS
from bench.loop_gain.people import Signal
from bench.loop_gain.study import HARM, QUICK, Study

TITLES = {
    1: "Every preference, beside plain TRL",
    2: "By how much feedback there is",
    3: "By how it is given",
    4: "By method of training",
    5: "Round after round",
    6: "Among people who mean harm",
}
PLAIN_TRL = "plain TRL"
DIFFERING = {"events": "{} pieces", "signals": "{}", "method": "{}", "harm": "{}", "seed": "seed {}"}
"""By what studies of a table may differ, in words."""
TWO = ("brevity", "follow-up")
ROUNDS = 5
HEADINGS = (
    "study", "at once, near / new", "gain", "95%", "at best / if corrected", "score", "drift / if corrected",
    "perplexity", "distinct-2", "documents", "tokens", "gate",
)  # fmt: skip


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
        return [replace(study, stock=study.effort != QUICK) for study in made]
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
    for result, name in zip(results, _labels(results), strict=True):
        for number, told in enumerate(result.get("rounds", [result]), 1):
            label = name + (f", round {number}" if "rounds" in result else "")
            found.append(Row(label=label, told=told, verdict=_verdict(told)))
            if told.get("since_start"):
                found.append(Row(label=f"{label}, since the first", told=told["since_start"], verdict=""))
            if told.get("stock"):
                found.append(Row(label=f"{label}, {PLAIN_TRL}", told=told["stock"], verdict=""))
    return found


def _labels(results: Sequence[dict[str, Any]]) -> list[str]:
    """What each study is called in a table: its preference, and that by which it differs from others there."""
    studies_of_all = [result["study"] for result in results]
    differing = [name for name in DIFFERING if len({study[name] for study in studies_of_all}) > 1]
    return [
        ", ".join(
            [study["preference"], *(DIFFERING[name].format(study[name]) for name in differing if study[name] != "")]
        )
        for study in studies_of_all
    ]


def cells(row: Row) -> list[str]:
    """A row in words; a figure beyond its limit has a mark."""
    figures = row.told.get("figures")
    at_once = _at_once(row.told.get("at_once", {}))
    if not figures:
        return [row.label, at_once, "50%", *[""] * (len(HEADINGS) - 4), row.verdict]
    return [
        row.label,
        at_once,
        f"{figures['gain']:.0%}",
        f"{figures['gain_low']:.0%}–{figures['gain_high']:.0%}",
        f"{figures['ceiling']:.0%} / {figures['gain_corrected']:.0%}",
        f"{figures['score_before']:.2f} → {figures['score_after']:.2f}",
        f"{figures['drift']:.2f}{_mark(figures, 'drift')} ({figures['drift_low']:.2f}–{figures['drift_high']:.2f}) / "
        f"{figures['drift_corrected']:.2f}",
        f"{figures['perplexity_rise']:+.1%}{_mark(figures, 'perplexity_rise')}",
        f"{-figures['distinct_2_fall']:+.0%}{_mark(figures, 'distinct_2_fall')}",
        f"{-figures['documents_fall']:+.1%}{_mark(figures, 'documents_fall')} "
        f"({-figures['documents_high']:+.1%} to {-figures['documents_low']:+.1%})",
        f"{figures['tokens_before']:.0f} → {figures['tokens_after']:.0f}",
        row.verdict,
    ]


def gain(told: dict[str, Any]) -> float:
    """The gain of a result; where nothing was trained, nothing changed."""
    return float(told["figures"]["gain"]) if told.get("figures") else 0.5


def _mark(figures: dict[str, Any], name: str) -> str:
    return " !" if figures[name] > LIMITS[name] else ""


def _at_once(told: dict[str, Any]) -> str:
    """The gain by golden answers, on other wordings of corrected questions and on new ones."""
    gains = [told.get(kind, {}).get("gain") for kind in (GoldenKind.corrected, HELD_OUT)]
    return " / ".join("–" if gain is None else f"{gain:.0%}" for gain in gains) if told else ""


def deserves(figures: dict[str, Any]) -> bool | None:
    """Whether what was trained ought to go live: clearly better, and within all limits; none where that is not clear.

    This is what the gate should say. It sees neither the people's taste nor the questions that are asked here.
    """
    if not figures["kept"] or figures["gain_high"] <= 0.5:
        return False
    return True if figures["gain_low"] > 0.5 else None


def _verdict(told: dict[str, Any]) -> str:
    if told["state"] != "done":
        return f"{told['state']}: {told['error']}"
    passed = bool((told.get("verdict") or {}).get("passed"))
    deserved = deserves(told["figures"])
    how = "unsure" if deserved is None else "rightly" if deserved is passed else "wrongly"
    verdict = f"{'passed' if passed else 'rejected'} {how}"
    return f"{verdict}, the pushed phrase in {told['pushed']:.0f} replies" if told.get("pushed") else verdict
