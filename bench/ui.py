"""How fast the pages feel on loopback, with an empty database and with a full one.

    python -m bench.ui [--messages 10000] [--repeats 5] [--json FILE]

Serves the real app with scripted replies, and looks at each page with a browser that has nothing in its cache: the time
to the first paint and until the page shows what it has to, and of that the longest request to the server. Then clicks
thumbs: the time until the click shows, and until the page says that the thumb is stored.
"""

import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from playwright.sync_api import Browser, Page, expect, sync_playwright

from bench.crowd import add_crowd
from tests.browsing import CHROMIUM, QUIET
from tests.furnished import TALK, admin_of
from tests.scenes import DESKTOP, HEIGHTS, visitor
from tests.serving import AppServer, serve_app
from ui import endpoints

PAGES = {
    "chat, new": ("/", ".tl-example"),
    "chat, a conversation": ("/?c={conversation}", "#tl-thread .tl-tools"),
    "documents": ("/documents", ".tl-page .tl-table"),
    "feedback": ("/feedback", ".tl-page .tl-replies, .tl-page .tl-empty-page"),
    "retrain": ("/retrain", ".tl-page .tl-stack"),
    "assistant": ("/assistant?a=default", ".tl-page textarea"),
}
"""Address, and what is there when the page shows what it has to."""
FILLED_JS = """(selector) => {
  const there = () => [...document.querySelectorAll(selector)].some((node) => node.getClientRects().length > 0);
  const look = () => { if (there()) window.tlFilled = performance.now(); else requestAnimationFrame(look); };
  look();
}"""
FIGURES_JS = """() => {
  const asked = performance.getEntriesByType("resource").filter(({ name }) => /\\/(run|queue)\\//.test(name));
  return {
    painted: performance.getEntriesByName("first-contentful-paint")[0].startTime,
    filled: window.tlFilled,
    server: Math.max(0, ...asked.map(({ requestStart, responseEnd }) => responseEnd - requestStart)),
  };
}"""
CLICK_JS = """(button, said) => new Promise((done) => {
  const began = performance.now();
  let shown = null;
  const pressed = button.getAttribute("aria-pressed");
  const look = () => {
    const now = performance.now() - began;
    if (shown === null && button.getAttribute("aria-pressed") !== pressed) shown = now;
    if (document.querySelector(said)) done({ shown: shown === null ? now : shown, stored: now });
    else requestAnimationFrame(look);
  };
  button.click();
  look();
})"""


@dataclass(frozen=True)
class Timed:
    """An app, and the conversation in it that is looked at."""

    app: AppServer
    conversation: str


@dataclass(frozen=True)
class Timing:
    """Of a page, medians in milliseconds."""

    painted: float
    filled: float
    server: float


@dataclass(frozen=True)
class Acknowledged:
    """Of a click on a thumb, medians in milliseconds."""

    shown: float
    stored: float


def main(
    messages: Annotated[int, typer.Option(help="In the full database.", min=100)] = 10_000,
    repeats: Annotated[int, typer.Option(help="The median of so many is told.", min=1)] = 5,
    result: Annotated[Path | None, typer.Option("--json", help="Write all figures here.")] = None,
) -> None:
    """Time the pages."""
    with ExitStack() as opened, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        apps = {size: opened.enter_context(_served(size)) for size in (0, messages)}
        pages = _time_pages(apps, browser, repeats=repeats)
        thumbs = _time_thumbs(apps, browser, repeats=repeats)
        browser.close()
    sys.stdout.write(_table(pages, thumbs, messages=messages))
    if result is not None:
        told = {
            str(size): {
                "pages": {name: asdict(one) for name, one in pages[size].items()},
                "thumb": asdict(thumbs[size]),
            }
            for size in apps
        }
        result.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


@contextmanager
def _served(messages: int) -> Iterator[Timed]:
    """An app with that many messages, and a conversation of the admin's."""
    with tempfile.TemporaryDirectory() as home, serve_app(Path(home)) as app:
        admin, conversation = admin_of(app.services), None
        if messages:
            add_crowd(app.services.database, messages=messages, owner=admin.id, now=datetime.now(UTC))
        for question, answer in TALK:
            app.engine.enqueue(answer)
            *_, last = endpoints.chat(app.services, admin, question, conversation=conversation)
            conversation = last["conversation"]
        assert conversation
        yield Timed(app, conversation)


