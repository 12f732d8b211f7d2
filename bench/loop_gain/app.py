"""The app that simulated people talk to: the one that people start, in a process and a home folder of its own.

Everything goes through its address; what it needs besides are the two models, which are linked into its home.
"""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import socket
from typing import Any

import httpx
from gradio_client import Client, handle_file

from assistant.errors import ThumbloopError
from bench.loop_gain.preference import Preference
from bench.loop_gain.questions import document_files

ROOT = Path(__file__).parents[2]
SERVE = """
import os, signal, threading
def end_with_parent():
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGTERM)
threading.Thread(target=end_with_parent, daemon=True).start()
from ui.cli import main
main(["serve"])
"""
"""Serves as `thumbloop serve` does, until its standard input closes: an app that outlived the bench would keep the home
folder from the next one."""
SLUG = "bench"
START_S = PATIENCE_S = 600
LOOK_S = 2.0
TEMPERATURE, TOP_P, MAX_NEW_TOKENS = 0.8, 0.95, 128
"""Of the assistant: free enough that a second answer is another one, and long enough for most to come to an end."""


@dataclass(frozen=True)
class App:
    """A running app."""

    url: str
    password: str

    @contextmanager
    def guest(self) -> Iterator[Client]:
        """A client of somebody who did not sign in; each is another guest."""
        with closing(_client(self.url)) as client:
            yield client

    @contextmanager
    def admin(self) -> Iterator[Client]:
        """A client of the admin."""
        with closing(_client(self.url, auth=("admin", self.password))) as client:
            yield client


def _client(url: str, **more: Any) -> Client:
    """A client that waits for a busy machine, on which people, a training and a test may share a core."""
    return Client(url, verbose=False, analytics_enabled=False, httpx_kwargs={"timeout": PATIENCE_S}, **more)


@contextmanager
def running_app(home: Path, models: Path) -> Iterator[App]:
    """The app of a home folder, until the block ends. Raises `ThumbloopError` where it does not start."""
    (home / "models").mkdir(parents=True, exist_ok=True)
    for model in models.resolve().iterdir():
        if not (home / "models" / model.name).exists():
            (home / "models" / model.name).symlink_to(model)
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    password = secrets.token_urlsafe(16)
    settings = {"HOME": str(home.resolve()), "PORT": str(port), "ADMIN_PASSWORD": password}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("THUMBLOOP_")}
    environment |= {f"THUMBLOOP_{name}": value for name, value in settings.items()}
    environment |= {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    with (home / "app.log").open("ab") as output:
        command = [sys.executable, "-c", SERVE]
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=output, stderr=output, cwd=home
        )
    try:
        app = App(f"http://127.0.0.1:{port}", password)
        _wait_until_ready(app, process, home / "app.log")
        yield app
    finally:
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(app: App, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        try:
            if httpx.get(f"{app.url}/healthz", timeout=LOOK_S).json()["model"] == "ready":
                return
        except httpx.TransportError:
            pass
        time.sleep(LOOK_S / 4)
    raise ThumbloopError(f"The app did not start in {START_S} s; {log} says why. Mend that, and run this again.")


def prepare(admin: Client, preference: Preference) -> None:
    """Make the assistant that the people of a preference talk to, unless it is there."""
    there = {each["assistant"] for each in admin.predict(api_name="/assistants")["assistants"]}
    if SLUG not in there:
        settings = {
            "system_prompt": preference.system,
            "temperature": TEMPERATURE,
            "top_p": TOP_P,
            "max_new_tokens": MAX_NEW_TOKENS,
            **({} if preference.documents else {"passages": 0}),
        }
        made = {"name": "Bench", "assistant": SLUG, "start": "blank", "settings": settings}
        admin.predict(**made, api_name="/create_assistant")
    if preference.documents and not admin.predict(assistant=SLUG, api_name="/status")["documents"]:
        files = [handle_file(file) for file in document_files()]
        admin.predict(assistant=SLUG, files=files, api_name="/ingest")


def follow(admin: Client, run: str) -> dict[str, Any]:
    """Wait for a run's end; what `/run` tells of it then."""
    while True:
        told: dict[str, Any] = admin.predict(run=run, api_name="/run")
        if told["state"] in ("done", "failed", "cancelled"):
            return told
        time.sleep(LOOK_S)
