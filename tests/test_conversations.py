"""The panel beside a chat, branches and two answers at once, as functions: no browser, no server, scripted replies."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlmodel import select

from assistant import records
from assistant.errors import BadInput, NotFound
from assistant.fake_engine import FakeEngine
from assistant.tables import Access, Message
from feedback import ratings
from feedback.tables import Comparison, Outcome, Rating, Value
from tests.serving import open_services
from ui.pages import chat_handlers, conversations_handlers, thread
from ui.pages.chat_handlers import View
from ui.pages.thread import Exchange
from ui.pages.transcript import file_name
from ui.services import Services
from ui.sessions import Caller

GUEST = Caller("guest-1", "guest", "guest")
OTHER = Caller("guest-2", "guest", "guest")
ADMIN = Caller("admin-1", "admin", "admin")


@pytest.fixture
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    with open_services(tmp_path_factory.mktemp("chat")) as opened:
        yield opened


def script(services: Services, *replies: str) -> None:
    assert isinstance(services.engine, FakeEngine)
    for reply in replies:
        services.engine.enqueue(reply)


def ask(services: Services, text: str, *replies: str, conversation: str = "") -> str:
    script(services, *(replies or ("It is so [1].",)))
    asked = list(chat_handlers.send(services, GUEST, message=text, conversation=conversation))[-1].conversation
    assert asked
    return asked


def exchanges(services: Services, conversation: str) -> tuple[Exchange, ...]:
    with services.database.read() as session:
        return thread.load(session, conversation, owner=GUEST.id)


def act(services: Services, conversation: str, **data: Any) -> View:
    return chat_handlers.act(services, GUEST, conversation=conversation, data=data)


def reword(services: Services, conversation: str, reply: str, message: str, answer: str) -> list[View]:
    script(services, answer)
    return list(chat_handlers.reword(services, GUEST, reply=reply, message=message, conversation=conversation))


def listing(services: Services, search: str = "", *, caller: Caller = GUEST, rows: int = 0, current: str = "") -> str:
    return conversations_handlers.listing(
        services, caller, assistant="default", current=current, search=search, rows=rows
    )


def always_two(services: Services) -> None:
    with services.database.write() as session:
        asked = records.assistant_by_slug(session, "default")
        records.update_assistant(session, asked.id, compare_share=1.0)


def test_a_question_in_other_words_shows_what_came_before_and_can_be_paged_back(services: Services) -> None:
    conversation = ask(services, "Hi?", "Hello.")
    ask(services, "Where is the key?", "Under the mat.", conversation=conversation)
    reply = exchanges(services, conversation)[1].answers[0].reply
    views = reword(services, conversation, reply, "Where is the other key?", "On the hook.")
    assert "Hello." in (views[0].thread or "") and "Under the mat." not in (views[0].thread or "")
    assert "Where is the other key?" in (views[0].live or "") and views[0].busy
    shown = views[-1].thread or ""
    assert "On the hook." in shown and "Under the mat." not in shown and "2 of 2" in shown
    last = exchanges(services, conversation)[-1]
    assert last.wording == 1 and len(last.wordings) == 2
    earlier = act(services, conversation, do="turn", message=last.wordings[0])
    assert "Under the mat." in (earlier.thread or "") and "On the hook." not in (earlier.thread or "")
    again = chat_handlers.show(services, GUEST, conversation=conversation)
    assert "Under the mat." in (again.thread or ""), "the branch survives a reload"


def test_a_link_to_an_answer_turns_to_its_branch(services: Services) -> None:
    conversation = ask(services, "Where is the key?", "Under the mat.")
    reply = exchanges(services, conversation)[0].answers[0].reply
    reword(services, conversation, reply, "Where is the other key?", "On the hook.")
    for named, words in (("", "On the hook."), ("nothing", "On the hook."), (reply, "Under the mat.")):
        shown = chat_handlers.show(services, GUEST, conversation=conversation, reply=named)
        assert words in (shown.thread or "")


def test_only_questions_on_the_line_that_is_shown_are_edited(services: Services) -> None:
    conversation = ask(services, "Hi?", "Hello.")
    reply = exchanges(services, conversation)[0].answers[0].reply
    with pytest.raises(NotFound):
        next(chat_handlers.reword(services, OTHER, reply=reply, message="Mine?", conversation=conversation))
    for wrong, message in (("nothing", "Hm?"), (reply, "  ")):
        with pytest.raises(BadInput):
            next(chat_handlers.reword(services, GUEST, reply=wrong, message=message, conversation=conversation))


def test_two_answers_are_streamed_together_chosen_between_and_the_better_goes_on(services: Services) -> None:
    always_two(services)
    script(services, "The first [1].", "The second, which is longer [1].")
    views = list(chat_handlers.send(services, GUEST, message="Which?", conversation="", clock=iter(range(99)).__next__))
    assert any((view.live or "").count("tl-writing") == 2 and "Answer 2" in (view.live or "") for view in views)
    conversation = views[-1].conversation
    assert conversation and "Which answer is better?" in (views[-1].thread or "")
    (exchange,) = exchanges(services, conversation)
    first, second = (answer.reply for answer in exchange.answers)
    assert exchange.undecided and exchange.goes_on == second
    chosen = act(services, conversation, do="compare", winner=first, loser=second, outcome="better")
    assert "You found Answer 1 better" in (chosen.thread or "") and "The second" not in (chosen.thread or "")
    assert exchanges(services, conversation)[0].goes_on == first
    undone = act(services, conversation, do="compare", winner=first, loser=second, outcome="none")
    assert "Which answer is better?" in (undone.thread or "") and "The second" in (undone.thread or "")
    with services.database.read() as session:
        rows = session.exec(select(Comparison).where(Comparison.winner_id == first)).all()
    assert [(row.outcome, row.rater) for row in rows] == [(Outcome.better, GUEST.id), (Outcome.none, GUEST.id)]


def test_who_goes_on_without_choosing_is_not_asked_again_but_may_page(services: Services) -> None:
    always_two(services)
    conversation = ask(services, "Which?", "The first.", "The second.")
    first = exchanges(services, conversation)[0].answers[0].reply
    ask(services, "And then?", "One.", "Two.", conversation=conversation)
    shown = chat_handlers.show(services, GUEST, conversation=conversation).thread or ""
    assert shown.count("Which answer is better?") == 2, "its label and its words, of the last question alone"
    assert "The second." in shown and "The first." not in shown
    turned = act(services, conversation, do="turn", message=first).thread or ""
    assert "The first." in turned and "And then?" not in turned and "1 of 2" in turned


def test_another_answer_is_held_against_the_best_so_far(services: Services) -> None:
    conversation = ask(services, "Which?", "The first.")
    first = exchanges(services, conversation)[0].answers[0].reply
    for text in ("The second.", "The third."):
        script(services, text)
        list(chat_handlers.retry(services, GUEST, reply=first, conversation=conversation))
        newest = exchanges(services, conversation)[0].answers[-1].reply
        rivals = exchanges(services, conversation)[0].rivals
        assert rivals and [rival.reply for rival in rivals] == [first, newest]
        act(services, conversation, do="compare", winner=first, loser=newest, outcome="better")
    shown = chat_handlers.show(services, GUEST, conversation=conversation).thread or ""
    assert "The first." in shown and "1 of 3" in shown and "You found Answer 1 better" in shown


def test_a_thumb_down_offers_another_answer_and_keeps_what_was_typed(services: Services) -> None:
    conversation = ask(services, "Where?", "Nowhere.")
    reply = exchanges(services, conversation)[0].answers[0].reply
    assert 'data-do="another"' not in (act(services, conversation, do="rate", reply=reply, value="up").thread or "")
    assert 'data-do="another"' in (act(services, conversation, do="rate", reply=reply, value="down").thread or "")
    form = {"value": "down", "reasons": ["wrong"], "comment": "Not there.", "correction": "Nowhere."}
    script(services, "Somewhere.")
    views = list(chat_handlers.retry(services, GUEST, reply=reply, conversation=conversation, form=form))
    assert "Which answer is better?" in (views[-1].thread or "")
    opinion = exchanges(services, conversation)[0].answers[0].opinion
    assert (opinion.reasons, opinion.comment, opinion.correction) == (("wrong",), "Not there.", "")


def test_a_reason_counts_at_once_and_leaves_the_page_and_the_comment_alone(services: Services) -> None:
    conversation = ask(services, "Where?", "Nowhere.")
    reply = exchanges(services, conversation)[0].answers[0].reply
    act(services, conversation, do="save", reply=reply, value="down", comment="Not there.", correction="Nowhere.")
    assert act(services, conversation, do="reasons", reply=reply, value="down", reasons=["wrong"]) == View()
    with services.database.read() as session:
        opinion = ratings.of_person(session, [reply], GUEST.id)[reply]
    assert (opinion.value, opinion.reasons, opinion.comment) == (Value.down, ("wrong",), "Not there.")


def test_the_list_shows_more_on_request_and_marks_what_was_found(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversations_handlers, "PAGE_ROWS", 2)
    assert "will be listed here" in listing(services)
    for n in range(3):
        ask(services, f"Question {n}?", f"The <b>answer</b> is number {n}.")
    page = listing(services)
    assert page.count("<li") == 2 and "Show more" in page and "Question 0?" not in page
    assert listing(services, rows=4).count("<li") == 3 and "Show more" not in listing(services, rows=4)
    found = listing(services, "NUMBER 1")
    assert found.count("<li") == 1 and "&lt;b&gt;answer&lt;/b&gt; is <mark>number</mark> 1" in found
    assert "<mark>" not in listing(services, "question"), "the title shows it"
    assert "Nothing found" in listing(services, "nowhere")
    assert "Question" not in listing(services, caller=OTHER) and "Nothing found" in listing(
        services, "number", caller=OTHER
    )


def test_a_deleted_conversation_takes_its_feedback_along_and_others_stay(services: Services) -> None:
    kept, gone = ask(services, "One?"), ask(services, "Two?")
    reply = exchanges(services, gone)[0].answers[0].reply
    act(services, gone, do="rate", reply=reply, value="down")
    for wrong in ({"do": "delete", "conversation": gone}, {"do": "rename", "conversation": gone, "title": "Mine"}):
        with pytest.raises(NotFound):
            conversations_handlers.change(services, OTHER, wrong)
    with pytest.raises(BadInput):
        conversations_handlers.change(services, GUEST, {"do": "explode", "conversation": gone})
    data = {"do": "delete", "conversation": gone}
    left = chat_handlers.leave(services, GUEST, leaving=gone, data=data)
    assert left.conversation == "" and "tl-welcome" in (left.thread or "") and not left.warning
    with services.database.read() as session:
        assert session.exec(select(Rating).where(Rating.reply_id == reply)).all() == []
        assert session.exec(select(Message).where(Message.conversation_id == gone)).all() == []
    assert "One?" in listing(services) and "Two?" not in listing(services) and exchanges(services, kept)


def test_a_conversation_is_handed_out_as_markdown_to_its_owner(services: Services) -> None:
    conversation = ask(services, "Where are my documents kept?", "In one folder [1].")
    reply = exchanges(services, conversation)[0].answers[0].reply
    reword(services, conversation, reply, "Where, in a word?", "Here.")
    conversations_handlers.change(
        services, GUEST, {"do": "rename", "conversation": conversation, "title": "Where: it/is?"}
    )
    file = json.loads(conversations_handlers.export(services, GUEST, conversation))
    assert file["name"] == "where-it-is.md"
    assert file["text"].startswith("# Where: it/is?\n\nA conversation with ")
    assert "## Question\n\nWhere, in a word?\n\n## Answer\n\nHere.\n\n### Sources\n\n- [1] " in file["text"]
    assert "In one folder" not in file["text"], "the line that goes on"
    with pytest.raises(NotFound):
        conversations_handlers.export(services, OTHER, conversation)


@pytest.mark.parametrize(("title", "name"), [("../../etc/passwd", "etc-passwd.md"), ("?!", "conversation.md")])
def test_a_file_name_has_letters_and_digits_only(title: str, name: str) -> None:
    assert file_name(title) == name


def test_the_panel_offers_the_assistants_that_the_caller_may_use(services: Services) -> None:
    alone = conversations_handlers.panel(services, GUEST, assistant="default")
    assert "tl-assistants" not in alone and "New conversation" in alone
    with services.database.write() as session:
        settings = {"system_prompt": "Help.", "avatar": "🌱"}
        records.create_assistant(session, slug="garden", name="<b>Rose</b>", **settings)
        records.create_assistant(session, slug="office", name="Office", access=Access.admins, **settings)
    seen = conversations_handlers.panel(services, GUEST, assistant="garden")
    assert 'href="./?a=default"' in seen and 'href="./?a=garden" aria-current=true' in seen
    assert "&lt;b&gt;Rose&lt;/b&gt;" in seen and "🌱" in seen and "Office" not in seen
    assert "Office" in conversations_handlers.panel(services, ADMIN, assistant="default")


def test_a_conversation_is_shown_with_its_own_assistant_only(services: Services) -> None:
    conversation = ask(services, "Hi?")
    with services.database.write() as session:
        records.create_assistant(session, slug="garden", name="Rose", system_prompt="Help.")
    shown = chat_handlers.show(services, GUEST, assistant="garden", conversation=conversation)
    assert shown.conversation == "" and "another assistant" in shown.warning and "Hi?" not in (shown.thread or "")
