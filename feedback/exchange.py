"""Feedback as JSON lines, out and in, in TRL's conversational preference and unpaired formats.

Imported lines become rows like any other: a conversation of the importer's with its question, its answers and what was
said of them. So they are paired, counted, exported and forgotten by the same rules.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from assistant.errors import BadInput
from assistant.prompt import ChatMessage
from assistant.records import assistant_by_id
from assistant.tables import Assistant, Conversation, Message, Reply, ReplyState, Role
from feedback import counting, golden, ratings
from feedback.evidence import excluded_rows, gather
from feedback.likeness import normal
from feedback.pairs import Pair, Single, build_pairs
from feedback.rows import name_of
from feedback.tables import IMPORTER, Rating, Value

FORMATS = ("preference", "unpaired", "ratings")
MAX_CHARS = 200_000
"""Of one imported line."""


@dataclass(frozen=True)
class ImportResult:
    """How many lines were added, how many were there already, and a sentence with its number for each other line."""

    added: int
    already_there: int
    problems: tuple[str, ...]


def export_rows(session: Session, assistant_id: str, format: str) -> Iterator[str]:
    """The lines, without line ends, of an assistant's feedback as it counts now.

    `preference` has the pairs, `unpaired` the single thumbs; together they are what would be trained on. `ratings` has
    every thumb with its question and answer. What an admin leaves out of training is in none of them. Raises `BadInput`
    for another format, before the first line.
    """
    if format not in FORMATS:
        raise BadInput(f"{format!r} is no export format. Choose one of {', '.join(FORMATS)}.")
    if format == "ratings":
        rows: Iterable[dict[str, Any]] = _rated(session, assistant_id)
    else:
        built = build_pairs(gather(session, assistant_id))
        rows = map(_preference, built.pairs) if format == "preference" else map(_unpaired, built.singles)
    return map(_line, rows)


def import_rows(session: Session, assistant_id: str, lines: Iterable[str], *, rater: str = IMPORTER) -> ImportResult:
    """Store lines of the preference and unpaired formats, mixed as they come, as the feedback of `rater`.

    A line that is there already is not stored twice; one that cannot be used is told and the others still go in.
    Raises `NotFound` for the assistant.
    """
    assistant = assistant_by_id(session, assistant_id)
    added, already_there, problems = 0, 0, []
    for number, line in enumerate(lines, 1):
        if not line.strip("\ufeff \t\r\n"):
            continue
        try:
            if _store(session, assistant, _parsed(line), rater=rater):
                added += 1
            else:
                already_there += 1
        except BadInput as exc:
            problems.append(f"Line {number}: {exc}")
    golden.refresh(session, assistant_id)
    return ImportResult(added, already_there, tuple(problems))


def _line(row: dict[str, Any]) -> str:
    """One line for every reader: also the line ends that only some know, such as U+2028, are escaped."""
    line = json.dumps(row, ensure_ascii=False)
    return "".join(json.dumps(char)[1:-1] if char in "\x7f\x85\u2028\u2029" else char for char in line)


def _preference(pair: Pair) -> dict[str, Any]:
    return {
        "prompt": list(pair.prompt),
        "chosen": [_answered(pair.chosen)],
        "rejected": [_answered(pair.rejected)],
        "kind": pair.kind,
        "rows": list(pair.rows),
    }


def _unpaired(single: Single) -> dict[str, Any]:
    return {
        "prompt": list(single.prompt),
        "completion": [_answered(single.completion)],
        "label": single.label,
        "rows": list(single.rows),
    }


def _rated(session: Session, assistant_id: str) -> Iterator[dict[str, Any]]:
    rating, asked = aliased(Rating, counting.ratings().subquery()), aliased(Message)
    query = (
        select(rating, Message, Reply, asked)
        .join(Message, col(Message.id) == rating.reply_id)
        .join(Reply, col(Reply.message_id) == col(Message.id))
        .join(asked, col(asked.id) == col(Message.parent_id))
        .join(Conversation, col(Conversation.id) == col(Message.conversation_id))
        .where(Conversation.assistant_id == assistant_id)
        .order_by(col(rating.id))
    )
    not_wanted = excluded_rows(session)
    for given, message, made, question in session.exec(query):
        if name_of(given) in not_wanted:
            continue
        yield {
            "row": name_of(given),
            "reply": message.id,
            "question": question.text,
            "text": message.text,
            "adapter": made.adapter,
            "value": given.value,
            "reasons": given.reasons,
            "comment": given.comment,
            "rater": given.rater,
            "created_at": given.created_at.isoformat(),
        }


def _answered(text: str) -> ChatMessage:
    return {"role": "assistant", "content": text}


@dataclass(frozen=True)
class _Line:
    """An imported line: two answers, the better first, or one with its label."""

    prompt: list[ChatMessage]
    answers: tuple[str, ...]
    label: bool | None = None


def _parsed(line: str) -> _Line:
    if len(line) > MAX_CHARS:
        raise BadInput(f"It has {len(line)} characters, and at most {MAX_CHARS} are read. Shorten or leave it out.")
    try:
        row = json.loads(line.strip("\ufeff \t\r\n"))
    except (ValueError, RecursionError) as exc:
        raise BadInput("It is not JSON. Write one object on each line, and no line breaks within it.") from exc
    if not isinstance(row, dict) or not ({"chosen", "rejected"} <= row.keys() or {"completion", "label"} <= row.keys()):
        raise BadInput('It needs "prompt" with "chosen" and "rejected", or with "completion" and "label".')
    prompt = _messages(row, "prompt")
    if prompt[-1]["role"] != Role.user:
        raise BadInput('The last message of "prompt" must be the user\'s question.')
    if "chosen" in row:
        chosen, rejected = _answer(row, "chosen"), _answer(row, "rejected")
        if normal(chosen) == normal(rejected):
            raise BadInput('"chosen" and "rejected" are the same, so nothing can be learned from them. Leave it out.')
        return _Line(prompt, (chosen, rejected))
    if not isinstance(row["label"], bool):
        raise BadInput('"label" must be true (good) or false (bad).')
    return _Line(prompt, (_answer(row, "completion"),), row["label"])


def _messages(row: dict[str, Any], key: str) -> list[ChatMessage]:
    given = row.get(key)
    roles = ("system", *Role)
    if not isinstance(given, list) or not given:
        raise BadInput(f'"{key}" must be a list of messages such as {{"role": "user", "content": "..."}}.')
    messages = []
    for message in given:
        if not isinstance(message, dict) or message.get("role") not in roles:
            raise BadInput(f'Each message of "{key}" needs a "role" among {", ".join(roles)}.')
        content = message.get("content")
        text = ratings.storable(content) if isinstance(content, str) else ""
        if not text.strip():
            raise BadInput(f'Each message of "{key}" needs a "content" that is a text and not empty.')
        messages.append({"role": message["role"], "content": text})
    return messages


def _answer(row: dict[str, Any], key: str) -> str:
    messages = _messages(row, key)
    if len(messages) != 1 or messages[0]["role"] != Role.assistant:
        raise BadInput(f'"{key}" must be one message of the assistant.')
    return messages[0]["content"]


def _store(session: Session, assistant: Assistant, line: _Line, *, rater: str) -> bool:
    """Whether anything was new. Ids are made of the content, so that the same line finds its own rows again."""
    content = json.dumps([assistant.id, rater, line.prompt, sorted(line.answers)])
    held, question = _id("conversation", content), _id("question", content)
    replies = [_id("reply", content, text) for text in line.answers]
    if session.get(Conversation, held) is None:
        asked = line.prompt[-1]["content"]
        session.add(Conversation(id=held, assistant_id=assistant.id, owner=rater, title=" ".join(asked.split())[:60]))
        session.flush()
        session.add(Message(id=question, conversation_id=held, role=Role.user, text=asked))
        session.flush()
        for reply, text in zip(replies, line.answers, strict=True):
            session.add(Message(id=reply, conversation_id=held, parent_id=question, role=Role.assistant, text=text))
            session.flush()
            session.add(_made(assistant, reply, line.prompt))
        session.flush()
    if line.label is None:
        return ratings.compare(session, *replies, rater=rater)
    return ratings.rate(session, replies[0], rater=rater, value=Value.up if line.label else Value.down)


def _made(assistant: Assistant, reply: str, prompt: list[ChatMessage]) -> Reply:
    return Reply(
        message_id=reply,
        state=ReplyState.done,
        model=assistant.model,
        adapter=None,
        prompt=prompt,
        sources=[],
        temperature=0.0,
        top_p=1.0,
        max_new_tokens=assistant.max_new_tokens,
        seed=0,
    )


def _id(*parts: str) -> str:
    return sha256("\0".join(parts).encode()).hexdigest()[:32]
