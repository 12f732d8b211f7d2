"""A source's place is found in the document as it is now, cut at lines or sentences, or is told to be gone."""

from typing import Any

import pytest
from sqlmodel import Session

from assistant.database import Database
from assistant.knowledge.places import AROUND_CHARACTERS, place
from assistant.tables import Document
from tests.builders import add_assistant

SENTENCE = "The ferry leaves at nine."
WHOLE = (0, len(SENTENCE))
LONG = "".join(f"Line {n} says that boat {n} is blue. It is.\n" for n in range(60))


def stored(session: Session, text: str) -> Document:
    document = Document(
        assistant_id=add_assistant(session).id, name="ferry.md", title="Ferry", sha256="0" * 64, text=text
    )
    session.add(document)
    session.flush()
    return document


def source(document: Document, text: str = SENTENCE) -> dict[str, Any]:
    start = document.text.index(text)
    named = {"document": document.id, "title": document.title, "heading": "Times › Morning"}
    return {"n": 1, "text": text, "start": start, "end": start + len(text), **named}


def test_all_of_a_short_document_is_around_a_source(database: Database) -> None:
    with database.write() as session:
        document = stored(session, f"# Ferry\n\nWelcome. {SENTENCE} Be early.\n")
        found = place(session, source(document), words=WHOLE)
    assert (found.document, found.title, found.heading) == ("ferry.md", "Ferry", "Times › Morning")
    assert (found.before, found.text, found.after) == ("# Ferry\n\nWelcome. ", SENTENCE, " Be early.\n")


def test_a_long_document_is_cut_at_whole_sentences(database: Database) -> None:
    with database.write() as session:
        document = stored(session, f"{LONG}{SENTENCE}\n{LONG}")
        found = place(session, source(document), words=WHOLE)
    assert found.before.startswith(("It is.", "Line")) and LONG.endswith(found.before)
    assert found.after.endswith((".", ".\n")) and f"\n{LONG}".startswith(found.after)
    for around in (found.before, found.after):
        assert AROUND_CHARACTERS - 60 < len(around) <= AROUND_CHARACTERS


def test_text_without_any_bound_is_cut_where_it_must_be(database: Database) -> None:
    with database.write() as session:
        document = stored(session, f"{'x' * 5_000}{SENTENCE}{'y' * 5_000}")
        found = place(session, source(document), words=WHOLE)
    assert (found.before, found.after) == ("x" * AROUND_CHARACTERS, "y" * AROUND_CHARACTERS)


@pytest.mark.parametrize("change", [{"document": "0" * 32}, {"start": 1}, {"end": 5}])
def test_what_is_no_longer_there_is_said_to_be_gone_and_its_words_stay(
    database: Database, change: dict[str, Any]
) -> None:
    with database.write() as session:
        found = place(session, source(stored(session, f"So: {SENTENCE}")) | change, words=WHOLE)
    assert (found.document, found.before, found.text, found.after) == (None, "", SENTENCE, "")


@pytest.mark.parametrize("document", [None, "0" * 32])
def test_words_of_a_source_stand_between_the_rest_of_it(database: Database, document: str | None) -> None:
    with database.write() as session:
        held = source(stored(session, f"So: {SENTENCE} Or so."))
        found = place(session, held | ({"document": document} if document else {}), words=(4, 9))
    assert found.text == "ferry" and found.before.endswith("The ") and found.after.startswith(" leaves at nine.")
    assert (found.document is None) == (not found.before.startswith("So: ")) == (document is not None)