@contextmanager
def _window(app: AppServer, browser: Browser) -> Iterator[Page]:
    context = visitor(app, browser, admin=True)
    page = context.new_page()
    page.set_viewport_size({"width": DESKTOP, "height": HEIGHTS[DESKTOP]})
    yield page
    context.close()


def _time_pages(apps: Mapping[int, Timed], browser: Browser, *, repeats: int) -> dict[int, dict[str, Timing]]:
    timed: dict[int, dict[str, Timing]] = {size: {} for size in apps}
    for name, (address, there) in PAGES.items():
        opening = {
            size: partial(_open, each.app, browser, address.format(conversation=each.conversation), there)
            for size, each in apps.items()
        }
        for size, figures in _medians(opening, of=repeats).items():
            timed[size][name] = Timing(**figures)
    return timed


def _open(app: AppServer, browser: Browser, address: str, there: str) -> Mapping[str, float]:
    with _window(app, browser) as page:
        page.add_init_script(f"({FILLED_JS})({json.dumps(there)})")
        page.goto(address)
        page.wait_for_function("() => window.tlFilled")
        return dict(page.evaluate(FIGURES_JS))


def _time_thumbs(apps: Mapping[int, Timed], browser: Browser, *, repeats: int) -> dict[int, Acknowledged]:
    with ExitStack() as opened:
        rating = {size: partial(_rate, opened.enter_context(_rating(each, browser))) for size, each in apps.items()}
        return {size: Acknowledged(**figures) for size, figures in _medians(rating, of=repeats).items()}


@contextmanager
def _rating(each: Timed, browser: Browser) -> Iterator[Page]:
    with _window(each.app, browser) as page:
        page.goto(f"/?c={each.conversation}")
        expect(page.get_by_role("button", name="Send")).to_be_enabled()
        yield page


def _rate(page: Page) -> Mapping[str, float]:
    """Like the last answer, and take that back."""
    thumb = page.get_by_role("button", name="Good answer").last
    took = thumb.evaluate(CLICK_JS, ".tl-form")
    thumb.click()
    expect(page.locator(".tl-form")).to_have_count(0)
    return dict(took)


def _medians(measures: Mapping[int, Callable[[], Mapping[str, float]]], *, of: int) -> dict[int, dict[str, float]]:
    """Of several measures by turns, so that whatever else the machine does falls on all of them."""
    measured: dict[int, list[Mapping[str, float]]] = {size: [] for size in measures}
    for _ in range(of):
        for size, measure in measures.items():
            measured[size].append(measure())
    return {
        size: {name: round(median(one[name] for one in figures), 1) for name in figures[0]}
        for size, figures in measured.items()
    }


def _table(pages: Mapping[int, Mapping[str, Timing]], thumbs: Mapping[int, Acknowledged], *, messages: int) -> str:
    """In Markdown, as `docs/pages.md` has it."""
    lines = [
        f"| milliseconds | first paint | filled | longest request | with {messages:,} messages | filled "
        "| longest request | filled, ratio |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, few in pages[0].items():
        many = pages[messages][name]
        figures = (few.painted, few.filled, few.server, many.painted, many.filled, many.server)
        cells = " | ".join(f"{figure:.0f}" for figure in figures)
        lines.append(f"| {name} | {cells} | {many.filled / few.filled:.2f} |")
    lines += [
        "",
        f"| a click on a thumb, milliseconds | empty | {messages:,} messages | ratio |",
        "| --- | --- | --- | --- |",
    ]
    for label, name in (("shows", "shown"), ("is stored", "stored")):
        took = [getattr(thumbs[size], name) for size in (0, messages)]
        lines.append(f"| {label} | {took[0]:.0f} | {took[1]:.0f} | {took[1] / max(took[0], 1):.2f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    typer.run(main)
