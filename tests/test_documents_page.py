"""What the documents page does, as functions: files in, the list in pages, one document in its passages, a trial."""

import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant import records
from assistant.errors import BadInput, NotAllowed, NotFound
from assistant.knowledge import Upload, rows
from assistant.tables import Document, Focus
from tests.serving import change, open_services
from ui.pages import documents_handlers as handlers
from ui.services import Services
from ui.sessions import Caller

ADMIN = Caller("admin-1", "admin", "admin")
HOSTILE = '<img src="http://evil.example/x.png" onerror="alert(1)"><script>alert(2)</script>'


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    with open_services(tmp_path_factory.mktemp("documents")) as services:
        yield services


@pytest.fixture
def services(opened: Services) -> Services:
    """A `default` assistant that knows nothing yet."""
    with opened.database.write() as session:
        for assistant in records.assistants(session):
            session.delete(assistant)
        session.flush()
        records.create_assistant(session, slug="default", name="Guide", system_prompt="Help.")
    return opened


def add(services: Services, *files: tuple[str, bytes], folder: Path) -> list[str]:
    folder.mkdir(exist_ok=True)
    paths = []
    for name, data in files:
        (folder / name).write_bytes(data)
        paths.append(str(folder / name))
    return list(handlers.add(services, ADMIN, paths=paths))


def document(services: Services, name: str) -> Document:
    with services.database.read() as session:
        found = rows.document(session, records.assistant_by_slug(session, "default").id, name)
    assert found is not None
    return found


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", html))


def test_each_file_is_queued_read_and_ready_or_says_why_not(services: Services, tmp_path: Path) -> None:
    good = ("depot hours.md", f"# Depot {HOSTILE}\n\nThe depot opens at nine.\n".encode())
    steps = add(services, good, ("broken.pdf", b"no PDF"), ("tune.mp3", b"la"), folder=tmp_path / "files")
    assert "0 of 3 files read" in text(steps[0])
    assert re.search("Reading depot hours.md .*Queued broken.pdf .*Queued tune.mp3", text(steps[0]))
    last = text(steps[-1])
    assert "3 of 3 files read, 2 not added" in last and "Ready depot hours.md 1 passage" in last
    assert "Not added broken.pdf" in last and "its type is not known" in last and "Queued" not in last
    listed = handlers.listing(services, ADMIN)
    assert "depot hours.md" in listed and "broken.pdf" not in listed and "<script" not in listed


