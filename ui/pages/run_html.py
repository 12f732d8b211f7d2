"""How the retrain page shows what there is to learn from, a run as it goes, and the schedule in words."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from feedback.rules import LEFT_OUT
from retrain.dataset import MIN_PAIRS, MIN_SINGLES
from retrain.masking import CARDS, EMAILS, PHONES
from retrain.ready import Ready
from retrain.tables import RunState
from ui.pages.markup import escape
from ui.pages.report_html import kept_out, training
from ui.pages.tables import badge, figures, percent, table, version, when

CURVES = {
    "loss": "How far it still is from people's choices (loss)",
    "margin": "How clearly it tells better from worse (margin)",
    "accuracy": "How often it agrees with people (accuracy)",
    "kl": "How far it has moved from before (KL)",
}
"""The figures of a run that are drawn, and what is written over them."""
STATES = {
    RunState.queued: "Waiting to start",
    RunState.training: "Training",
    RunState.evaluating: "Testing the new version",
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


def ready(found: Ready, *, adapter: str | None, running: bool) -> str:
    """How much feedback there is to learn from, what is missing for a run, and what of it is not used and why."""
    nothing = not (found.pairs or found.new_pairs or found.singles or running)  # then the meters say it all
    shown = (
        ""
        if nothing
        else figures(
            [
                ("Preferences ready", str(found.pairs)),
                ("New since the last run", str(found.new_pairs)),
                ("Single thumbs", str(found.singles)),
                ("Answers now", version(adapter)),
            ]
        )
    )
    kinds = [[escape(KINDS.get(kind, kind)), str(count)] for kind, count in found.kinds.items()]
    made = table(["Preferences from", "Ready"], kinds, label="Ready", empty="") if kinds else ""
    reasons = kept_out(found.left_out, why=LEFT_OUT)
    left = (
        f'<details class="tl-fold"><summary>What is left out, and why</summary>{reasons}</details>' if reasons else ""
    )
    return f'<div class="tl-stack">{"" if running else _meters(found)}{shown}{made}{left}</div>'


def _meters(found: Ready) -> str:
    """What a run could start with now, or how much is there of what it needs and what to do for the rest."""
    if found.method == "dpo":
        said = f"A run can start: {found.pairs} preferences are ready."
        if not found.new_pairs:
            said += " Nobody has said anything new since the last run, so another one would learn the same again."
        return f'<p class="tl-ready">{said}</p>'
    if found.method == "kto":
        said = f"A run can start, from {found.liked} liked and {found.disliked} disliked answers."
        more = MIN_PAIRS - found.pairs
        return f'<p class="tl-ready">{said} With {_more(more, "preference")} it learns from those, which is better.</p>'
    rated, each = found.liked + found.disliked, MIN_SINGLES // 4
    scarce = [
        _more(each - count, f"answer that people {word}", f"answers that people {word}")
        for count, word in ((found.liked, "like"), (found.disliked, "do not like"))
        if count < each
    ]
    also = f", among them {' and '.join(scarce)}" if scarce else ""
    return (
        '<div class="tl-needs">'
        + _meter(
            found.pairs,
            MIN_PAIRS,
            "preferences",
            f"{_more(MIN_PAIRS - found.pairs, 'preference')} to start: correct an answer, or ask for another one and "
            "choose the better.",
        )
        + _meter(
            rated,
            MIN_SINGLES,
            "rated answers",
            f"Or {_more(max(MIN_SINGLES - rated, 0), 'thumb')}{also}."
            if rated < MIN_SINGLES
            else f"Or {' and '.join(scarce)}.",
        )
        + "</div>"
    )


def _meter(there: int, needed: int, what: str, then: str) -> str:
    share = min(there / needed, 1)
    return (
        f"<div><p><b>{there} of {needed} {what}</b></p>"
        f'<div class="tl-bar-outer" aria-hidden="true"><i style="width:{share * 100:.0f}%"></i></div>'
        f"<p>{then}</p></div>"
    )


def _more(count: int, one: str, several: str = "") -> str:
    return f"{count} more {one if count == 1 else several or one + 's'}"


def progress(run: Mapping[str, Any], *, told: Sequence[Mapping[str, Any]]) -> str:
    """A run in a line, with a bar while it goes; `told` is all that it has told so far."""
    state = RunState(run["state"])
    kind = {RunState.failed: "bad", RunState.done: "good"}.get(state, "")
    line = f"<p>{badge(STATES[state], kind=kind)} {escape(_timing(run, state, told))}</p>"
    error = f'<p class="tl-bad">{escape(run["error"])}</p>' if run["error"] else ""
    bar = ""
    if state.active:
        share = float(run["progress"].get("share") or 0)
        bar = (
            f'<div class="tl-bar-outer" role="progressbar" aria-label="Progress" aria-valuemin="0" aria-valuemax="100"'
            f' aria-valuenow="{share * 100:.0f}"><i style="width:{share * 100:.1f}%"></i></div>'
        )
    counts = run["counts"]
    learned = training(counts, _trained(told)) + _masked(counts.get("masked", {}))
    return f'<div class="tl-run">{line}{bar}{error}{learned}</div>'


def _masked(counts: Mapping[str, int]) -> str:
    """What was hidden from training, in a sentence."""
    names = {
        EMAILS: ("e-mail address", "e-mail addresses"),
        PHONES: ("phone number", "phone numbers"),
        CARDS: ("card number", "card numbers"),
    }
    found = [f"{counts[kind]} {words[counts[kind] != 1]}" for kind, words in names.items() if counts.get(kind)]
    if not found:
        return ""
    *others, last = found
    said = f"{', '.join(others)} and {last}" if others else last
    by = "was replaced by a made-up one" if sum(counts.values()) == 1 else "were replaced by made-up ones"
    return f'<p class="tl-quiet">{said} in the texts {by} before training.</p>'


def _trained(told: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """What the child says of its training once that is over."""
    return next((line["trained"] for line in told if "trained" in line), {})


def _timing(run: Mapping[str, Any], state: RunState, told: Sequence[Mapping[str, Any]]) -> str:
    if not state.active:
        return f"on {when(run['finished_at'])}" if run["finished_at"] else ""
    now = run["progress"]
    step = f"step {now['step']} of {now['of']}" if now.get("of") else ""
    tested = f"{percent(now['done'])} of the test done" if now.get("done") else ""
    seconds = _seconds_left(told)
    left = f"about {duration(seconds)} left in all" if seconds is not None else ""
    return ", ".join(part for part in (step, tested, left) if part)


def _seconds_left(told: Sequence[Mapping[str, Any]]) -> float | None:
    """By how long the share took that is done; none before there is one."""
    if not told or not told[-1].get("share"):
        return None
    began, now = (datetime.fromisoformat(line["at"]) for line in (told[0], told[-1]))
    share = float(told[-1]["share"])
    return (now - began).total_seconds() * (1 - share) / share


def duration(seconds: float) -> str:
    """A length of time as people say it."""
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"


def log(text: str) -> str:
    """The end of a run's log."""
    return f'<pre class="tl-log" tabindex="0">{escape(text)}</pre>' if text else ""


def schedule(kept: Mapping[str, Any]) -> str:
    """The schedule in words, when it is due next, and what came of the last time."""
    parts = [f"<p>{escape(kept['says'])}</p>"]
    if kept["enabled"] and kept.get("cron") and kept.get("next_due_at"):
        parts.append(f"<p>Next: <b>{escape(when(kept['next_due_at']))}</b></p>")
    if kept.get("last_due_at"):
        parts.append(f"<p>Last: {escape(when(kept['last_due_at']))}. {escape(kept['last_result'])}</p>")
    return f'<div class="tl-says" role="status">{"".join(parts)}</div>'
