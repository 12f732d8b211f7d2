"""The pages' handlers, called as functions: no browser, no server, scripted replies."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from typing import Any

import pytest
from sqlmodel import select

from assistant.errors import BadInput, NotAllowed, NotFound
from assistant.fake_engine import FakeEngine
from assistant.tables import ReplyState
from feedback import ratings
from feedback.ratings import Opinion
from feedback.tables import Comparison, Correction, Outcome, Rating, Value
from tests.serving import open_services
from ui import pages
from ui.pages import (
    assistant_handlers,
    chat_handlers,
    conversations_handlers,
    feedback_handlers,
    preview_handlers,
    retrain_handlers,
    schedule_handlers,
    thread,
    thread_html,
    versions_handlers,
)
from ui.pages.chat_handlers import FAILED, View
from ui.pages.feedback_address import Place
from ui.pages.markup import markdown
from ui.pages.preview_handlers import Talk
from ui.pages.thread import Answer, Exchange
from ui.services import Services
from ui.sessions import Caller

GUEST = Caller("guest-1", "guest", "guest")
OTHER = Caller("guest-2", "guest", "guest")
ADMIN = Caller("admin-1", "admin", "admin")
HOSTILE = '<img src="http://evil.example/x.png" onerror="alert(1)"><script>alert(2)</script>'


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    with open_services(tmp_path_factory.mktemp("pages")) as opened:
        yield opened


class Elements(HTMLParser):
    """What a browser would make of some HTML: its tags, and the values of each attribute."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: dict[str, set[str]] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, set()).add(value or "")


def engine(services: Services) -> FakeEngine:
    assert isinstance(services.engine, FakeEngine)
    return services.engine


def ask(services: Services, text: str, *, conversation: str = "", reply: str = "It is so [1].") -> list[View]:
    engine(services).enqueue(reply)
    return list(chat_handlers.send(services, GUEST, message=text, conversation=conversation, clock=ticking()))


def ticking() -> Any:
    """A clock that is a second further at each look."""
    return iter(range(10**6)).__next__


def talk(services: Services) -> str:
    conversation = ask(services, "How is it?")[-1].conversation
    assert conversation
    return conversation


def exchanges(services: Services, conversation: str, caller: Caller = GUEST) -> tuple[Exchange, ...]:
    with services.database.read() as session:
        return thread.load(session, conversation, owner=caller.id)


def newest(services: Services, conversation: str) -> Answer:
    return exchanges(services, conversation)[-1].answers[-1]


def act(services: Services, conversation: str, **data: Any) -> View:
    return chat_handlers.act(services, GUEST, conversation=conversation, data=data)


def opinion(services: Services, reply: str) -> Opinion:
    with services.database.read() as session:
        return ratings.of_person(session, [reply], GUEST.id)[reply]


def test_a_question_streams_from_looking_to_writing_to_the_stored_answer(services: Services) -> None:
    views = ask(services, "Where is it kept?", reply="In one folder [1]. It stays there, in one folder.")
    assert "Looking through the documents" in (views[0].live or "") and views[0].busy and views[0].box is None
    assert views[1].box == "" and views[1].conversation
    texts = [view.live or "" for view in views[1:-1]]
    states = ["Reading what was found", "Writing", "tl-text"]
    told = [next(state for state in states if state in text) for text in texts]
    assert told == sorted(told, key=states.index) and len(set(told[:-1])) == 2 and told.count("Writing") > 2
    assert "folder" in texts[-1] and "tl-status" not in texts[-1]
    last = views[-1]
    assert last.live == "" and last.busy is False and not last.warning
    assert "In one folder" in (last.thread or "") and "tl-sources" in (last.thread or "")


def test_text_is_sent_on_in_chunks_of_time(services: Services) -> None:
    engine(services).enqueue("one two three four five six")
    still = list(chat_handlers.send(services, GUEST, message="Count", conversation="", clock=lambda: 0.0))
    assert len(still) == 3, "looking, the first turn, and the end"


@pytest.mark.parametrize("text", ["", "  \n "])
def test_an_empty_message_is_refused_and_nothing_changes(services: Services, text: str) -> None:
    views = list(chat_handlers.send(services, GUEST, message=text, conversation=""))
    assert views == [View(warning="Type a question first.")]


