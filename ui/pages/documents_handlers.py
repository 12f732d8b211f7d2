"""What the documents page does: add files, list, open, replace and delete documents, and try what a question finds.

Work on files goes on to its end in a thread of its own, also when the page is closed meanwhile.
"""

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from assistant import records
from assistant.errors import BadInput, NotFound
from assistant.knowledge import DocumentSummary, Ingested, Passage, Upload, rows
from assistant.knowledge.ingest import PASSAGE_MIN_SCORE, SENTENCE_MIN_SCORE
from assistant.tables import Assistant, Chunk, Focus
from ui.pages import documents_html as html
from ui.pages import events
from ui.services import Services
from ui.sessions import Caller

logger = logging.getLogger(__name__)

PAGE_DOCUMENTS = 25
PAGE_PASSAGES = 20
TRIAL_PASSAGES = 5
FAILED = "Reading stopped, and the files after it were not added. Try them again, and look into the log."


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What the page shows: HTML, and the id of the document that is open, if one is."""

    html: str
    opened: str = ""
    title: str = ""


def listing(
    services: Services, caller: Caller, *, assistant: str = "default", matching: str = "", page: int = 0
) -> str:
    """A page of the documents whose name or title has some words. Raises `NotAllowed`."""
    caller.require_admin()
    words = matching.strip()
    with services.database.read() as session:
        asked = records.assistant_by_slug(session, assistant).id
        count, passages = rows.totals(session, asked, matching=words)
        at = max(0, min(page, (count - 1) // PAGE_DOCUMENTS))
        held = rows.summaries(session, asked, matching=words, limit=PAGE_DOCUMENTS, offset=at * PAGE_DOCUMENTS)
    return html.listing(held, count=count, passages=passages, page=at, of_page=PAGE_DOCUMENTS, matching=words)


def add(services: Services, caller: Caller, *, assistant: str = "default", paths: Sequence[str]) -> Iterator[str]:
    """Add files, telling again and again how far each is. Raises `NotAllowed`, `BadInput`."""
    caller.require_admin()
    if not paths:
        raise BadInput("No file was chosen. Drop files on the field, or click it.")
    files = [Path(path) for path in paths]
    done: list[Ingested] = []
    trouble = ""
    names = [file.name for file in files]
    yield html.progress(names, done, assistant=assistant)
    for news in _read(services, _assistant(services, assistant).id, files):
        done += [each for each in news if isinstance(each, Ingested)]
        trouble = next((each for each in news if isinstance(each, str)), "")
        yield html.progress(names, done, assistant=assistant, trouble=trouble)


def act(
    services: Services, caller: Caller, *, assistant: str = "default", matching: str = "", data: Mapping[str, Any]
) -> Shown:
    """Do what a button says, and show the list or the open document. Raises `NotAllowed`, `NotFound`, `BadInput`."""
    caller.require_admin()
    todo, page = data.get("do"), events.number(data.get("page"))
    if todo == "open":
        return _opened(services, assistant, events.text(data, "target"), page=page, chunk=events.text(data, "chunk"))
    if todo == "delete":
        found = _document(services, assistant, events.text(data, "target"))
        services.knowledge.delete(_assistant(services, assistant).id, found.name)
    elif todo != "list":
        raise BadInput(events.UNKNOWN)
    return Shown(html=listing(services, caller, assistant=assistant, matching=matching, page=page))


def replace(
    services: Services, caller: Caller, *, assistant: str = "default", target: str, upload: Upload
) -> tuple[str, str]:
    """Put a file in a document's place: what became of it, and the id of what is there now.

    A file of another name is added first; then the old document goes. Raises `NotAllowed`, `NotFound`.
    """
    caller.require_admin()
    old, asked = _document(services, assistant, target), _assistant(services, assistant).id
    (done,) = services.knowledge.ingest(asked, [upload])
    if done.state != "failed" and done.name != old.name:
        services.knowledge.delete(asked, old.name)
    with services.database.read() as session:
        now = rows.document(session, asked, old.name if done.state == "failed" else done.name)
    return html.replaced(old.name, done), now.id if now else ""


def search(services: Services, caller: Caller, *, assistant: str = "default", query: str, document: str = "") -> str:
    """What a question finds in all documents or in one, and what of it an answer would be given.

    Raises `NotAllowed`, `BadInput`, and `NotFound` for a document that is gone.
    """
    caller.require_admin()
    if not query.strip():
        raise BadInput("Type a question to see what it finds.")
    asked = _assistant(services, assistant)
    scope = _document(services, assistant, document).id if document else None
    by_sentence = services.grounding.focus(asked) is Focus.sentences
    most = max(TRIAL_PASSAGES, asked.passages)
    found = services.grounding.search(asked, query, limit=most, min_score=0.0, document=scope)
    if not found:
        return html.nothing_found(in_one=bool(document))
    wanted: Sequence[Passage] = []
    if asked.passages:
        wanted = services.grounding.search(asked, query, limit=asked.passages, min_score=asked.min_score)
    sources = services.grounding.compose(asked, query, passages=wanted).sources
    given = {(source["document"], source["start"]) for source in sources}
    least = asked.min_score
    if least is None:
        least = SENTENCE_MIN_SCORE if by_sentence else PASSAGE_MIN_SCORE
    trial = html.Trial(limit=asked.passages, least=least, given=given, wanted=_places(wanted), all_or_none=by_sentence)
    return html.found(found, trial=trial)


def _read(services: Services, assistant_id: str, files: Sequence[Path]) -> Iterator[list[Ingested | str]]:
    """What became of the files, in lists of what is new; text is what ended it early."""
    told: SimpleQueue[Ingested | str | None] = SimpleQueue()

    def work() -> None:
        try:
            uploads = (Upload(name=file.name, data=file.read_bytes()) for file in files)
            services.knowledge.ingest(assistant_id, uploads, progress=told.put)
        except Exception:
            logger.exception("files for assistant %s could not be read", assistant_id)
            told.put(FAILED)
        told.put(None)

    threading.Thread(target=work, name="reading documents", daemon=True).start()
    news: list[Ingested | str | None] = []
    while None not in news:
        news = [told.get()]
        try:
            while True:
                news.append(told.get_nowait())
        except Empty:
            yield [each for each in news if each is not None]


def _opened(services: Services, assistant: str, document: str, *, page: int, chunk: str) -> Shown:
    found = _document(services, assistant, document)
    with services.database.read() as session:
        held = session.get(Chunk, chunk) if chunk else None
        if held is not None and held.document_id == found.id:
            page = held.position // PAGE_PASSAGES
        at = max(0, min(page, (found.chunks - 1) // PAGE_PASSAGES))
        passages = rows.chunks_of(session, found.id, limit=PAGE_PASSAGES, offset=at * PAGE_PASSAGES)
    view = html.reader(found, passages, page=at, of_page=PAGE_PASSAGES, marked=chunk)
    return Shown(html=view, opened=found.id, title=found.title)


def _document(services: Services, assistant: str, document: str) -> DocumentSummary:
    with services.database.read() as session:
        asked = records.assistant_by_slug(session, assistant).id
        found = rows.summary(session, asked, document)
    if found is None:
        raise NotFound("This document was deleted or replaced meanwhile. Reload the page to see what is there.")
    return found


def _assistant(services: Services, slug: str) -> Assistant:
    with services.database.read() as session:
        return records.assistant_by_slug(session, slug)


def _places(passages: Sequence[Passage]) -> set[tuple[str, int]]:
    return {(passage.document, passage.start) for passage in passages}
