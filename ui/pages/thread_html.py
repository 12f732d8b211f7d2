"""How a conversation looks: exchanges to HTML, everything in them escaped. `thread.js` makes its buttons work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assistant.tables import ReplyState
from ui.pages.markup import escape, lines, markdown
from ui.pages.sources_html import Place, sources
from ui.pages.tables import version
from ui.pages.thread import Answer, Exchange

Reasons = Mapping[Any, Sequence[tuple[str, str]]]
"""What can be chosen for `up` and for `down`: (what is stored, how it reads)."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a reader looks at in a conversation."""

    opened: str = ""
    """The reply whose feedback form is open."""
    saved: str = ""
    """The reply that was just rated."""
    place: Place | None = None


USED = "Saved. From now on questions like this get your answer."
NO_DOUBT = "Nothing found that no source says."
AT_NOTHING = Look()


def welcome(*, name: str, greeting: str, examples: Sequence[str]) -> str:
    """What an empty conversation shows: who answers, and questions to start with."""
    chips = "".join(
        f'<button type="button" class="tl-example" data-do="example" data-n="{n}">{escape(question)}</button>'
        for n, question in enumerate(examples)
    )
    return (
        f'<div class="tl-welcome"><h1>{escape(name)}</h1><div class="tl-greeting">{markdown(greeting)}</div>'
        f'<div class="tl-examples">{chips}</div></div>'
    )


def closed(reason: str) -> str:
    """What somebody sees of an assistant that they may not use."""
    return f'<div class="tl-empty"><h2>Not for everyone</h2><p>{escape(reason)}</p></div>'


def thread(exchanges: Sequence[Exchange], *, reasons: Reasons, look: Look = AT_NOTHING) -> str:
    """The whole conversation."""
    parts = []
    for index, exchange in enumerate(exchanges):
        last = index == len(exchanges) - 1
        parts.append(question(exchange.question))
        parts.append(_answers(exchange, last=last, reasons=reasons, look=look))
    return f'<div class="tl-thread">{"".join(parts)}</div>'


def question(text: str) -> str:
    """What a person asked."""
    return f'<div class="tl-question"><span class="tl-hidden">You: </span>{lines(text)}</div>'


def writing(text: str, *, sources: Sequence[Mapping[str, Any]] = (), status: str) -> str:
    """An answer as far as it is written."""
    cited = [int(source["n"]) for source in sources]
    return (
        f'<article class="tl-answer tl-writing" aria-busy="true"><div class="tl-text">{markdown(text, citations=cited)}'
        f'</div><p class="tl-status"><span class="tl-dots" aria-hidden="true"></span>{escape(status)}</p></article>'
    )


def _answers(exchange: Exchange, *, last: bool, reasons: Reasons, look: Look) -> str:
    undecided = last and exchange.rivals is not None and exchange.choice is None
    shown = {answer.reply for answer in exchange.rivals or ()} if undecided else {exchange.answers[-1].reply}
    articles = "".join(
        _answer(
            answer,
            n=n,
            of=len(exchange.answers),
            hidden=answer.reply not in shown,
            retry=last and n == len(exchange.answers),
            form=_form(answer, reasons) if answer.reply == look.opened else "",
            look=look,
        )
        for n, answer in enumerate(exchange.answers, start=1)
    )
    kind = "tl-answers tl-pair" if undecided else "tl-answers"
    return f'<section class="{kind}">{articles}</section>{_choice(exchange)}'


def _answer(answer: Answer, *, n: int, of: int, hidden: bool, retry: bool, form: str, look: Look) -> str:
    numbers = [int(source["n"]) for source in answer.sources]
    text = markdown(answer.text, citations=numbers, doubts=answer.doubts)
    place = look.place if look.place and look.place["reply"] == answer.reply else None
    return (
        f'<article class="tl-answer" data-reply="{escape(answer.reply)}"{" hidden" if hidden else ""}'
        f' aria-label="Answer {n} of {of}">{_heading(n, of)}<div class="tl-text">{text}</div>{_note(answer)}'
        f"{_doubts(answer)}{sources(answer.reply, answer.sources, place=place)}"
        f"{_tools(answer, n=n, of=of, retry=retry)}"
        f"{form or _stored(answer, saved=answer.reply == look.saved)}</article>"
    )


