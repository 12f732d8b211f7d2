"""What was decided on versions, by whom and why, as HTML: the latest decisions, and notes on single versions."""

from collections.abc import Mapping, Sequence
from typing import Any

from retrain.tables import Change
from retrain.watch import AUTOMATIC
from ui.pages.markup import escape
from ui.pages.tables import badge, version, when

Decision = Mapping[str, Any]


def log(decisions: Sequence[Decision]) -> str:
    """The latest decisions, newest first; empty before the first."""
    if not decisions:
        return ""
    rows = "".join(
        f'<li><span class="tl-quiet">{escape(when(each["at"]))}</span><span><b>{escape(_said(each))}</b> '
        f"{_by(each['by'])}{_why(each)}</span></li>"
        for each in decisions
    )
    return f'<h3>What was decided</h3><ol class="tl-decisions" aria-label="Decisions, latest first">{rows}</ol>'


def notes(decisions: Sequence[Decision]) -> dict[str, str]:
    """Why a version went by itself, where that is the last that was decided on it; by version."""
    last: dict[str, Decision] = {}
    for each in decisions:
        last.setdefault(str(_about(each)), each)
    return {name: each["why"] for name, each in last.items() if each["by"] == AUTOMATIC}


def _about(each: Decision) -> str | None:
    """The version that a decision is on."""
    gone = Change(each["kind"]) in (Change.rollback, Change.end_trial, Change.reject)
    found: str | None = each["before"] if gone else each["after"]
    return found


def _said(each: Decision) -> str:
    before, after = version(each["before"]), version(each["after"])
    match Change(each["kind"]):
        case Change.promote:
            return f"{after} promoted, in the place of {before}."
        case Change.rollback:
            return f"{before} rolled back: {after} answers again."
        case Change.trial:
            return f"{after} on trial beside {before}."
        case Change.end_trial:
            return f"Trial of {before} ended: {after} answers everything."
        case Change.reject:
            return f"{before} rejected."


def _by(who: str) -> str:
    return badge("by itself") if who == AUTOMATIC else f'<span class="tl-quiet">by {escape(who)}</span>'


def _why(each: Decision) -> str:
    return f"<br>{escape(each['why'])}" if each["why"] else ""
