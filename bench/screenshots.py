"""Pictures of every page for docs and eyes: `python -m bench.screenshots [NAME ...] [--to docs/screenshots]`.

Furnishes an app as a month of use leaves it and photographs each scene of `tests.scenes`, or those named, light and
dark, on a desktop and on a phone.
"""

import io
import sys
import tempfile
from itertools import product
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browsing import CHROMIUM, QUIET, TIMEOUT_MS
from tests.furnished import Furnished, furnish
from tests.scenes import DESKTOP, PHONE, SCENES, SCHEMES, Scene, enter, look, visitor
from tests.serving import AppServer, serve_app

SIZES = {"desktop": DESKTOP, "phone": PHONE}
SETTLE_MS = 700
"""Plots fit themselves to the window a moment after the page does."""
COLOURS = 256
"""A page has few colours: so many take a third of the bytes and look the same."""


def main(
    names: Annotated[list[str] | None, typer.Argument(help="Of scenes; all, if none is named.")] = None,
    to: Annotated[Path, typer.Option(help="Folder of the pictures.")] = Path("docs/screenshots"),
) -> None:
    """Take the pictures."""
    known = {scene.name: scene for scene in SCENES}
    unknown = set(names or ()) - set(known)
    if unknown:
        raise typer.BadParameter(f"There is no scene {sorted(unknown)[0]!r}. There are {', '.join(known)}.")
    to.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, serve_app(Path(home)) as app, sync_playwright() as playwright:
        held = furnish(app)
        expect.set_options(timeout=TIMEOUT_MS)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        for name in names or known:
            _take(app, browser, known[name], held, to)
            sys.stdout.write(f"{name}\n")
        browser.close()


def _take(app: AppServer, browser: Browser, scene: Scene, held: Furnished, to: Path) -> None:
    """A scene's pictures; its page is opened anew for each, as people do who come with a phone or at night."""
    for scheme, (size, width) in product(SCHEMES, SIZES.items()):
        context = visitor(app, browser, admin=scene.admin)
        page = context.new_page()
        look(page, width=width, scheme=scheme)
        enter(page, scene, held)
        _save(page, to / f"{scene.name}-{size}-{scheme}.png", whole=scene.whole)
        context.close()


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
