"""Golden answers as people meet them: by the endpoints of guests and members, and on the chat page."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.serving import open_services
from ui import endpoints
from ui.pages import chat_handlers, sources_html, thread_html
from ui.services import Services
from ui.sessions import Caller

ADMIN = Caller("admin-1", "admin", "admin")
MEMBER = Caller("member-1", "member", "member")
GUEST = Caller("guest-1", "guest", "guest")
OTHER = Caller("guest-2", "guest", "guest")
HOSTILE = '<img src="http://evil.example/x.png"></blockquote><script>alert(2)</script>'


@pytest.fixture
def services(tmp_path: Any) -> Iterator[Services]:
    with open_services(tmp_path) as opened:
        yield opened


def ask(services: Services, caller: Caller, question: str) -> dict[str, Any]:
    *_, last = endpoints.chat(services, caller, question)
    return last


def golden(services: Services, caller: Caller, question: str) -> list[str]:
    return [source["text"] for source in ask(services, caller, question)["sources"] if "golden" in source]


@pytest.mark.parametrize("by", [ADMIN, MEMBER])
def test_what_somebody_with_an_account_corrects_is_for_everybody(services: Services, by: Caller) -> None:
    reply = ask(services, by, "Where are my documents kept?")
    endpoints.correct(services, by, reply["reply"], "On the shelf.")
    for caller in (by, GUEST, ADMIN):
        assert golden(services, caller, "Where are my documents kept?") == ["On the shelf."]
    endpoints.correct(services, by, reply["reply"], "")
    assert golden(services, GUEST, "Where are my documents kept?") == []


def test_what_a_guest_corrects_or_likes_is_for_that_guest(services: Services) -> None:
    corrected, liked = ask(services, GUEST, "Where are my documents kept?"), ask(services, GUEST, "What is a thumb?")
    endpoints.correct(services, GUEST, corrected["reply"], "Buy pills.")
    endpoints.rate(services, GUEST, liked["reply"], "up")
    for question, text in (("Where are my documents kept?", "Buy pills."), ("What is a thumb?", liked["text"])):
        assert golden(services, GUEST, question) == [text]
        assert golden(services, OTHER, question) == golden(services, ADMIN, question) == []


def test_an_admins_correction_of_a_guests_answer_does_not_show_the_guests_question(services: Services) -> None:
    question = "Where are my documents kept? My name is Rosa."
    reply = ask(services, GUEST, question)
    endpoints.correct(services, ADMIN, reply["reply"], "On the shelf.")
    theirs = ask(services, OTHER, "Where are my documents kept? My name is")
    assert "On the shelf." in str(theirs) and "Rosa" not in str(theirs)
    assert ask(services, GUEST, question)["sources"][0]["question"] == question


def test_the_page_says_at_once_that_a_correction_is_used(services: Services) -> None:
    reply = ask(services, GUEST, "Where are my documents kept?")
    data = {"do": "save", "reply": reply["reply"], "value": "down", "correction": "On the shelf."}
    view = chat_handlers.act(services, GUEST, conversation=reply["conversation"], data=data)
    assert thread_html.USED in str(view.thread)
    again = chat_handlers.show(services, GUEST, conversation=reply["conversation"])
    assert thread_html.USED not in str(again.thread) and "said what it should have said" in str(again.thread)


def test_a_golden_answer_is_a_chip_of_its_own_kind_and_its_words_can_only_show() -> None:
    source = {"n": 1, "title": "x", "heading": "", "text": HOSTILE, "golden": "corrected", "cited": True}
    html = sources_html.sources(
        "r", [source | {"question": HOSTILE}, source | {"n": 2, "golden": "approved"}], place=None
    )
    assert html.count("Corrected answer") == html.count("Approved answer") == 1 and html.count("tl-golden") == 2
    assert html.count("tl-asked") == 1 and 'data-do="place"' not in html
    assert "<img" not in html and "<script" not in html