def test_files_are_read_to_the_end_when_the_page_is_closed_meanwhile(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()
    ingest = services.knowledge.ingest

    def watched(*args: Any, **options: Any) -> Any:
        try:
            return ingest(*args, **options)
        finally:
            ended.set()

    monkeypatch.setattr(services.knowledge, "ingest", watched)
    (tmp_path / "one.txt").write_text("One is here.")
    (tmp_path / "two.txt").write_text("Two is here.")
    steps = handlers.add(services, ADMIN, paths=[str(tmp_path / "one.txt"), str(tmp_path / "two.txt")])
    next(steps)
    next(steps)
    steps.close()
    assert ended.wait(10)
    assert document(services, "two.txt").text == "Two is here."


def test_a_file_that_cannot_be_opened_ends_the_reading_with_a_sentence(
    services: Services, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "one.txt").write_text("One is here.")
    steps = list(handlers.add(services, ADMIN, paths=[str(tmp_path / "one.txt"), str(tmp_path / "gone.txt")]))
    assert "Reading stopped" in steps[-1] and "Not added gone.txt" in text(steps[-1])
    assert "Ready one.txt" in text(steps[-1])
    assert "could not be read" in caplog.text


def test_nothing_chosen_is_said(services: Services) -> None:
    with pytest.raises(BadInput, match="No file was chosen"):
        list(handlers.add(services, ADMIN, paths=[]))


def test_the_list_comes_in_pages_and_is_narrowed_by_words(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "PAGE_DOCUMENTS", 2)
    files = [(f"letter-{n}.md", f"# Letter number {n}\n\nDear reader {n}.".encode()) for n in range(5)]
    add(services, *files, ("100%_sure.txt", b"Certainly."), folder=tmp_path / "files")
    first = handlers.listing(services, ADMIN, matching="LETTER NUMBER")
    assert "5 documents with 5 passages" in first and "1 to 2 of 5" in first
    assert "letter-1.md" in first and "letter-2.md" not in first
    assert "letter-4.md" in handlers.listing(services, ADMIN, matching="letter-", page=2)
    assert "letter-4.md" in handlers.listing(services, ADMIN, matching="letter-", page=99)
    assert "1 document with" in handlers.listing(services, ADMIN, matching="100%_")
    none = handlers.listing(services, ADMIN, matching="<nowhere>")
    assert "No document has “&lt;nowhere&gt;”" in none and "No documents yet" not in none


def test_an_empty_list_says_what_to_do(services: Services) -> None:
    assert "Drop files on the field above" in handlers.listing(services, ADMIN)


def test_a_document_opens_in_its_passages_page_by_page(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "PAGE_PASSAGES", 2)
    parts = "".join(f"## Part {n}\n\n{HOSTILE} {'This is part of it. ' * 15}\n\n" for n in range(5))
    add(services, ("parts.md", f"# Parts\n\n{parts}".encode()), folder=tmp_path / "files")
    found = document(services, "parts.md")
    first = handlers.act(services, ADMIN, data={"do": "open", "target": found.id})
    assert (first.opened, first.title) == (found.id, "Parts")
    assert "5 passages" in first.html and "1 to 2 of 5" in first.html and "Parts › Part 0" in first.html
    assert "&lt;script&gt;" in first.html and "<script" not in first.html
    with services.database.read() as session:
        fourth = rows.chunks_of(session, found.id, limit=1, offset=3)[0].id
    placed = handlers.act(services, ADMIN, data={"do": "open", "target": found.id, "chunk": fourth})
    assert "3 to 4 of 5" in placed.html and placed.html.count("tl-marked") == 1
    assert "5 to 5 of 5" in handlers.act(services, ADMIN, data={"do": "open", "target": found.id, "page": "77"}).html


def test_delete_and_what_is_gone(services: Services, tmp_path: Path) -> None:
    add(services, ("old.txt", b"Old news."), folder=tmp_path / "files")
    target = document(services, "old.txt").id
    assert "old.txt" not in handlers.act(services, ADMIN, data={"do": "delete", "target": target}).html
    for todo in ("open", "delete"):
        with pytest.raises(NotFound, match="deleted or replaced meanwhile"):
            handlers.act(services, ADMIN, data={"do": todo, "target": target})
    with pytest.raises(BadInput, match="unknown"):
        handlers.act(services, ADMIN, data={"do": "explode"})


def test_documents_of_another_assistant_are_not_there(services: Services, tmp_path: Path) -> None:
    add(services, ("ours.txt", b"Ours."), folder=tmp_path / "files")
    with services.database.write() as session:
        records.create_assistant(session, slug="other", name="Other", system_prompt="Help.")
    target = document(services, "ours.txt").id
    with pytest.raises(NotFound):
        handlers.act(services, ADMIN, assistant="other", data={"do": "delete", "target": target})
    assert "No documents yet" in handlers.listing(services, ADMIN, assistant="other")
    assert document(services, "ours.txt")


def test_a_file_takes_a_documents_place(services: Services, tmp_path: Path) -> None:
    add(services, ("ferry.txt", b"The ferry leaves at seven."), folder=tmp_path / "files")

    def replace(name: str, data: bytes, *, old: str) -> tuple[str, str]:
        target = document(services, old).id
        return handlers.replace(services, ADMIN, target=target, upload=Upload(name, data))

    said, now = replace("ferry.txt", b"The ferry leaves at nine.", old="ferry.txt")
    assert "Replaced ferry.txt : 1 passage" in text(said) and now == document(services, "ferry.txt").id
    said, now = replace("ferry <2>.md", b"# Ferry\n\nIt leaves at ten.", old="ferry.txt")
    assert "Replaced ferry.txt by ferry &lt;2&gt;.md" in text(said) and now == document(services, "ferry <2>.md").id
    assert "ferry.txt" not in handlers.listing(services, ADMIN)
    said, now = replace("broken.pdf", b"no PDF", old="ferry <2>.md")
    assert "Not replaced" in said and "is still there" in said and now == document(services, "ferry <2>.md").id
    said, _ = replace("ferry <2>.md", b"# Ferry\n\nIt leaves at ten.", old="ferry <2>.md")
    assert "just the same" in said


FERRY = b"# Ferry\n\nThe green ferry leaves at nine. It carries forty cars.\n"
MILL = b"# Mill\n\nThe mill grinds rye on Tuesdays. Its wheel was built in 1871.\n"


def verdict(html: str) -> str:
    found = re.search('class="tl-verdict-line"[^>]*>(.*?)</p>', html)
    assert found
    return found[1]


def test_a_trial_tells_what_an_answer_would_be_given_and_why_not(services: Services, tmp_path: Path) -> None:
    add(services, ("ferry.md", FERRY), ("mill.md", MILL), folder=tmp_path / "files")
    question = "When does the green ferry leave?"
    change(services, min_score=0.0, passages=2)
    found = handlers.search(services, ADMIN, query=question)
    assert verdict(found) == "An answer would be given 2 of these."
    assert found.count(">given<") == 2 and "not given: not among the best 2" in found
    assert text(found).index("The green ferry leaves at nine.") < text(found).index("not among")

    change(services, min_score=1.0)
    found = handlers.search(services, ADMIN, query=question)
    assert re.search(r"nothing: the best match is 0\.\d\d, and at least 1\.00 is asked for", verdict(found))
    assert ">given<" not in found and "not given: below 1.00" in found

    change(services, passages=0, min_score=0.0)
    found = handlers.search(services, ADMIN, query=question)
    assert "answers without documents" in verdict(found) and "not given: documents are not used" in found


def test_a_trial_tells_of_passages_that_there_is_no_room_for(services: Services, tmp_path: Path) -> None:
    long = b"# Ferry\n\n" + b"The green ferry leaves at nine and carries forty cars over the sound. " * 40
    add(services, ("ferry.md", long), folder=tmp_path / "files")
    change(services, min_score=0.0, passages=20, focus=Focus.passages, context_tokens=512, max_new_tokens=64)
    found = handlers.search(services, ADMIN, query="When does the green ferry leave?")
    assert "not given: no room for it" in found


def test_one_document_alone_can_be_asked(services: Services, tmp_path: Path) -> None:
    add(services, ("ferry.md", FERRY), ("mill.md", MILL), folder=tmp_path / "files")
    change(services, min_score=0.0, passages=1)
    mill = document(services, "mill.md").id
    question = "When does the green ferry leave?"
    for focus in (Focus.sentences, Focus.passages):
        change(services, focus=focus)
        found = handlers.search(services, ADMIN, query=question, document=mill)
        assert "grinds rye" in found and "forty cars" not in found
        assert verdict(found) == "An answer would be given none of these, but 1 passage from elsewhere."
    services.knowledge.delete(document(services, "mill.md").assistant_id, "mill.md")
    with pytest.raises(NotFound):
        handlers.search(services, ADMIN, query=question, document=mill)


def test_a_trial_needs_a_question(services: Services) -> None:
    with pytest.raises(BadInput, match="Type a question"):
        handlers.search(services, ADMIN, query="  ")


@pytest.mark.parametrize("role", ["guest", "member"])
def test_only_admins_do_any_of_it(services: Services, role: Any) -> None:
    caller = Caller("x", "x", role)
    calls: list[Callable[[], Any]] = [
        lambda: handlers.listing(services, caller),
        lambda: list(handlers.add(services, caller, paths=["x"])),
        lambda: handlers.act(services, caller, data={"do": "list"}),
        lambda: handlers.replace(services, caller, target="x", upload=Upload("x.txt", b"x")),
        lambda: handlers.search(services, caller, query="x"),
    ]
    for call in calls:
        with pytest.raises(NotAllowed):
            call()
