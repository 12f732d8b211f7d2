"""Queries on assistants and conversations: settings are checked, and nobody reads what is another's."""

from typing import Any

import pytest

from assistant import records
from assistant.database import Database
from assistant.errors import BadInput, Conflict, NotFound
from assistant.tables import Access, Assistant, Role


def make(database: Database, slug: str = "helper", **settings: object) -> Assistant:
    with database.write() as session:
        return records.create_assistant(session, slug=slug, **{"name": "Helper", "system_prompt": "Help.", **settings})


def test_an_assistant_is_found_by_slug_and_a_wrong_one_is_named(database: Database) -> None:
    made = make(database)
    with database.read() as session:
        assert records.assistant_by_slug(session, "helper").id == made.id
        with pytest.raises(NotFound, match="'nobody'"):
            records.assistant_by_slug(session, "nobody")


@pytest.mark.parametrize("slug", ["", "Upper", "two words", "-x", "x" * 41, "../etc"])
def test_a_slug_is_safe_for_addresses_and_folders(database: Database, slug: str) -> None:
    with pytest.raises(BadInput, match="short name"):
        make(database, slug)


def test_a_slug_is_taken_once(database: Database) -> None:
    make(database)
    with pytest.raises(Conflict, match="already"):
        make(database)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("passages", -1), ("min_score", 1.5), ("temperature", "hot"), ("top_p", 0.0), ("max_new_tokens", True)],
)
def test_a_setting_out_of_range_is_refused_by_name(database: Database, setting: str, value: object) -> None:
    made = make(database)
    with database.write() as session, pytest.raises(BadInput, match=setting.replace("_", " ").capitalize()):
        records.update_assistant(session, made.id, **{setting: value})


@pytest.mark.parametrize("avatar", ["", "T", "7b", "Ü", "👍", "👍🏽", "❤️", "🇩🇪", "👩‍💻", "1️⃣", "猫"])
def test_an_avatar_is_one_emoji_or_one_or_two_letters(database: Database, avatar: str) -> None:
    assert make(database, avatar=avatar).avatar == avatar


@pytest.mark.parametrize("avatar", ["abc", " ", "<b>", "👍👍", "a👍", "👩‍", "👍" + "\u200d👍" * 20, "_", "\x00"])
def test_another_avatar_is_refused(database: Database, avatar: str) -> None:
    with pytest.raises(BadInput, match="one emoji"):
        make(database, avatar=avatar)


def test_without_an_avatar_an_assistant_has_the_first_letter_of_its_name() -> None:
    assert Assistant(slug="x", name="… élan", system_prompt="x").face == "É"
    assert Assistant(slug="x", name="…", system_prompt="x").face == "?"
    assert Assistant(slug="x", name="Tutor", avatar="🎓", system_prompt="x").face == "🎓"


def test_who_may_use_it_is_one_of_three(database: Database) -> None:
    made = make(database)
    assert made.access is Access.everyone
    with database.write() as session, pytest.raises(BadInput, match="Access must be one of everyone, members, admins"):
        records.update_assistant(session, made.id, access="nobody")
    with database.write() as session:
        assert records.update_assistant(session, made.id, access="members").access is Access.members
    with database.read() as session:
        assert records.assistant_by_id(session, made.id).access is Access.members


def test_a_conversation_is_its_owners_alone(database: Database) -> None:
    made = make(database)
    with database.write() as session:
        mine = records.start_conversation(session, assistant_id=made.id, owner="ann", question="Hi " * 80)
        assert len(mine.title) <= records.TITLE_CHARS
    with database.read() as session:
        assert [c.id for c in records.conversations(session, owner="ann", assistant_id=made.id)] == [mine.id]
        assert not records.conversations(session, owner="bob", assistant_id=made.id)
        with pytest.raises(NotFound):
            records.conversation(session, mine.id, owner="bob")


def test_the_thread_follows_the_latest_answer(database: Database) -> None:
    made = make(database)
    with database.write() as session:
        held = records.start_conversation(session, assistant_id=made.id, owner="ann", question="One?")
        one = records.add_message(session, held, Role.user, "One?", parent=None)
        records.add_message(session, held, Role.assistant, "First.", parent=one.id)
        again = records.add_message(session, held, Role.assistant, "Second.", parent=one.id)
        two = records.add_message(session, held, Role.user, "Two?", parent=again.id)
        records.add_message(session, held, Role.assistant, "Third.", parent=two.id)
    with database.read() as session:
        assert [m.text for m in records.thread(session, held.id)] == ["One?", "Second.", "Two?", "Third."]
        assert len(records.messages(session, held.id)) == 5


