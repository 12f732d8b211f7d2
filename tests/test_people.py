"""What is kept of a person, and that nothing of it is left anywhere once they delete it."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from sqlmodel import Session, col, func, select

from assistant import records
from assistant.database import Database
from assistant.tables import Assistant, Conversation, GoldenAnswer, Message, Reply
from feedback import own, people
from feedback.evidence import Evidence, gather
from feedback.exchange import FORMATS, export_rows
from feedback.lessons import build_lessons
from feedback.pairs import build_pairs
from feedback.ratings import compare, correct, forget, rate
from feedback.tables import Comparison, Correction, Rating
from retrain.dataset import freeze
from tests.builders import add_assistant, add_turn

ANNS = "annsword"
"""In every text of ann's and in every answer to her."""


@pytest.fixture
def assistant(database: Database) -> Assistant:
    """Bob and ann asked the same and more; each kind of feedback is there, and one pair is of both their thumbs."""
    with database.write() as session:
        made = add_assistant(session)
        mine = add_turn(session, made, "What is a shared question?", f"An answer with {ANNS}.", owner="ann")
        his = add_turn(session, made, "What is a shared question?", "Another answer altogether.", owner="bob")
        rate(session, mine.id, rater="ann", value="down", comment=ANNS)
        rate(session, his.id, rater="bob", value="up")
        for owner, word in (("ann", ANNS), ("bob", "bobsword")):
            for number in range(4):
                one = add_turn(session, made, f"{word} question {number}?", f"Brief {word} {number}.", owner=owner)
                two = add_turn(session, made, f"{word} question {number}?", f"Quite another {word}.", again=one)
                compare(session, one.id, two.id, rater=owner)
                correct(session, two.id, rater=owner, text=f"It should say {word} so {number}.")
            rate(
                session, add_turn(session, made, f"{word}?", f"Liked {word}.", owner=owner).id, rater=owner, value="up"
            )
        judged = add_turn(session, made, f"{ANNS} again?", f"Judged {ANNS}.", owner="ann")
        rate(session, judged.id, rater="admin", value="up", any_owner=True)
    return made


def forget_feedback(session: Session, _assistant: Assistant) -> None:
    """The admin's thumb on an answer to ann stays: only what ann said goes."""
    forget(session, "ann")


def forget_everything(session: Session, _assistant: Assistant) -> None:
    people.forget_everything(session, "ann")


def delete_each_conversation(session: Session, assistant: Assistant) -> None:
    for held in records.conversations(session, owner="ann", assistant_id=assistant.id):
        records.delete_conversation(session, held.id, owner="ann")


def take_it_all_back(session: Session, _assistant: Assistant) -> None:
    for said in own.page(session, "ann", limit=100).rows:
        for one in (said.thumb, said.correction, said.choice):
            if one is not None:
                own.take_back(session, one.row, rater="ann")


def rows_in(evidence: Evidence) -> set[str]:
    return (
        {f"rating:{one.row}" for one in evidence.thumbs}
        | {f"correction:{one.row}" for one in evidence.corrections}
        | {f"comparison:{one.row}" for one in evidence.choices}
    )


def learnable(session: Session, assistant: Assistant, folder: Path) -> str:
    """All that anything later could learn from or take away, as text: pairs, lessons, golden, exports, runs."""
    evidence = gather(session, assistant.id)
    pair_set, lessons = build_pairs(evidence), build_lessons(evidence)
    golden = session.exec(select(GoldenAnswer.answer)).all()
    parts = list(map(repr, (*pair_set.pairs, *pair_set.singles, *lessons, *golden)))
    parts += ["\n".join(export_rows(session, assistant.id, format)) for format in FORMATS]
    for method, taught in (("dpo", ()), ("kto", ()), ("sft", lessons), ("sft+dpo", lessons)):
        to = folder / method
        to.mkdir(parents=True)
        freeze(pair_set, to, method=method, seed=1, lessons=taught)
        parts += [file.read_text() for file in sorted(to.glob("*.jsonl"))]
    return "\n".join(parts)


@pytest.mark.parametrize(
    ("delete", "left"),
    [
        (forget_feedback, "Judged"),
        (take_it_all_back, "Judged"),
        (forget_everything, ""),
        (delete_each_conversation, ""),
    ],
)
def test_nothing_of_it_is_learned_from_any_more(
    database: Database, assistant: Assistant, tmp_path: Path, delete: Callable[[Session, Assistant], None], left: str
) -> None:
    with database.read() as session:
        before = learnable(session, assistant, tmp_path / "before")
        shared = [pair for pair in build_pairs(gather(session, assistant.id)).pairs if len(pair.raters) == 2]
        anns = people.rows_of(session, "ann")
    assert ANNS in before and [pair.raters for pair in shared] == [("bob", "ann")] and ANNS in shared[0].rejected
    with database.write() as session:
        delete(session, assistant)
    with database.read() as session:
        after = learnable(session, assistant, tmp_path / "after")
        evidence = gather(session, assistant.id)
    lines_left = [line for line in after.splitlines() if ANNS in line]
    assert "bobsword" in after and "Another answer altogether." in after
    assert all(left and left in line for line in lines_left)
    said_by_ann = {one.rater for one in (*evidence.thumbs, *evidence.corrections, *evidence.choices)}
    assert "ann" not in said_by_ann
    if not left:
        assert not rows_in(evidence) & anns and not [answer for answer in evidence.answers if ANNS in answer.text]


