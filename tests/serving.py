"""A running app for tests: the real one on a free port of this machine, with scripted replies and no model."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import socket
from typing import Any

import uvicorn
from gradio_client import Client
from pydantic import SecretStr

from assistant import records
from assistant.fake_engine import FakeEngine
from assistant.knowledge.fake_embedder import HashEmbedder
from ui.app import create_app
from ui.process import prepare_environment
from ui.services import Services
from ui.settings import load_settings

ADMIN_PASSWORD = "tulips in march"


@dataclass(frozen=True)
class AppServer:
    """A running app: where it is, what it is made of, and clients to call it by."""

    url: str
    services: Services
    engine: FakeEngine

    @contextmanager
    def guest(self) -> Iterator[Client]:
        """A client of somebody who did not sign in; each is another guest."""
        with closing(Client(self.url, verbose=False, analytics_enabled=False)) as client:
            yield client

    @contextmanager
    def admin(self) -> Iterator[Client]:
        """A client of the admin."""
        auth = ("admin", ADMIN_PASSWORD)
        with closing(Client(self.url, auth=auth, verbose=False, analytics_enabled=False)) as client:
            yield client


@contextmanager
def open_services(home: Path, *, sample: bool = True, **flags: object) -> Iterator[Services]:
    """The services of an app in `home`, with scripted replies."""
    settings = load_settings(home=home, admin_password=SecretStr(ADMIN_PASSWORD), **flags)
    prepare_environment(settings)
    with closing(Services.open(settings, engine=FakeEngine(), embedder=HashEmbedder(), sample=sample)) as services:
        yield services


@contextmanager
def serve_app(home: Path, **flags: object) -> Iterator[AppServer]:
    """The app of `home`, served until the block ends; `flags` are settings."""
    with open_services(home, **flags) as services, socket() as listener:
        listener.bind(("127.0.0.1", 0))
        app = create_app(services)
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="app")
        thread.start()
        try:
            while not server.started:
                thread.join(0.02)
                if not thread.is_alive():
                    raise RuntimeError("the app did not start; its log says why")
            engine = services.engine
            assert isinstance(engine, FakeEngine)
            yield AppServer(f"http://127.0.0.1:{listener.getsockname()[1]}", services, engine)
        finally:
            server.should_exit = True
            thread.join(10)


def eventually(condition: Callable[[], bool], *, timeout_s: float = 10) -> None:
    """Wait until a condition holds that nothing announces; fail after `timeout_s`."""
    until = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > until:
            raise AssertionError(f"{condition.__name__} did not come true within {timeout_s:g} s")
        threading.Event().wait(0.02)


def change(services: Services, **settings: Any) -> None:
    """Change settings of the sample assistant."""
    with services.database.write() as session:
        records.update_assistant(session, records.assistant_by_slug(session, "default").id, **settings)
