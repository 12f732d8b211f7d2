"""The zip file of a Space: what is in it, what is not, and the home that begins with it."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest
import yaml

from assistant import records
from assistant.errors import NotAllowed, NotFound
from assistant.knowledge import Upload
from assistant.tables import Access
from tests.serving import change, open_services
from ui import endpoints, space
from ui.launch import begin_with
from ui.pages import share_handlers as handlers
from ui.services import Services
from ui.sessions import Caller

ADMIN = Caller("admin-1", "admin", "admin")
SECRET = "what a guest said in confidence"


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    with open_services(tmp_path_factory.mktemp("space")) as opened:
        yield opened


def its_id(services: Services) -> str:
    with services.database.read() as session:
        return records.assistant_by_slug(session, "default").id


def steps(services: Services) -> str:
    return handlers.space_steps(services, ADMIN, assistant="default")


def test_it_holds_what_a_space_needs_and_nothing_of_this_machine(services: Services, tmp_path: Path) -> None:
    list(endpoints.chat(services, ADMIN, SECRET))
    change(services, name='Bee: "guide"', greeting="Hello from the hive.", model=str(tmp_path))
    services.knowledge.ingest(its_id(services), [Upload("bees.md", b"# Bees\n\nA hive holds fifty thousand bees.\n")])
    path = handlers.prepare_space(services, ADMIN, assistant="default")
    assert path.name == "default-space.zip" and [each.name for each in path.parent.iterdir()] == [path.name]
    with ZipFile(path) as zipped:
        names = set(zipped.namelist())
        assert {"app.py", "requirements.txt", "README.md", space.BUNDLE, "ui/pages/style.css", "ui/py.typed"} <= names
        assert not [name for name in names if "__pycache__" in name or name.startswith(("tests", "data", "/"))]
        told = yaml.safe_load(zipped.read("README.md").decode().split("---\n")[1])
        everything = b"".join(zipped.read(name) for name in names)
    assert (told["title"], told["sdk"], told["app_file"]) == ('Bee: "guide"', "gradio", "app.py")
    assert len(told["short_description"]) <= 60
    assert str(services.settings.home).encode() not in everything and str(tmp_path).encode() not in everything
    assert SECRET.encode() not in everything
    assert "Thumbloop&#x27;s default model" in steps(services)
    change(services, model="default")


def test_a_home_without_any_assistant_begins_with_the_one_that_was_brought(services: Services, tmp_path: Path) -> None:
    change(services, name="Hive guide", greeting="Hello from the hive.")
    with ZipFile(handlers.prepare_space(services, ADMIN, assistant="default")) as zipped:
        brought = Path(zipped.extract(space.BUNDLE, tmp_path))
    with open_services(tmp_path / "there", sample=False) as there:
        begin_with(there, brought)
        change(there, greeting="Changed there.")
        begin_with(there, brought)
        with there.database.read() as session:
            (only,) = records.assistants(session)
        assert (only.slug, only.name, only.greeting) == ("default", "Hive guide", "Changed there.")
        held = {each.name for each in there.knowledge.documents(only.id)}
        assert held == {each.name for each in services.knowledge.documents(its_id(services))}


def test_it_says_for_whom_it_is_there(services: Services) -> None:
    assert "not for everyone" not in steps(services)
    change(services, access=Access.members)
    assert "not for everyone" in steps(services)
    change(services, access=Access.everyone)
    assert "hf upload YOUR-NAME/default default-space . --type space" in steps(services)


def test_without_thumbloops_own_files_it_says_what_to_do(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(space.ROOT / "app.py", tmp_path / "app.py")
    monkeypatch.setattr(space, "ROOT", tmp_path)
    with pytest.raises(NotFound, match=r"requirements\.txt of Thumbloop is not here"):
        handlers.prepare_space(services, ADMIN, assistant="default")


def test_only_an_admin_prepares_one(services: Services) -> None:
    guest = Caller("g", "guest", "guest")
    for call in (handlers.prepare_space, handlers.space_steps):
        with pytest.raises(NotAllowed):
            call(services, guest, assistant="default")