def _heading(n: int, of: int) -> str:
    return f'<p class="tl-nth">Answer {n}</p>' if of > 1 else ""


def _note(answer: Answer) -> str:
    if answer.state is ReplyState.failed:
        return f'<p class="tl-note tl-bad">{escape(answer.error)} Use “Try again” below.</p>'
    if answer.state is ReplyState.stopped:
        return '<p class="tl-note">Stopped before the end.</p>'
    if answer.state is ReplyState.streaming:
        return '<p class="tl-note">Still being written. Reload the page to see the rest.</p>'
    return ""


def _doubts(answer: Answer) -> str:
    """What the marking of doubts found; `thread.js` shows it with the marks."""
    found = len(answer.doubts)
    said = f"{found} {'part' if found == 1 else 'parts'} that no source says, with dots below." if found else NO_DOUBT
    return f'<p class="tl-note tl-doubts" role="status" hidden>{said}</p>' if answer.sources else ""


def _tools(answer: Answer, *, n: int, of: int, retry: bool) -> str:
    reply = escape(answer.reply)
    pager = ""
    if of > 1:
        pager = (
            f'<span class="tl-pager">{_page("&lsaquo;", "Earlier answer", to=n - 1, of=of)}'
            f"<span>{n} of {of}</span>{_page('&rsaquo;', 'Later answer', to=n + 1, of=of)}</span>"
        )
    again = (
        f'<button type="button" class="tl-tool" data-do="retry" data-reply="{reply}">{_icon("again")}Try again</button>'
    )
    thumbs = ""
    if answer.finished:
        copy = f'<button type="button" class="tl-tool" data-do="copy">{_icon("copy")}<span>Copy</span></button>'
        check = (
            f'<button type="button" class="tl-tool" data-do="doubts" aria-pressed="false"'
            f' title="Mark what no source says">{_icon("check")}Check</button>'
        )
        thumbs = (
            _thumb(answer, "up", "Good answer")
            + _thumb(answer, "down", "Bad answer")
            + copy
            + (check if answer.sources else "")
        )
    return (
        f'<div class="tl-tools">{pager}{thumbs}'
        f'{again if retry else ""}<span class="tl-version">{escape(version(answer.adapter))}</span></div>'
    )


def _page(sign: str, label: str, *, to: int, of: int) -> str:
    off = "" if 1 <= to <= of else " disabled"
    return f'<button type="button" data-do="page" data-to="{to}" aria-label="{label}"{off}>{sign}</button>'


def _thumb(answer: Answer, value: str, label: str) -> str:
    pressed = answer.opinion.value == value
    return (
        f'<button type="button" class="tl-tool tl-thumb" data-do="rate" data-reply="{escape(answer.reply)}"'
        f' data-value="{"none" if pressed else value}" aria-pressed="{str(pressed).lower()}"'
        f' aria-label="{label}" title="{"Take this back" if pressed else label}">{_icon(value)}</button>'
    )


def _stored(answer: Answer, *, saved: bool) -> str:
    """What the reader said of an answer, once the form is closed."""
    if answer.opinion.value == "none" and not answer.opinion.correction:
        return '<p class="tl-said" role="status">Taken back.</p>' if saved else ""
    said = {"up": "You liked this", "down": "You did not like this"}.get(answer.opinion.value, "You corrected this")
    if answer.opinion.correction and answer.opinion.value != "none":
        said += " and said what it should have said"
    reply = escape(answer.reply)
    told = f"{'Saved. ' if saved else ''}{said}."
    if saved and answer.opinion.correction:
        told = USED
    return (
        f'<p class="tl-said" role="status">{told}'
        f' <button type="button" data-do="edit" data-reply="{reply}">Change</button>'
        f' <button type="button" data-do="rate" data-value="none" data-reply="{reply}">Undo</button></p>'
    )


