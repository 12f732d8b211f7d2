"""How all that people ever said of a reply looks to an admin, with what can be done about each remark."""

from collections.abc import Mapping, Sequence

from feedback.exclusion import MAX_REASON_CHARS
from feedback.history import Remark, Standing
from feedback.ratings import LABELS, MAX_CORRECTION_CHARS
from feedback.tables import Comparison, Correction, Outcome, Rating, Value
from ui.pages.feedback_address import Place, link
from ui.pages.markup import escape, lines
from ui.pages.tables import badge, when

YOU = "You"
THUMBS = {Value.up: "liked it", Value.down: "did not like it", Value.none: "took the thumb back"}
STANDINGS = {
    Standing.counts: badge("counts", kind="good"),
    Standing.left_out: badge("left out of training", kind="bad"),
    Standing.changed: badge("changed since"),
    Standing.takes_back: "",
}
FADED = (Standing.changed, Standing.takes_back)
USUAL_REASONS = ("Wrong thumb", "Not serious", "Asks for what it must not say", "Off topic")


def said(remarks: Sequence[Remark], *, reply: str, names: Mapping[str, str], assistant: str) -> str:
    """All that was said of a reply, in order; `names` has what each person is called."""
    if not remarks:
        return '<p class="tl-quiet">Nothing yet. What people say is added here, and nothing of it is ever changed.</p>'
    shown = "".join(_remark(one, reply, names, assistant) for one in remarks)
    return f'<ol class="tl-history">{shown}</ol>'


def _remark(remark: Remark, reply: str, names: Mapping[str, str], assistant: str) -> str:
    name = names[remark.rater]
    url = escape(link(Place(rater=remark.rater), assistant=assistant))
    return (
        f'<li class="tl-remark{" tl-faded" if remark.standing in FADED else ""}"><div class="tl-remark-head">'
        f'<a href="{url}" data-go title="All that this person rated">{escape(name)}</a>'
        f"<span>{_verb(remark, reply, assistant)}</span>{STANDINGS[remark.standing]}"
        f'<span class="tl-quiet">{escape(when(remark.at))}</span></div>'
        f"{_words(remark)}{_why(remark, names)}{_actions(remark, own=name == YOU)}</li>"
    )


def _verb(remark: Remark, reply: str, assistant: str) -> str:
    given = remark.said
    if isinstance(given, Rating):
        return THUMBS[given.value]
    if isinstance(given, Correction):
        return "said what it should have said" if given.text else "took the correction back"
    won = given.winner_id == reply
    other = link(Place(reply=given.loser_id if won else given.winner_id), assistant=assistant)
    rival = f'<a href="{escape(other)}" data-go>another answer</a>'
    if given.outcome is Outcome.none:
        return f"took back the comparison with {rival}"
    if given.outcome is Outcome.tie:
        return f"found it as good as {rival}"
    return f"found it {'better' if won else 'worse'} than {rival}"


def _words(remark: Remark) -> str:
    given = remark.said
    if isinstance(given, Correction):
        return f"<blockquote>{lines(given.text)}</blockquote>" if given.text else ""
    if isinstance(given, Comparison):
        return ""
    reasons = "".join(badge(LABELS.get(reason, reason)) for reason in given.reasons)
    comment = f"<blockquote>{lines(given.comment)}</blockquote>" if given.comment else ""
    return (f"<p>{reasons}</p>" if reasons else "") + comment


def _why(remark: Remark, names: Mapping[str, str]) -> str:
    if remark.exclusion is None or remark.standing is not Standing.left_out:
        return ""
    admin = names.get(remark.exclusion.admin, "another admin")
    who = "you" if admin == YOU else admin
    return f'<p class="tl-quiet">Left out by {escape(who)}: {escape(remark.exclusion.reason)}</p>'


def _actions(remark: Remark, *, own: bool) -> str:
    row, given = escape(remark.row), remark.said
    if remark.standing is Standing.left_out:
        again = f'<button type="button" class="tl-small" data-do="use_again" data-row="{row}">Use it again</button>'
        return f'<div class="tl-do">{again}</div>'
    if remark.standing is not Standing.counts:
        return ""
    if not isinstance(given, Correction):
        return f'<div class="tl-do">{_leave_out(row)}</div>'
    back = (
        f'<button type="button" class="tl-small" data-do="take_back_rewording" data-reply="{escape(given.reply_id)}">'
        "Take it back</button>"
    )
    return f'<div class="tl-do">{_reword(given, row)}{back if own else _leave_out(row)}</div>'


def _leave_out(row: str) -> str:
    options = "".join(f'<option value="{escape(reason)}">' for reason in USUAL_REASONS)
    field = f"why-{row.replace(':', '-')}"
    return (
        '<details><summary class="tl-small">Leave out of training</summary>'
        f'<form class="tl-form" data-do="leave_out" data-row="{row}">'
        f'<label>Why?<input type="text" name="reason" list="{field}" maxlength="{MAX_REASON_CHARS}" required'
        f' autocomplete="off" placeholder="In a few words"></label><datalist id="{field}">{options}</datalist>'
        '<p class="tl-quiet">It stays in the history and in the figures. You can use it again at any time.</p>'
        '<div class="tl-form-buttons"><button type="submit">Leave out</button></div></form></details>'
    )


def _reword(given: Correction, row: str) -> str:
    return (
        '<details><summary class="tl-small">Word it better</summary>'
        f'<form class="tl-form" data-do="reword" data-row="{row}">'
        f'<label>What it should have said<textarea name="text" rows="5" maxlength="{MAX_CORRECTION_CHARS}" required>\n'
        f"{escape(given.text)}</textarea></label>"
        '<p class="tl-quiet">Your text counts instead. What the person wrote stays in the history.</p>'
        '<div class="tl-form-buttons"><button type="submit">Save</button></div></form></details>'
    )
