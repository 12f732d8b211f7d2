"""A source in its place, from the endpoint and on the page, and the marking of what no source says."""

import random
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest

from assistant.errors import BadInput, NotFound
from assistant.fake_engine import FakeEngine
from assistant.knowledge import Upload
from assistant.tables import ReplyState
from feedback.ratings import REASONS
from tests.serving import open_services
from ui import endpoints
from ui.pages import chat_handlers, sources_html, thread_html
from ui.pages.markup import DOUBT, END_OF_DOUBT, markdown
from ui.pages.thread import Answer, Exchange
from ui.services import Services
from ui.sessions import Caller

GUEST = Caller("guest-1", "guest", "guest")
OTHER = Caller("guest-2", "guest", "guest")
ADMIN = Caller("admin-1", "admin", "admin")
HOSTILE = '<img src="http://evil.example/x.png" onerror="alert(1)"></mark></blockquote><script>alert(2)</script>'
FERRY = f"# Ferry {HOSTILE}\n\nWelcome aboard. The ferry to Skellan leaves at nine. {HOSTILE} Be early.\n"


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    with open_services(tmp_path_factory.mktemp("sources")) as opened:
        yield opened


@pytest.fixture
def reply(services: Services) -> dict[str, Any]:
    """An answer of the guest's about a document that is there anew."""
    endpoints.ingest(services, ADMIN, "default", [Upload("ferry.md", FERRY.encode())])
    assert isinstance(services.engine, FakeEngine)
    services.engine.enqueue('At nine. "The')
    services.engine.enqueue(" It carries 40 people.")
    *_, last = endpoints.chat(services, GUEST, "When does the ferry to Skellan leave?")
    assert "Skellan" in last["sources"][0]["text"]
    return last


def thread_of(services: Services, reply: dict[str, Any], **data: Any) -> str:
    data = {"do": "place", "reply": reply["reply"], "n": "1", **data}
    return chat_handlers.act(services, GUEST, conversation=reply["conversation"], data=data).thread or ""


def test_a_source_is_shown_between_what_stands_around_it(services: Services, reply: dict[str, Any]) -> None:
    shown = endpoints.source(services, GUEST, reply["reply"], 1)
    assert (shown["reply"], shown["n"], shown["document"]) == (reply["reply"], 1, "ferry.md")
    assert f"{shown['before']}{shown['text']}{shown['after']}".strip() == FERRY.strip()
    assert shown["text"] == "The ferry to Skellan leaves at nine."


def test_a_source_of_a_document_that_is_gone_says_so(services: Services, reply: dict[str, Any]) -> None:
    endpoints.ingest(services, ADMIN, "default", [Upload("ferry.md", b"The ferry to Skellan has sunk.")])
    replaced = endpoints.source(services, GUEST, reply["reply"], 1)
    endpoints.delete_document(services, ADMIN, "default", "ferry.md")
    deleted = endpoints.source(services, GUEST, reply["reply"], 1)
    for shown in (replaced, deleted):
        assert shown["document"] is None and shown["before"] == shown["after"] == ""
        assert shown["text"] == reply["sources"][0]["text"]
    assert sources_html.GONE in thread_of(services, reply)


def test_only_the_owner_of_a_reply_sees_its_sources(services: Services, reply: dict[str, Any]) -> None:
    for caller in (OTHER, ADMIN):
        with pytest.raises(NotFound, match="not yours"):
            endpoints.source(services, caller, reply["reply"], 1)
    with pytest.raises(NotFound, match="no source 99"):
        endpoints.source(services, GUEST, reply["reply"], 99)


@pytest.mark.parametrize("n", [0, -1, 100, 1.5, "1", None, True, [1], float("nan")])
def test_a_number_that_no_source_can_have_is_refused(services: Services, reply: dict[str, Any], n: Any) -> None:
    with pytest.raises(BadInput, match=r"source's number"):
        endpoints.source(services, GUEST, reply["reply"], n)


def test_the_page_opens_a_source_in_its_document_and_its_words_can_only_show(
    services: Services, reply: dict[str, Any]
) -> None:
    html = thread_of(services, reply)
    assert html.count(" open><summary>") == 1 and "ferry.md" in html
    assert html.count("<mark>") == html.count("</mark>") == 1 and "The ferry to Skellan" in html
    assert "<img" not in html and "<script" not in html
    assert "<mark>" not in thread_of(services, reply, do="close")


