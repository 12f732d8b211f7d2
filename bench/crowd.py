"""What a crowd leaves in a database: thousands of messages with their replies, and what people thought of them.

Rows only, written at once: no model, no chat. The same numbers give the same crowd.
"""

from datetime import datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import insert

from assistant import records
from assistant.database import Database, new_id
from assistant.tables import Conversation, Message, Reply, ReplyState, Role
from feedback.tables import Comparison, Correction, Outcome, Rating, Value

TURNS = 5
"""Questions of a conversation, each with one answer; every tenth has two."""
RATED, CORRECTED, LIKED = 0.4, 0.06, 0.7
"""Shares of answers with a thumb, of answers with a correction, and of thumbs that are up."""
WORDS = (
    "library tool drill saw evening member loan blade desk euro late return card student holiday Saturday repair "
    "sander ladder week day fee counter open closed borrow extend proof address damage"
).split()
SOURCES = 4
VERSIONS = (None, "default-v1", "default-v2", "default-v3")
OWN_SHARE = 0.04
"""Of the conversations, those of the person whose pages are looked at."""


def add_crowd(database: Database, *, messages: int, owner: str, now: datetime, seed: int = 1) -> None:
    """Fill a database with about so many messages of the last year; some conversations are `owner`'s."""
    chance = Random(seed)
    rows: dict[Any, list[dict[str, Any]]] = {
        table: [] for table in (Conversation, Message, Reply, Rating, Correction, Comparison)
    }
    with database.write() as session:
        assistant = records.assistant_by_slug(session, "default")
        while len(rows[Message]) < messages:
            rater = owner if chance.random() < OWN_SHARE else f"guest-{chance.randrange(400):032x}"
            _converse(rows, chance, assistant.id, rater, now - timedelta(minutes=chance.randrange(365 * 24 * 60)))
        for table, made in rows.items():
            if made:
                session.execute(insert(table), made)


def _converse(rows: dict[Any, list[dict[str, Any]]], chance: Random, assistant: str, rater: str, at: datetime) -> None:
    held = {"id": new_id(), "assistant_id": assistant, "owner": rater, "title": _words(chance, 8)}
    rows[Conversation].append(held | {"created_at": at, "updated_at": at + timedelta(minutes=TURNS)})
    parent, version = None, chance.choice(VERSIONS)
    for turn in range(TURNS):
        when = at + timedelta(minutes=turn)
        asked = _message(held["id"], parent, Role.user, _words(chance, 12), when)
        rows[Message].append(asked)
        answers = [
            _message(held["id"], asked["id"], Role.assistant, _words(chance, 60), when + timedelta(seconds=9 * (n + 1)))
            for n in range(2 if chance.random() < 0.1 else 1)
        ]
        for answer in answers:
            rows[Message].append(answer)
            rows[Reply].append(_made(chance, answer["id"], asked["text"], version))
            _judge(rows, chance, answer, rater)
        if len(answers) > 1:
            pair = {"winner_id": answers[1]["id"], "loser_id": answers[0]["id"], "outcome": Outcome.better}
            rows[Comparison].append(pair | {"rater": rater, "created_at": when})
        parent = answers[-1]["id"]


def _judge(rows: dict[Any, list[dict[str, Any]]], chance: Random, answer: dict[str, Any], rater: str) -> None:
    given = {"reply_id": answer["id"], "rater": rater, "created_at": answer["created_at"]}
    if chance.random() < RATED:
        up = chance.random() < LIKED
        reasons = ["right"] if up else ["wrong", "too_long"]
        comment = "" if chance.random() < 0.9 else _words(chance, 10)
        value = Value.up if up else Value.down
        rows[Rating].append(given | {"value": value, "reasons": reasons, "comment": comment})
    if chance.random() < CORRECTED:
        rows[Correction].append(given | {"text": _words(chance, 40)})


def _message(conversation: str, parent: str | None, role: Role, text: str, at: datetime) -> dict[str, Any]:
    return {
        "id": new_id(), "conversation_id": conversation, "parent_id": parent, "role": role, "text": text,
        "created_at": at,
    }  # fmt: skip


def _made(chance: Random, message: str, question: str, version: str | None) -> dict[str, Any]:
    sources = [
        {
            "n": n, "chunk": new_id(), "document": new_id(), "title": _words(chance, 3), "heading": _words(chance, 2),
            "text": _words(chance, 30), "score": 0.5, "start": 0, "end": 180, "cited": n == 1,
        }
        for n in range(1, SOURCES + 1)
    ]  # fmt: skip
    told = "\n\n".join(f"[{source['n']}] {source['title']}\n{source['text']}" for source in sources)
    return {
        "message_id": message,
        "state": ReplyState.done,
        "model": "default",
        "adapter": version,
        "prompt": [
            {"role": "system", "content": _words(chance, 50)},
            {"role": "user", "content": f"{told}\n\nQuestion: {question}"},
        ],
        "sources": sources,
        "temperature": 0.3,
        "top_p": 0.9,
        "max_new_tokens": 256,
        "seed": chance.randrange(2**31),
        "prompt_tokens": 400,
        "reply_tokens": 80,
        "first_token_s": 0.4,
        "total_s": 2.0,
        "error": "",
    }


def _words(chance: Random, number: int) -> str:
    return " ".join(chance.choices(WORDS, k=number)).capitalize() + "."
