"""Who may use which assistant: guests, members and admins, at endpoints and pages alike."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from assistant import records
from assistant.errors import NotAllowed, NotFound
from assistant.tables import Access
from tests.serving import open_services
from ui import access, endpoints
from ui.app import create_app
from ui.pages import chat_handlers, conversations_handlers, frame
from ui.services import Services
from ui.sessions import Caller

GUEST = Caller("guest-1", "guest", "guest")
MEMBER = Caller("m1", "mia", "member")
ADMIN = Caller("a1", "admin", "admin")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """An app with one assistant of each kind; the oldest, `default`, is for admins."""
    with open_services(tmp_path_factory.mktemp("home")) as opened:
        restrict(opened, "default", Access.admins)
        with opened.database.write() as session:
            for slug, who in (("team", Access.members), ("open", Access.everyone)):
                records.create_assistant(session, slug=slug, name=slug, system_prompt="Help.", access=who)
        yield opened


def restrict(services: Services, slug: str, who: Access) -> None:
    with services.database.write() as session:
        records.update_assistant(session, records.assistant_by_slug(session, slug).id, access=who)


@pytest.mark.parametrize(
    ("caller", "slugs"), [(GUEST, ["open"]), (MEMBER, ["team", "open"]), (ADMIN, ["default", "team", "open"])]
)
def test_each_sees_and_gets_first_what_they_may_use(shared: Services, caller: Caller, slugs: list[str]) -> None:
    with shared.database.read() as session:
        assert [one.slug for one in access.usable(session, caller)] == slugs
        assert access.first_usable(session, caller).slug == slugs[0]
    assert frame.named_or_first(shared, caller, "") == slugs[0]
    for slug in ("default", "team", "open"):
        answers = endpoints.chat(shared, caller, "Hello?", slug)
        if slug in slugs:
            assert [*answers][-1]["done"]
        else:
            with pytest.raises(NotAllowed, match="hoose another one"):
                next(answers)


def test_an_unknown_assistant_is_told_apart_from_one_that_is_closed(shared: Services) -> None:
    with shared.database.read() as session, pytest.raises(NotFound, match="'nobody'"):
        access.require_use(session, ADMIN, "nobody")


def test_a_page_about_a_closed_assistant_says_so_and_shows_nothing_of_it(shared: Services) -> None:
    shown = chat_handlers.show(shared, GUEST, assistant="default", conversation="")
    assert access.FOR_ADMINS in (shown.thread or "") and "Thumbloop guide" not in str(shown)
    with pytest.raises(NotAllowed):
        chat_handlers.example(shared, GUEST, assistant="default", n="0")
    *_, last = chat_handlers.send(shared, GUEST, assistant="default", message="Hello?", conversation="")
    assert last.warning == access.FOR_ADMINS and last.busy is False


def test_an_old_reply_cannot_be_tried_again_once_the_assistant_is_closed(home: Path) -> None:
    with open_services(home) as services:
        reply = [*endpoints.chat(services, GUEST, "Hello?")][-1]["reply"]
        restrict(services, "default", Access.members)
        with pytest.raises(NotAllowed, match="people who sign in"):
            next(endpoints.retry(services, GUEST, reply))
        restrict(services, "default", Access.everyone)
        assert [*endpoints.retry(services, GUEST, reply)][-1]["done"]


def test_where_nothing_is_open_to_somebody_they_are_told_what_to_do(home: Path) -> None:
    with open_services(home) as services:
        restrict(services, "default", Access.admins)
        with services.database.read() as session:
            with pytest.raises(NotFound, match="Sign in"):
                access.first_usable(session, GUEST)
            with pytest.raises(NotFound, match="Ask an admin"):
                access.first_usable(session, MEMBER)


def test_nothing_of_an_assistant_for_admins_stands_in_what_a_guest_gets(home: Path) -> None:
    words = {"slug": "project-heron", "name": "Heron files", "greeting": "Ask of herons.", "system_prompt": "Heron."}
    with open_services(home, sample=False) as services, services.database.write() as session:
        records.create_assistant(session, access=Access.admins, example_questions=["Do herons sleep?"], **words)
        records.create_assistant(session, slug="open", name="Open", system_prompt="Help.")
    with open_services(home) as services:
        app = create_app(services)
        with TestClient(app, follow_redirects=False) as guest:
            addresses = [f"/{path}" for path, *_ in guest.get("/config").json()["pages"]]
            for address in ["/config", "/gradio_api/info", *addresses, "/?a=project-heron", "/embed?a=project-heron"]:
                told = guest.get(address, headers={"accept": "text/html"})
                assert told.status_code == 200, address
                assert "heron" not in told.text.lower().replace("a=project-heron", ""), address
        panel = conversations_handlers.panel(services, GUEST, assistant="project-heron")
        assert "heron" not in panel.lower() and 'href="./?a=open"' in panel
