"""What the share page says, as functions: addresses, snippets that can be trusted, and what to know of them."""

from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from assistant.errors import BadInput, NotAllowed, NotFound
from assistant.tables import Access
from tests.serving import change, open_services
from ui.pages import share_handlers as handlers
from ui.services import Services
from ui.sessions import Caller

ADMIN = Caller("admin-1", "admin", "admin")
SITE = "https://chat.example.org/bot/"


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    with open_services(tmp_path_factory.mktemp("share")) as opened:
        yield opened


def ways(services: Services, site: str = SITE) -> str:
    return handlers.ways(services, ADMIN, assistant="default", site=site)


class Snippets(HTMLParser):
    """The texts to copy."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._within = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self._within = tag == "code"
        if self._within:
            self.texts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._within = self._within and tag != "code"

    def handle_data(self, data: str) -> None:
        if self._within:
            self.texts[-1] += data


def test_there_is_an_address_a_frame_and_a_tag(services: Services) -> None:
    address, frame, tag = Snippets(ways(services)).texts
    assert address == "https://chat.example.org/bot/a/default"
    assert frame.startswith(f'<iframe src="{address}" title="Thumbloop guide"')
    assert f'<gradio-app src="{address}"></gradio-app>' in tag
    assert '<script async src="https://chat.example.org/bot/gradio-app.js"></script>' in tag


def test_a_hostile_name_stays_within_its_attribute(services: Services) -> None:
    change(services, name='"><script>alert(1)</script>')
    html = ways(services)
    assert "<script>alert" not in html and "<script>alert" not in unescape(Snippets(html).texts[0])
    assert 'title="&quot;&gt;&lt;script&gt;' in Snippets(html).texts[1]
    change(services, name="Thumbloop guide")


@pytest.mark.parametrize(
    "site", ["", "javascript:alert(1)//", "ftp://x.example/", "https:///", "https://x/" + "x" * 2000]
)
def test_an_address_that_is_none_is_refused(services: Services, site: str) -> None:
    with pytest.raises(BadInput, match="Reload"):
        ways(services, site)


def test_it_says_who_can_reach_it(services: Services) -> None:
    assert handlers.ONLY_HERE in ways(services, "http://127.0.0.1:7860/")
    assert handlers.PLAIN_HTTP in ways(services, "http://chat.example.org/")
    everyone = ways(services)
    assert handlers.ONLY_HERE not in everyone and handlers.PLAIN_HTTP not in everyone and "may use this" not in everyone
    change(services, access=Access.members)
    assert "Only people who sign in may use" in ways(services)
    change(services, access=Access.everyone)


def test_it_says_that_no_guests_are_let_in(tmp_path: Path) -> None:
    with open_services(tmp_path, guests=False) as services:
        assert handlers.NO_GUESTS in ways(services)


def test_only_an_admin_sees_it_and_only_of_an_assistant_that_is_there(services: Services) -> None:
    with pytest.raises(NotAllowed):
        handlers.ways(services, Caller("g", "guest", "guest"), assistant="default", site=SITE)
    with pytest.raises(NotFound):
        handlers.ways(services, ADMIN, assistant="nobody", site=SITE)
