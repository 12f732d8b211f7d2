"""What the retrain page does: how much feedback is ready, a run as it goes, versions, and when runs start alone.

The page looks again every few seconds while a run goes, so one look gives all that may have changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from assistant import records
from assistant.errors import BadInput
from assistant.knowledge import Upload
from retrain.tables import RunState
from ui.endpoints import retraining
from ui.pages import report_html, run_html
from ui.pages.tables import version
from ui.services import Services
from ui.sessions import Caller

LOG_LINES = 60
Points = tuple[tuple[float, float], ...]
"""Of a curve: (step, figure)."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """The page as it should be now; None leaves a part as it is."""

    running: str
    """Id of the run that goes, if one does."""
    progress: str
    curves: Mapping[str, Points]
    log: str
    ready: str | None = None
    can_start: bool = False
    report: str | None = None
    versions: str | None = None


def look(services: Services, caller: Caller, *, assistant: str = "default", report_on: str = "") -> Look:
    """All of the page. `report_on` is the adapter whose report is open, else it is the latest run's.

    Raises `NotAllowed`.
    """
    caller.require_admin()
    with services.database.read() as session:
        asked = records.assistant_by_slug(session, assistant)
    held = retraining.adapters(services, caller, assistant)["adapters"]
    latest = services.runs.latest(asked.id)
    run = retraining.run(services, caller, latest.id) if latest else None
    ready = services.runs.pairs_ready(asked.id)
    now = _watched(services, run)
    return replace(
        now,
        ready=run_html.ready(ready, adapter=asked.adapter, running=bool(now.running)),
        can_start=not now.running and not ready.missing,
        report=_report(services, caller, held, run, report_on=report_on),
        versions=run_html.versions(held, active=asked.adapter),
    )


def watch(services: Services, caller: Caller, *, assistant: str = "default", run: str, report_on: str = "") -> Look:
    """What changes while a run goes; all of the page once it has ended. Raises `NotAllowed`."""
    going = retraining.run(services, caller, run) if run else None
    if going is None or not RunState(going["state"]).active:
        return look(services, caller, assistant=assistant, report_on=report_on)
    return _watched(services, going)


def start(services: Services, caller: Caller, *, assistant: str = "default") -> None:
    """Start a run. Raises `NotAllowed`, `Conflict`, `BadInput`."""
    retraining.retrain(services, caller, assistant)


def teach(services: Services, caller: Caller, *, assistant: str = "default", path: str | None, then_dpo: bool) -> None:
    """Start a run that teaches the examples of a file, or corrections and approved answers.

    Raises `NotAllowed`, `Conflict`, `BadInput`.
    """
    caller.require_admin()
    files = [Upload(name=Path(path).name, data=Path(path).read_bytes())] if path else []
    retraining.teach(services, caller, assistant, files, then_dpo)


def cancel(services: Services, caller: Caller, *, run: str) -> None:
    """Cancel the run that goes. Raises `NotAllowed`, `NotFound`, `Conflict`."""
    retraining.cancel(services, caller, run)


def rollback(services: Services, caller: Caller, *, assistant: str = "default") -> str:
    """Serve what served before; what to say about it. Raises `NotAllowed`, `Conflict`, `AdapterRefused`."""
    back = retraining.rollback(services, caller, assistant)
    return f"Rolled back: {version(back['adapter'])} answers from now on."


def decide(services: Services, caller: Caller, *, action: str, adapter: str) -> str:
    """Promote or reject an adapter; what to say about it.

    Raises `NotAllowed`, `NotFound`, `Conflict`, `AdapterRefused`, `BadInput`.
    """
    caller.require_admin()
    if action == "promote":
        retraining.promote(services, caller, adapter)
        return f"Promoted: {version(adapter)} answers from now on."
    if action == "reject":
        retraining.reject(services, caller, adapter)
        return f"Rejected: {version(adapter)} will not be used."
    raise BadInput("The page asked for something unknown. Reload it and try again.")


def load_schedule(
    services: Services, caller: Caller, *, assistant: str = "default"
) -> tuple[bool, str, int, bool, str]:
    """The form of the schedule: on, cron line, new preferences, promote by itself, in words. Raises `NotAllowed`."""
    kept = retraining.schedule(services, caller, assistant)
    return (
        kept["enabled"],
        kept.get("cron", ""),
        kept.get("min_new_pairs", 20),
        kept.get("auto_promote", False),
        run_html.schedule(kept),
    )


def save_schedule(
    services: Services,
    caller: Caller,
    *,
    assistant: str = "default",
    enabled: bool,
    cron: str,
    min_new_pairs: float,
    auto_promote: bool,
) -> str:
    """Store the schedule; it in words. Raises `NotAllowed`, `BadInput`."""
    kept = retraining.set_schedule(
        services,
        caller,
        assistant,
        cron=cron,
        min_new_pairs=min_new_pairs,  # type: ignore[arg-type]  # whatever the browser sent is checked there
        auto_promote=auto_promote,
        enabled=enabled,
    )
    return run_html.schedule(kept)


def _watched(services: Services, run: Mapping[str, Any] | None) -> Look:
    if run is None:
        return Look(running="", progress="", curves={}, log="")
    told = services.runs.progress(run["run"])
    return Look(
        running=run["run"] if RunState(run["state"]).active else "",
        progress=run_html.progress(run, told=told),
        curves=_curves(told),
        log=run_html.log(services.runs.log_tail(run["run"], lines=LOG_LINES)),
    )


def _report(
    services: Services,
    caller: Caller,
    held: Sequence[Mapping[str, Any]],
    latest: Mapping[str, Any] | None,
    *,
    report_on: str,
) -> str:
    picked = next((adapter for adapter in held if adapter["adapter"] == report_on), None)
    if picked is not None:
        run = retraining.run(services, caller, picked["run"]) if picked["run"] else None
        if run is None or run["report"] is None:
            return '<p class="tl-quiet">The report on this version is gone with its run.</p>'
        return report_html.report(run["report"], adapter=report_on)
    if latest is None or latest["report"] is None:
        return ""
    return report_html.report(latest["report"], adapter=latest["adapter"])


def _curves(told: Sequence[Mapping[str, Any]]) -> dict[str, Points]:
    """The figures that a run has told so far, by name; not every step has each."""
    return {
        name: tuple((line["step"], line[name]) for line in told if line.get(name) is not None)
        for name in run_html.CURVES
    }
