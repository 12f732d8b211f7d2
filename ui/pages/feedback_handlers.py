"""What the feedback page does: all at a glance, finding answers, opening one, leaving out of training, and files."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlmodel import Session

from assistant import records
from assistant.database import utc_now
from assistant.errors import BadInput
from assistant.tables import Conversation, Message
from feedback import history, overview, search
from feedback.overview import Day
from feedback.ratings import LABELS
from feedback.search import Filter
from feedback.standout import standout
from feedback.steps import steps
from feedback.tables import IMPORTER
from ui import endpoints
from ui.endpoints.versions import decisions
from ui.pages import decisions_html, events, feedback_html, reply_html
from ui.pages.feedback_address import BASE, Place, link
from ui.pages.remarks_html import YOU
from ui.pages.reply_html import Opened
from ui.pages.tables import version
from ui.services import Services
from ui.sessions import Caller

PAGE_ROWS = 12
OTHERS = 5
"""Of the answers to one question, on the page of one; a link leads to all."""
MOST_PEOPLE = 30
"""To choose from; anybody's name elsewhere on the page leads to theirs, too."""
FORMATS = (
    ("Preferences: the better and the worse answer", "preference"),
    ("Answers, each good or bad", "unpaired"),
    ("All ratings, with reasons and comments", "ratings"),
)
DONE = {
    "leave_out": "Left out. The next training does not see it.",
    "use_again": "Used again from the next training on.",
    "reword": "Saved. Your text counts instead.",
    "take_back_rewording": "Taken back. What the person wrote counts again.",
}


@dataclass(frozen=True)
class Glance:
    """The page above its list of answers; before the first thumb only the first part has anything."""

    said: str
    steps: tuple[Day, ...] = ()
    """What to draw: thumbs and answers by day or week."""
    breakdown: str = ""
    questions: str = ""
    versions: tuple[str | None, ...] = ()
    """Those that people rated."""


@dataclass(frozen=True)
class Choices:
    """What the filters offer: (how it reads, what it is)."""

    versions: list[tuple[str, str]]
    people: list[tuple[str, str]]


@dataclass(frozen=True)
class OpenReply:
    """What is at the top of an opened reply and at its bottom; between them is what it teaches."""

    said: str
    details: str


def glance(services: Services, caller: Caller, *, assistant: str = "default") -> Glance:
    """What people thought, at a glance. Raises `NotAllowed`."""
    caller.require_admin()
    with services.database.read() as session:
        asked = records.assistant_by_slug(session, assistant)
        sums, questions = services.overviews.look(session, asked.id)
    volume = sums.volume
    if not volume.rated and not volume.compared and not volume.corrected:
        return Glance(feedback_html.nothing(volume, assistant=assistant))
    went = decisions_html.notes(decisions(services, asked))
    today, labels = utc_now().date(), LABELS
    said = standout(sums.versions, sums.days, sums.reasons, today=today, name=version, labels=labels)
    return Glance(
        feedback_html.glance(volume, said),
        tuple(steps(sums.days)),
        feedback_html.breakdown(sums.versions, sums.reasons, went=went, assistant=assistant),
        feedback_html.questions(questions.disputed, questions.worst, assistant=assistant),
        tuple(one.adapter for one in sums.versions),
    )


def choices(
    services: Services, caller: Caller, at: Place, *, assistant: str = "default", seen: Glance | None = None
) -> Choices:
    """What the filters offer; a glance that was `seen` just now spares half of the work. Raises `NotAllowed`."""
    caller.require_admin()
    with services.database.read() as session:
        asked = records.assistant_by_slug(session, assistant)
        rated = seen.versions if seen else tuple(one.adapter for one in overview.approval(session, asked.id))
        said = search.people(session, asked.id)
    names = _names(said, caller)
    most = sorted(said, key=lambda rater: -said[rater])[:MOST_PEOPLE]
    shown = [rater for rater in said if rater in most or rater == at.rater]
    versions = {one or BASE: version(one) for one in rated}
    if at.version:
        versions.setdefault(at.version, version(None if at.version == BASE else at.version))
    return Choices(
        [("Any version", ""), *((name, id_) for id_, name in versions.items())],
        [("Anybody", ""), *((names[rater], rater) for rater in shown)],
    )


