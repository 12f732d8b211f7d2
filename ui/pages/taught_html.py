"""What taught a version, as HTML: a page of questions with what people said of the answers, each with its place."""

from collections.abc import Sequence
from urllib.parse import urlencode

from feedback.lineage import Meaning, Said
from feedback.ratings import LABELS
from ui.pages.markup import escape, lines
from ui.pages.tables import badge, button, version, when

MEANINGS = {
    Meaning.up: ("liked", "good"),
    Meaning.down: ("not liked", "bad"),
    Meaning.corrected: ("corrected", ""),
    Meaning.better: ("found better than another answer", "good"),
    Meaning.tie: ("as good as another answer", ""),
}
NONE = "No ratings taught this version: it came with the program, or learned from a file of examples alone."


def taught(
    said: Sequence[Said], *, adapter: str, assistant: str, first: int, asked: int, total: int, page: int, opened: bool
) -> str:
    """Rows `first` and following of `total` that taught an adapter, of which `asked` were looked for."""
    heading = f"<summary><b>What taught {escape(version(adapter))}</b> ({total})</summary>"
    if not total:
        return _fold(f'{heading}<p class="tl-quiet">{NONE}</p>', opened=opened)
    items = "".join(_item(one, assistant=assistant) for one in said)
    lost = asked - len(said)
    missing = f'<p class="tl-quiet">{lost} of these {"was" if lost == 1 else "were"} deleted since.</p>' if lost else ""
    place = f"{first + 1} to {first + asked} of {total}"
    turn = [
        button(label, do="taught", target=f"{to} {adapter}")
        for label, to, there in (("Back", page - 1, page > 0), ("On", page + 1, first + asked < total))
        if there
    ]
    pager = f'<p class="tl-taught-turn" role="status">{place} {" ".join(turn)}</p>'
    return _fold(f'{heading}<ol class="tl-taught" start="{first + 1}">{items}</ol>{missing}{pager}', opened=opened)


def _fold(inside: str, *, opened: bool) -> str:
    return f'<details class="tl-fold tl-examples-of"{" open" if opened else ""}>{inside}</details>'


def _item(one: Said, *, assistant: str) -> str:
    word, kind = MEANINGS[one.meaning]
    label = "It should have said: " if one.meaning is Meaning.corrected else ""
    text = f"<blockquote>{label}{lines(one.text)}</blockquote>" if one.text else ""
    marks = badge(word, kind=kind) + "".join(badge(LABELS.get(reason, reason)) for reason in one.reasons)
    gone = "" if one.counts else badge("taken back since", kind="bad")
    address = escape(f"./feedback?{urlencode({'a': assistant, 'reply': one.reply})}")
    return (
        f'<li><p><b>{lines(one.question)}</b></p><p>{marks}{gone} <span class="tl-quiet">{when(one.at)}</span> '
        f'<a href="{address}">See the answer</a></p>{text}</li>'
    )
