"""What every test gets without asking: a home of its own, no network but loopback, and quiet libraries."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

QUIET = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
os.environ.update(QUIET)  # before the imports below: the libraries read these only once

import pytest  # noqa: E402
from pwdlib import PasswordHash  # noqa: E402
from pwdlib.hashers.argon2 import Argon2Hasher  # noqa: E402

import ui.tables  # noqa: E402, F401, a database has the tables of all four packages
from assistant.database import Database  # noqa: E402
from assistant.defaults import require  # noqa: E402
from assistant.models import DEFAULT_CHAT, DEFAULT_EMBEDDING  # noqa: E402
from tests.browsing import app, chromium, page, person  # noqa: E402, F401, fixtures of the tests in a browser
from tests.builders import new_database  # noqa: E402

TEST_MODELS = os.environ.get("THUMBLOOP_TEST_MODELS") or Path(__file__).parents[1] / "build/test-home/models"
LOOPBACK = ("127.", "::1", "localhost", "0.0.0.0")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home folder of this test alone, `THUMBLOOP_HOME`; no other setting comes from outside."""
    for name in [name for name in os.environ if name.startswith("THUMBLOOP_")]:
        monkeypatch.delenv(name)
    folder = tmp_path / "home"
    monkeypatch.setenv("THUMBLOOP_HOME", str(folder))
    return folder


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Refuse connections to other machines, and fail the test that tried one, even if a library swallowed that."""
    tried: list[Any] = []
    for name in ("connect", "connect_ex"):
        _guard(monkeypatch, name, tried)
    yield
    assert not tried, f"the test tried to reach {tried}"


def _guard(monkeypatch: pytest.MonkeyPatch, name: str, tried: list[Any]) -> None:
    original = getattr(socket.socket, name)

    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family != socket.AF_UNIX and not str(address[0]).startswith(LOOPBACK):
            tried.append(address)
            raise OSError(f"Tests may not reach {address}.")
        return original(self, address)

    monkeypatch.setattr(socket.socket, name, guarded)


@pytest.fixture(autouse=True, scope="session")
def quick_passwords() -> Iterator[None]:
    """Passwords hashed with little effort; otherwise each app that a test starts takes a quarter of a second longer."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(PasswordHash, "recommended", lambda: PasswordHash((Argon2Hasher(time_cost=1, memory_cost=64),)))
        yield


@pytest.fixture(scope="session")
def default_models() -> Path:
    """The folder with the two default models, which `make setup` fetches; `THUMBLOOP_TEST_MODELS` names another."""
    folder = Path(TEST_MODELS)
    for wheel in (DEFAULT_CHAT, DEFAULT_EMBEDDING):
        require(folder, wheel)
    return folder


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A fresh, migrated SQLite file."""
    opened = new_database(tmp_path)
    yield opened
    opened.close()