def test_a_message_that_is_refused_stays_in_the_box(services: Services) -> None:
    views = list(chat_handlers.send(services, GUEST, message="long " * 5000, conversation=""))
    assert "at most" in views[-1].warning and views[-1].busy is False
    assert all(view.box is None for view in views)


def test_an_engine_that_fails_midway_says_so_and_keeps_question_and_words(services: Services) -> None:
    engine(services).enqueue(RuntimeError("secret detail"))
    views = list(chat_handlers.send(services, GUEST, message="Will it work?", conversation="", clock=ticking()))
    last = views[-1]
    assert last.warning == FAILED and last.busy is False and last.conversation
    assert "Will it work?" in (last.thread or "") and "I was about to say" in (last.thread or "")
    assert "secret detail" not in str(views) and "Try again" in (last.thread or "")


def test_a_closed_stream_is_stored_as_stopped_and_stop_shows_it(services: Services) -> None:
    engine(services).enqueue("one two three four")
    views = chat_handlers.send(services, GUEST, message="Count", conversation="", clock=ticking())
    conversation = next(view.conversation for view in views if view.conversation)
    next(views)
    views.close()  # type: ignore[attr-defined]
    shown = chat_handlers.stop(services, GUEST, conversation=conversation)
    assert newest(services, conversation).state is ReplyState.stopped
    assert "Stopped before the end" in (shown.thread or "") and shown.busy is False


def test_another_conversation_is_shown_after_the_last_words_of_the_one_before(services: Services) -> None:
    earlier = talk(services)
    engine(services).enqueue("one two three four")
    views = chat_handlers.send(services, GUEST, message="Count", conversation="", clock=ticking())
    leaving = next(view.conversation for view in views if view.conversation)
    next(views)
    with ThreadPoolExecutor(1) as pool:
        picked = pool.submit(chat_handlers.pick, services, GUEST, conversation=earlier, leaving=leaving)
        with pytest.raises(TimeoutError):
            picked.result(timeout=0.2)
        views.close()  # type: ignore[attr-defined]
        assert picked.result(timeout=5).conversation == earlier


def test_a_conversation_goes_on_and_is_shown_again_to_its_owner_only(services: Services) -> None:
    conversation = talk(services)
    ask(services, "And then?", conversation=conversation, reply="Then that.")
    shown = chat_handlers.show(services, GUEST, conversation=conversation)
    assert "How is it?" in (shown.thread or "") and "Then that." in (shown.thread or "")
    other = chat_handlers.show(services, OTHER, conversation=conversation)
    assert "tl-welcome" in (other.thread or "") and "How is it?" not in str(other)
    assert other.conversation == "" and "not yours" in other.warning


def test_the_greeting_offers_examples_and_a_click_asks_one(services: Services) -> None:
    shown = chat_handlers.show(services, GUEST, conversation="")
    assert "tl-example" in (shown.thread or "") and not shown.warning
    assert chat_handlers.example(services, GUEST, n="0").endswith("?")
    for wrong in ("99", "-1", "x", ""):
        with pytest.raises(BadInput):
            chat_handlers.example(services, GUEST, n=wrong)


def test_a_thumb_is_stored_at_once_and_its_form_opens(services: Services) -> None:
    conversation = talk(services)
    reply = newest(services, conversation).reply
    shown = act(services, conversation, do="rate", reply=reply, value="down")
    assert opinion(services, reply).value is Value.down
    assert "What was wrong?" in (shown.thread or "") and "It is so [1]." in (shown.thread or "")


def test_reasons_comment_and_correction_are_stored_shown_again_and_undone(services: Services) -> None:
    conversation = talk(services)
    reply = newest(services, conversation).reply
    said = {"reasons": ["wrong"], "comment": "It is not.", "correction": "It is otherwise."}
    act(services, conversation, do="save", reply=reply, value="down", **said)
    assert opinion(services, reply) == Opinion(Value.down, ("wrong",), "It is not.", "It is otherwise.")
    again = chat_handlers.show(services, GUEST, conversation=conversation).thread or ""
    assert "said what it should have said" in again and 'aria-pressed="true"' in again
    form = act(services, conversation, do="edit", reply=reply).thread or ""
    assert "It is otherwise." in form and 'value="wrong" checked' in form
    act(services, conversation, do="rate", reply=reply, value="none")
    assert opinion(services, reply) == Opinion()
    with services.database.read() as session:
        assert len(session.exec(select(Rating).where(Rating.reply_id == reply)).all()) == 2, "the history is kept"


