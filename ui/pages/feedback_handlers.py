"""What the feedback page does: pages of rated answers, approval by version, and files to take away."""

from pathlib import Path

from assistant import records
from feedback import overview
from feedback.overview import Approval, RatedReply
from feedback.ratings import REASONS
from feedback.tables import Value
from ui import endpoints
from ui.pages.markup import escape, lines
from ui.pages.tables import BASE_MODEL, badge, percent, table, version, when
from ui.services import Services
from ui.sessions import Caller

PAGE_ROWS = 20
ALL, LIKED, DISLIKED, CORRECTED = "All", "Liked", "Not liked", "Corrected"
SHOWN = (ALL, LIKED, DISLIKED, CORRECTED)
ANY_VERSION = "Any version"
FORMATS = (
    ("Preferences (chosen and rejected)", "preference"),
    ("Single answers", "unpaired"),
    ("All ratings", "ratings"),
)
LABELS = {code: label for reasons in REASONS.values() for code, label in reasons}


def versions(services: Services, caller: Caller, *, assistant: str = "default") -> list[tuple[str, str]]:
    """The versions to choose from: (how it reads, what `page` wants). Raises `NotAllowed`."""
    caller.require_admin()
    with services.database.read() as session:
        asked = records.assistant_by_slug(session, assistant)
        rated = overview.approval(session, asked.id)
    return [(ANY_VERSION, ANY_VERSION), *((version(one.adapter), one.adapter or BASE_MODEL) for one in rated)]


def approval(services: Services, caller: Caller, *, assistant: str = "default") -> str:
    """How many thumbs were up, by version. Raises `NotAllowed`."""
    caller.require_admin()
    with services.database.read() as session:
        asked = records.assistant_by_slug(session, assistant)
        rated = overview.approval(session, asked.id)
    empty = "Nobody has rated an answer yet. Ask something on the chat page and use the thumbs below the answer."
    return table(
        ["Version", "Liked", "Not liked", "Approval"], list(map(_approved, rated)), label="Approval", empty=empty
    )


def page(
    services: Services, caller: Caller, *, assistant: str = "default", shown: str, adapter: str, number: int
) -> tuple[str, int, str]:
    """One page of rated answers: the table, the page's number (which may be lower than asked), and where one is.

    Raises `NotAllowed`.
    """
    caller.require_admin()
    chosen = () if adapter == ANY_VERSION else (None if adapter == BASE_MODEL else adapter,)
    value = {LIKED: Value.up, DISLIKED: Value.down}.get(shown)
    with services.database.read() as session:
        asked = records.assistant_by_slug(session, assistant)

        def part(n: int) -> overview.FeedbackPage:
            return overview.feedback_table(
                session,
                asked.id,
                limit=PAGE_ROWS,
                offset=n * PAGE_ROWS,
                value=value,
                corrected=shown == CORRECTED,
                adapters=chosen,
            )

        number = max(number, 0)
        found = part(number)
        last = max(found.total - 1, 0) // PAGE_ROWS
        if number > last:
            number, found = last, part(last)
    rows = [_row(row) for row in found.rows]
    empty = "No feedback like this yet." if shown != ALL or chosen else "No feedback yet. It comes from the chat page."
    first = number * PAGE_ROWS
    place = f"{first + 1} to {first + len(rows)} of {found.total}" if rows else ""
    return table(["Answer", "Thumbs", "Said", "Version", "When"], rows, label="Feedback", empty=empty), number, place


def export(services: Services, caller: Caller, *, assistant: str = "default", format: str) -> Path:
    """Write a file of all feedback. Raises `NotAllowed`, `BadInput`."""
    return Path(endpoints.export(services, caller, assistant, format))


def _approved(one: Approval) -> list[str]:
    bar = f'<span class="tl-meter"><i style="width:{one.share * 100:.0f}%"></i></span>{percent(one.share)}'
    return [escape(version(one.adapter)), str(one.up), str(one.down), bar]


def _row(row: RatedReply) -> list[str]:
    marks = [badge(f"{count} {word}", kind=kind) for count, word, kind in (
        (row.up, "liked", "good"), (row.down, "not liked", "bad"),
        (row.wins, "found better", "good"), (row.losses, "found worse", "bad"),
    ) if count]  # fmt: skip
    said = [badge(LABELS.get(reason, reason)) for reason in row.reasons]
    said += [f"<p>“{lines(comment)}”</p>" for comment in row.comments]
    said += [f"<p><b>Should have said:</b> {lines(text)}</p>" for text in row.corrections]
    answer = (
        f"<details class='tl-fold'><summary>{escape(row.question)}</summary><blockquote>{lines(row.text)}</blockquote>"
        "</details>"
    )
    return [answer, " ".join(marks), " ".join(said), escape(version(row.adapter)), escape(when(row.rated_at))]
