"""What the buttons in a conversation do: rate, correct, choose, turn to another branch, open a source in its place.

Each is given ids and text from the browser and says what to look at now. `ui.pages.chat_handlers` shows it.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from assistant import records
from assistant.errors import BadInput, NotFound
from feedback import ratings
from feedback.tables import Outcome
from ui import endpoints
from ui.pages import events
from ui.pages.thread_html import AT_NOTHING, Look
from ui.services import Services
from ui.sessions import Caller


def act(services: Services, caller: Caller, data: Mapping[str, Any]) -> Look | None:
    """Do what a button says; what to look at then, or None to leave all as it is. Raises what the endpoints raise."""
    todo, reply = data.get("do"), events.text(data, "reply")
    if todo == "rate":
        return _rate(services, caller, reply, events.text(data, "value"))
    if todo == "save":
        save(services, caller, reply, data)
        return Look(saved=reply)
    if todo == "reasons":
        _give_reasons(services, caller, reply, data)
        return None
    if todo == "edit":
        return Look(opened=reply)
    if todo == "place":
        return Look(place=endpoints.source(services, caller, reply, events.number(data.get("n"))))
    if todo == "close":
        return AT_NOTHING
    if todo == "compare":
        _choose(services, caller, events.text(data, "winner"), events.text(data, "loser"), events.text(data, "outcome"))
        return AT_NOTHING
    if todo == "turn":
        with services.database.write() as session:
            records.turn_to(session, events.text(data, "message"), owner=caller.id)
        return AT_NOTHING
    raise BadInput(events.UNKNOWN)


def turn_to(services: Services, caller: Caller, conversation: str, reply: str) -> None:
    """Turn a conversation to the branch of one of its answers, if it is in another one and there still is one."""
    with services.database.write() as session, suppress(NotFound):
        message, _ = records.reply(session, reply, owner=caller.id)
        here = message.conversation_id == conversation
        if here and message.id not in [each.id for each in records.thread(session, conversation)]:
            records.turn_to(session, message.id, owner=caller.id)


def save(services: Services, caller: Caller, reply: str, data: Mapping[str, Any]) -> None:
    """Store a whole form: the thumb, its reasons and comment, and the correction if it changes the answer."""
    comment = events.text(data, "comment")
    endpoints.rate(services, caller, reply, events.text(data, "value"), reasons=_reasons(data), comment=comment)
    with services.database.read() as session:
        original = records.reply(session, reply, owner=caller.id)[0].text
    correction = events.text(data, "correction").strip()
    endpoints.correct(services, caller, reply, "" if correction.split() == original.split() else correction)


def _rate(services: Services, caller: Caller, reply: str, value: str) -> Look:
    endpoints.rate(services, caller, reply, value)
    if value != "none":
        return Look(opened=reply)
    endpoints.correct(services, caller, reply, "")
    return Look(saved=reply)


def _give_reasons(services: Services, caller: Caller, reply: str, data: Mapping[str, Any]) -> None:
    """Store the reasons chosen so far, before the form is; its comment stays as it was stored last."""
    with services.database.read() as session:
        comment = ratings.of_person(session, [reply], caller.id)[reply].comment
    endpoints.rate(services, caller, reply, events.text(data, "value"), reasons=_reasons(data), comment=comment)


def _choose(services: Services, caller: Caller, winner: str, loser: str, outcome: str) -> None:
    """Store a choice; the conversation goes on from the better answer, unless it has gone on from one already."""
    endpoints.compare(services, caller, winner, loser, outcome=outcome)
    if outcome != Outcome.better:
        return
    with services.database.write() as session:
        message, _ = records.reply(session, winner, owner=caller.id)
        if records.thread(session, message.conversation_id)[-1].id in (winner, loser):
            records.turn_to(session, winner, owner=caller.id)


def _reasons(data: Mapping[str, Any]) -> list[str]:
    reasons = data.get("reasons")
    return [str(reason) for reason in reasons] if isinstance(reasons, list) else []