def _form(answer: Answer, reasons: Reasons) -> str:
    """The form below a rated answer. Every part of it is optional: the thumb is already stored."""
    value = answer.opinion.value if answer.opinion.value in reasons else "down"
    chips = "".join(
        f'<label class="tl-reason"><input type="checkbox" name="reason" value="{escape(code)}"'
        f"{' checked' if code in answer.opinion.reasons else ''}><span>{escape(label)}</span></label>"
        for code, label in reasons[value]
    )
    title = "What was good about it?" if value == "up" else "What was wrong?"
    comment, corrected = escape(answer.opinion.comment), answer.opinion.correction or answer.text
    return (
        f'<form class="tl-form" data-reply="{escape(answer.reply)}" data-value="{escape(value)}">'
        f'<p class="tl-thanks" role="status">Saved, thank you. You may add more:</p>'
        f'<fieldset><legend>{title}</legend><div class="tl-reasons">{chips}</div></fieldset>'
        f'<label>In your words<input type="text" name="comment" maxlength="2000" value="{comment}"'
        f' placeholder="Optional"></label>'
        f"<label>What should it have said?"
        f'<textarea name="correction" rows="4">\n{escape(corrected)}</textarea></label>'
        f'<div class="tl-form-buttons"><button type="button" class="tl-primary" data-do="save">Save</button>'
        f'<button type="button" data-do="close" data-reply="{escape(answer.reply)}">Close</button>'
        f'<button type="button" data-do="rate" data-value="none" data-reply="{escape(answer.reply)}">'
        f"Take it all back</button></div></form>"
    )


def _choice(exchange: Exchange) -> str:
    rivals = exchange.rivals
    if rivals is None:
        return ""
    names = {answer.reply: f"Answer {n}" for n, answer in enumerate(exchange.answers, start=1)}
    first, second = rivals[0].reply, rivals[1].reply
    if exchange.choice is not None:
        chosen = exchange.choice
        said = "You found both about the same." if chosen.tie else f"You found {names[chosen.winner]} better."
        undo = _compare("Undo", chosen.winner, chosen.loser, "none")
        return f'<p class="tl-choice tl-said" role="status">{said} {undo}</p>'
    return (
        f'<div class="tl-choice" role="group" aria-label="Which answer is better?"><span>Which answer is better?</span>'
        f"{_compare(names[first], first, second, 'better')}{_compare(names[second], second, first, 'better')}"
        f"{_compare('About the same', first, second, 'tie')}</div>"
    )


def _compare(label: str, winner: str, loser: str, outcome: str) -> str:
    return (
        f'<button type="button" data-do="compare" data-winner="{escape(winner)}" data-loser="{escape(loser)}"'
        f' data-outcome="{outcome}">{escape(label)}</button>'
    )


PATHS = {
    "up": "M7 10v11H4a1 1 0 0 1-1-1v-9a1 1 0 0 1 1-1h3Zm0 0 4-7a2.5 2.5 0 0 1 2.5 2.5V9h5a2 2 0 0 1 2 2.3l-1.3 8"
    "a2 2 0 0 1-2 1.7H7",
    "copy": "M9 9h10v11H9zM5 15V4h10",
    "check": "M4 21h3m3 0h4m3 0h3M6 10l4 4 8-9",
    "again": "M4 12a8 8 0 1 0 2.5-5.8M4 4v4h4",
}
"""Of a square of 24 units."""


def _icon(name: str) -> str:
    flip = ' style="transform:rotate(180deg)"' if name == "down" else ""
    path = PATHS["up" if name == "down" else name]
    return f'<svg viewBox="0 0 24 24" aria-hidden="true"{flip}><path d="{path}"/></svg>'
