"""The feedback page's handlers, called as functions on rows: no browser, no model."""

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import quote

import pytest
from sqlmodel import select

from assistant import records
from assistant.errors import BadInput, NotFound
from assistant.tables import Message
from feedback import ratings
from feedback.search import Show
from feedback.tables import IMPORTER, Correction, Exclusion
from tests.builders import add_assistant, add_turn
from tests.serving import open_services
from ui.pages import feedback_handlers as handlers
from ui.pages.feedback_address import BASE, Place, address, assistant_in, parse, place
from ui.services import Services
from ui.sessions import Caller

ADMIN = Caller("admin-1", "admin", "admin")
HOSTILE = '<img src=x onerror="alert(1)"><script>alert(2)</script>'


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    with open_services(tmp_path_factory.mktemp("feedback")) as opened:
        yield opened


@pytest.fixture
def garden(services: Services, request: pytest.FixtureRequest) -> tuple[str, Message]:
    """The short name of an assistant of this test's own, and an answer of its."""
    slug = f"garden-{abs(hash(request.node.name)) % 10**9}"
    with services.database.write() as session:
        assistant = add_assistant(session, slug=slug)
        reply = add_turn(session, assistant, "When do I prune?", "In winter.", sources=["Prune in winter."])
    return slug, reply


def rate(services: Services, reply: Message, value: str, *, rater: str = "ann", **more: object) -> None:
    with services.database.write() as session:
        ratings.rate(session, reply.id, rater=rater, value=value, any_owner=True, **more)  # type: ignore[arg-type]


def another(services: Services, slug: str, question: str, answer: str, **more: object) -> Message:
    with services.database.write() as session:
        return add_turn(session, records.assistant_by_slug(session, slug), question, answer, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "at",
    [
        Place(),
        Place(show=Show.disliked, reason="wrong", version="default-v3", text="ä & ö?", rater="guest-1", days=7, page=3),
        Place(version=BASE, question="q1", reply="r1"),
    ],
)
def test_an_address_says_the_whole_place(at: Place) -> None:
    query = address(at, assistant="help-desk")
    assert parse(query) == at and assistant_in(query) == "help-desk"


@pytest.mark.parametrize(
    "query",
    ["", "?", "?a=x", "?show=nonsense&reason=zzz&days=12&page=-4", "?page=1e9&days=x", "?page=²", "?show=&q=", "?&&=="],
)
def test_what_makes_no_sense_in_an_address_is_passed_over(query: str) -> None:
    assert parse(query) == Place() == place(show=None, reason=3, days="", page=None)


def test_an_address_that_is_far_too_long_is_cut(services: Services, garden: tuple[str, Message]) -> None:
    at = parse("?q=" + "x" * 100_000 + "&q=y" * 10_000)
    assert len(at.text) == 200
    assert "No answer is like this" in handlers.listing(services, ADMIN, at, assistant=garden[0])


def test_a_page_of_nothing_says_what_to_do(services: Services, garden: tuple[str, Message]) -> None:
    seen = handlers.glance(services, ADMIN, assistant=garden[0])
    assert "Nobody has rated an answer yet" in seen.said and not (seen.steps or seen.breakdown or seen.questions)
    with services.database.write() as session:
        add_assistant(session, slug="silent")
    assert "Nobody has asked anything yet" in handlers.glance(services, ADMIN, assistant="silent").said
    assert "No answer is like this" in handlers.listing(services, ADMIN, Place(), assistant="silent")


def test_a_glance_shows_figures_versions_reasons_and_questions(services: Services, garden: tuple[str, Message]) -> None:
    slug, reply = garden
    rate(services, reply, "down", reasons=["wrong"])
    rate(services, reply, "up", rater="bob")
    rate(services, another(services, slug, "And mint?", "No.", adapter=f"{slug}-v2"), "down")
    seen = handlers.glance(services, ADMIN, assistant=slug)
    assert "1 of 3 ratings are good" in seen.said and "33%" in seen.said and "100%" in seen.said
    assert (
        f"version={slug}-v2" in seen.breakdown
        and "reason=wrong" in seen.breakdown
        and "original model" in seen.breakdown
    )
    assert (
        seen.questions.index("When do I prune?")
        < seen.questions.index("Worst rated")
        < seen.questions.index("And mint?")
    )
    assert [(step.answers, step.up, step.down) for step in seen.steps] == [(2, 1, 2)]


