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
from assistant.tables import Assistant
from feedback.ratings import REASONS
from ui import access
from ui.endpoints.chat import converse, edit, retry_one
from ui.pages import conversations_handlers, thread, thread_handlers, thread_html
from ui.pages.branches_html import question
from ui.pages.thread_html import AT_NOTHING, Look
from ui.services import Services
from ui.sessions import Caller

logger = logging.getLogger(__name__)

MIN_YIELD_S = 0.05
"""Text is sent on in chunks of at least this long: each costs the browser a redraw."""
FAILED = "Something went wrong on the server. What you typed is still there: try again, and look into the log."
STOP_WAIT_S = 3.0
GONE = "That conversation is gone, is with another assistant, or is not yours. Start a new one."
LOOKING = "Looking through the documents"
NOTHING_SAID: Mapping[str, Any] = {}


@dataclass(frozen=True, kw_only=True)
class View:
    """What changes on the chat page; None leaves a part as it is."""

    thread: str | None = None
    live: str | None = None
    box: str | None = None
    conversation: str | None = None
    busy: bool | None = None
    warning: str = ""


def show(services: Services, caller: Caller, *, assistant: str = "default", conversation: str, reply: str = "") -> View:
    """The page at rest: a conversation, or the greeting if there is none (yet, or any more).

    With `reply`, the conversation is turned to the branch of that answer, if it is in another one.
    """
    with services.database.read() as session:
        asked = records.assistant_by_slug(session, assistant)
        known = conversation if _is_theirs(session, caller, conversation, asked) else ""
    if known and reply:
        thread_handlers.turn_to(services, caller, known, reply)
    return View(
        thread=_thread(services, caller, known) if known else _welcome(caller, asked),
        live="",
        conversation=known,
        busy=False,
        warning="" if known == conversation else GONE,
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
        live=question(message.strip()) + thread_html.writing((), status=LOOKING),
        busy=True,
        thread=None if conversation else "",
    )
    steps = converse(services, caller, message, assistant=assistant, conversation=conversation or None)
    page = _Page(services=services, caller=caller, assistant=assistant, conversation=conversation)
    yield from page.streamed(steps, before=question(message.strip()), box="", clock=clock)


def reword(
    services: Services,
    caller: Caller,
    *,
    assistant: str = "default",
    reply: str,
    message: str,
    conversation: str,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[View]:
    """Ask the question of a reply in other words; the conversation branches there, and what was said stays."""
    with services.database.read() as session:
        exchanges = thread.load(session, conversation, owner=caller.id)
    before = [n for n, exchange in enumerate(exchanges) if reply in (answer.reply for answer in exchange.answers)]
    if not before or not message.strip():
        raise BadInput("This question cannot be asked in other words now. Reload the page and try again.")
    yield View(
        thread=thread_html.thread(exchanges[: before[0]], reasons=REASONS),
        live=question(message.strip()) + thread_html.writing((), status=LOOKING),
        busy=True,
    )
    steps = edit(services, caller, reply, message)
    page = _Page(services=services, caller=caller, assistant=assistant, conversation=conversation)
    yield from page.streamed(steps, before=question(message.strip()), clock=clock)


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
    form: Mapping[str, Any] = NOTHING_SAID,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[View]:
    """Answer the question of a reply again; the earlier answer stays. What a `form` says of it is stored first."""
    if form:
        thread_handlers.save(services, caller, reply, form)
    yield View(live=thread_html.writing((), status="Thinking again"), busy=True)
    steps = retry_one(services, caller, reply)
    page = _Page(services=services, caller=caller, assistant=assistant, conversation=conversation)
    yield from page.streamed(steps, clock=clock)


@dataclass(frozen=True, kw_only=True)
class _Page:
    """Who looks at what while an answer is streamed."""

    services: Services
    caller: Caller
    assistant: str
    conversation: str

    def streamed(
        self,
        steps: Iterator[list[dict[str, Any]]],
        *,
        before: str = "",
        box: str | None = None,
        clock: Callable[[], float],
    ) -> Iterator[View]:
        """The answers as they grow below `before`, then the page at rest; `box` is set once something is stored."""
        conversation, shown_at, warning = self.conversation, None, ""
        try:
            with closing(steps):  # type: ignore[type-var]  # a generator, though its type says less
                for turns in steps:
                    if shown_at is not None and clock() - shown_at < MIN_YIELD_S:
                        continue
                    first = shown_at is None
                    conversation, shown_at = turns[0]["conversation"], clock()
                    live = before + thread_html.writing(turns, status=_status(turns))
                    yield View(live=live, box=box, conversation=conversation) if first else View(live=live)
        except ThumbloopError as exc:
            warning = str(exc)
        except Exception:
            logger.exception("a reply in conversation %s failed", conversation or "(new)")
            warning = FAILED
        rest = show(self.services, self.caller, assistant=self.assistant, conversation=conversation)
        yield replace(rest, warning=warning or rest.warning)


def _status(turns: Sequence[Mapping[str, Any]]) -> str:
    """What goes on, in words for the reader."""
    if any(turn["text"] for turn in turns):
        return "Writing"
    return "Reading what was found" if turns[0]["sources"] else "Thinking"


def stop(services: Services, caller: Caller, *, assistant: str = "default", conversation: str) -> View:
    """The page after Stop, with the last words, which may take a moment to be stored."""
    _await_last_words(services, conversation)
    return show(services, caller, assistant=assistant, conversation=conversation)


def pick(services: Services, caller: Caller, *, assistant: str = "default", conversation: str, leaving: str) -> View:
    """Another conversation, once no words for the one before can come any more and be shown in it."""
    _await_last_words(services, leaving)
    return show(services, caller, assistant=assistant, conversation=conversation)


def leave(
    services: Services, caller: Caller, *, assistant: str = "default", leaving: str, data: Mapping[str, Any]
) -> View:
    """The page without the conversation that was open, once it is deleted. Raises `NotFound`."""
    _await_last_words(services, leaving)
    conversations_handlers.change(services, caller, data)
    return show(services, caller, assistant=assistant, conversation="")


def act(services: Services, caller: Caller, *, conversation: str, data: Mapping[str, Any]) -> View:
    """Do what a button in the conversation says, and show it. Raises what the endpoints raise."""
    look = thread_handlers.act(services, caller, data)
    return View() if look is None else View(thread=_thread(services, caller, conversation, look=look))


def _thread(services: Services, caller: Caller, conversation: str, *, look: Look = AT_NOTHING) -> str:
    with services.database.read() as session:
        exchanges = thread.load(session, conversation, owner=caller.id)
    return thread_html.thread(exchanges, reasons=REASONS, look=look)


def _welcome(caller: Caller, asked: Assistant) -> str:
    if refused := access.refusal(caller, asked):
        return thread_html.closed(refused)
    return thread_html.welcome(name=asked.name, greeting=asked.greeting, examples=asked.example_questions)


def _is_theirs(session: Session, caller: Caller, conversation: str, asked: Assistant) -> bool:
    try:
        return bool(conversation) and (
            records.conversation(session, conversation, owner=caller.id).assistant_id == asked.id
        )
    except NotFound:
        return False


def _await_last_words(services: Services, conversation: str) -> None:
    until = time.monotonic() + STOP_WAIT_S
    while conversation and _still_writing(services, conversation) and time.monotonic() < until:
        time.sleep(0.05)


def _still_writing(services: Services, conversation: str) -> bool:
    with services.database.read() as session:
        return records.is_writing(session, conversation)
