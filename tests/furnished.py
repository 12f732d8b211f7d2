"""An app as a month of use leaves it: documents, conversations, many people's feedback, versions and a run under way.

Rows and scripted replies only; nothing is trained. For tests of whole pages, for pictures of them and for timings.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import update
from sqlmodel import Session, col, select

from assistant import records
from assistant.fake_engine import FakeEngine
from assistant.knowledge import Upload
from assistant.samples import sample_documents
from assistant.starting_points import STARTING_POINTS
from assistant.tables import Assistant, Conversation, Message, Reply
from feedback.tables import Comparison, Correction, Rating, Value
from retrain.tables import Adapter, AdapterState, Promotion, Run, RunState
from tests.builders import add_turn
from tests.pages import run_that_told
from tests.serving import AppServer
from ui import endpoints
from ui.services import Services
from ui.sessions import Caller
from ui.tables import Account

DOCUMENTS = Path(__file__).parent / "data" / "tool-library"
ASSISTANT = {
    "name": "Tool library",
    "greeting": "Hello! I know the rules of the tool library. Ask me anything about them, and rate what I say.",
    "example_questions": [
        "How long may a power tool be kept?",
        "What do I bring to join?",
        "When are you open on Saturdays?",
        "What does a late tool cost?",
    ],
}
COACH = next(point for point in STARTING_POINTS if point.key == "writing-coach")
"""A second assistant, since only then there is one to pick."""
TALK = (
    (
        "How long may hand tools and power tools be kept?",
        "Hand tools may be kept for **two weeks**, power tools for **four days** [1].",
    ),
    (
        "What does each day late cost for a power tool?",
        "Each day late costs:\n\n- **three euros** for a power tool [1]\n- one euro for a hand tool [1]",
    ),
)
OTHER_QUESTION = "Do I bring an identity card to join?"
OTHER_ANSWERS = (
    "Yes: bring an identity card and a proof of address [1].",
    "Bring an identity card. Membership is 24 euros a year, half of that for students, and I think that payment by "
    "card is possible.",
)
ASKED = (
    ("When are you open on Saturdays?", "From nine to two on Saturdays [1].", "From nine until noon."),
    ("Is there a discount for students?", "Yes: 12 euros a year instead of 24 [1].", "I don't find that."),
    ("Can I extend a loan?", "Once, unless somebody else waits for the tool [1].", "As often as you like."),
    ("What does a late hand tool cost?", "One euro for each day late [1].", "Nothing for the first week."),
    ("Are you open on public holidays?", "No, it is closed on public holidays [1].", "Only in the morning."),
    ("Who pays for a worn saw blade?", "The library replaces worn blades at no cost [1].", "You do, at full price."),
    ("May I borrow on the day I join?", "Yes, the first tool can be taken home that day [1].", "After one week."),
)
VERSIONS = (
    ("default-v0", None, AdapterState.archived, 34),
    ("default-v1", "default-v0", AdapterState.archived, 21),
    ("default-v2", "default-v1", AdapterState.active, 8),
    ("default-v3", "default-v2", AdapterState.candidate, 1),
)
"""Name, parent, state and age in days."""
APPROVAL = {"default-v0": 3, "default-v1": 5, "default-v2": 8}
"""Of ten thumbs on a version's answers, so many are up."""
PEOPLE = 9
EXAMPLES = {
    "held_out": [
        (
            "What does a late power tool cost?",
            "It costs one euro for each day that it is late.",
            "Three euros for each day late [1].",
            "Three euros a day [1].",
        ),
        (
            "Can I pay by card?",
            "Yes, of course, all cards are welcome.",
            "I don't find that in the documents.",
            "I don't find that in the documents.",
        ),
    ],
    "neutral": [("Name three fruits.", "Apple, pear and plum.", "Apples, pears and plums.", "")],
    "grounded": [
        (
            "When does the library close on Thursdays?",
            "At eight in the evening [1].",
            "At eight in the evening [1].",
            "",
        )
    ],
}
CHECKS = (
    ("fluency", 1.02, 1.15, False, True, "It writes as fluently as before."),
    ("variety", 0.97, 0.9, True, True, "Its words are as varied as before."),
    ("not too short", 0.94, 0.6, True, True, "Its answers are about as long as before."),
    ("answers from sources", 0.86, 0.8, True, True, "It answers 86% of the questions about a given passage rightly."),
    (
        "preference",
        0.71,
        0.55,
        True,
        True,
        "It prefers what people preferred in 71% of the preferences kept for the test.",
    ),
)


@dataclass(frozen=True)
class Furnished:
    """Where to look: ids of the admin's conversations."""

    talk: str
    """Two questions and their answers, the first of them liked and the second corrected."""
    undecided: str
    """A question with two answers, of which neither was chosen."""
    engine: FakeEngine
    """For what the assistant is to say next."""


