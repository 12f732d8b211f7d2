"""How an opened reply looks to an admin: question and answer, what it teaches, how it was made, other answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assistant.tables import Message, Reply, ReplyState
from feedback.history import Remark, Teaching
from feedback.pairs import LeftOut, Pair
from feedback.rules import LEFT_OUT
from feedback.search import FoundReply
from ui.pages.feedback_address import Place, link
from ui.pages.feedback_html import marks
from ui.pages.markup import escape, lines, markdown
from ui.pages.remarks_html import said
from ui.pages.run_html import KINDS
from ui.pages.tables import badge, version, when

TURNS = {"system": "Instructions", "user": "Question, with its sources", "assistant": "Earlier answer"}
STATES = {
    ReplyState.done: "finished",
    ReplyState.stopped: "stopped by its reader",
    ReplyState.failed: "failed",
    ReplyState.streaming: "still being written",
}
SINGLE = {True: "As a good answer by itself", False: "As a bad answer by itself"}


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A reply as the page shows it."""

    message: Message
    made: Reply
    question: str
    remarks: Sequence[Remark]
    others: Sequence[FoundReply]
    """Other answers to the same words."""
    names: Mapping[str, str]
    """What each person is called."""


def opened(found: Opened, *, back: str, assistant: str) -> str:
    """All of it, but for what it teaches."""
    history = said(found.remarks, reply=found.message.id, names=found.names, assistant=assistant)
    made = f"{version(found.made.adapter)} · {when(found.message.created_at)} · {STATES[found.made.state]}"
    return (
        f'<article class="tl-opened"><p><a href="{escape(back)}" data-go>&lsaquo; All answers</a></p>'
        f'<h1 tabindex="-1">{escape(found.question)}</h1>'
        f'<div class="tl-text tl-panel">{markdown(found.message.text)}</div>'
        f'<p class="tl-quiet">{escape(made)}</p>'
        f"<section><h2>What people said</h2>{history}</section></article>"
    )


def details(found: Opened, *, assistant: str) -> str:
    """Other answers, and how this one was made."""
    return (
        f'<article class="tl-opened"><section><h2>Other answers to this question</h2>{_others(found, assistant)}'
        f"</section><section><h2>How it was made</h2>{_sources(found.made)}{_prompt(found.made)}{_figures(found)}"
        "</section></article>"
    )


WEIGHING = (
    '<article class="tl-opened"><section><h2>What it teaches</h2>'
    '<p class="tl-status"><span class="tl-dots" aria-hidden="true"></span>Weighing all feedback</p></section></article>'
)
"""Until that is known."""


def teaching(found: Teaching, remarks: Sequence[Remark], *, names: Mapping[str, str]) -> str:
    """Which pairs, single answers and lessons a reply gives as things stand, and what gives none and why."""
    whose = {remark.row: names[remark.rater] for remark in remarks}
    parts = [_pair(pair, whose) for pair in found.pairs]
    parts += [_taught(SINGLE[one.label], one.completion, one.rows, whose) for one in found.singles]
    parts += [_taught("As an answer to learn as it stands", one.answer, one.rows, whose) for one in found.lessons]
    if not parts:
        why = "Nothing, for the reasons below." if found.why_not else "Nothing: nobody said anything of it that counts."
        parts.append(f'<p class="tl-quiet">{why}</p>')
    reasons = "".join(f"<li>{_why_not(one, whose)}</li>" for one in found.why_not)
    left = f'<h3>Not used, and why</h3><ul class="tl-reasons-list">{reasons}</ul>' if reasons else ""
    return f'<article class="tl-opened"><section><h2>What it teaches</h2>{"".join(parts)}{left}</section></article>'


def _pair(pair: Pair, whose: Mapping[str, str]) -> str:
    return (
        f'<div class="tl-lesson"><p><b>As a preference</b> · {escape(KINDS[pair.kind])}{_by(pair.rows, whose)}</p>'
        f'<div class="tl-sides"><div><p class="tl-nth">Better</p><div>{lines(pair.chosen)}</div></div>'
        f'<div><p class="tl-nth">Worse</p><div>{lines(pair.rejected)}</div></div></div></div>'
    )


