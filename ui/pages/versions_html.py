"""The versions of an assistant as a family tree, and how a trial of one of them goes, as HTML.

The tree is a list in which each version goes on from the one above it; what was made beside that is set in.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from assistant.adapters import ORIGINAL
from feedback.overview import Approval
from retrain.tables import AdapterState
from retrain.trials import RECENT, Arm, Trial
from ui.pages.markup import escape
from ui.pages.tables import badge, button, percent, table, version, when

STATES = {
    AdapterState.active: ("answers now", "good"),
    AdapterState.candidate: ("waits for you", ""),
    AdapterState.archived: ("kept", ""),
    AdapterState.rejected: ("rejected", "bad"),
}
SHARES = (5, 10, 25, 50)
"""Of the questions, in per cent, that a version may be tried on."""
USUAL_SHARE = 10
Held = Mapping[str, Any]


def tree(
    held: Sequence[Held],
    *,
    active: str | None,
    on_trial: str | None,
    trial_share: float,
    thumbs: Mapping[str | None, Approval],
    notes: Mapping[str, str],
) -> str:
    """All versions, the base model first; `held` are they in any order, `thumbs` their approval.

    `notes` say why some went by themselves.
    """
    if not held:
        return '<p class="tl-quiet">There is no version yet but the model as it came. Retrain to make one.</p>'
    by_id = {one["adapter"]: one for one in held}
    children: dict[str | None, list[Held]] = {}
    for one in sorted(held, key=lambda one: one["version"]):
        children.setdefault(one["parent"] if one["parent"] in by_id else None, []).append(one)
    line = _line_to(active, by_id)
    trial = {on_trial: trial_share} if on_trial else {}

    def branch(start: str | None) -> list[str]:
        """A version with what goes on from it, as items of one list; what was made beside that hangs on its item."""
        items: list[str] = []
        at: str | None = start
        while True:
            born = children.get(at, [])
            on = next((one for one in born if one["adapter"] in line), born[-1] if born else None)
            beside = "".join("".join(branch(one["adapter"])) for one in born if one is not on)
            if at is None:
                shown = _base(serves=active is None, thumbs=thumbs.get(None))
            else:
                shown = _one(by_id[at], known=by_id, thumbs=thumbs.get(at), share=trial.get(at)) + _went(notes.get(at))
            items.append(f"<li>{shown}{f'<ul>{beside}</ul>' if beside else ''}</li>")
            if on is None:
                return items
            at = on["adapter"]

    return f'<ul class="tl-tree" aria-label="Versions">{"".join(branch(None))}</ul>'


def _line_to(active: str | None, by_id: Mapping[str, Held]) -> set[str]:
    """The version that answers and those it came from."""
    line: set[str] = set()
    while active is not None and active in by_id and active not in line:
        line.add(active)
        active = by_id[active]["parent"]
    return line


def _base(*, serves: bool, thumbs: Approval | None) -> str:
    state = badge("answers now", kind="good") if serves else badge("the beginning")
    return _node(ORIGINAL, state, "the model as it came", thumbs, "")


def _one(adapter: Held, *, known: Mapping[str, Held], thumbs: Approval | None, share: float | None) -> str:
    name, state = adapter["adapter"], AdapterState(adapter["state"])
    word, kind = STATES[state]
    shown = badge(word, kind=kind) if share is None else badge(f"on trial: {percent(share)}", kind="good")
    parent = version(adapter["parent"])
    made = f"from {parent}{'' if not adapter['parent'] or adapter['parent'] in known else ' (no longer here)'}"
    return _node(version(name), shown, f"{made}, {when(adapter['created_at'])[:10]}", thumbs, _actions(name, state))


def _went(why: str | None) -> str:
    return f'<p class="tl-went">{badge("taken back by itself", kind="bad")} {escape(why)}</p>' if why else ""


def _node(name: str, state: str, made: str, thumbs: Approval | None, actions: str) -> str:
    liked = "no thumbs yet"
    if thumbs is not None and thumbs.up + thumbs.down:
        liked = f"{meter(thumbs.share)}{percent(thumbs.share)} of {_thumbs(thumbs.up + thumbs.down)} up"
    return (
        f'<div class="tl-node"><b>{escape(name)}</b><span>{state}</span><span class="tl-quiet">{escape(made)}</span>'
        f'<span class="tl-liked">{liked}</span><span class="tl-acts">{actions}</span></div>'
    )


def _actions(name: str, state: AdapterState) -> str:
    short = version(name)
    actions = [button("Report", do="report", target=name)]
    if state is AdapterState.candidate:
        options = "".join(
            f'<option value="{share}"{" selected" * (share == USUAL_SHARE)}>{share}%</option>' for share in SHARES
        )
        actions.append(
            f'<span class="tl-try">{button("Try it", do="try_out", target=name)} '
            f'<label>on <select aria-label="Share of questions for {escape(short)}">{options}</select></label></span>'
        )
    if state in (AdapterState.candidate, AdapterState.archived):
        ask = f"Let {short} answer all questions from now on?"
        actions.append(button("Promote", do="promote", target=name, confirm=ask, kind="primary"))
    if state is AdapterState.candidate:
        actions.append(button("Reject", do="reject", target=name, confirm=f"Reject {short} for good?"))
    return " ".join(actions)


def meter(share: float) -> str:
    """A small bar; the figure stands beside it in words."""
    return f'<span class="tl-meter" aria-hidden="true"><i style="width:{share * 100:.0f}%"></i></span>'


def trial(found: Trial | None, *, by_itself: bool) -> str:
    """How a version on trial fares, or one promoted last, in numbers and what they allow to say; empty without one.

    `by_itself` is whether it goes where people like it less.
    """
    if found is None:
        return ""
    name, other = version(found.tried.adapter), version(found.other.adapter)
    if found.promoted:
        title, kept = f"{name} beside what was before", ""
        rows = [_arm(found.tried, "answers now"), _arm(found.other, "answered before")]
        told = f"{name} answers everything since {when(found.since)}; {other} is shown by its last {RECENT.days} days."
    else:
        title, kept = f"{name} is on trial", _trial_buttons(found, name)
        rows = [_arm(found.tried, "on trial"), _arm(found.other, "answers the rest")]
        told = (
            f"It answers {percent(found.share)} of the conversations since {when(found.since)}; who is in one stays "
            "with its version. Another share starts the count anew."
        )
    head = ["Version", "Answers", "Thumbs up", "Thumbs down", "Votes", "Liked"]
    return (
        f'<section class="tl-trial" aria-label="{escape(title)}"><h3>{escape(title)}</h3>'
        f"<p>{escape(_told(found, name))}</p>{table(head, rows, label=title, empty='')}"
        f'<p class="tl-quiet">{escape(told)} A person has one vote a day for each version, their first thumb. '
        f"{escape(_going(found, name, by_itself=by_itself))}</p>{kept}</section>"
    )


def _trial_buttons(found: Trial, name: str) -> str:
    asked = f"Let {name} answer all questions from now on?"
    acts = (
        button(f"Promote {name}", do="promote", target=str(found.tried.adapter), confirm=asked, kind="primary")
        + " "
        + button("End the trial", do="end_trial", target="")
    )
    return f"<p>{acts}</p>"


def _going(found: Trial, name: str, *, by_itself: bool) -> str:
    """What happens where people like it less."""
    if not by_itself:
        return f"It stays even if people like it less: that {name} goes by itself is switched off below."
    then = "is rolled back" if found.promoted else "is no longer tried"
    return f"If the votes prove that people like it less, whichever one person is left out, {name} {then} by itself."


def _arm(arm: Arm, part: str) -> list[str]:
    votes = arm.votes.all
    liked = f"{meter(arm.votes.up / votes)}{percent(arm.votes.up / votes)}" if votes else "no votes yet"
    counts = [str(each) for each in (arm.answers, arm.up, arm.down, votes)]
    return [f"<b>{escape(version(arm.adapter))}</b> {badge(part)}", *counts, liked]


def _told(found: Trial, name: str) -> str:
    """What the votes say, in a sentence that claims no more than they allow."""
    if found.gain is None:
        silent = next(version(arm.adapter) for arm in (found.tried, found.other) if not arm.votes.all)
        return f"Too little to tell: nobody has rated an answer of {silent} since {_begin(found)}."
    low, high = (round(bound * 100) for bound in found.gain)
    if low >= 0:
        return f"{name} is liked more: its share of votes up is {low} to {high} points higher."
    if high <= 0:
        better = "roll back" if found.promoted else "end the trial"
        return f"{name} is liked less: its share of votes up is {-high} to {-low} points lower. Better {better}."
    return (
        f"Too little to tell: by these votes, the share that likes {name} may be anywhere from {-low} points lower to "
        f"{high} points higher. Let it go on."
    )


def _begin(found: Trial) -> str:
    return "it was promoted" if found.promoted else "the trial began"


def _thumbs(count: int) -> str:
    return f"{count} thumb{'' if count == 1 else 's'}"
