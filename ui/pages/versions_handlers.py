"""What the retrain page does with versions: the tree, a trial, the report on one and what taught it, and decisions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assistant import records
from assistant.errors import BadInput
from assistant.tables import Assistant
from feedback import lineage, overview
from feedback.rows import table_and_number
from retrain import traces, trials, watch
from retrain.tables import Adapter
from retrain.traces import Pulls
from ui.endpoints import inputs, retraining, versions
from ui.pages import decisions_html, events, report_html, taught_html, versions_html
from ui.pages.tables import percent, version
from ui.services import Services
from ui.sessions import Caller

TAUGHT_ROWS = 10
PULLED_ROWS = 5
"""So many ratings that pulled a version most are named, either way."""
GONE = '<p class="tl-quiet">There is no report on this version: it came with the program, or its run is gone.</p>'


@dataclass(frozen=True, kw_only=True)
class Shown:
    """The part of the page about versions, as HTML."""

    report: str
    taught: str
    trial: str
    tree: str
    decisions: str


def look(
    services: Services, caller: Caller, *, asked: Assistant, latest: Mapping[str, Any] | None, report_on: str
) -> Shown:
    """All of it. `report_on` is the adapter whose report is open, else it is that of the latest run.

    Raises `NotAllowed`.
    """
    held = retraining.adapters(services, caller, asked.slug)["adapters"]
    with services.database.read() as session:
        thumbs = {each.adapter: each for each in overview.approval(session, asked.id)}
        trial = trials.look(session, asked)
        by_itself = watch.rolls_back(session, asked.id)
    decided = versions.decisions(services, asked)
    adapter, report = _report(services, caller, asked, held, latest, report_on=report_on)
    return Shown(
        report=report,
        taught=_taught(services, asked, adapter=adapter, page=0)
        if adapter in {each["adapter"] for each in held}
        else "",
        trial=versions_html.trial(trial, by_itself=by_itself),
        tree=versions_html.tree(
            held,
            active=asked.adapter,
            on_trial=asked.trial_adapter,
            trial_share=asked.trial_share,
            thumbs=thumbs,
            notes=decisions_html.notes(decided),
        ),
        decisions=decisions_html.log(decided),
    )


def taught(services: Services, caller: Caller, *, assistant: str = "default", target: str) -> str:
    """A page of what taught an adapter; `target` is its number and the adapter. Raises `NotAllowed`, `NotFound`."""
    caller.require_admin()
    page, _, adapter = target.partition(" ")
    with services.database.read() as session:
        asked = records.assistant_by_slug(session, assistant)
    return _taught(services, asked, adapter=adapter, page=events.number(page), opened=True)


def decide(
    services: Services,
    caller: Caller,
    *,
    assistant: str = "default",
    action: str,
    adapter: str,
    share: str = "",
) -> str:
    """Promote, try, or reject an adapter, or end the trial; what to say about it. `share` is in per cent.

    Raises `NotAllowed`, `NotFound`, `Conflict`, `AdapterRefused`, `BadInput`.
    """
    caller.require_admin()
    if action == "promote":
        retraining.promote(services, caller, adapter)
        return f"Promoted: {version(adapter)} answers from now on."
    if action == "reject":
        retraining.reject(services, caller, adapter)
        return f"Rejected: {version(adapter)} will not be used."
    if action == "try_out":
        part = int(inputs.choice(share, "share of the questions", [str(each) for each in versions_html.SHARES])) / 100
        services.registry.try_out(inputs.name(adapter, "adapter"), share=part, by=caller.id)
        return f"{version(adapter)} answers {percent(part)} of the conversations from now on."
    if action == "end_trial":
        with services.database.read() as session:
            asked = records.assistant_by_slug(session, assistant)
        services.registry.end_trial(asked.id, by=caller.id)
        return f"The trial is over: {version(asked.adapter)} answers everything again."
    raise BadInput(events.UNKNOWN)


def rollback(services: Services, caller: Caller, *, assistant: str = "default") -> str:
    """Serve what served before; what to say about it. Raises `NotAllowed`, `Conflict`, `AdapterRefused`."""
    back = retraining.rollback(services, caller, assistant)
    return f"Rolled back: {version(back['adapter'])} answers from now on."


def _report(
    services: Services,
    caller: Caller,
    asked: Assistant,
    held: Sequence[Mapping[str, Any]],
    latest: Mapping[str, Any] | None,
    *,
    report_on: str,
) -> tuple[str, str]:
    """Which adapter a report is shown on, if one is, and the report."""
    picked = next((adapter for adapter in held if adapter["adapter"] == report_on), None)
    run = latest if picked is None else retraining.run(services, caller, picked["run"]) if picked["run"] else None
    if run is None or run["report"] is None:
        return (report_on, GONE) if picked is not None else ("", "")
    adapter = report_on if picked is not None else run["adapter"]
    pulled = _pulled(services, asked, run)
    return adapter or "", report_html.report(run["report"], adapter=adapter, pulled=pulled)


def _pulls(services: Services, run: str | None) -> Pulls:
    return traces.pulls(services.runs.folder(run)) if run else Pulls({}, 0)


def _pulled(services: Services, asked: Assistant, run: Mapping[str, Any]) -> str:
    """The ratings that pulled what a run made most; empty where that is not known."""
    pulls = _pulls(services, run["run"])
    if not pulls.by_row:
        return ""
    ranked = sorted(pulls.by_row, key=lambda row: pulls.by_row[row])
    with services.database.read() as session:
        said = {one.row: one for one in lineage.said(session, ranked)}
    known = [said[row] for row in ranked if row in said]
    return taught_html.pulled(
        [one for one in known[::-1] if pulls.by_row[one.row] > 0][:PULLED_ROWS],
        [one for one in known if pulls.by_row[one.row] < 0][:PULLED_ROWS],
        assistant=asked.slug,
        looked_at=pulls.looked_at,
        examples=max(pulls.looked_at, sum(run["counts"].get(name, 0) for name in ("train", "lessons"))),
    )


def _taught(services: Services, asked: Assistant, *, adapter: str, page: int, opened: bool = False) -> str:
    with services.database.read() as session:
        made = session.get(Adapter, adapter)
    pulls = _pulls(services, made.run_id if made else None).by_row
    rows = sorted(services.registry.taught_by(adapter), key=_latest_first)
    rows.sort(key=lambda row: -abs(pulls.get(row, 0.0)))
    page = min(page, max(len(rows) - 1, 0) // TAUGHT_ROWS)
    first = page * TAUGHT_ROWS
    wanted = rows[first : first + TAUGHT_ROWS]
    with services.database.read() as session:
        said = lineage.said(session, wanted)
    return taught_html.taught(
        said,
        adapter=adapter,
        assistant=asked.slug,
        pulls=pulls,
        first=first,
        asked=len(wanted),
        total=len(rows),
        page=page,
        opened=opened,
    )


def _latest_first(row: str) -> tuple[str, int]:
    """Choices between answers, then corrections, then thumbs; of each the latest first."""
    table, number = table_and_number(row)
    return table, -number
