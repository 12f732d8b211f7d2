"""How documents look: the list, one document in its passages, files being read, and what a question finds."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from assistant.knowledge import DocumentSummary, Ingested, Passage
from assistant.tables import Chunk
from ui.pages.markup import escape
from ui.pages.sources_html import prose
from ui.pages.tables import badge, button, counted, table, when

WORDS = {"added": "Ready", "replaced": "Replaced", "unchanged": "Already there", "failed": "Not added"}
EMPTY = (
    '<div class="tl-blank"><h2>No documents yet</h2><p>Drop files on the field above, or click it to choose some. '
    "Answers are then given from them, each with its sources.</p></div>"
)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """By what it is told which passages an answer would be given; places are pairs of document and start."""

    limit: int
    least: float
    given: set[tuple[str, int]]
    wanted: set[tuple[str, int]]
    """Those that are given as long as there is room."""
    all_or_none: bool
    """Whether the best match decides for all, as with sentences."""


def listing(
    held: Sequence[DocumentSummary], *, count: int, passages: int, page: int, of_page: int, matching: str
) -> str:
    """A page of documents."""
    if not count and not matching:
        return EMPTY
    rows = [
        [
            f'<button type="button" class="tl-open" data-do="open" data-target="{escape(one.id)}">{escape(one.title)}'
            f'</button><br><span class="tl-quiet">{_facts(one)}</span>',
            badge("ready", kind="good"),
            _replace(one) + _delete(one),
        ]
        for one in held
    ]
    empty = f"No document has “{matching}” in its name or title. Try fewer letters."
    shown = table(["Document", "State", ""], rows, label="Documents", empty=empty)
    total = f'<p class="tl-quiet">{counted(count, "document")} with {counted(passages, "passage")}</p>' if count else ""
    return f'<div data-page="{page}">{total}{shown}{_pager(page, count, of_page)}</div>'


def reader(document: DocumentSummary, passages: Sequence[Chunk], *, page: int, of_page: int, marked: str) -> str:
    """A document in its passages, one of them perhaps marked."""
    parts = "".join(
        f"<li{' class=tl-marked' if chunk.id == marked else ''}><p><b>{chunk.position + 1}</b>"
        f'<span class="tl-where">{escape(chunk.heading)}</span></p>{_paragraphs(chunk.text)}</li>'
        for chunk in passages
    )
    facts = f"{escape(document.name)} · {counted(document.chunks, 'passage')} · "
    facts += f"{counted(document.characters, 'character')} · added {escape(when(document.created_at))}"
    turn = _pager(page, document.chunks, of_page, opened=document.id)
    return (
        f'<article class="tl-reader" data-opened="{escape(document.id)}">'
        '<button type="button" class="tl-small" data-do="list">&lsaquo; All documents</button>'
        f'<h2 tabindex="-1">{escape(document.title)}</h2><p class="tl-quiet">{facts}</p><p class="tl-actions">'
        '<button type="button" class="tl-small primary" data-do="ask">Ask this document</button>'
        f"{_replace(document)}{_delete(document)}</p>"
        f'<ol class="tl-passages">{parts}</ol>{turn}</article>'
    )


def progress(names: Sequence[str], done: Sequence[Ingested], *, assistant: str, trouble: str = "") -> str:
    """How far each file is: ready, or why not; then the one that is being read, and those that wait.

    Once all are read, there is the way to the chat with the `assistant` of that short name.
    """
    items = [_outcome(each) for each in done]
    for n, name in enumerate(names[len(done) :]):
        word = badge("Not added", kind="bad") if trouble else badge("Queued") if n else _reading()
        items.append(f"<li>{word} <b>{escape(name)}</b></li>")
    failed = sum(each.state == "failed" for each in done)
    told = f"{len(done)} of {counted(len(names), 'file')} read"
    chat = ""
    if len(done) == len(names) > failed:
        chat = f'<p><a href="./?{escape(urlencode({"a": assistant}))}">Ask about what is there now</a></p>'
    if failed:
        told += f", {failed} not added"
    if trouble:
        told += f". {escape(trouble)}"
    return (
        f'<div class="tl-reading"><p role="status"><span class="tl-meter"><i style="width:'
        f'{100 * len(done) // max(1, len(names))}%"></i></span>{told}</p>'
        f'<ul class="tl-outcomes">{"".join(items)}</ul>{chat}</div>'
    )


def replaced(old: str, done: Ingested) -> str:
    """What became of a file that was to replace a document."""
    if done.state == "failed":
        said = f"{badge('Not replaced', kind='bad')} {escape(done.error)} <b>{escape(old)}</b> is still there."
    elif done.state == "unchanged":
        said = f"{badge('Already there', kind='good')} <b>{escape(done.name)}</b> says just the same as before."
    else:
        by = "" if done.name == old else f" by <b>{escape(done.name)}</b>"
        said = f"{badge('Replaced', kind='good')} <b>{escape(old)}</b>{by}: {counted(done.chunks, 'passage')}."
    return f'<p class="tl-outcomes" role="status">{said}</p>'


def asking(title: str) -> str:
    """The heading of the trial: of all documents, or of the one of that title."""
    if title:
        return (
            f"<h2>Ask this document</h2><p>See what “{escape(title)}” has for a question, and how well it matches.</p>"
        )
    return (
        "<h2>Ask your documents</h2><p>See what a question finds, how well it matches, and what an answer is given.</p>"
    )


def nothing_found(*, in_one: bool) -> str:
    """Said where a question finds nothing."""
    where = "this document" if in_one else "the documents"
    return f'<p class="tl-quiet">Nothing in {where} matches. Ask in other words, or add a document about it.</p>'


def found(passages: Sequence[Passage], *, trial: Trial) -> str:
    """What a question finds, best first, with how well it matches and whether an answer would be given it."""
    items = "".join(
        f'<li><p><b>{escape(passage.title)}</b> <span class="tl-where">{escape(passage.heading)}</span></p>'
        f"<blockquote>{prose(passage.text)}</blockquote>"
        f'<p class="tl-why">{badge(f"match {passage.score:.2f}")}{_fate(passage, trial)}'
        f'<button type="button" class="tl-link" data-do="open" data-target="{escape(passage.document)}"'
        f' data-chunk="{escape(passage.chunk)}">Open</button></p></li>'
        for passage in passages
    )
    return f'<p class="tl-verdict-line" role="status">{_verdict(passages, trial)}</p><ol class="tl-found">{items}</ol>'


def _verdict(passages: Sequence[Passage], trial: Trial) -> str:
    shown = sum((passage.document, passage.start) in trial.given for passage in passages)
    others = len(trial.given) - shown
    if shown:
        return f"An answer would be given {shown} of these{f', and {others} from elsewhere' if others else ''}."
    if others:
        return f"An answer would be given none of these, but {counted(others, 'passage')} from elsewhere."
    if not trial.limit:
        return "An answer would be given nothing: this assistant answers without documents."
    best = max(passage.score for passage in passages)
    if best < trial.least:
        return (
            f"An answer would be given nothing: the best match is {best:.2f}, and at least {trial.least:.2f} is asked "
            "for. The assistant would say that it found nothing."
        )
    return "An answer would be given nothing: there is no room for it beside the instructions and the question."


def _fate(passage: Passage, trial: Trial) -> str:
    place = passage.document, passage.start
    if place in trial.given:
        return badge("given", kind="good")
    if not trial.limit:
        why = "documents are not used"
    elif place in trial.wanted:
        why = "no room for it"
    elif passage.score < trial.least and not (trial.all_or_none and trial.given):
        why = f"below {trial.least:.2f}"
    else:
        why = f"not among the best {trial.limit}"
    return badge(f"not given: {why}")


def _outcome(file: Ingested) -> str:
    failed = file.state == "failed"
    said = escape(file.error) if failed else f"<b>{escape(file.name)}</b> {counted(file.chunks, 'passage')}"
    return f"<li>{badge(WORDS[file.state], kind='bad' if failed else 'good')} {said}</li>"


def _reading() -> str:
    return '<span class="tl-badge"><span class="tl-dots" aria-hidden="true"></span> Reading</span>'


def _facts(document: DocumentSummary) -> str:
    named = "" if document.name == document.title else f"{escape(document.name)} · "
    added = f'<span class="tl-date">added {escape(when(document.created_at))}</span>'
    return f"{named}{counted(document.chunks, 'passage')} · {added}"


def _paragraphs(text: str) -> str:
    return "".join(f"<div>{prose(each)}</div>" for each in re.split(r"\n\s*\n", text) if each.strip())


def _replace(document: DocumentSummary) -> str:
    return button("Replace", do="replace", target=document.id)


def _delete(document: DocumentSummary) -> str:
    ask = f"Delete {document.name}? Answers will no longer be given from it."
    return button("Delete", do="delete", target=document.id, confirm=ask)


def _pager(page: int, count: int, of_page: int, *, opened: str = "") -> str:
    if count <= of_page:
        return ""
    do = f'data-do="{"open" if opened else "list"}" data-target="{escape(opened)}"'
    first, last = page * of_page + 1, min((page + 1) * of_page, count)
    back = " disabled" if page == 0 else ""
    on = " disabled" if last == count else ""
    return (
        '<p class="tl-turn">'
        f'<button type="button" class="tl-small" {do} data-page="{max(0, page - 1)}"{back}>Back</button>'
        f"<span>{first:,} to {last:,} of {count:,}</span>"
        f'<button type="button" class="tl-small" {do} data-page="{page + 1}"{on}>Next</button></p>'
    )
