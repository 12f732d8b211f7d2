"""What taught a version, as HTML: a page of questions with what people said of the answers, each with its place; and
those ratings that pulled it most.
"""

from collections.abc import Mapping, Sequence
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
WEIGHED = (
    "For {number} that it learned from, it was worked out which way they pulled it: towards what people prefer on the "
    "questions kept for the test, or against it."
)
AGAINST = (
    "A rating here may be a slip, or a taste that others do not share. See the answer: there you can leave the rating "
    "out of training."
)
NO_ONE = "None of them."
NONE = "No ratings taught this version: it came with the program, or learned from a file of examples alone."


def taught(
    said: Sequence[Said],
    *,
    adapter: str,
    assistant: str,
    pulls: Mapping[str, float],
    first: int,
    asked: int,
    total: int,
    page: int,
    opened: bool,
) -> str:
    """Rows `first` and following of `total` that taught an adapter, of which `asked` were looked for.

    `pulls` says of some where they pulled it.
    """
    heading = f"<summary><b>What taught {escape(version(adapter))}</b> ({total})</summary>"
    if not total:
        return _fold(f'{heading}<p class="tl-quiet">{NONE}</p>', opened=opened)
    order = '<p class="tl-quiet">Those that moved it most come first.</p>' if pulls else ""
    items = "".join(_item(one, assistant=assistant, pull=pulls.get(one.row)) for one in said)
    lost = asked - len(said)
    missing = f'<p class="tl-quiet">{lost} of these {"was" if lost == 1 else "were"} deleted since.</p>' if lost else ""
    place = f"{first + 1} to {first + asked} of {total}"
    turn = [
        button(label, do="taught", target=f"{to} {adapter}")
        for label, to, there in (("Back", page - 1, page > 0), ("On", page + 1, first + asked < total))
        if there
    ]
    pager = f'<p class="tl-taught-turn" role="status">{place} {" ".join(turn)}</p>'
    listed = f'<ol class="tl-taught" start="{first + 1}">{items}</ol>'
    return _fold(f"{heading}{order}{listed}{missing}{pager}", opened=opened)


def pulled(towards: Sequence[Said], against: Sequence[Said], *, assistant: str, looked_at: int, examples: int) -> str:
    """The ratings that pulled an update most, the strongest first; of its `examples`, `looked_at` were weighed."""
    number = f"{looked_at} of the {examples} examples" if looked_at < examples else f"the {examples} examples"
    weighed = WEIGHED.format(number=number)
    sides = _side("Pulled most towards what people prefer", "", towards, assistant=assistant)
    sides += _side("Pulled against it: look at these first", AGAINST, against, assistant=assistant)
    return (
        '<details class="tl-fold tl-examples-of" open><summary><b>Ratings with the most influence</b></summary>'
        f'<p class="tl-quiet">{weighed}</p><div class="tl-pulled">{sides}</div></details>'
    )


def _side(title: str, hint: str, said: Sequence[Said], *, assistant: str) -> str:
    items = "".join(_item(one, assistant=assistant) for one in said)
    held = f'<ol class="tl-taught">{items}</ol>' if items else f'<p class="tl-quiet">{NO_ONE}</p>'
    said_of_it = f'<p class="tl-quiet">{hint}</p>' if hint and items else ""
    return f"<section><h4>{title}</h4>{said_of_it}{held}</section>"


def _fold(inside: str, *, opened: bool) -> str:
    return f'<details class="tl-fold tl-examples-of"{" open" if opened else ""}>{inside}</details>'


def _item(one: Said, *, assistant: str, pull: float | None = None) -> str:
    word, kind = MEANINGS[one.meaning]
    label = "It should have said: " if one.meaning is Meaning.corrected else ""
    text = f"<blockquote>{label}{lines(one.text)}</blockquote>" if one.text else ""
    marks = badge(word, kind=kind) + "".join(badge(LABELS.get(reason, reason)) for reason in one.reasons)
    gone = "" if one.counts else badge("taken back since", kind="bad")
    way = "" if pull is None else badge("pulled towards") if pull > 0 else badge("pulled against", kind="bad")
    address = escape(f"./feedback?{urlencode({'a': assistant, 'reply': one.reply})}")
    return (
        f'<li><p><b>{lines(one.question)}</b></p><p>{marks}{way}{gone} <span class="tl-quiet">{when(one.at)}</span> '
        f'<a href="{address}">See the answer</a></p>{text}</li>'
    )
