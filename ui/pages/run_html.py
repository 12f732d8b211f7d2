"""How the retrain page looks, but for the report: what is ready, a run as it goes, versions, the schedule in words."""

from collections.abc import Mapping, Sequence
from typing import Any

from feedback.pairs import LEFT_OUT
from retrain.runs import Ready
from retrain.tables import AdapterState, RunState
from ui.pages.markup import escape
from ui.pages.report_html import kept_out, training
from ui.pages.tables import badge, button, figures, percent, table, version, when

CURVES = {"loss": "Loss", "margin": "Margin", "accuracy": "Accuracy", "kl": "How much it moved (KL)"}
"""The figures of a run that are drawn, and what is written over them."""
STATES = {
    RunState.queued: "Waiting to start",
    RunState.training: "Training",
    RunState.evaluating: "Testing the candidate",
    RunState.done: "Finished",
    RunState.failed: "Failed",
    RunState.cancelled: "Cancelled",
}
KINDS = {
    "comparison": "One of two answers was found better",
    "correction": "An answer was corrected",
    "retry": "Two answers to one question, one liked and one not",
    "same_prompt": "People's thumbs on the same question",
}
VERSION_STATES = {
    AdapterState.active: ("answers now", "good"),
    AdapterState.candidate: ("waits for you", ""),
    AdapterState.archived: ("kept", ""),
    AdapterState.rejected: ("rejected", "bad"),
}


def ready(found: Ready, *, adapter: str | None, running: bool) -> str:
    """How much feedback there is to learn from, what of it is not used and why, and what is missing for a run."""
    shown = figures(
        [
            ("Preferences ready", str(found.pairs)),
            ("New since the last run", str(found.new_pairs)),
            ("Single thumbs", str(found.singles)),
            ("Answers now", version(adapter)),
        ]
    )
    kinds = [[escape(KINDS.get(kind, kind)), str(count)] for kind, count in found.kinds.items()]
    empty = "There is nothing to learn from yet. Rate, correct and compare answers on the chat page."
    reasons = kept_out(found.left_out, why=LEFT_OUT)
    left = (
        f'<details class="tl-fold"><summary>What is left out, and why</summary>{reasons}</details>' if reasons else ""
    )
    note = f'<p class="tl-note">{escape(found.missing)}</p>' if found.missing and not running else ""
    made = table(["Preferences from", "Ready"], kinds, label="Ready", empty=empty)
    return f'<div class="tl-stack">{shown}<div>{made}</div>{note}{left}</div>'


def progress(run: Mapping[str, Any], *, told: Sequence[Mapping[str, Any]]) -> str:
    """A run in a line, with a bar while it goes; `told` is all that it has told so far."""
    state = RunState(run["state"])
    kind = {RunState.failed: "bad", RunState.done: "good"}.get(state, "")
    line = f"<p>{badge(STATES[state], kind=kind)} {escape(_timing(run, state))}</p>"
    error = f'<p class="tl-bad">{escape(run["error"])}</p>' if run["error"] else ""
    bar = ""
    if state.active:
        share = _share(run["progress"])
        bar = (
            f'<div class="tl-bar-outer" role="progressbar" aria-label="Progress" aria-valuemin="0" aria-valuemax="100"'
            f' aria-valuenow="{share * 100:.0f}"><i style="width:{share * 100:.1f}%"></i></div>'
        )
    return f'<div class="tl-run">{line}{bar}{error}{training(run["counts"], _trained(told))}</div>'


def _trained(told: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """What the child says of its training once that is over."""
    return next((line["trained"] for line in told if "trained" in line), {})


def _timing(run: Mapping[str, Any], state: RunState) -> str:
    if not state.active:
        return f"on {when(run['finished_at'])}" if run["finished_at"] else ""
    told = run["progress"]
    step = f"step {told['step']} of {told['of']}" if told.get("of") else ""
    share = f"{percent(_share(told))} done" if state is RunState.evaluating else ""
    left = f"about {duration(told['seconds_left'])} left" if told.get("seconds_left") is not None else ""
    return ", ".join(part for part in (step, share, left) if part)


def _share(told: Mapping[str, Any]) -> float:
    """How much of training, or of the test after it, is done."""
    if told.get("of"):
        return float(told["step"]) / float(told["of"])
    return float(told.get("done") or 0)


def duration(seconds: float) -> str:
    """A length of time as people say it."""
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"


def log(text: str) -> str:
    """The end of a run's log."""
    return f'<pre class="tl-log" tabindex="0">{escape(text)}</pre>' if text else ""


def versions(held: Sequence[Mapping[str, Any]], *, active: str | None) -> str:
    """The table of versions, the base model last."""
    rows = [_version_row(adapter) for adapter in held]
    if rows:
        state = badge("answers now", kind="good") if active is None else badge("kept")
        rows.append(["<b>base model</b>", state, "", "", ""])
    return table(
        ["Version", "State", "Made from", "When", ""], rows, label="Versions", empty="There is no version yet. Retrain."
    )


def _version_row(adapter: Mapping[str, Any]) -> list[str]:
    name, state = adapter["adapter"], AdapterState(adapter["state"])
    word, kind = VERSION_STATES[state]
    actions = button("Report", do="report", target=name)
    if state in (AdapterState.candidate, AdapterState.archived):
        ask = f"Let {version(name)} answer from now on?"
        actions += " " + button("Promote", do="promote", target=name, confirm=ask, kind="primary")
    if state is AdapterState.candidate:
        ask = f"Reject {version(name)} for good?"
        actions += " " + button("Reject", do="reject", target=name, confirm=ask)
    made = escape(version(adapter["parent"]))
    return [f"<b>{escape(version(name))}</b>", badge(word, kind=kind), made, when(adapter["created_at"]), actions]


def schedule(kept: Mapping[str, Any]) -> str:
    """The schedule in words, when it is due next, and what came of the last time."""
    parts = [f"<p>{escape(kept['says'])}</p>"]
    if kept["enabled"] and kept.get("cron") and kept.get("next_due_at"):
        parts.append(f"<p>Next: {escape(when(kept['next_due_at']))}</p>")
    if kept.get("last_due_at"):
        parts.append(f"<p>Last: {escape(when(kept['last_due_at']))}. {escape(kept['last_result'])}</p>")
    return f'<div class="tl-quiet">{"".join(parts)}</div>'
