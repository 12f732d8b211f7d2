"""axe-core on every page in a real Chromium, light and dark, on a phone and on a desktop: nothing serious is found."""

from collections.abc import Iterator, Sequence

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.browsing import TIMEOUT_MS
from tests.furnished import Furnished, furnish
from tests.scenes import DESKTOP, PHONE, SCENES, SCHEMES, Scene, enter, look, visitor
from tests.serving import AppServer, serve_app

pytestmark = pytest.mark.browser

RULES = {"light": (), "dark": ("color-contrast",)}
"""All of them, and those that colours have to do with."""
GRAVE = ("serious", "critical")
GRADIOS_OWN: dict[str, list[str]] = {}
"""By rule, the parts of Gradio's own markup that break it and that nothing of ours can mend."""


@pytest.fixture(scope="module")
def furnished_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[AppServer, Furnished]]:
    with serve_app(tmp_path_factory.mktemp("axe")) as served:
        yield served, furnish(served)


@pytest.mark.parametrize("scene", SCENES, ids=[scene.name for scene in SCENES])
def test_axe_finds_nothing_serious(furnished_app: tuple[AppServer, Furnished], chromium: Browser, scene: Scene) -> None:
    app, held = furnished_app
    context = visitor(app, chromium, admin=scene.admin)
    context.set_default_timeout(TIMEOUT_MS)
    page = context.new_page()
    enter(page, scene, held)
    found = []
    for width in (PHONE, DESKTOP):
        for scheme in SCHEMES:
            look(page, width=width, scheme=scheme)
            found += [f"{width} px, {scheme}: {finding}" for finding in grave_findings(page, of=RULES[scheme])]
    context.close()
    assert not found, "\n".join(found)


def test_axe_would_find_something(page: Page) -> None:
    page.goto("/login")
    page.evaluate("document.querySelector('label[for=username]').remove()")
    assert [finding.partition(" ")[0] for finding in grave_findings(page)] == ["label"]


def test_every_page_has_a_scene(page: Page) -> None:
    routes = {f"/{path}" for path, *_ in page.request.get("/config").json()["pages"]}
    assert routes <= {scene.route for scene in SCENES}, "add scenes of the new pages to tests/scenes.py"


def grave_findings(page: Page, *, of: Sequence[str] = ()) -> list[str]:
    """What axe finds serious or critical: rule, element and what is wrong, a line each; `of` keeps to these rules."""
    options = {"resultTypes": ["violations"]} | ({"runOnly": list(of)} if of else {})
    response = Axe().run(page, options=options).response
    return [
        f"{rule['id']} {node['target'][0]} {node['failureSummary'].partition(chr(10))[2].strip()} {node['html'][:160]}"
        for rule in response["violations"]
        if rule["impact"] in GRAVE
        for node in rule["nodes"]
        if node["target"][0] not in GRADIOS_OWN.get(rule["id"], [])
    ]
