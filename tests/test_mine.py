"""The page of one's own, and its endpoints: what one sees, takes away and deletes, and nobody else's."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from assistant import records
from assistant.errors import BadInput, NotFound
from assistant.tables import Conversation, GoldenAnswer, Message
from feedback import people
from feedback.ratings import compare, correct, rate
from feedback.tables import Correction, Rating, Value
from retrain.registry import ROWS
from retrain.tables import Adapter, AdapterState
from tests.builders import add_turn
from tests.serving import open_services
from ui import endpoints, privacy
from ui.endpoints.exchange import export
from ui.pages import conversations_handlers, mine_handlers, mine_html
from ui.services import Services
from ui.sessions import Caller

GUEST = Caller("guest-1", "guest", "guest")
OTHER = Caller("guest-2", "guest", "guest")
MEMBER = Caller("m1", "ann", "member")
ADMIN = Caller("a1", "admin", "admin")
HOSTILE = '<img src="http://evil.example/x.png" onerror="alert(1)"><script>alert(2)</script>'


@pytest.fixture
def services(home: Path) -> Iterator[Services]:
    """GUEST asked, rated, corrected and chose."""
    with open_services(home) as opened:
        talk(opened, GUEST)
        yield opened


def talk(services: Services, caller: Caller, *, text: str = "It is so.") -> list[str]:
    """Two answers, rated, corrected and compared; ids of the two and of their conversation."""
    with services.database.write() as session:
        assistant = records.assistant_by_slug(session, "default")
        one = add_turn(session, assistant, "How is it?", text, owner=caller.id)
        two = add_turn(session, assistant, "How is it?", "Different.", again=one)
        rate(session, two.id, rater=caller.id, value="down", reasons=["too_short"], comment="Say more.")
        correct(session, two.id, rater=caller.id, text="It is so and so.")
        compare(session, one.id, two.id, rater=caller.id)
    return [one.id, two.id, one.conversation_id]


def learn(services: Services, *rows: str) -> None:
    """An adapter that learned from these rows."""
    folder = services.settings.adapters_dir / "default-v1"
    folder.mkdir(parents=True)
    (folder / ROWS).write_text(json.dumps(rows))
    with services.database.write() as session:
        assistant = records.assistant_by_slug(session, "default")
        session.add(
            Adapter(
                id="default-v1", assistant_id=assistant.id, version=1, model="default", sha256="0",
                state=AdapterState.archived,
            )
        )  # fmt: skip


def html(services: Services, caller: Caller = GUEST) -> str:
    return mine_handlers.said(services, caller, number=0).html


def act(services: Services, caller: Caller = GUEST, **data: Any) -> str:
    return mine_handlers.turn(services, caller, data=data)


def all_rows(services: Services, table: Any) -> list[Any]:
    with services.database.read() as session:
        return list(session.exec(select(table)))


def test_the_page_shows_what_one_said_and_where(services: Services) -> None:
    shown = html(services)
    for words in ("How is it?", "You did not like it", "Too short", "Say more.", "It is so and so.", "Different."):
        assert words in shown
    assert "You found it better than another answer" in shown
    held = all_rows(services, Conversation)[0]
    reply = all_rows(services, Rating)[0].reply_id
    assert f"./?a=default&amp;c={held.id}&amp;r={reply}" in shown
    assert mine_html.NOTHING_SAID == html(services, OTHER)


def test_hostile_text_stays_text(services: Services) -> None:
    talk(services, OTHER, text=HOSTILE)
    with services.database.write() as session:
        reply = session.exec(select(Rating).where(Rating.rater == OTHER.id)).one().reply_id
        rate(session, reply, rater=OTHER.id, value="down", comment=HOSTILE)
        correct(session, reply, rater=OTHER.id, text=HOSTILE)
        held = session.exec(select(Conversation).where(Conversation.owner == OTHER.id)).one()
        held.title = HOSTILE
    shown = html(services, OTHER) + mine_handlers.held(services, OTHER, number=0).html
    assert "<img" not in shown and "<script" not in shown and shown.count("&lt;script&gt;") >= 4


def test_pages_are_turned_and_never_run_out(services: Services) -> None:
    with services.database.write() as session:
        assistant = records.assistant_by_slug(session, "default")
        for number in range(45):
            rate(
                session,
                add_turn(session, assistant, f"Q{number}?", "A.", owner="guest-1").id,
                rater="guest-1",
                value="up",
            )
    last = mine_handlers.said(services, GUEST, number=99)
    assert (last.number, last.last, last.place, last.html.count('<li class="tl-card">')) == (2, 2, "41 to 47 of 47", 7)
    assert mine_handlers.said(services, GUEST, number=-3).place == "1 to 20 of 47"
    held = mine_handlers.held(services, GUEST, number=1)
    assert (held.number, held.place) == (1, "21 to 40 of 46")


def test_a_rating_is_taken_back_and_undone(services: Services) -> None:
    assert act(services, do="take", target="rating:1") == "take rating:1"
    assert "You did not like it" not in html(services)
    assert act(services, do="put", target="rating:1") == "put rating:1"
    assert "You did not like it" in html(services) and "Say more." in html(services)
    assert [row.value for row in all_rows(services, Rating)] == [Value.down, Value.none, Value.down]


@pytest.mark.parametrize(
    "data", [{}, {"do": "take"}, {"do": "drop", "target": "rating:1"}, {"do": "take", "target": 7}]
)
def test_what_the_page_never_asks_for_is_refused(services: Services, data: dict[str, Any]) -> None:
    with pytest.raises((BadInput, NotFound)):
        mine_handlers.turn(services, GUEST, data=data)
    with pytest.raises((BadInput, NotFound)):
        mine_handlers.delete(services, GUEST, data=data)


def test_nobody_takes_back_or_deletes_what_is_anothers(services: Services) -> None:
    held = all_rows(services, Conversation)[0]
    for caller in (OTHER, MEMBER, ADMIN):
        with pytest.raises(NotFound):
            act(services, caller, do="take", target="rating:1")
        with pytest.raises(NotFound):
            mine_handlers.delete(services, caller, data={"do": "delete", "target": held.id})
        endpoints.forget(services, caller, "everything")
        assert endpoints.my_data(services, caller)["conversations"] == []
    assert "You did not like it" in html(services)


def test_all_that_is_kept_is_told_in_words(services: Services) -> None:
    learn(services, "correction:1")
    told = mine_handlers.kept(services, GUEST)
    assert "<code>guest-1</code>" in told and "365 days" in told
    assert "Version v1 of" in told and "learned from it and keeps what was learned" in told
    assert "Deletes 1 conversation with 3 messages and 1 rating, 1 correction, 1 choice" in told
    nothing = mine_handlers.kept(services, MEMBER)
    assert "signed in as ann" in nothing and "Nothing so far." in nothing and "Delete everything…" not in nothing


def test_the_download_is_all_of_it_and_only_theirs(services: Services) -> None:
    talk(services, OTHER, text="For others only.")
    learn(services, "rating:1")
    data = json.loads(json.loads(mine_handlers.take_away(services, GUEST))["text"])
    assert data["person"] == {"id": "guest-1", "name": "guest", "role": "guest"}
    assert [message["text"] for message in data["conversations"][0]["messages"]] == [
        "How is it?",
        "It is so.",
        "Different.",
    ]
    assert [len(data[part]) for part in ("ratings", "corrections", "choices")] == [1, 1, 1]
    assert [one["adapter"] for one in data["learned_by"]] == ["default-v1"]
    assert "For others only." not in json.dumps(data) and "guest-2" not in json.dumps(data)


def test_a_conversation_is_deleted_and_who_learned_from_it_is_named(services: Services) -> None:
    learn(services, "comparison:1")
    held = all_rows(services, Conversation)[0]
    said = mine_handlers.delete(services, GUEST, data={"do": "delete", "target": held.id})
    assert "is gone" in said and "v1" in said and "until an admin trains one anew" in said
    assert all_rows(services, Message) == all_rows(services, Rating) == all_rows(services, Correction) == []


def test_the_panel_beside_the_chat_deletes_as_thoroughly(services: Services) -> None:
    exported = export(services, ADMIN, "default", "ratings")
    held = all_rows(services, Conversation)[0]
    conversations_handlers.change(services, GUEST, {"do": "delete", "conversation": held.id})
    assert not exported.exists() and all_rows(services, Correction) == all_rows(services, GoldenAnswer) == []


@pytest.mark.parametrize(("what", "conversations"), [("feedback", 1), ("everything", 0)])
def test_all_is_deleted_at_once(services: Services, what: str, conversations: int) -> None:
    talk(services, OTHER)
    learn(services, "rating:1")
    exported = export(services, ADMIN, "default", "ratings")
    said = mine_handlers.delete(services, GUEST, data={"do": "forget", "target": what})
    assert "1 rating, 1 correction, 1 choice" in said and "Version v1" in said
    with services.database.read() as session:
        left = people.kept(session, GUEST.id)
        assert (left.conversations, left.feedback) == (conversations, 0)
        assert people.kept(session, OTHER.id).feedback == 3
    assert not exported.exists()
    assert html(services) == mine_html.NOTHING_SAID


def test_the_endpoint_counts_what_it_deleted(services: Services) -> None:
    learn(services, "rating:1")
    gone = endpoints.forget(services, GUEST, "feedback")
    assert gone["deleted"] == {"ratings": 1, "corrections": 1, "choices": 1, "changes": 0}
    assert [one["adapter"] for one in gone["learned_by"]] == ["default-v1"] and gone["runs_learning_now"] == 0
    gone = endpoints.forget(services, GUEST, "everything")
    assert gone["deleted"] == {
        "conversations": 1,
        "messages": 3,
        "ratings": 0,
        "corrections": 0,
        "choices": 0,
        "changes": 0,
    }
    assert gone["learned_by"] == []
    for wrong in ("", "all", None, ["everything"]):
        with pytest.raises(BadInput, match="must be one of everything, feedback"):
            endpoints.forget(services, GUEST, wrong)  # type: ignore[arg-type]


def test_what_stays_is_said_in_good_english() -> None:
    learners = [privacy.traces.Learner(f"help-v{n}", "Help", AdapterState.active) for n in (1, 2, 3)]
    said = privacy.what_stays(privacy.Learned(tuple(learners[:2]), 0))
    assert said.startswith("Versions v1 of Help and v2 of Help learned from it and keep what was learned")
    assert "v1 of Help, v2 of Help and v3 of Help" in privacy.what_stays(privacy.Learned(tuple(learners), 0))
    assert privacy.what_stays(privacy.Learned(runs=1)) == privacy.NOW and privacy.what_stays(privacy.Learned()) == ""
