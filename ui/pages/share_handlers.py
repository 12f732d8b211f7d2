"""What the share page says and makes: addresses and snippets for other sites, and the files of a Space."""

from pathlib import Path
from urllib.parse import urlsplit

from assistant import records
from assistant.errors import BadInput
from assistant.tables import Access
from ui import space
from ui.pages import share_html as html
from ui.services import Services
from ui.sessions import Caller

LOCAL = ("127.0.0.1", "localhost", "::1")
COUNTED = "What people say and rate there is kept here, and counts like everything else."
ONLY_HERE = "This address works on this machine only. Let others in with THUMBLOOP_HOST=0.0.0.0, or put it on a Space."
PLAIN_HTTP = (
    "The address begins with http: in a frame on another site a browser then keeps a conversation only until the page "
    "is reloaded. With https it stays."
)
NO_GUESTS = "No guests are let in here (THUMBLOOP_GUESTS): people sign in first, in a window of their own."
NOT_EVERYONE = "Only {who} may use this assistant; others are told so. Change it on the Assistants page."
WHO = {Access.members: "people who sign in", Access.admins: "admins"}


def ways(services: Services, caller: Caller, *, assistant: str, site: str) -> str:
    """The ways to an assistant; `site` is the address of this server as the admin's browser has it.

    Raises `NotAllowed`, `BadInput`, `NotFound`.
    """
    caller.require_admin()
    address = urlsplit(site)
    if address.scheme not in ("http", "https") or not address.hostname or len(site) > 2_000:
        raise BadInput("The address of this page is not known. Reload it.")
    with services.database.read() as session:
        asked = records.assistant_by_slug(session, assistant)
    notes = [COUNTED]
    if address.hostname in LOCAL:
        notes.append(ONLY_HERE)
    elif address.scheme == "http":
        notes.append(PLAIN_HTTP)
    if not services.settings.guests:
        notes.append(NO_GUESTS)
    elif asked.access is not Access.everyone:
        notes.append(NOT_EVERYONE.format(who=WHO[asked.access]))
    root = f"{address.scheme}://{address.netloc}{address.path.rstrip('/')}"
    return html.ways(chat=f"{root}/a/{asked.slug}", script=f"{root}/gradio-app.js", name=asked.name, notes=notes)


def space_steps(services: Services, caller: Caller, *, assistant: str) -> str:
    """What goes into a Space of the assistant's, and how it gets online. Raises `NotAllowed`, `NotFound`."""
    caller.require_admin()
    with services.database.read() as session:
        asked = records.assistant_by_slug(session, assistant)
    plan = space.plan(services, asked)
    return html.space_steps(space.commands(asked.slug), takes=plan.takes, leaves=plan.leaves)


def prepare_space(services: Services, caller: Caller, *, assistant: str) -> Path:
    """Write the files of a Space of the assistant's into one zip file; its path. Raises `NotAllowed`, `NotFound`."""
    caller.require_admin()
    with services.database.read() as session:
        asked = records.assistant_by_slug(session, assistant)
    return space.write(services, asked)