def test_what_is_kept_is_counted(database: Database, assistant: Assistant) -> None:
    with database.write() as session:
        liked = session.exec(select(Rating).where(Rating.rater == "ann")).all()[-1]
        rate(session, liked.reply_id, rater="ann", value="none")
    with database.read() as session:
        found = people.kept(session, "ann")
        assert people.kept(session, "nobody") == people.Kept()
    assert (found.conversations, found.messages) == (7, 18)
    assert (found.ratings, found.corrections, found.choices, found.changes) == (1, 4, 4, 2)
    assert found.feedback == 11 and found.since is not None and assistant


def test_all_of_it_is_handed_out_and_nothing_of_others(database: Database, assistant: Assistant) -> None:
    with database.read() as session:
        data = json.loads(json.dumps(people.everything(session, "ann")))
        text = json.dumps(data)
        messages = [message["text"] for held in data["conversations"] for message in held["messages"]]
        mine = select(Message.text).join(Conversation).where(Conversation.owner == "ann")
        assert sorted(messages) == sorted(session.exec(mine))
    assert [len(data[part]) for part in ("conversations", "ratings", "corrections", "choices")] == [7, 2, 4, 4]
    assert data["ratings"][0]["comment"] == ANNS and data["choices"][0]["outcome"] == "better"
    assert data["conversations"][0]["assistant"] == assistant.slug
    assert "bobsword" not in text and "admin" not in text and assistant.system_prompt not in text


def test_sources_come_along_as_the_person_was_shown_them(database: Database) -> None:
    with database.write() as session:
        add_turn(session, add_assistant(session), "When?", "In winter [1].", sources=["Prune in winter."])
    with database.read() as session:
        [held] = people.everything(session, "ann")["conversations"]
    [source] = held["messages"][1]["sources"]
    assert source == {"n": 1, "title": "Notes", "heading": "", "text": "Prune in winter.", "cited": False}


def test_rows_of_a_person_are_theirs_and_what_was_said_of_their_answers(
    database: Database, assistant: Assistant
) -> None:
    with database.read() as session:
        rows = people.rows_of(session, "ann")
        by_admin = session.exec(select(Rating.id).where(Rating.rater == "admin")).one()
        by_bob = session.exec(select(Rating.id).where(Rating.rater == "bob")).all()
        held = session.exec(select(Conversation.id).where(col(Conversation.title).contains("again"))).one()
        assert people.rows_of(session, "ann", conversation=held) == {f"rating:{by_admin}"}
        assert people.rows_of(session, "bob", conversation=held) == frozenset()
    assert f"rating:{by_admin}" in rows and not rows & {f"rating:{row}" for row in by_bob} and assistant


def test_conversations_come_in_pages_with_their_size(database: Database, assistant: Assistant) -> None:
    with database.read() as session:
        first, second = (people.conversations(session, "ann", limit=4, offset=offset) for offset in (0, 4))
    assert [len(first.rows), len(second.rows), first.total] == [4, 3, 7]
    assert (first.rows[0].title, first.rows[0].messages) == (f"{ANNS} again?", 2)
    assert (second.rows[0].messages, second.rows[0].assistant_name) == (3, assistant.name)


def test_whoever_forgets_loses_nothing_of_others(database: Database, assistant: Assistant) -> None:
    with database.write() as session:
        people.forget_everything(session, "ann")
        assert people.kept(session, "ann") == people.Kept() and assistant
        assert people.kept(session, "bob").feedback == 10
        for table, reply in ((Rating, Rating.reply_id), (Correction, Correction.reply_id), (Reply, Reply.message_id),
                             (Comparison, Comparison.winner_id)):  # fmt: skip
            there = select(func.count()).select_from(table).where(col(reply).in_(select(Message.id)))
            assert session.exec(there).one() == session.exec(select(func.count()).select_from(table)).one()


def ids(session: Session) -> Sequence[str]:
    return session.exec(select(Message.id)).all()


@pytest.mark.parametrize("everything", [True, False])
def test_a_very_long_conversation_can_be_deleted(database: Database, everything: bool) -> None:
    """Each message points to the one before it, and SQLite follows no more than a thousand such steps."""
    with database.write() as session:
        assistant = add_assistant(session)
        held = Conversation(assistant_id=assistant.id, owner="ann", title="long")
        session.add(held)
        session.flush()
        before: str | None = None
        for number in range(2_400):
            message = Message(conversation_id=held.id, parent_id=before, role="user", text=str(number))
            session.add(message)
            before = message.id
        kept = add_turn(session, assistant, "Mine?", "Yes.", owner="bob")
    with database.write() as session:
        if everything:
            people.forget_everything(session, "ann")
        else:
            records.delete_conversation(session, held.id, owner="ann")
        assert sorted(ids(session)) == sorted([kept.id, kept.parent_id or ""])
