"""What the documents page does: add files one by one, delete one, and try what a question finds."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from assistant import records
from assistant.errors import BadInput
from assistant.knowledge import Upload
from ui import endpoints
from ui.pages.markup import escape, lines
from ui.pages.tables import badge, button, table, when
from ui.services import Services
from ui.sessions import Caller

TRIAL_PASSAGES = 5
WORDS = {"added": "Added", "replaced": "Replaced", "unchanged": "Already there", "failed": "Not added"}


def listing(services: Services, caller: Caller, *, assistant: str = "default") -> str:
    """The table of documents. Raises `NotAllowed`."""
    return _table(endpoints.documents(services, caller, assistant))


def add(
    services: Services, caller: Caller, *, assistant: str = "default", paths: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """Add files, telling after each what became of it: (what is done so far, the table). Raises `NotAllowed`."""
    caller.require_admin()
    if not paths:
        raise BadInput("No file was chosen. Drop files on the field, or click it.")
    done: list[str] = []
    for n, path in enumerate(map(Path, paths), start=1):
        yield (
            _progress(done, f"Reading {path.name} ({n} of {len(paths)})"),
            listing(services, caller, assistant=assistant),
        )
        answer = endpoints.ingest(services, caller, assistant, [Upload(name=path.name, data=path.read_bytes())])
        done += [_outcome(file) for file in answer["files"]]
    yield _progress(done, ""), listing(services, caller, assistant=assistant)


def delete(services: Services, caller: Caller, *, assistant: str = "default", name: str) -> str:
    """Delete a document; the table without it. Raises `NotAllowed`, `NotFound`."""
    return _table(endpoints.delete_document(services, caller, assistant, name))


def search(services: Services, caller: Caller, *, assistant: str = "default", query: str) -> str:
    """What a question finds, best first. Raises `NotAllowed`, `BadInput`."""
    caller.require_admin()
    if not query.strip():
        raise BadInput("Type a question to see what it finds.")
    with services.database.read() as session:
        asked = records.assistant_by_slug(session, assistant)
    found = services.grounding.search(asked, query, limit=max(TRIAL_PASSAGES, asked.passages), min_score=0.0)
    if not found:
        return '<p class="tl-quiet">Nothing was found. Add a document about it, or ask in other words.</p>'
    given = services.grounding.search(asked, query, limit=asked.passages, min_score=asked.min_score)
    rows = [
        f'<li><p><b>{escape(passage.title)}</b> <span class="tl-where">{escape(passage.heading)}</span>'
        f"{badge(f'match {passage.score:.2f}')}{badge('given', kind='good') if passage in given else ''}</p>"
        f"<blockquote>{lines(passage.text)}</blockquote></li>"
        for passage in found
    ]
    note = f"An answer to this would be given {len(given)} of these." if given else "None would be given to an answer."
    return f'<p class="tl-quiet">{note}</p><ol class="tl-found">{"".join(rows)}</ol>'


def _table(answer: dict[str, Any]) -> str:
    rows = [
        [
            f"<b>{escape(one['title'])}</b><br><span class='tl-quiet'>{escape(one['name'])}</span>",
            badge("ready", kind="good"),
            escape(one["chunks"]),
            escape(when(one["created_at"])),
            button("Delete", do="delete", target=one["name"], confirm=f"Delete {one['name']}?"),
        ]
        for one in answer["documents"]
    ]
    empty = "There are no documents yet. Add some above: answers are then given from them, with their sources."
    return table(["Document", "State", "Passages", "Added", ""], rows, label="Documents", empty=empty)


def _outcome(file: dict[str, Any]) -> str:
    failed = file["state"] == "failed"
    said = file["error"] if failed else f"{file['chunks']} passage{'' if file['chunks'] == 1 else 's'}"
    word = badge(WORDS[file["state"]], kind="bad" if failed else "good")
    return f"<li>{word} <b>{escape(file['name'])}</b> {escape(said)}</li>"


def _progress(done: Sequence[str], doing: str) -> str:
    status = f'<p class="tl-status"><span class="tl-dots"></span>{escape(doing)}</p>' if doing else ""
    return f'<ul class="tl-outcomes">{"".join(done)}</ul>{status}'