def test_an_unchanged_answer_is_no_correction(services: Services) -> None:
    conversation = talk(services)
    answer = newest(services, conversation)
    act(services, conversation, do="save", reply=answer.reply, value="up", correction=f" {answer.text}\n")
    with services.database.read() as session:
        assert session.exec(select(Correction).where(Correction.reply_id == answer.reply)).all() == []
    assert opinion(services, answer.reply).value is Value.up


def test_another_answer_keeps_the_first_and_asks_which_is_better(services: Services) -> None:
    conversation = talk(services)
    first = newest(services, conversation)
    engine(services).enqueue("It is otherwise [1].")
    views = list(chat_handlers.retry(services, GUEST, reply=first.reply, conversation=conversation))
    shown = views[-1].thread or ""
    assert "It is so" in shown and "It is otherwise" in shown and "Which answer is better?" in shown
    assert "2 of 2" in shown and all(view.box is None for view in views)
    second = newest(services, conversation)
    chosen = act(services, conversation, do="compare", winner=second.reply, loser=first.reply, outcome="better")
    assert "You found Answer 2 better" in (chosen.thread or "")
    with services.database.read() as session:
        row = session.exec(select(Comparison).where(Comparison.winner_id == second.reply)).one()
    assert (row.loser_id, row.outcome, row.rater) == (first.reply, Outcome.better, GUEST.id)
    undone = act(services, conversation, do="compare", winner=second.reply, loser=first.reply, outcome="none")
    assert "Which answer is better?" in (undone.thread or "")
    tied = act(services, conversation, do="compare", winner=first.reply, loser=second.reply, outcome="tie")
    assert "about the same" in (tied.thread or "")


def test_forged_ids_and_words_from_the_browser_change_nothing(services: Services) -> None:
    conversation = talk(services)
    reply = newest(services, conversation).reply
    with pytest.raises(NotFound):
        chat_handlers.act(
            services, OTHER, conversation=conversation, data={"do": "rate", "reply": reply, "value": "up"}
        )
    for data in ({"do": "explode"}, {"do": "rate", "reply": reply, "value": "best"}, {"do": "rate", "reply": ["x"]}):
        with pytest.raises((BadInput, NotFound)):
            act(services, conversation, **data)
    assert opinion(services, reply) == Opinion()


def test_hostile_text_can_only_show(services: Services) -> None:
    conversation = ask(
        services, HOSTILE, reply=f"{HOSTILE} ![x](http://evil.example/y.png) [z](javascript:alert(3)) [1]"
    )[-1].conversation
    assert conversation
    reply = newest(services, conversation).reply
    said = {"reasons": [], "comment": HOSTILE, "correction": f"</textarea>{HOSTILE}"}
    act(services, conversation, do="save", reply=reply, value="down", **said)
    shown = act(services, conversation, do="edit", reply=reply)
    listed = conversations_handlers.listing(
        services, GUEST, assistant="default", current=conversation, search="evil", rows=9
    )
    html = f"{shown.thread}{listed}"
    assert "evil.example" in listed
    seen = Elements(html)
    assert not seen.tags & {"img", "script", "iframe", "link", "style", "object"}
    assert not [name for name in seen.attributes if name.startswith("on")]
    assert seen.attributes["href"] == {"http://evil.example/y.png"}, "as a link that nobody has clicked"
    assert html.count("</textarea>") == 1


def test_hostile_sources_can_only_show() -> None:
    source = {"n": 1, "title": HOSTILE, "heading": HOSTILE, "text": f"</blockquote>{HOSTILE}", "cited": True}
    answer = Answer(reply='"><b>', text="Yes [1].", state=ReplyState.done, sources=(source,), adapter=HOSTILE)
    html = thread_html.thread([Exchange(question="q", answers=(answer,))], reasons=ratings.REASONS)
    assert "<img" not in html and "<script" not in html and html.count("</blockquote>") == 1 and '"><b>' not in html