def listing(services: Services, caller: Caller, at: Place, *, assistant: str = "default") -> str:
    """One page of answers; the last one where the address names a later one. Raises `NotAllowed`."""
    caller.require_admin()
    wanted = at.filter(now=utc_now())
    with services.database.read() as session:
        asked = records.assistant_by_slug(session, assistant)
        found = search.find(session, asked.id, wanted, limit=PAGE_ROWS, offset=(at.page - 1) * PAGE_ROWS)
        last = max(found.total - 1, 0) // PAGE_ROWS + 1
        if at.page > last:
            at = replace(at, page=last)
            found = search.find(session, asked.id, wanted, limit=PAGE_ROWS, offset=(last - 1) * PAGE_ROWS)
        question = session.get(Message, at.question) if at.question else None
    words = question.text if question else ""
    return feedback_html.listing(found, at, assistant=assistant, page_rows=PAGE_ROWS, question=words)


def opened(services: Services, caller: Caller, at: Place, *, assistant: str = "default") -> OpenReply:
    """The reply that the address opens. Raises `NotAllowed`, `NotFound`."""
    caller.require_admin()
    with services.database.read() as session:
        message, made = records.reply(session, at.reply)
        of = session.get_one(Conversation, message.conversation_id).assistant_id
        remarks = history.remarks(session, message.id)
        names = _names(search.people(session, of), caller)
        asked = session.get(Message, message.parent_id)
        found = Opened(
            message=message,
            made=made,
            question=asked.text if asked else "",
            remarks=remarks,
            others=_others(session, of, message),
            names=names,
        )
    back = link(replace(at, reply=""), assistant=assistant)
    return OpenReply(
        reply_html.opened(found, back=back, assistant=assistant),
        reply_html.details(found, assistant=assistant),
    )


def taught(services: Services, caller: Caller, at: Place) -> str:
    """What the reply that the address opens teaches. All feedback is weighed for it, so it takes its time.

    Raises `NotAllowed`, `NotFound`.
    """
    caller.require_admin()
    with services.database.read() as session:
        message, _ = records.reply(session, at.reply)
        of = session.get_one(Conversation, message.conversation_id).assistant_id
        found = history.teaching(session, of, message.id)
        remarks = history.remarks(session, message.id)
        names = _names(search.people(session, of), caller)
    return reply_html.teaching(found, remarks, names=names)


def act(services: Services, caller: Caller, data: Mapping[str, Any]) -> str:
    """Leave something out, use it again, or word a correction better; what was done. Raises as the endpoints do."""
    row, todo = events.text(data, "row"), events.text(data, "do")
    match todo:
        case "leave_out":
            endpoints.leave_out(services, caller, row, events.text(data, "reason"))
        case "use_again":
            endpoints.use_again(services, caller, row)
        case "reword":
            endpoints.reword(services, caller, row, events.text(data, "text"))
        case "take_back_rewording":
            endpoints.take_back_rewording(services, caller, events.text(data, "reply"))
        case _:
            raise BadInput(events.UNKNOWN)
    return DONE[todo]


def export(services: Services, caller: Caller, *, assistant: str = "default", format: str) -> Path:
    """Write a file of all feedback. Raises `NotAllowed`, `BadInput`."""
    return Path(endpoints.export(services, caller, assistant, format))


def _others(session: Session, assistant_id: str, message: Message) -> list[search.FoundReply]:
    """The other answers to the same words: those that people said something of first."""
    if message.parent_id is None:
        return []
    found: list[search.FoundReply] = []
    for show in (search.Show.rated, search.Show.unrated):
        wanted = Filter(show=show, question=message.parent_id)
        if len(found) <= OTHERS:
            found += search.find(session, assistant_id, wanted, limit=OTHERS + 1).rows
    return [one for one in found if one.reply != message.id][:OTHERS]


def _names(people: Mapping[str, int], caller: Caller) -> dict[str, str]:
    """What each person is called, by who came first."""
    numbered = {rater: f"Person {n}" for n, rater in enumerate(people, 1)}
    return numbered | {caller.id: YOU, IMPORTER: "An imported file"}