def test_deleting_a_conversation_deletes_its_messages(database: Database) -> None:
    made = make(database)
    with database.write() as session:
        held = records.start_conversation(session, assistant_id=made.id, owner="ann", question="One?")
        records.add_message(session, held, Role.user, "One?", parent=None)
    with database.write() as session:
        records.delete_conversation(session, held.id, owner="ann")
    with database.read() as session:
        assert not records.messages(session, held.id)


def talk(database: Database, made: Assistant, title: str, *said: str, owner: str = "ann") -> str:
    with database.write() as session:
        held = records.start_conversation(session, assistant_id=made.id, owner=owner, question=title)
        parent = None
        for n, text in enumerate(said):
            parent = records.add_message(
                session, held, (Role.user, Role.assistant)[n % 2], text, parent=parent and parent.id
            )
        return held.id


def found(database: Database, made: Assistant, search: str, **more: Any) -> list[str]:
    with database.read() as session:
        rows = records.conversations(session, owner="ann", assistant_id=made.id, search=search, **more)
        return [row.title for row in rows]


def test_conversations_are_found_by_every_word_of_their_title_or_of_what_was_said(database: Database) -> None:
    made = make(database)
    talk(database, made, "Pruning roses", "When?", "In LATE winter.")
    talk(database, made, "Übergabe", "Wer hat die SCHLÜSSEL?", "Niemand.")
    talk(database, made, "Roses of others", "When?", "In late winter.", owner="bob")
    assert found(database, made, "") == ["Übergabe", "Pruning roses"]
    assert found(database, made, "", limit=1) == ["Übergabe"]
    assert found(database, made, "late ROSES") == ["Pruning roses"]
    assert found(database, made, "schlüssel über") == ["Übergabe"]
    assert found(database, made, "late summer") == []
    assert found(database, made, "100%") == found(database, made, "wi_ter") == [], "signs stand for themselves"


def test_the_first_message_with_a_word_is_told(database: Database) -> None:
    made = make(database)
    one = talk(database, made, "Roses", "And tulips?", "Tulips in autumn.")
    with database.read() as session:
        assert {key: m.text for key, m in records.messages_with(session, [one], "tulip").items()} == {
            one: "And tulips?"
        }


def test_a_conversation_is_renamed_by_its_owner_only(database: Database) -> None:
    made = make(database)
    one = talk(database, made, "Roses")
    with database.write() as session:
        records.rename_conversation(session, one, owner="ann", title="  Roses \n and tulips ")
        with pytest.raises(NotFound):
            records.rename_conversation(session, one, owner="bob", title="Mine")
        for title in (" ", "x" * (records.MAX_TITLE_CHARS + 1)):
            with pytest.raises(BadInput):
                records.rename_conversation(session, one, owner="ann", title=title)
    assert found(database, made, "") == ["Roses and tulips"]


def test_who_turns_to_a_branch_goes_on_from_its_newest_message(database: Database) -> None:
    made = make(database)
    with database.write() as session:
        held = records.start_conversation(session, assistant_id=made.id, owner="ann", question="One?")
        one = records.add_message(session, held, Role.user, "One?", parent=None)
        first = records.add_message(session, held, Role.assistant, "First.", parent=one.id)
        two = records.add_message(session, held, Role.user, "Two?", parent=first.id)
        records.add_message(session, held, Role.assistant, "Second.", parent=two.id)
        other = records.add_message(session, held, Role.user, "One, in other words?", parent=None)
        last = records.add_message(session, held, Role.assistant, "Last.", parent=other.id)
    for chosen, line in (
        (one.id, ["One?", "First.", "Two?", "Second."]),
        (other.id, ["One, in other words?", "Last."]),
        (first.id, ["One?", "First.", "Two?", "Second."]),
        (last.id, ["One, in other words?", "Last."]),
    ):
        with database.write() as session:
            records.turn_to(session, chosen, owner="ann")
        with database.read() as session:
            assert [message.text for message in records.thread(session, held.id)] == line
    with database.write() as session:
        for owner, message in (("bob", one.id), ("ann", "nothing")):
            with pytest.raises(NotFound):
                records.turn_to(session, message, owner=owner)


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_the_share_of_two_answers_is_a_share(database: Database, share: float) -> None:
    with pytest.raises(BadInput, match="Compare share"):
        make(database, compare_share=share)
