"""A source of a reply in its place. The browser sends ids; every word comes from the database."""

from dataclasses import asdict
from typing import Any

from assistant import records
from assistant.citations import cited_sentence
from assistant.errors import NotFound
from assistant.knowledge.places import place
from ui.endpoints import inputs
from ui.services import Services
from ui.sessions import Caller

MAX_N = 99


def source(services: Services, caller: Caller, reply: str, n: int) -> dict[str, Any]:
    """Show the sentence that a reply of the caller's cites source n for, and what stands around it in the document.

    `document` is null where that was deleted or replaced since. Raises `BadInput`, `NotFound`.
    """
    reply, n = inputs.name(reply, "reply"), inputs.whole_number(n, "source's number", low=1, high=MAX_N)
    with services.database.read() as session:
        message, made = records.reply(session, reply, owner=caller.id)
        chosen = next((each for each in made.sources if each["n"] == n), None)
        if chosen is None:
            raise NotFound(f"This answer has no source {n}. Choose one of the numbers below it.")
        words = cited_sentence(message.text, made.sources, n)
        return {"reply": reply, "n": n, **asdict(place(session, chosen, words=words))}
