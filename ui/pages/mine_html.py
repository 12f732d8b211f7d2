"""How one's own feedback and what is kept look. `mine.js` makes the buttons work."""

from collections.abc import Sequence
from urllib.parse import urlencode

from feedback.own import Choice, Corrected, Said, Thumb
from feedback.people import HeldConversation, Kept
from feedback.ratings import LABELS
from feedback.tables import Value
from retrain.traces import Learned
from ui import privacy
from ui.pages.markup import escape, lines, markdown
from ui.pages.tables import badge, counted, figures, table, version, when
from ui.privacy import Scope
from ui.sessions import GUEST_S, Caller

NOTHING_SAID = (
    '<div class="tl-empty tl-nothing"><h2>Nothing yet</h2><p>Below each answer are two thumbs: one tap is enough, and '
    'it helps. What you say is listed here.</p><p><a class="tl-button" href="./">Ask something</a></p></div>'
)
NO_CONVERSATIONS = (
    '<div class="tl-empty tl-nothing"><h2>No conversations yet</h2><p>What you ask, and the answers, are listed here.'
    '</p><p><a class="tl-button" href="./">Ask something</a></p></div>'
)
COOKIE_DAYS = GUEST_S // 86_400


def said(rows: Sequence[Said]) -> str:
    """A page of what a person said of answers."""
    cards = "".join(map(_card, rows))
    return f'<ol class="tl-said-list">{cards}</ol>' if rows else NOTHING_SAID


def held(rows: Sequence[HeldConversation]) -> str:
    """A page of a person's conversations."""
    return _held(rows) if rows else NO_CONVERSATIONS


def kept(found: Kept, *, caller: Caller, learned: Learned) -> str:
    """What is kept of a person: how much, where, how long, what for, who learned from it; and the buttons."""
    return (
        f'<section class="tl-kept"><div><h1>What is kept about you</h1><p>{_known_as(caller)}</p></div>{_counts(found)}'
        f"{_buttons(found)}<dl class='tl-facts'>{_facts(found, caller=caller, learned=learned)}</dl>"
        f"{_dialogs(found, caller=caller, learned=learned)}</section>"
    )


def forgotten(found: Kept, scope: Scope, *, learned: Learned) -> str:
    """What was deleted, and what stays, in a few sentences."""
    said = _feedback(found) if scope is Scope.feedback else f"{_talk(found)}, {_feedback(found)}"
    return f"Gone: {said}. {privacy.what_stays(learned)}".rstrip()


def _card(one: Said) -> str:
    about = f"the answer to: {one.question}"
    sayings = [saying for saying in (_thumb(one.thumb, about), _correction(one.correction, about)) if saying]
    if one.choice:
        sayings.append(_choice(one.choice, about))
    link = ""
    if one.own:
        to = urlencode({"a": one.assistant, "c": one.conversation, "r": one.reply})
        link = f'<a href="./?{escape(to)}">Open in the conversation</a>'
    return (
        f'<li class="tl-card"><details class="tl-fold"><summary>{escape(one.question)}</summary>'
        f'{_answers(one)}</details>{"".join(sayings)}<p class="tl-foot"><span>{escape(when(one.said_at))}</span>'
        f"<span>{escape(one.assistant_name)}, {escape(version(one.adapter))}</span>{link}</p></li>"
    )


def _answers(one: Said) -> str:
    if one.choice is None:
        return f'<blockquote class="tl-text">{markdown(one.text)}</blockquote>'
    names = ("One answer", "The other") if one.choice.tie else ("The better one", "The other")
    return "".join(
        f'<p class="tl-nth">{name}</p><blockquote class="tl-text">{markdown(text)}</blockquote>'
        for name, text in zip(names, (one.text, one.choice.other), strict=True)
    )


def _thumb(thumb: Thumb | None, about: str) -> str:
    if thumb is None:
        return ""
    liked = thumb.value is Value.up
    words = badge("You liked it" if liked else "You did not like it", kind="good" if liked else "bad")
    words += "".join(badge(LABELS.get(reason, reason)) for reason in thumb.reasons)
    words += f"<p>“{lines(thumb.comment)}”</p>" if thumb.comment else ""
    return _saying(thumb.row, words, f"your rating of {about}")


def _correction(correction: Corrected | None, about: str) -> str:
    if correction is None:
        return ""
    words = f"{badge('It should have said')}<p>{lines(correction.text)}</p>"
    return _saying(correction.row, words, f"your correction of {about}")


def _choice(choice: Choice, about: str) -> str:
    words = badge("You found both about the same" if choice.tie else "You found it better than another answer")
    return _saying(choice.row, words, f"your choice of {about}")


def _saying(row: str, words: str, what: str) -> str:
    """Something said, with the button to take it back, and the one to put it back, which shows after that."""
    named = f'<span class="tl-hidden"> {escape(what)}</span>'
    return (
        f'<div class="tl-saying" data-row="{escape(row)}"><div class="tl-words">{words}</div>'
        f'<p role="status" class="tl-quiet"></p>'
        f'<button type="button" class="tl-small" data-do="take" data-target="{escape(row)}">Take back{named}</button>'
        f'<button type="button" class="tl-small" data-do="put" data-target="{escape(row)}" hidden>Undo{named}</button>'
        "</div>"
    )


