"""What the builder's preview does: answers as the form says, unsaved, from the assistant's documents.

Nothing of it is stored. What was said so far is kept in the page's session, on the server, and gone with it.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from assistant import persona, records
from assistant.database import new_id
from assistant.errors import ThumbloopError
from assistant.prompt import ChatMessage
from assistant.tables import Assistant
from ui.pages import assistant_handlers, assistant_html, thread_html
from ui.pages.branches_html import question as asked_html
from ui.pages.chat_handlers import MIN_YIELD_S
from ui.services import Services
from ui.sessions import Caller

logger = logging.getLogger(__name__)

TURNS_KEPT = 10
FAILED = "Something went wrong on the server. Try again, and look into the log."


@dataclass(frozen=True)
class Talk:
    """What was said in one preview: questions, answers and their sources."""

    turns: tuple[tuple[str, str, tuple[Mapping[str, Any], ...]], ...] = ()

    @property
    def history(self) -> list[ChatMessage]:
        """As the model reads it."""
        return [
            message
            for question, answer, _ in self.turns
            for message in ({"role": "user", "content": question}, {"role": "assistant", "content": answer})
        ]


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What the preview shows."""

    html: str
    talk: Talk = field(default_factory=Talk)
    busy: bool = False
    warning: str = ""


def at_rest(values: Mapping[str, Any], talk: Talk) -> Preview:
    """The conversation so far, or the greeting as it is in the form."""
    return Preview(html=_html(values, talk), talk=talk)


def ask(
    services: Services,
    caller: Caller,
    values: Mapping[str, Any],
    *,
    assistant: str,
    message: str,
    talk: Talk,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Preview]:
    """Answer a message by the form's settings. Raises `NotAllowed`; what else goes wrong is said in a warning."""
    caller.require_admin()
    question = message.strip()
    if not question:
        yield replace(at_rest(values, talk), warning="Type a question first.")
        return
    before = asked_html(question)
    yield Preview(
        html=_html(values, talk, live=before + thread_html.writing((), status="Thinking")), talk=talk, busy=True
    )
    try:
        asked = _drafted(services, caller, values, assistant=assistant)
        shown_at: float | None = None
        for turn in services.chat.preview(asked, question, history=talk.history):
            if turn.done:
                talk = Talk((*talk.turns, (question, turn.text, turn.sources))[-TURNS_KEPT:])
            elif shown_at is None or clock() - shown_at >= MIN_YIELD_S:
                shown_at = clock()
                live = before + thread_html.writing([asdict(turn)], status="Writing")
                yield Preview(html=_html(values, talk, live=live), talk=talk, busy=True)
    except ThumbloopError as exc:
        yield replace(at_rest(values, talk), warning=str(exc))
        return
    except Exception:
        logger.exception("a preview failed")
        yield replace(at_rest(values, talk), warning=FAILED)
        return
    yield at_rest(values, talk)


def example(values: Mapping[str, Any], *, n: str) -> str:
    """The example question of the form that a button with number `n` stands for; empty if there is none."""
    examples = assistant_handlers.settings_of(values)["example_questions"]
    return examples[int(n)] if n.isdecimal() and len(n) < 4 and int(n) < len(examples) else ""


def _drafted(services: Services, caller: Caller, values: Mapping[str, Any], *, assistant: str) -> Assistant:
    """An assistant of the form's settings, which is in no session. One that is not made yet knows no documents."""
    settings = assistant_handlers.checked(services, caller, values)
    if not assistant:
        return Assistant(id=new_id(), slug="preview", **{**settings, "passages": 0})
    with services.database.read() as session:
        asked = records.assistant_by_slug(session, assistant)
    adapter = asked.adapter if settings["model"] == asked.model else None
    return Assistant(id=asked.id, slug=asked.slug, adapter=adapter, **settings)


def _html(values: Mapping[str, Any], talk: Talk, *, live: str = "") -> str:
    settings = assistant_handlers.settings_of(values)
    avatar = settings["avatar"] if not persona.problem("avatar", settings["avatar"]) else ""
    shown = Assistant(slug="preview", name=settings["name"], avatar=avatar, system_prompt="")
    return assistant_html.preview(
        talk.turns,
        name=shown.name,
        avatar=shown.face,
        greeting=str(settings["greeting"] or ""),
        examples=settings["example_questions"],
        live=live,
    )