def furnish(app: AppServer, *, now: datetime | None = None) -> Furnished:
    """Put a month of use into an app; the conversations are the admin's."""
    services, at = app.services, now or datetime.now(UTC)
    admin = admin_of(services)
    files = [Upload(name=path.name, data=path.read_bytes()) for path in sorted(DOCUMENTS.iterdir())]
    with services.database.write() as session:
        asked = records.assistant_by_slug(session, "default")
        records.update_assistant(session, asked.id, **ASSISTANT)
        records.create_assistant(session, slug=COACH.key, **COACH.settings)
    for known in sample_documents():
        services.knowledge.delete(asked.id, known.name)
    endpoints.ingest(services, admin, "default", files)
    _quote_at(services, 0.0)  # the fake embedder knows no meaning, so nothing matches well
    (talk, replies), undecided = _talk(app, admin), _undecided(app, admin)
    _quote_at(services, None)
    with services.database.write() as session:
        asked = records.assistant_by_slug(session, "default")
        _past_of_others(session, asked, now=at)
        _past_versions(session, asked, now=at)
    endpoints.rate(services, admin, replies[0], "up", reasons=["well_sourced"])
    endpoints.rate(services, admin, replies[1], "down", reasons=["too_long"])
    endpoints.correct(services, admin, replies[1], "Three euros for each day late, as for every power tool [1].")
    _say_what_taught(services)
    _run_under_way(services, now=at)
    return Furnished(talk=talk, undecided=undecided, engine=app.engine)


def admin_of(services: Services) -> Caller:
    """The account `admin` as a caller."""
    with services.database.read() as session:
        account = session.exec(select(Account).where(Account.name == "admin")).one()
    return Caller(account.id, account.name, "admin")


def _quote_at(services: Services, least_match: float | None) -> None:
    with services.database.write() as session:
        asked = records.assistant_by_slug(session, "default")
        records.update_assistant(session, asked.id, min_score=least_match)


def _asked(app: AppServer, caller: Caller, question: str, answer: str, conversation: str | None) -> tuple[str, str]:
    app.engine.enqueue(answer)
    last = list(endpoints.chat(app.services, caller, question, conversation=conversation))[-1]
    return last["conversation"], last["reply"]


def _talk(app: AppServer, caller: Caller) -> tuple[str, list[str]]:
    conversation, replies = None, []
    for question, answer in TALK:
        conversation, reply = _asked(app, caller, question, answer, conversation)
        replies.append(reply)
    assert conversation
    return conversation, replies


def _undecided(app: AppServer, caller: Caller) -> str:
    conversation, reply = _asked(app, caller, OTHER_QUESTION, OTHER_ANSWERS[0], None)
    app.engine.enqueue(OTHER_ANSWERS[1])
    assert list(endpoints.retry(app.services, caller, reply))
    return conversation


def _past_of_others(session: Session, asked: Assistant, *, now: datetime) -> None:
    """What other people asked and thought of it in the last weeks, better from version to version."""
    passages = [path.read_text(encoding="utf-8") for path in sorted(DOCUMENTS.iterdir())]
    for age, (adapter, good) in zip((22, 9, 0), APPROVAL.items(), strict=True):
        for n in range(20):
            question, right, wrong = ASKED[n % len(ASKED)]
            liked = (n * 7 + 3) % 10 < good
            rater = f"guest-{n % PEOPLE:032x}"
            passage = next((text for text in passages if right.split()[-2] in text), passages[0])
            reply = add_turn(
                session, asked, question, right if liked else wrong, owner=rater, sources=[passage], adapter=adapter
            )
            at = now - timedelta(days=age + n % 8, minutes=37 * n + 5)
            _date(session, reply, at)
            _judge(session, reply, rater, liked=liked, better=right, n=n, at=at + timedelta(minutes=2))


def _date(session: Session, reply: Message, at: datetime) -> None:
    held = {"created_at": at, "updated_at": at}
    session.exec(update(Conversation).where(col(Conversation.id) == reply.conversation_id).values(**held))
    session.exec(update(Message).where(col(Message.conversation_id) == reply.conversation_id).values(created_at=at))