def test_wrapped_lines_flow_and_lists_and_headings_stand_apart() -> None:
    text = "# Ferry\nIt leaves\nat nine\nsharp.\n\n- one\n- two\n| a |"
    html = sources_html.sources("r", [{"n": 1, "title": "t", "text": text}], place=None)
    assert "<b>Ferry</b><br>It leaves at nine sharp.<br><br>- one<br>- two<br>| a |" in html


@pytest.mark.parametrize("n", ["", "0", "x", "9" * 5_000, "²", ["1"], None])
def test_a_number_that_the_page_cannot_have_sent_is_refused(services: Services, reply: dict[str, Any], n: Any) -> None:
    with pytest.raises(BadInput):
        thread_of(services, reply, n=n)


def test_what_no_source_says_is_marked_in_the_stored_answer(services: Services, reply: dict[str, Any]) -> None:
    html = thread_of(services, reply, do="close")
    assert '<span class="tl-doubt">It carries 40 people.</span>' in html and html.count('tl-doubt"') == 1
    assert "1 part that no source says" in html and 'data-do="doubts"' in html


def test_an_answer_without_sources_has_nothing_to_check() -> None:
    answer = Answer(reply="r", text="Paris has 2 million people.", state=ReplyState.done)
    html = thread_html.thread([Exchange(question="q", answers=(answer,))], reasons=REASONS)
    assert "tl-doubt" not in html and 'data-do="doubts"' not in html


def test_several_numbers_in_one_mark_are_a_button_each() -> None:
    html = markdown("So [1, 3][2] and [2, 7].", citations=[1, 2, 3])
    assert html.count('data-do="source"') == 4 and html.endswith(">2</button>[7].</p>\n")


@pytest.mark.parametrize(
    ("text", "span", "html"),
    [
        ("a **b c** d", (4, 11), "a <strong>{b c}</strong>{ d}"),
        ("a `b` c", (0, 7), "{a }<code>b</code>{ c}"),
        (
            "a [b](http://c.d) e",
            (0, 19),
            '{a }<a href="http://c.d" target="_blank" rel="noopener noreferrer nofollow">{b}</a>{ e}',
        ),
        ("a < b & c", (2, 9), "a {&lt; b &amp; c}"),
        (f"a {DOUBT}b{END_OF_DOUBT}", (0, 1), "{a} \ufffdb\ufffd"),
    ],
)
def test_a_doubt_marks_words_across_markup(text: str, span: tuple[int, int], html: str) -> None:
    expected = html.replace("{", '<span class="tl-doubt">').replace("}", "</span>")
    assert markdown(text, doubts=[span]) == f"<p>{expected}</p>\n"


class Nested(HTMLParser):
    """Fails where tags are not closed in the order in which they were opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        assert not [name for name, _ in attrs if name.startswith("on")] and tag not in ("img", "script")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ("br", "hr") and not attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("seed", range(30))
def test_doubts_anywhere_in_any_markdown_leave_the_html_whole(seed: int) -> None:
    chance = random.Random(seed)
    pieces = (
        *("**", "_", "`", "```\n", "[a](http://b.c)", "![x](http://y.z)", "| a | b |\n|---|---|\n", "\n", "\n\n", "- "),
        *("1. ", "# ", "> ", "word ", "<b>", "&amp;", "\\", "[1, 2]", HOSTILE, DOUBT, END_OF_DOUBT, "    ", "~~"),
    )
    text = "".join(chance.choices(pieces, k=40))
    places = sorted(chance.choices(range(len(text) + 1), k=6))
    doubts = list(zip(places[::2], places[1::2], strict=True))
    html = markdown(text, citations=[1], doubts=doubts)
    seen = Nested()
    seen.feed(html)
    seen.close()
    assert not seen.open and DOUBT not in html and END_OF_DOUBT not in html


def test_a_heading_of_markdown_reads_as_one() -> None:
    told = sources_html.prose("## Late <b>returns</b>\n\nEach day late\ncosts one euro. #1 is free.")
    assert told == "<b>Late &lt;b&gt;returns&lt;/b&gt;</b><br><br>Each day late costs one euro. #1 is free."
