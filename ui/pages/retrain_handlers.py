"""What the retrain page does with runs: how much feedback is ready, start, watch, cancel.

The page looks again every few seconds while a run goes, so one look gives all that may have changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from assistant import records
from assistant.knowledge import Upload
from retrain.recipe import Recipe, chosen
from retrain.tables import RunState
from ui.endpoints import retraining
from ui.pages import run_html, versions_handlers
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
    steps: int = 0
    """Of the training, as far as the run has said."""
    budget: Points = ()
    """How far it may move, as a line beside the curve `kl`."""
    log: str
    ready: str | None = None
    can_start: bool = False
    report: str | None = None
    taught: str | None = None
    trial: str | None = None
    versions: str | None = None
    can_go_back: bool | None = None
    decisions: str | None = None


def look(services: Services, caller: Caller, *, assistant: str = "default", report_on: str = "") -> Look:
    """All of the page. `report_on` is the adapter whose report is open, else it is the latest run's.

    Raises `NotAllowed`.
    """
    caller.require_admin()
    with services.database.read() as session:
        asked = records.assistant_by_slug(session, assistant)
    latest = services.runs.latest(asked.id)
    run = retraining.run(services, caller, latest.id) if latest else None
    ready = services.runs.pairs_ready(asked.id)
    now = _watched(services, run)
    shown = versions_handlers.look(services, caller, asked=asked, latest=run, report_on=report_on)
    return replace(
        now,
        ready=run_html.ready(ready, adapter=asked.adapter, running=bool(now.running)),
        can_start=not now.running and not ready.missing,
        report=shown.report,
        taught=shown.taught,
        trial=shown.trial,
        versions=shown.tree,
        can_go_back=asked.adapter is not None,
        decisions=shown.decisions,
    )


def watch(services: Services, caller: Caller, *, assistant: str = "default", run: str, report_on: str = "") -> Look:
    """What changes while a run goes; all of the page once it has ended. Raises `NotAllowed`."""
    going = retraining.run(services, caller, run) if run else None
    if going is None or not RunState(going["state"]).active:
        return look(services, caller, assistant=assistant, report_on=report_on)
    return _watched(services, going)


def start(
    services: Services,
    caller: Caller,
    *,
    assistant: str = "default",
    learning_rate: float | None = None,
    epochs: float | None = None,
    beta: float | None = None,
    anew: bool = False,
) -> None:
    """Start a run; a setting that is empty, or as the page shows it, is the method's own.

    Raises `NotAllowed`, `Conflict`, `BadInput`.
    """
    caller.require_admin()
    asked_for = {"learning_rate": learning_rate, "epochs": epochs, "beta": beta}
    settings = chosen({name: value for name, value in asked_for.items() if value != getattr(Recipe(), name)})
    with services.database.read() as session:
        asked = records.assistant_by_slug(session, assistant)
    services.runs.start(asked.id, asked_by=caller.id, recipe=settings, anew=anew)


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


def _watched(services: Services, run: Mapping[str, Any] | None) -> Look:
    if run is None:
        return Look(running="", progress="", curves={}, log="")
    told = services.runs.progress(run["run"])
    return Look(
        running=run["run"] if RunState(run["state"]).active else "",
        progress=run_html.progress(run, told=told),
        curves=_curves(told),
        steps=max((line["of"] for line in told if "of" in line), default=0),
        budget=_budget(told),
        log=run_html.log(services.runs.log_tail(run["run"], lines=LOG_LINES)),
    )


def _curves(told: Sequence[Mapping[str, Any]]) -> dict[str, Points]:
    """The figures that a run has told so far, by name; not every step has each, and before the first nothing moved."""
    drawn: dict[str, Points] = {
        name: tuple((line["step"], line[name]) for line in told if line.get(name) is not None)
        for name in run_html.CURVES
    }
    return drawn | {"kl": ((0, 0.0), *drawn["kl"]) if drawn["kl"] else ()}


def _budget(told: Sequence[Mapping[str, Any]]) -> Points:
    """A level line from the first step that has a budget to the last that is planned; teaching has none."""
    bound = [line for line in told if line.get("kl_budget") is not None]
    if not bound:
        return ()
    begins = bound[0]["step"] - 1
    return tuple((step, bound[-1]["kl_budget"]) for step in (begins, bound[-1]["of"]))