def test_answers_are_cut_into_pages_whose_links_keep_what_is_looked_for(
    services: Services, garden: tuple[str, Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "PAGE_ROWS", 2)
    slug, reply = garden
    for n in range(3):
        rate(services, another(services, slug, f"Question {n}?", "So."), "up")
    rate(services, reply, "down")
    at = Place(show=Show.liked, text="question")
    first = handlers.listing(services, ADMIN, at, assistant=slug)
    assert "Question 2?" in first and "Question 0?" not in first and "1 to 2 of 3" in first
    assert address(replace(at, page=2), assistant=slug).replace("&", "&amp;") in first
    beyond = handlers.listing(services, ADMIN, replace(at, page=99), assistant=slug)
    assert "Question 0?" in beyond and "3 to 3 of 3" in beyond


def test_a_question_is_named_and_can_be_left(services: Services, garden: tuple[str, Message]) -> None:
    slug, reply = garden
    rate(services, reply, "down")
    assert reply.parent_id is not None
    shown = handlers.listing(services, ADMIN, Place(question=reply.parent_id), assistant=slug)
    assert "Question: “When do I prune?”" in shown and "Show others, too" in shown
    assert "was deleted" in handlers.listing(services, ADMIN, Place(question="gone"), assistant=slug)


def test_the_filters_offer_versions_and_people_by_opaque_names(services: Services, garden: tuple[str, Message]) -> None:
    slug, reply = garden
    for rater in ("ann", ADMIN.id, "bob", IMPORTER):
        rate(services, reply, "up", rater=rater)
    offered = handlers.choices(services, ADMIN, Place(version="default-v9"), assistant=slug)
    assert offered.people == [("Anybody", ""), ("Person 1", "ann"), ("You", ADMIN.id), ("Person 3", "bob")]
    assert offered.versions == [("Any version", ""), ("original model", BASE), ("v9", "default-v9")]
    seen = handlers.glance(services, ADMIN, assistant=slug)
    assert handlers.choices(services, ADMIN, Place(version="default-v9"), assistant=slug, seen=seen) == offered


def test_an_opened_reply_shows_everything(services: Services, garden: tuple[str, Message]) -> None:
    slug, reply = garden
    rate(services, reply, "down", reasons=["too_short"], comment="Say more")
    another(services, slug, "when do I prune? ", "In June.")
    shown = handlers.opened(services, ADMIN, Place(reply=reply.id, page=2), assistant=slug)
    assert f"?a={slug}&amp;page=2" in shown.said, "the way back"
    for words in ("When do I prune?", "In winter.", "Person 1", "Too short", "Say more", "Leave out of training"):
        assert words in shown.said
    taught = handlers.taught(services, ADMIN, Place(reply=reply.id))
    assert "As a bad answer by itself" in taught and "from Person 1" in taught
    for words in (
        "In June.",
        "You are a helpful gardener.",
        "Prune in winter.",
        "match 1.00",
        "Freedom (temperature)",
        reply.id,
    ):
        assert words in shown.details
    with pytest.raises(NotFound):
        handlers.opened(services, ADMIN, Place(reply="gone"), assistant=slug)
    with pytest.raises(NotFound):
        handlers.taught(services, ADMIN, Place(reply="gone"))


def test_what_is_left_out_says_why_and_is_used_again(services: Services, garden: tuple[str, Message]) -> None:
    slug, reply = garden
    rate(services, reply, "down")
    at = Place(reply=reply.id)

    def row() -> str:
        shown = handlers.opened(services, ADMIN, at, assistant=slug).said
        return shown.split('data-row="')[1].split('"')[0]

    assert handlers.act(services, ADMIN, {"do": "leave_out", "row": row(), "reason": "Wrong thumb"}).startswith(
        "Left out"
    )
    shown = handlers.opened(services, ADMIN, at, assistant=slug)
    assert "Left out by you: Wrong thumb" in shown.said and "Use it again" in shown.said
    taught = handlers.taught(services, ADMIN, at)
    assert "an admin leaves it out of training" in taught and "by itself" not in taught
    assert "left out of training" in handlers.listing(services, ADMIN, Place(show=Show.left_out), assistant=slug)
    assert handlers.act(services, ADMIN, {"do": "use_again", "row": row()}).startswith("Used again")
    assert "by itself" in handlers.taught(services, ADMIN, at)
    with services.database.read() as session:
        about = select(Exclusion).where(Exclusion.reply_id == reply.id).order_by("id")
        assert [(one.admin, one.reason) for one in session.exec(about)] == [(ADMIN.id, "Wrong thumb"), (ADMIN.id, "")]


def test_a_correction_is_worded_better_and_that_is_taken_back(services: Services, garden: tuple[str, Message]) -> None:
    slug, reply = garden
    with services.database.write() as session:
        ratings.correct(session, reply.id, rater="ann", text="in march", any_owner=True)
        row = f"correction:{session.exec(select(Correction.id).where(Correction.reply_id == reply.id)).one()}"
    at = Place(reply=reply.id)
    handlers.act(services, ADMIN, {"do": "reword", "row": row, "text": "In March."})
    shown = handlers.opened(services, ADMIN, at, assistant=slug)
    assert "in march" in shown.said and "An admin worded it better." in shown.said
    assert "In March." in handlers.taught(services, ADMIN, at) and "in march" not in handlers.taught(
        services, ADMIN, at
    )
    handlers.act(services, ADMIN, {"do": "take_back_rewording", "reply": reply.id})
    assert "in march" in handlers.taught(services, ADMIN, at)


def test_what_the_page_cannot_do_is_refused(services: Services) -> None:
    for data in ({}, {"do": "go"}, {"do": "drop"}):
        with pytest.raises(BadInput, match="something unknown"):
            handlers.act(services, ADMIN, data)
    with pytest.raises(BadInput, match="names nothing"):
        handlers.act(services, ADMIN, {"do": "leave_out", "row": "x", "reason": "y"})


def test_nothing_that_people_wrote_becomes_markup(services: Services, garden: tuple[str, Message]) -> None:
    slug, _ = garden
    reply = another(services, slug, HOSTILE, HOSTILE, sources=[HOSTILE])
    rate(services, reply, "down", comment=HOSTILE, rater=HOSTILE)
    with services.database.write() as session:
        ratings.correct(session, reply.id, rater=HOSTILE, text=HOSTILE + ".", any_owner=True)
    at = parse(f"?q={quote('<script>')}&version={quote(HOSTILE)}&by={quote(HOSTILE)}&question={quote(HOSTILE)}")
    seen = handlers.glance(services, ADMIN, assistant=slug)
    shown = handlers.opened(services, ADMIN, replace(at, reply=reply.id), assistant=slug)
    everything = [seen.said, seen.breakdown, seen.questions, shown.said, shown.details]
    everything.append(handlers.taught(services, ADMIN, Place(reply=reply.id)))
    for query in (at, Place()):
        everything.append(handlers.listing(services, ADMIN, query, assistant=slug))
    for html in everything:
        assert "<script" not in html and "<img" not in html
    assert "&lt;script&gt;" in everything[-1]


def test_feedback_is_exported_as_a_file(services: Services, garden: tuple[str, Message]) -> None:
    path = handlers.export(services, ADMIN, assistant=garden[0], format="ratings")
    assert path.suffix == ".jsonl" and path.is_file()