def test_markdown_is_rendered_and_citations_open_only_known_sources() -> None:
    html = markdown("**Yes** [1], [7] and `[1]`\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |", citations=[1])
    assert "<strong>Yes</strong>" in html and html.count('data-do="source"') == 1 and "[7]" in html
    assert "<code>[1]</code>" in html and "<li>one</li>" in html and "<table>" in html


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "//evil.example/x"]
)
def test_only_web_addresses_become_links(address: str) -> None:
    assert "<a " not in markdown(f"[x]({address})") and "<img" not in markdown(f"![x]({address})")


@pytest.mark.parametrize("caller", [GUEST, Caller("m", "member", "member")])
def test_every_admin_handler_refuses_others(services: Services, caller: Caller) -> None:
    calls: list[Any] = [
        lambda: feedback_handlers.glance(services, caller),
        lambda: feedback_handlers.choices(services, caller, Place()),
        lambda: feedback_handlers.listing(services, caller, Place()),
        lambda: feedback_handlers.opened(services, caller, Place(reply="x")),
        lambda: feedback_handlers.taught(services, caller, Place(reply="x")),
        lambda: feedback_handlers.act(services, caller, {"do": "leave_out", "row": "rating:1", "reason": "x"}),
        lambda: feedback_handlers.act(services, caller, {"do": "use_again", "row": "rating:1"}),
        lambda: feedback_handlers.act(services, caller, {"do": "reword", "row": "correction:1", "text": "x"}),
        lambda: feedback_handlers.act(services, caller, {"do": "take_back_rewording", "reply": "x"}),
        lambda: feedback_handlers.export(services, caller, format="ratings"),
        lambda: retrain_handlers.look(services, caller),
        lambda: retrain_handlers.watch(services, caller, run="x"),
        lambda: retrain_handlers.start(services, caller),
        lambda: retrain_handlers.teach(services, caller, path=None, then_dpo=False),
        lambda: retrain_handlers.cancel(services, caller, run="x"),
        lambda: versions_handlers.rollback(services, caller),
        lambda: versions_handlers.taught(services, caller, target="0 x"),
        lambda: versions_handlers.decide(services, caller, action="promote", adapter="x"),
        lambda: versions_handlers.decide(services, caller, action="reject", adapter="x"),
        lambda: versions_handlers.decide(services, caller, action="try_out", adapter="x", share="10"),
        lambda: versions_handlers.decide(services, caller, action="end_trial", adapter=""),
        lambda: schedule_handlers.load(services, caller),
        lambda: schedule_handlers.save(
            services, caller, enabled=True, cron="", min_new_pairs=1, auto_promote=False, roll_back=True
        ),
        lambda: assistant_handlers.cards(services, caller),
        lambda: assistant_handlers.head(services, caller, assistant="default"),
        lambda: assistant_handlers.load(services, caller, assistant="default"),
        lambda: assistant_handlers.problem(services, caller, name="name", value="x"),
        lambda: assistant_handlers.slug_problem(services, caller, slug="x"),
        lambda: assistant_handlers.suggest(services, caller, name="x"),
        lambda: assistant_handlers.about_model(services, caller, model="default"),
        lambda: assistant_handlers.has_version(services, caller, assistant="default"),
        lambda: assistant_handlers.save(services, caller, {}, assistant="default"),
        lambda: assistant_handlers.make(services, caller, {}, slug="x"),
        lambda: assistant_handlers.act(services, caller, do="duplicate", assistant="default"),
        lambda: assistant_handlers.act(services, caller, do="delete", assistant="default"),
        lambda: assistant_handlers.bring_in(services, caller, path="x.zip"),
        lambda: assistant_handlers.export(services, caller, assistant="default", with_adapter=False),
        lambda: next(preview_handlers.ask(services, caller, {}, assistant="default", message="x", talk=Talk())),
    ]
    for call in calls:
        with pytest.raises(NotAllowed):
            call()


def test_the_style_and_scripts_ask_no_other_host() -> None:
    for file in pages.STYLE.parent.glob("*.*s"):
        assert "http" not in file.read_text() and "@import" not in file.read_text()
