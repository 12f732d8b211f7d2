"""Tables, figures and notes of the pages for admins as HTML. Cells come as HTML, escaped by `ui.pages.markup`."""

from collections.abc import Sequence
from datetime import datetime

from assistant.adapters import short_name
from ui.pages.markup import escape


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, label: str, empty: str) -> str:
    """A table of ready HTML cells, or `empty`, which says what to do to get rows."""
    if not rows:
        return f'<p class="tl-quiet">{escape(empty)}</p>'
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(
        "<tr>"
        + "".join(
            f'<td data-label="{escape(name)}"><div>{cell}</div></td>' for name, cell in zip(head, row, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    inside = f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody>"
    return f'<table class="tl-table" aria-label="{escape(label)}">{inside}</table>'


def counted(count: int, one: str, several: str = "") -> str:
    """How many there are of something, such as "1 passage" and "2,000 passages"."""
    return f"{count:,} {one if count == 1 else several or f'{one}s'}"


def button(label: str, *, do: str, target: str, confirm: str = "", kind: str = "") -> str:
    """A button in a table: what to do with which id. `confirm` is asked first."""
    ask = f' data-confirm="{escape(confirm)}"' if confirm else ""
    return (
        f'<button type="button" class="tl-small {kind}" data-do="{escape(do)}" data-target="{escape(target)}"{ask}>'
        f"{escape(label)}</button>"
    )


def badge(text: str, *, kind: str = "") -> str:
    """A word in a coloured frame: kind `good`, `bad` or plain."""
    return f'<span class="tl-badge {f"tl-badge-{kind}" if kind else ""}">{escape(text)}</span>'


def figures(pairs: Sequence[tuple[str, str]]) -> str:
    """Some figures side by side: (label, figure)."""
    cards = "".join(f"<div><dt>{escape(label)}</dt><dd>{escape(figure)}</dd></div>" for label, figure in pairs)
    return f'<dl class="tl-figures">{cards}</dl>'


def when(moment: datetime | str | None) -> str:
    """A moment in the machine's time zone, to the minute."""
    if not moment:
        return ""
    at = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return at.astimezone().strftime("%Y-%m-%d %H:%M")


def version(adapter: str | None) -> str:
    """How an adapter is called on a page: v3, or the model as it came."""
    return short_name(adapter)


def percent(share: float) -> str:
    """A share of 1 as a whole percentage."""
    return f"{share:.0%}"
