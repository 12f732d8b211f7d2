"""How a conversation looks: exchanges to HTML, everything in them escaped. `thread.js` makes its buttons work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assistant.tables import ReplyState
from ui.pages.branches_html import asked, icon, pager
from ui.pages.markup import escape, markdown
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
UNWRITTEN: Mapping[str, Any] = {"text": "", "sources": (), "done": False}
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
        reply = exchange.answers[0].reply
        parts.append(asked(exchange.question, wordings=exchange.wordings, at=exchange.wording, reply=reply))
        parts.append(_answers(exchange, last=last, reasons=reasons, look=look))
    return f'<div class="tl-thread">{"".join(parts)}</div>'


def writing(turns: Sequence[Mapping[str, Any]], *, status: str) -> str:
    """Answers as far as they are written; none of them: one that is being prepared."""
    parts = [_written(turn, n=n, of=len(turns), status=status) for n, turn in enumerate(turns or [UNWRITTEN], start=1)]
    return f'<section class="tl-answers tl-pair">{"".join(parts)}</section>' if len(parts) > 1 else parts[0]


def _written(turn: Mapping[str, Any], *, n: int, of: int, status: str) -> str:
    cited, going = [int(source["n"]) for source in turn["sources"]], not turn["done"]
    said = f'<p class="tl-status"><span class="tl-dots" aria-hidden="true"></span><span>{escape(status)}</span></p>'
    return (
        f'<article class="tl-answer tl-writing" aria-busy="{str(going).lower()}">{_heading(n, of)}'
        f'<div class="tl-text">{markdown(turn["text"], citations=cited)}</div>'
        f"{said if going else ''}</article>"
    )


def _answers(exchange: Exchange, *, last: bool, reasons: Reasons, look: Look) -> str:
    pair = exchange.rivals if last and exchange.undecided else None
    shown = pair or (exchange.answers[exchange.current],)
    ids = [answer.reply for answer in exchange.answers]
    articles = "".join(
        _answer(
            answer,
            at=ids.index(answer.reply),
            ids=ids,
            retry=last and answer is shown[-1],
            form=_form(answer, reasons, retry=last) if answer.reply == look.opened else "",
            look=look,
        )
        for answer in shown
    )
    kind = "tl-answers tl-pair" if pair else "tl-answers"
    return f'<section class="{kind}">{articles}</section>{_choice(exchange, may_ask=pair is not None)}'


def _answer(answer: Answer, *, at: int, ids: Sequence[str], retry: bool, form: str, look: Look) -> str:
    numbers = [int(source["n"]) for source in answer.sources]
    text = markdown(answer.text, citations=numbers, doubts=answer.doubts)
    place = look.place if look.place and look.place["reply"] == answer.reply else None
    return (
        f'<article class="tl-answer" data-reply="{escape(answer.reply)}"'
        f' aria-label="Answer {at + 1} of {len(ids)}">{_heading(at + 1, len(ids))}<div class="tl-text">{text}</div>'
        f"{_note(answer)}{_doubts(answer)}{sources(answer.reply, answer.sources, place=place)}"
        f"{_tools(answer, pages=pager(ids, at, what='answer'), retry=retry)}"
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


def _tools(answer: Answer, *, pages: str, retry: bool) -> str:
    reply = escape(answer.reply)
    again = (
        f'<button type="button" class="tl-tool" data-do="retry" data-reply="{reply}">{icon("again")}Try again</button>'
    )
    thumbs = ""
    if answer.finished:
        copy = f'<button type="button" class="tl-tool" data-do="copy">{icon("copy")}<span>Copy</span></button>'
        check = (
            f'<button type="button" class="tl-tool" data-do="doubts" aria-pressed="false"'
            f' title="Mark what no source says">{icon("check")}Check</button>'
        )
        thumbs = (
            _thumb(answer, "up", "Good answer")
            + _thumb(answer, "down", "Bad answer")
            + copy
            + (check if answer.sources else "")
        )
    return (
        f'<div class="tl-tools">{pages}{thumbs}'
        f'{again if retry else ""}<span class="tl-version">{escape(version(answer.adapter))}</span></div>'
    )


def _thumb(answer: Answer, value: str, label: str) -> str:
    pressed = answer.opinion.value == value
    return (
        f'<button type="button" class="tl-tool tl-thumb" data-do="rate" data-reply="{escape(answer.reply)}"'
        f' data-value="{"none" if pressed else value}" aria-pressed="{str(pressed).lower()}"'
        f' aria-label="{label}" title="{"Take this back" if pressed else label}">{icon(value)}</button>'
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


def _form(answer: Answer, reasons: Reasons, *, retry: bool) -> str:
    """The form below a rated answer. Every part of it is optional: the thumb is already stored."""
    value = answer.opinion.value if answer.opinion.value in reasons else "down"
    chips = "".join(
        f'<label class="tl-reason"><input type="checkbox" name="reason" value="{escape(code)}"'
        f"{' checked' if code in answer.opinion.reasons else ''}><span>{escape(label)}</span></label>"
        for code, label in reasons[value]
    )
    another = (
        '<p class="tl-another">It can write another answer, next to this one, for you to choose from. '
        f'<button type="button" data-do="another" data-reply="{escape(answer.reply)}">Show another answer</button></p>'
    )
    title = "What was good about it?" if value == "up" else "What was wrong?"
    comment, corrected = escape(answer.opinion.comment), answer.opinion.correction or answer.text
    return (
        f'<form class="tl-form" data-reply="{escape(answer.reply)}" data-value="{escape(value)}">'
        f'<p class="tl-thanks" role="status">Saved, thank you. You may add more:</p>'
        f'<fieldset><legend>{title}</legend><div class="tl-reasons">{chips}</div></fieldset>'
        f"{another if retry and value == 'down' else ''}"
        f'<label>In your words<input type="text" name="comment" maxlength="2000" value="{comment}"'
        f' placeholder="Optional"></label>'
        f"<label>{'How could it be said better?' if value == 'up' else 'What should it have said?'}"
        f'<textarea name="correction" rows="4">\n{escape(corrected)}</textarea></label>'
        f'<div class="tl-form-buttons"><button type="button" class="tl-primary" data-do="save">Save</button>'
        f'<button type="button" data-do="close" data-reply="{escape(answer.reply)}">Close</button>'
        f'<button type="button" data-do="rate" data-value="none" data-reply="{escape(answer.reply)}">'
        f"Take it all back</button></div></form>"
    )


def _choice(exchange: Exchange, *, may_ask: bool) -> str:
    rivals = exchange.rivals
    if rivals is None or (exchange.choice is None and not may_ask):
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