def _held(rows: Sequence[HeldConversation]) -> str:
    def cells(one: HeldConversation) -> list[str]:
        to = urlencode({"a": one.assistant, "c": one.id})
        ask = f"Delete “{one.title}”, with all that was said of its answers? This cannot be undone."
        return [
            f'<a href="./?{escape(to)}">{escape(one.title)}</a>',
            escape(one.assistant_name),
            str(one.messages),
            escape(when(one.updated_at)),
            f'<button type="button" class="tl-small" data-do="delete" data-target="{escape(one.id)}" '
            f'data-confirm="{escape(ask)}">Delete<span class="tl-hidden"> {escape(one.title)}</span></button>',
        ]

    head = ["Conversation", "With", "Messages", "Last", ""]
    return table(head, list(map(cells, rows)), label="My conversations", empty="")


def _known_as(caller: Caller) -> str:
    mark = f"<code>{escape(caller.id)}</code>"
    if caller.role == "guest":
        return f"You did not sign in. This browser is known by a random mark in a cookie: {mark}"
    return f"You are signed in as {escape(caller.name)}. What you write and rate is kept under a random mark: {mark}"


def _counts(found: Kept) -> str:
    return figures(
        [
            ("Conversations", str(found.conversations)),
            ("Messages in them", str(found.messages)),
            ("Ratings", str(found.ratings)),
            ("Corrections", str(found.corrections)),
            ("Choices between two", str(found.choices)),
            ("Taken back or changed", str(found.changes)),
        ]
    )


def _buttons(found: Kept) -> str:
    if not found.feedback and not found.conversations:
        return ""
    feedback = _ask("Delete my feedback", Scope.feedback) if found.feedback else ""
    return (
        '<div class="tl-form-buttons"><button type="button" class="tl-small primary" data-do="download">'
        f"Download it all</button>{feedback}{_ask('Delete everything', Scope.everything)}</div>"
    )


def _ask(label: str, scope: Scope) -> str:
    return (
        f'<button type="button" class="tl-small tl-danger" data-do="ask" data-target="{scope}" aria-haspopup="dialog">'
        f"{label}…</button>"
    )


def _facts(found: Kept, *, caller: Caller, learned: Learned) -> str:
    guest = caller.role == "guest"
    until = (
        f"The cookie ends {COOKIE_DAYS} days after your first visit. Without it nobody can tell any more what is "
        "yours, so delete first what should not stay."
        if guest
        else "It goes with your account, if an admin removes that."
    )
    given = (
        "What you correct or like is given in your own conversations only."
        if guest
        else "An answer that you corrected or liked may be given to others who ask the like, without your question."
    )
    facts = [
        (
            "What it is used for",
            "Questions and answers: to go on with a conversation. Ratings, corrections and choices: to teach the "
            "assistant, with the question, what was said before it, and the answer. A correction and a liked answer "
            "are also shown to it as examples at once. A conversation in which nobody rated anything teaches nothing.",
        ),
        (
            "Who can see it",
            "You, and the admins of this app: they see questions with their answers, and what was said of them. "
            f"{given} Whoever runs the machine that it is kept on can read all of it.",
        ),
        (
            "How long",
            f"{f'From {when(found.since)[:10]} on, until' if found.since else 'Until'} you delete it. {until}",
        ),
        ("What learned from it", privacy.what_stays(learned) or "Nothing so far."),
    ]
    return "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(text)}</dd></div>" for name, text in facts)


def _dialogs(found: Kept, *, caller: Caller, learned: Learned) -> str:
    stays = privacy.what_stays(learned)
    cookie = "The cookie of this browser stays." if caller.role == "guest" else "Your account stays."
    copies = "Files that an admin exported or backed up before are out of its reach."
    feedback = [
        f"Deletes {_feedback(found)}. Your conversations stay. No later training sees any of it.",
        f"{stays} {copies}".lstrip(),
    ]
    everything = [
        f"Deletes {_talk(found)} and {_feedback(found)}, also what others said of answers in your conversations. "
        "No later training sees any of it.",
        f"{stays} {copies} {cookie}".lstrip(),
    ]
    return _dialog(Scope.feedback, "Delete all your feedback?", feedback) + _dialog(
        Scope.everything, "Delete everything?", everything
    )


def _dialog(scope: Scope, title: str, texts: Sequence[str]) -> str:
    said = "".join(f"<p>{escape(text)}</p>" for text in texts)
    return (
        f'<dialog class="tl-dialog" data-name="{scope}" aria-labelledby="tl-ask-{scope}">'
        f'<h2 id="tl-ask-{scope}">{title}</h2>'
        f"{said}<p><b>This cannot be undone.</b></p><div class='tl-form-buttons'>"
        f'<button type="button" class="tl-small" data-do="keep" autofocus>Keep it</button>'
        f'<button type="button" class="tl-small tl-danger" data-do="forget" data-target="{scope}">Delete</button>'
        "</div></dialog>"
    )


def _talk(found: Kept) -> str:
    return f"{counted(found.conversations, 'conversation')} with {counted(found.messages, 'message')}"


def _feedback(found: Kept) -> str:
    counts = ((found.ratings, "rating"), (found.corrections, "correction"), (found.choices, "choice"))
    said = ", ".join(counted(count, what) for count, what in counts)
    return f"{said}, and {counted(found.changes, 'entry', 'entries')} that you took back or changed"
