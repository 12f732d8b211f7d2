"""Queries on assistants and conversations: settings are checked, and nobody reads what is another's."""

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
    with database.write() as session, pytest.raises(BadInput, match="everyone, members, admins"):
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
