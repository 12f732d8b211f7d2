"""Pictures of every page for docs and eyes: `python -m bench.screenshots [NAME ...] [--to docs/screenshots] [--every]`.

Furnishes an app as a month of use leaves it, and photographs each scene of `tests.scenes`, or those named, on a desktop
by day and on a phone at night; with `--every`, also the other way round.
"""

import io
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browsing import CHROMIUM, QUIET, TIMEOUT_MS
from tests.furnished import furnish
from tests.scenes import DESKTOP, PHONE, SCENES, Scene, enter, look, visitor
from tests.serving import serve_app

SIZES = {"desktop": DESKTOP, "phone": PHONE}
KINDS = (("desktop", "light"), ("phone", "dark"), ("desktop", "dark"), ("phone", "light"))
USUAL = 2
"""So many of the kinds are for the docs."""
SETTLE_MS = 700
"""Plots fit themselves to the window a moment after the page does."""
COLOURS = 256
"""A page has few colours: so many take a third of the bytes and look the same."""


def main(
    names: Annotated[list[str] | None, typer.Argument(help="Of scenes; all, if none is named.")] = None,
    to: Annotated[Path, typer.Option(help="Folder of the pictures.")] = Path("docs/screenshots"),
    every: Annotated[bool, typer.Option("--every", help="Both sizes, each light and dark.")] = False,
) -> None:
    """Take the pictures."""
    known = {scene.name: scene for scene in SCENES}
    unknown = set(names or ()) - set(known)
    if unknown:
        raise typer.BadParameter(f"There is no scene {sorted(unknown)[0]!r}. There are {', '.join(known)}.")
    to.mkdir(parents=True, exist_ok=True)
    scenes = [known[name] for name in names or known]
    with sync_playwright() as playwright:
        expect.set_options(timeout=TIMEOUT_MS)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        for size, scheme in KINDS if every else KINDS[:USUAL]:
            _take(browser, scenes, size=size, scheme=scheme, to=to)
        browser.close()


def _take(browser: Browser, scenes: Sequence[Scene], *, size: str, scheme: str, to: Path) -> None:
    """Pictures of one kind, of an app of their own: what is done in a scene stays done."""
    with tempfile.TemporaryDirectory() as home, serve_app(Path(home)) as app:
        held = furnish(app)
        visitors = {admin: visitor(app, browser, admin=admin) for admin in (True, False)}
        for scene in scenes:
            page = visitors[scene.admin].new_page()
            look(page, width=SIZES[size], scheme=scheme)
            enter(page, scene, held)
            _save(page, to / f"{scene.name}-{size}-{scheme}.png", whole=scene.whole)
            page.close()
            sys.stdout.write(f"{scene.name}, {size}, {scheme}\n")
            sys.stdout.flush()


def _save(page: Page, to: Path, *, whole: bool) -> None:
    if whole:  # as a window of that height, since a bar that sticks to an edge is pictured in the middle otherwise
        page.evaluate("window.scrollTo(0, 0)")
        height = page.evaluate("document.documentElement.scrollHeight")
        page.set_viewport_size({"width": page.viewport_size["width"], "height": height})
    page.wait_for_timeout(SETTLE_MS)
    taken = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    taken.quantize(COLOURS, dither=Image.Dither.NONE).save(to, optimize=True)


if __name__ == "__main__":
    typer.run(main)
