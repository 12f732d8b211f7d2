"""How the feedback page looks, but for an opened reply: what people thought at a glance, and the list of answers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from feedback.overview import Approval, Question, Volume
from feedback.ratings import LABELS
from feedback.search import FoundPage, FoundReply, Show
from feedback.tables import Value
from ui.pages.feedback_address import BASE, START, Place, link
from ui.pages.markup import escape, lines
from ui.pages.tables import badge, counted, percent, version, when

SHOWN = {
    Show.rated: "All rated",
    Show.liked: "Liked",
    Show.disliked: "Not liked",
    Show.corrected: "Corrected",
    Show.compared: "Compared",
    Show.left_out: "Left out of training",
    Show.unrated: "Not rated yet",
}
SHORT_CHARS = 280
NO_ANSWERS = "Nobody has asked anything yet"
NO_THUMBS = "Nobody has rated an answer yet"
TO_CHAT = "Ask something on the chat page, then press a thumb below the answer. What people think shows up here."
SHARE_IT = "Send people the address of the chat page. A thumb is one tap, and below each answer."


def nothing(volume: Volume, *, assistant: str) -> str:
    """What the page shows before the first thumb."""
    title, todo = (NO_THUMBS, SHARE_IT) if volume.answers else (NO_ANSWERS, TO_CHAT)
    return (
        f'<div class="tl-empty tl-empty-page"><h2>{title}</h2><p>{todo}</p>'
        f'<p><a class="tl-button" href="./?a={escape(assistant)}">Open the chat</a></p></div>'
    )


def glance(volume: Volume, said: str) -> str:
    """The sentence that says what stands out, and the figures below it."""
    thumbs = volume.up + volume.down
    approval = percent(volume.up / thumbs) if thumbs else "–"
    share = percent(volume.rated / volume.answers) if volume.answers else "none"
    cards = "".join(
        f"<div><dt>{label}</dt><dd>{figure}</dd><dd class='tl-quiet'>{escape(note)}</dd></div>"
        for label, figure, note in (
            ("Approval", approval, f"{volume.up} of {counted(thumbs, 'thumb')} up"),
            ("Answers", f"{volume.answers:,}", "in all"),
            ("Rated", share, f"{counted(volume.rated, 'answer')}"),
            ("Corrected", f"{volume.corrected:,}", "answers that people wrote better"),
            ("Compared", f"{volume.compared:,}", "choices between two answers"),
        )
    )
    sentence = f'<p class="tl-standout" role="status">{escape(said)}</p>' if said else ""
    return f'{sentence}<dl class="tl-figures">{cards}</dl>'


def breakdown(
    versions: Sequence[Approval], reasons: Mapping[Value, Counter[str]], *, went: Mapping[str, str], assistant: str
) -> str:
    """Approval by version, and the reasons that people gave, as bars that lead to the answers.

    `went` says why some versions went by themselves.
    """
    rows = [
        _bar(version(one.adapter), one.share, percent(one.share), note=counted(one.up + one.down, "thumb"),
             to=link(Place(version=one.adapter or BASE), assistant=assistant))
        for one in versions
    ]  # fmt: skip
    rows += [
        f'<li class="tl-went">{badge("taken back by itself", kind="bad")} {escape(went[one.adapter])}</li>'
        for one in versions
        if one.adapter is not None and one.adapter in went
    ]
    parts = [_panel("By version", "How many of the thumbs were up.", rows)]
    for value, title, show in ((Value.down, "Why not liked", Show.disliked), (Value.up, "Why liked", Show.liked)):
        told = reasons[value].most_common()
        most = max((count for _, count in told), default=1)
        bars = [
            _bar(LABELS.get(code, code), count / most, str(count), kind=value.value,
                 to=link(Place(show=show, reason=code), assistant=assistant))
            for code, count in told
        ]  # fmt: skip
        parts.append(_panel(title, "", bars or ['<li class="tl-quiet">Nobody gave a reason yet.</li>']))
    return f'<div class="tl-panels">{"".join(parts)}</div>'


def questions(disputed: Sequence[Question], worst: Sequence[Question], *, assistant: str) -> str:
    """The questions that deserve a look, each a click away from its answers."""
    split = "No question yet that some like the answer of and others do not."
    bad = "No question yet whose answers more people dislike than like."
    return (
        '<div class="tl-panels">'
        f"{_panel('People disagree', 'The same question, thumbs up and down.', _asked(disputed, split, assistant))}"
        f"{_panel('Worst rated', 'More thumbs down than up.', _asked(worst, bad, assistant))}</div>"
    )


def listing(found: FoundPage, at: Place, *, assistant: str, page_rows: int, question: str) -> str:
    """One page of answers, what is looked for beyond the form, and the way to the other pages."""
    narrowed = []
    if at.question:
        words = f"Question: “{_short(question, 90)}”" if question else "A question that was deleted"
        narrowed.append(_narrowed(words, replace(at, question="", page=1), assistant))
    first = (at.page - 1) * page_rows
    rows = "".join(_row(row, at, assistant=assistant) for row in found.rows)
    if not rows:
        everything = f'<a href="{escape(link(START, assistant=assistant))}" data-go>Show all answers</a>'
        return f'{"".join(narrowed)}<p class="tl-quiet">No answer is like this. {everything if at.narrowed else ""}</p>'
    place = f"{first + 1:,} to {first + len(found.rows):,} of {found.total:,}"
    return (
        f'{"".join(narrowed)}<ol class="tl-replies" aria-label="Answers">{rows}</ol>'
        f'<nav class="tl-pages" aria-label="Pages of answers">'
        f"{_page('Newer', at.page - 1, at, assistant, there=at.page > 1)}<span>{place}</span>"
        f"{_page('Older', at.page + 1, at, assistant, there=first + page_rows < found.total)}</nav>"
    )


def marks(row: FoundReply) -> str:
    """What people said of an answer, in badges."""
    counted = (
        (row.up, "liked", "good"), (row.down, "not liked", "bad"), (row.wins, "found better", "good"),
        (row.losses, "found worse", "bad"), (row.corrected, "corrected", ""),
    )  # fmt: skip
    said = [badge(word if count == 1 else f"{count} × {word}", kind=kind) for count, word, kind in counted if count]
    if row.left_out:
        said.append(badge("left out of training"))
    return "".join(said)


def _row(row: FoundReply, at: Place, *, assistant: str) -> str:
    said = [f"<q>{lines(comment)}</q>" for comment in row.comments]
    said += [f"<span><b>Should be:</b> {lines(_short(text, SHORT_CHARS))}</span>" for text in row.corrections]
    reasons = "".join(badge(LABELS.get(reason, reason)) for reason in row.reasons)
    told = f'<p class="tl-told">{" ".join(said)}</p>' if said else ""
    url = escape(link(replace(at, reply=row.reply), assistant=assistant))
    return (
        f'<li class="tl-reply"><h3><a href="{url}" data-go>{escape(_short(row.question, 160))}</a></h3>'
        f'<p class="tl-excerpt">{escape(_short(row.text, SHORT_CHARS))}</p>{told}'
        f'<p class="tl-marks">{marks(row)}{reasons}'
        f'<span class="tl-quiet">{escape(version(row.adapter))} · {escape(when(row.at))}</span></p></li>'
    )


def _bar(label: str, share: float, figure: str, *, to: str, note: str = "", kind: str = "up") -> str:
    beside = f' <span class="tl-quiet">{escape(note)}</span>' if note else ""
    return (
        f'<li class="tl-bar-row"><a href="{escape(to)}" data-go>{escape(label)}</a>'
        f'<span class="tl-meter tl-meter-{kind}" aria-hidden="true"><i style="width:{share * 100:.0f}%"></i></span>'
        f"<span><b>{escape(figure)}</b>{beside}</span></li>"
    )


def _panel(title: str, note: str, rows: Sequence[str]) -> str:
    said = f'<p class="tl-quiet">{escape(note)}</p>' if note else ""
    return f'<section class="tl-panel"><h2>{escape(title)}</h2>{said}<ul>{"".join(rows)}</ul></section>'


def _asked(found: Sequence[Question], empty: str, assistant: str) -> list[str]:
    return [
        f'<li class="tl-poll"><a href="{escape(link(Place(question=one.id), assistant=assistant))}" data-go>'
        f"{escape(_short(one.text, 120))}</a>"
        f"<span>{badge(f'{one.up} up', kind='good')}{badge(f'{one.down} down', kind='bad')}</span></li>"
        for one in found
    ] or [f'<li class="tl-quiet">{escape(empty)}</li>']


def _narrowed(words: str, without: Place, assistant: str) -> str:
    url = escape(link(without, assistant=assistant))
    return f'<p class="tl-narrowed"><span>{escape(words)}</span> <a href="{url}" data-go>Show others, too</a></p>'


def _page(label: str, number: int, at: Place, assistant: str, *, there: bool) -> str:
    if not there:
        return f'<span class="tl-small tl-off" aria-hidden="true">{label}</span>'
    url = escape(link(replace(at, page=number), assistant=assistant))
    return f'<a class="tl-small" href="{url}" data-go>{label}</a>'


def _short(text: str, chars: int) -> str:
    words = " ".join(text.split())
    return words if len(words) <= chars else words[: chars - 1].rstrip() + "…"
