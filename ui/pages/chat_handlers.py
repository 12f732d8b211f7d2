"""What the buttons of the chat page do: plain functions and generators from ids and text to a `View` of the page.

A view says what changes; `ui.pages.chat` puts it on the page. What the browser sends is used as ids and text only: who
calls was checked by the server, and everything shown is read back from the database.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from sqlmodel import Session

from assistant import records
from assistant.errors import BadInput, NotFound, ThumbloopError
from assistant.tables import Assistant, Conversation, ReplyState
from feedback.ratings import REASONS
from ui import access, endpoints
from ui.pages import thread, thread_html
from ui.pages.markup import escape
from ui.pages.thread_html import AT_NOTHING, Look
from ui.services import Services
from ui.sessions import Caller

logger = logging.getLogger(__name__)

MIN_YIELD_S = 0.05
"""Text is sent on in chunks of at least this long: each costs the browser a redraw."""
FAILED = "Something went wrong on the server. What you typed is still there: try again, and look into the log."
STOP_WAIT_S = 3.0


@dataclass(frozen=True, kw_only=True)
class View:
    """What changes on the chat page; None leaves a part as it is."""

    thread: str | None = None
    live: str | None = None
    box: str | None = None
    conversation: str | None = None
    listing: str | None = None
    busy: bool | None = None
    warning: str = ""


def show(services: Services, caller: Caller, *, assistant: str = "default", conversation: str) -> View:
    """The page at rest: a conversation, or the greeting if there is none (yet, or any more)."""
    with services.database.read() as session:
        asked = records.assistant_by_slug(session, assistant)
        held = records.conversations(session, owner=caller.id, assistant_id=asked.id)
        known = conversation if _is_theirs(session, caller, conversation) else ""
    return View(
        thread=_thread(services, caller, known) if known else _welcome(caller, asked),
        live="",
        conversation=known,
        listing=_listing(held, current=known),
        busy=False,
        warning="" if known == conversation else "That conversation is gone, or is not yours. Start a new one.",
    )


def send(
    services: Services,
    caller: Caller,
    *,
    assistant: str = "default",
    message: str,
    conversation: str,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[View]:
    """Ask a question and stream its answer. The box is emptied once the question is stored, not before."""
    if not message.strip():
        yield View(warning="Type a question first.")
        return
    yield View(
        live=thread_html.question(message.strip()) + thread_html.writing("", status="Looking through the documents"),
        busy=True,
        thread=None if conversation else "",
    )
    turns = endpoints.chat(services, caller, message, assistant=assistant, conversation=conversation or None)
    yield from _streamed(
        services, caller, turns, assistant=assistant, asked=message.strip(), conversation=conversation, clock=clock
    )


def example(services: Services, caller: Caller, *, assistant: str = "default", n: str) -> str:
    """The example question that a button with number `n` stands for."""
    with services.database.read() as session:
        questions = access.require_use(session, caller, assistant).example_questions
    if not n.isdecimal() or int(n) >= len(questions):
        raise BadInput("This example is gone. Reload the page, or type your question.")
    return questions[int(n)]


def retry(
    services: Services,
    caller: Caller,
    *,
    assistant: str = "default",
    reply: str,
    conversation: str,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[View]:
    """Answer the question of a reply again; the earlier answer stays."""
    yield View(live=thread_html.writing("", status="Thinking again"), busy=True)
    turns = endpoints.retry(services, caller, reply)
    yield from _streamed(services, caller, turns, assistant=assistant, asked="", conversation=conversation, clock=clock)


def _streamed(
    services: Services,
    caller: Caller,
    turns: Iterator[dict[str, Any]],
    *,
    assistant: str,
    asked: str,
    conversation: str,
    clock: Callable[[], float],
) -> Iterator[View]:
    before = thread_html.question(asked) if asked else ""
    shown_at: float | None = None
    warning = ""
    try:
        with closing(turns):  # type: ignore[type-var]  # a generator, though its type says less
            for turn in turns:
                if shown_at is not None and clock() - shown_at < MIN_YIELD_S:
                    continue
                first = shown_at is None
                conversation, shown_at = turn["conversation"], clock()
                yield View(
                    live=before + thread_html.writing(turn["text"], sources=turn["sources"], status="Writing"),
                    box="" if asked and first else None,
                    conversation=conversation if first else None,
                )
    except ThumbloopError as exc:
        warning = str(exc)
    except Exception:
        logger.exception("a reply in conversation %s failed", conversation or "(new)")
        warning = FAILED
    rest = show(services, caller, assistant=assistant, conversation=conversation)
    yield replace(rest, warning=warning or rest.warning)


def stop(services: Services, caller: Caller, *, assistant: str = "default", conversation: str) -> View:
    """The page after Stop, with the last words, which may take a moment to be stored."""
    _await_last_words(services, conversation)
    return show(services, caller, assistant=assistant, conversation=conversation)


def pick(services: Services, caller: Caller, *, assistant: str = "default", conversation: str, leaving: str) -> View:
    """Another conversation, once no words for the one before can come any more and be shown in it."""
    _await_last_words(services, leaving)
    return show(services, caller, assistant=assistant, conversation=conversation)


def act(services: Services, caller: Caller, *, conversation: str, data: Mapping[str, Any]) -> View:
    """Do what a button in an answer says, and show it. Raises what the endpoints raise."""
    todo, reply = data.get("do"), _text(data, "reply")
    if todo == "rate":
        value = _text(data, "value")
        endpoints.rate(services, caller, reply, value)
        if value == "none":
            endpoints.correct(services, caller, reply, "")
            return View(thread=_thread(services, caller, conversation, look=Look(saved=reply)))
        return View(thread=_thread(services, caller, conversation, look=Look(opened=reply)))
    if todo == "save":
        _save(services, caller, reply, data)
        return View(thread=_thread(services, caller, conversation, look=Look(saved=reply)))
    if todo == "edit":
        return View(thread=_thread(services, caller, conversation, look=Look(opened=reply)))
    if todo == "place":
        place = endpoints.source(services, caller, reply, _number(data, "n"))
        return View(thread=_thread(services, caller, conversation, look=Look(place=place)))
    if todo == "close":
        return View(thread=_thread(services, caller, conversation))
    if todo == "compare":
        endpoints.compare(services, caller, _text(data, "winner"), _text(data, "loser"), outcome=_text(data, "outcome"))
        return View(thread=_thread(services, caller, conversation))
    raise BadInput("The page asked for something unknown. Reload it and try again.")


def _save(services: Services, caller: Caller, reply: str, data: Mapping[str, Any]) -> None:
    reasons = data.get("reasons")
    chosen = [str(reason) for reason in reasons] if isinstance(reasons, list) else []
    endpoints.rate(services, caller, reply, _text(data, "value"), reasons=chosen, comment=_text(data, "comment"))
    with services.database.read() as session:
        original = records.reply(session, reply, owner=caller.id)[0].text
    correction = _text(data, "correction").strip()
    endpoints.correct(services, caller, reply, "" if correction.split() == original.split() else correction)


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name, "")
    return value if isinstance(value, str) else ""


def _number(data: Mapping[str, Any], name: str) -> int:
    value = _text(data, name)
    return int(value) if value.isdecimal() and len(value) < 4 else 0


def _thread(services: Services, caller: Caller, conversation: str, *, look: Look = AT_NOTHING) -> str:
    with services.database.read() as session:
        exchanges = thread.load(session, conversation, owner=caller.id)
    return thread_html.thread(exchanges, reasons=REASONS, look=look)


def _welcome(caller: Caller, asked: Assistant) -> str:
    if refused := access.refusal(caller, asked):
        return thread_html.closed(refused)
    return thread_html.welcome(name=asked.name, greeting=asked.greeting, examples=asked.example_questions)


def _is_theirs(session: Session, caller: Caller, conversation: str) -> bool:
    try:
        return bool(conversation) and records.conversation(session, conversation, owner=caller.id) is not None
    except NotFound:
        return False


def _await_last_words(services: Services, conversation: str) -> None:
    until = time.monotonic() + STOP_WAIT_S
    while conversation and _still_writing(services, conversation) and time.monotonic() < until:
        time.sleep(0.05)


def _still_writing(services: Services, conversation: str) -> bool:
    with services.database.read() as session:
        return any(made.state is ReplyState.streaming for made in records.replies(session, conversation).values())


def _listing(held: Sequence[Conversation], *, current: str) -> str:
    rows = "".join(
        f'<li><button type="button" data-do="open" data-conversation="{escape(one.id)}"'
        f"{' aria-current=true' if one.id == current else ''}>{escape(one.title)}</button></li>"
        for one in held
    )
    empty = '<p class="tl-quiet">Your conversations will be listed here.</p>'
    return (
        '<button type="button" class="tl-menu" data-do="menu" aria-expanded="false">Conversations</button>'
        '<nav aria-label="Conversations"><button type="button" class="tl-new" data-do="open" data-conversation="">'
        f"New conversation</button>{f'<ul>{rows}</ul>' if held else empty}</nav>"
    )
