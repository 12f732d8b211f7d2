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
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from playwright.sync_api import Browser, Page, expect, sync_playwright
from rich.console import Console

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
    "retrain": ("/retrain", ".tl-page .tl-figures"),
    "assistant": ("/assistant", ".tl-page textarea"),
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
CLICK_JS = """([button, said]) => new Promise((done) => {
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
    console = Console(stderr=True)
    told = {}
    for size in (0, messages):
        console.print(f"{size} messages", highlight=False)
        with _served(size) as (app, conversation, browser):
            told[size] = (
                _time_pages(app, browser, conversation, repeats=repeats),
                _time_thumbs(app, browser, conversation, repeats=repeats),
            )
    sys.stdout.write(_table(*told[0], *told[messages], messages=messages))
    if result is not None:
        figures = {
            str(size): {"pages": {name: asdict(one) for name, one in pages.items()}, "thumb": asdict(thumb)}
            for size, (pages, thumb) in told.items()
        }
        result.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


@contextmanager
def _served(messages: int) -> Iterator[tuple[AppServer, str, Browser]]:
    """An app with that many messages and a conversation of the admin's, and a browser."""
    with tempfile.TemporaryDirectory() as home, serve_app(Path(home)) as app, sync_playwright() as playwright:
        admin, conversation = admin_of(app.services), None
        if messages:
            add_crowd(app.services.database, messages=messages, owner=admin.id, now=datetime.now(UTC))
        for question, answer in TALK:
            app.engine.enqueue(answer)
            *_, last = endpoints.chat(app.services, admin, question, conversation=conversation)
            conversation = last["conversation"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield app, conversation or "", browser
        browser.close()


@contextmanager
def _window(app: AppServer, browser: Browser) -> Iterator[Page]:
    context = visitor(app, browser, admin=True)
    page = context.new_page()
    page.set_viewport_size({"width": DESKTOP, "height": HEIGHTS[DESKTOP]})
    yield page
    context.close()


def _time_pages(app: AppServer, browser: Browser, conversation: str, *, repeats: int) -> dict[str, Timing]:
    timed = {}
    for name, (address, there) in PAGES.items():
        opening = partial(_open, app, browser, address.format(conversation=conversation), there)
        timed[name] = Timing(**_medians(opening, of=repeats))
    return timed


def _open(app: AppServer, browser: Browser, address: str, there: str) -> Mapping[str, float]:
    with _window(app, browser) as page:
        page.add_init_script(f"({FILLED_JS})({json.dumps(there)})")
        page.goto(address)
        page.wait_for_function("() => window.tlFilled")
        return dict(page.evaluate(FIGURES_JS))


def _time_thumbs(app: AppServer, browser: Browser, conversation: str, *, repeats: int) -> Acknowledged:
    with _window(app, browser) as page:
        page.goto(f"/?c={conversation}")
        thumb = page.get_by_role("button", name="Good answer").last
        expect(page.get_by_role("button", name="Send")).to_be_enabled()

        def rate() -> Mapping[str, float]:
            took = thumb.evaluate("(button, rest) => (" + CLICK_JS + ")([button, rest])", ".tl-form")
            thumb.click()
            expect(page.locator(".tl-form")).to_have_count(0)
            return dict(took)

        return Acknowledged(**_medians(rate, of=repeats))


def _medians(measure: Callable[[], Mapping[str, float]], *, of: int) -> dict[str, float]:
    measured = [measure() for _ in range(of)]
    return {name: round(median(one[name] for one in measured), 1) for name in measured[0]}


def _table(
    empty: Mapping[str, Timing],
    empty_thumb: Acknowledged,
    full: Mapping[str, Timing],
    full_thumb: Acknowledged,
    *,
    messages: int,
) -> str:
    """In Markdown, as `docs/pages.md` has it."""
    lines = [
        f"| milliseconds | first paint | filled | longest request | with {messages:,} messages | filled "
        "| longest request | filled, ratio |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, few in empty.items():
        many = full[name]
        figures = (few.painted, few.filled, few.server, many.painted, many.filled, many.server)
        cells = " | ".join(f"{figure:.0f}" for figure in figures)
        lines.append(f"| {name} | {cells} | {many.filled / few.filled:.2f} |")
    lines += [
        "",
        f"| a click on a thumb, milliseconds | empty | {messages:,} messages | ratio |",
        "| --- | --- | --- | --- |",
    ]
    for label, name in (("shows", "shown"), ("is stored", "stored")):
        few, many = getattr(empty_thumb, name), getattr(full_thumb, name)
        lines.append(f"| {label} | {few:.0f} | {many:.0f} | {many / max(few, 1):.2f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    typer.run(main)