def _judge(session: Session, reply: Message, rater: str, *, liked: bool, better: str, n: int, at: datetime) -> None:
    reasons = (["right", "clear"] if liked else ["wrong", "not_in_sources"])[: 1 + n % 2]
    comment = "This is not what the sign at the door says." if not liked and n % 4 == 1 else ""
    value = Value.up if liked else Value.down
    session.add(Rating(reply_id=reply.id, rater=rater, value=value, reasons=reasons, comment=comment, created_at=at))
    if not liked and n % 3 == 0:
        session.add(Correction(reply_id=reply.id, rater=rater, text=better, created_at=at))
    if not liked and n % 5 == 2:
        asked = session.get_one(Conversation, reply.conversation_id)
        assistant = session.get_one(Assistant, asked.assistant_id)
        other = add_turn(session, assistant, "", better, owner=rater, adapter=None, again=reply)
        session.add(Comparison(winner_id=other.id, loser_id=reply.id, rater=rater, created_at=at))


def _past_versions(session: Session, asked: Assistant, *, now: datetime) -> None:
    for version, (name, parent, state, age) in enumerate(VERSIONS):
        at = now - timedelta(days=age)
        run = Run(
            assistant_id=asked.id,
            state=RunState.done,
            method="dpo" if parent else "sft",
            asked_by="schedule" if version % 2 else "admin",
            counts={"train": 18 + 9 * version, "held_out": 4 + 2 * version},
            report=_report(against=parent),
            adapter=name,
            created_at=at - timedelta(minutes=19),
            started_at=at - timedelta(minutes=18),
            finished_at=at,
        )
        session.add(run)
        session.flush()
        held = session.get(Adapter, name)
        if held is not None:
            session.delete(held)
            session.flush()
        session.add(
            Adapter(
                id=name, assistant_id=asked.id, version=version, state=state, parent=parent,
                run_id=run.id, model="default", sha256="0" * 64, created_at=at,
            )
        )  # fmt: skip
        if state is not AdapterState.candidate:
            promoted = {"before": parent, "after": name, "kind": "promote", "by": "admin"}
            session.add(Promotion(assistant_id=asked.id, created_at=at + timedelta(minutes=30), **promoted))
    asked.adapter = "default-v2"
    session.add(asked)
    session.exec(update(Reply).where(col(Reply.adapter).is_(None)).values(adapter=asked.adapter))


def _report(*, against: str | None) -> dict[str, Any]:
    def example(prompt: str, before: str, after: str, preferred: str) -> dict[str, str]:
        told = {"prompt": prompt, "before": before, "after": after}
        return told | ({"chosen": preferred, "rejected": before} if preferred else {})

    sentence = "The new version passed every check: it learned what people prefer and writes as well as before."
    names = ("name", "figure", "limit", "at_least", "passed", "sentence")
    return {
        "verdict": {"passed": True, "sentence": sentence},
        "checks": [dict(zip(names, check, strict=True)) for check in CHECKS],
        "method": {"against": against},
        "examples": {key: [example(*one) for one in examples] for key, examples in EXAMPLES.items()},
    }


def _say_what_taught(services: Services) -> None:
    """Let the last version learn from all corrections and choices; two of them pulled against what people prefer."""
    adapter = VERSIONS[-1][0]
    with services.database.read() as session:
        run = session.get_one(Adapter, adapter).run_id
        rows = [f"correction:{row}" for row in session.exec(select(Correction.id))]
        rows += [f"comparison:{row}" for row in session.exec(select(Comparison.id))]
    assert run
    lines = [{"rows": [row], "pull": round(0.61 - 0.11 * n if n % 6 else -0.3, 2)} for n, row in enumerate(rows)]
    for folder, name, text in (
        (services.runs.folder(run), "influence.jsonl", "".join(json.dumps(line) + "\n" for line in lines)),
        (services.settings.adapters_dir / adapter, "rows.json", json.dumps(rows)),
    ):
        folder.mkdir(parents=True)
        (folder / name).write_text(text, encoding="utf-8")


def _run_under_way(services: Services, *, now: datetime) -> None:
    """A run that has come two thirds of the way."""
    told = [
        {
            "at": (now - timedelta(seconds=6.5 * (40 - step))).isoformat(),
            "state": "training",
            "share": round(step / 120, 3),
            "step": step,
            "of": 60,
            "loss": round(0.29 + 0.4 * 0.93**step, 3),
            "margin": round(0.031 * step - 0.04 * (step % 3 == 0), 3),
            "accuracy": round(min(0.52 + step / 90 + 0.03 * (step % 4 == 1), 0.97), 3),
            "kl": round(0.0061 * step, 4),
            "kl_budget": 0.5,
            "seconds_left": 6.5 * (60 - step),
        }
        for step in range(1, 41)
    ]
    lines = ("read 54 pairs", "loaded the model", "training from default-v2, 60 steps")
    run_that_told(
        services,
        told,
        log="\n".join(lines) + "\n",
        counts={"train": 43, "held_out": 11},
        created_at=now - timedelta(minutes=5),
        started_at=now - timedelta(minutes=4),
    )