def _taught(title: str, text: str, rows: Sequence[str], whose: Mapping[str, str]) -> str:
    return (
        f'<div class="tl-lesson"><p><b>{title}</b>{_by(rows, whose)}</p>'
        f'<div class="tl-sides"><div>{lines(text)}</div></div></div>'
    )


def _by(rows: Sequence[str], whose: Mapping[str, str]) -> str:
    """Who said it; people who said it elsewhere are counted."""
    named = list(dict.fromkeys(whose[row] for row in rows if row in whose))
    elsewhere = sum(row not in whose for row in rows)
    also = [f"{elsewhere} more said of other answers"] if elsewhere else []
    return f' <span class="tl-quiet">· from {escape(", ".join([*named, *also]))}</span>' if rows else ""


def _why_not(one: LeftOut, whose: Mapping[str, str]) -> str:
    times = f"{one.count:,} times: " if one.count > 1 else ""
    return f"{times}{escape(LEFT_OUT[one.reason])}{_by(one.rows, whose)}"


def _others(found: Opened, assistant: str) -> str:
    if not found.others:
        return '<p class="tl-quiet">This question was answered once.</p>'
    rows = "".join(
        f'<li class="tl-reply"><p><a href="{escape(link(Place(reply=one.reply), assistant=assistant))}" data-go>'
        f'{escape(" ".join(one.text.split())[:300])}</a></p><p class="tl-marks">{marks(one)}'
        f'<span class="tl-quiet">{escape(version(one.adapter))} · {escape(when(one.at))}</span></p></li>'
        for one in found.others
    )
    everything = link(Place(question=found.message.parent_id or ""), assistant=assistant)
    return (
        f'<ol class="tl-replies">{rows}</ol>'
        f'<p><a href="{escape(everything)}" data-go>All that people said of answers to this question</a></p>'
    )


def _sources(made: Reply) -> str:
    if not made.sources:
        return '<p class="tl-quiet">It was given no sources.</p>'
    rows = "".join(map(_source, made.sources))
    return _fold(f"Its sources ({len(made.sources)})", f'<ol class="tl-found">{rows}</ol>')


def _source(source: Mapping[str, Any]) -> str:
    quoted = badge("quoted", kind="good") if source["cited"] else ""
    match = badge(f"match {float(source['score']):.2f}")
    return (
        f"<li><p><b>{int(source['n'])}</b> {escape(source['title'])} "
        f'<span class="tl-quiet">{escape(source["heading"])}</span> {match}{quoted}</p>'
        f"<blockquote>{lines(source['text'])}</blockquote></li>"
    )


def _prompt(made: Reply) -> str:
    turns = "".join(
        f'<p class="tl-nth">{escape(TURNS.get(turn["role"], turn["role"]))}</p>'
        f'<pre class="tl-log" tabindex="0">{escape(turn["content"])}</pre>'
        for turn in made.prompt
    )
    return _fold("Everything the model was given", turns)


def _figures(found: Opened) -> str:
    made = found.made
    figures = (
        ("Model", made.model),
        ("Version", version(made.adapter)),
        ("Freedom (temperature)", f"{made.temperature:g}"),
        ("Choice of words (top p)", f"{made.top_p:g}"),
        ("Longest answer allowed (tokens)", f"{made.max_new_tokens:,}"),
        ("Its chance (seed)", str(made.seed)),
        ("Length of what it was given (tokens)", f"{made.prompt_tokens:,}"),
        ("Length of its answer (tokens)", f"{made.reply_tokens:,}"),
        ("First word after", _seconds(made.first_token_s)),
        ("Done after", _seconds(made.total_s)),
        ("Conversation", found.message.conversation_id),
        ("Answer", found.message.id),
    )
    rows = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(figure)}</dd></div>" for name, figure in figures)
    return _fold("Settings and timings", f'<dl class="tl-how">{rows}</dl>')


def _fold(title: str, inside: str) -> str:
    return f'<details class="tl-fold tl-panel"><summary><b>{escape(title)}</b></summary>{inside}</details>'


def _seconds(length: float | None) -> str:
    return "not measured" if length is None else f"{length:.2f} s"
