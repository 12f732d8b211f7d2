"""The versions of an assistant as a family tree, and how a trial of one of them goes, as HTML.

The tree is a list in which each version goes on from the one above it; what was made beside that is set in.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from feedback.overview import Approval
from retrain.tables import AdapterState
from retrain.trials import Arm, Trial
from ui.pages.markup import escape
from ui.pages.tables import ORIGINAL, badge, button, percent, table, version, when

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
) -> str:
    """All versions, the base model first; `held` are they in any order, `thumbs` their approval."""
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
                shown = _one(by_id[at], known=by_id, thumbs=thumbs.get(at), share=trial.get(at))
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


def trial(found: Trial | None) -> str:
    """How the trial goes that is going on, with the numbers and what they allow to say; empty without one."""
    if found is None:
        return ""
    name = version(found.tried.adapter)
    rows = [_arm(found.tried, "on trial"), _arm(found.serving, "answers the rest")]
    asked = f"Let {name} answer all questions from now on?"
    acts = (
        button(f"Promote {name}", do="promote", target=str(found.tried.adapter), confirm=asked, kind="primary")
        + " "
        + button("End the trial", do="end_trial", target="")
    )
    return (
        f'<section class="tl-trial" aria-label="Trial"><h3>{escape(name)} is on trial</h3>'
        f"<p>{escape(_told(found, name))}</p>"
        f"{table(['Version', 'Answers', 'Thumbs up', 'Thumbs down', 'Liked'], rows, label='Trial', empty='')}"
        f'<p class="tl-quiet">It answers {percent(found.share)} of the conversations since {when(found.since)}; who is '
        f"in one stays with its version. Another share starts the count anew.</p><p>{acts}</p></section>"
    )


def _arm(arm: Arm, part: str) -> list[str]:
    thumbs = arm.up + arm.down
    liked = f"{meter(arm.up / thumbs)}{percent(arm.up / thumbs)}" if thumbs else "no thumbs yet"
    return [f"<b>{escape(version(arm.adapter))}</b> {badge(part)}", str(arm.answers), str(arm.up), str(arm.down), liked]


def _told(found: Trial, name: str) -> str:
    """What the thumbs say, in a sentence that claims no more than they allow."""
    if found.gain is None:
        silent = next(version(arm.adapter) for arm in (found.tried, found.serving) if not arm.up + arm.down)
        return f"Too little to tell: nobody has rated an answer of {silent} since the trial began."
    low, high = (round(bound * 100) for bound in found.gain)
    if found.gain[0] > 0:
        return f"{name} is liked more: its share of thumbs up is {low} to {high} points higher."
    if found.gain[1] < 0:
        return f"{name} is liked less: its share of thumbs up is {-high} to {-low} points lower. Better end the trial."
    return (
        f"Too little to tell: by these thumbs, the share that likes {name} may be anywhere from {-low} points lower to "
        f"{high} points higher. Let it go on."
    )


def _thumbs(count: int) -> str:
    return f"{count} thumb{'' if count == 1 else 's'}"
