"""The whole loop over HTTP with the real models, offline: ask, rate, retrain, gate, promote, restart, roll back.

The app is the one that people start, in a process of its own that can reach nothing but this machine; everything is
done through `gradio_client`, as anybody could.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from socket import socket
from typing import Any

import httpx
import pytest
from gradio_client import Client, handle_file

from assistant import records
from assistant.database import open_database
from assistant.prompt import REFUSAL

PASSWORD = "a lighthouse of glass"
START_S = 180
RUN_S = 1800
DOCUMENT = Path(__file__).parent / "data" / "orlund-museum.md"
NO_NETWORK = """
import os, socket
connect = socket.socket.connect
def guarded(self, address):
    if self.family != socket.AF_UNIX and not str(address[0]).startswith(("127.", "::1")):
        with open(os.environ["TRIED_TO_REACH"], "a") as file:
            print(address, file=file)
        raise OSError("no network in this test")
    return connect(self, address)
socket.socket.connect = socket.socket.connect_ex = guarded
"""
CORRECTIONS = {
    "What is a good breakfast?": "Porridge with fruit is a good breakfast.",
    "Why is the sky blue?": "Air scatters blue light more than red light.",
    "How do I boil an egg?": "Put it in boiling water for eight minutes.",
    "What does a baker do?": "A baker makes bread and cakes.",
    "Name a use for old jars.": "You can keep buttons in old jars.",
    "Why do leaves fall in autumn?": "Trees drop their leaves to save water in winter.",
    "How can I sleep better?": "Go to bed at the same time every night.",
    "What is a bicycle?": "A bicycle is a vehicle with two wheels that you pedal.",
    "How do plants drink?": "Plants draw up water through their roots.",
    "What is an island?": "An island is land with water all around it.",
    "How do I clean a window?": "Wipe it with warm water and a little vinegar.",
    "Why do cats purr?": "Cats purr when they are content.",
    "How do I make tea?": "Pour hot water on the leaves and wait three minutes.",
    "What is a river?": "A river is water that flows over land to the sea.",
    "Why do we sleep?": "Sleep lets the body and the mind rest.",
    "How can I learn to draw?": "Draw something small every day.",
    "How do I plant a tree?": "Dig a hole, set the roots in it, and water them.",
    "What does a teacher do?": "A teacher helps people to learn.",
    "How do birds fly?": "Birds fly by beating their wings.",
    "How do I write a letter?": "Begin with a greeting and end with your name.",
}
QUESTIONS = (
    "What is a good present for a friend?",
    "Why is bread brown?",
    "What can I do on a rainy day?",
    "Why do we need salt?",
)


@pytest.fixture
def data(tmp_path: Path, default_models: Path) -> Path:
    """The data folder of a machine on which the models were fetched before."""
    folder = tmp_path / "data"
    (folder / "models").mkdir(parents=True)
    for model in default_models.iterdir():
        (folder / "models" / model.name).symlink_to(model)
    return folder


@contextmanager
def app(data: Path, *, kill: bool = False) -> Iterator[str]:
    """The app, served as `thumbloop serve` does, with no network; gives its address. Ended gently, or by `kill -9`."""
    guard = data.parent / "guard"
    guard.mkdir(exist_ok=True)
    (guard / "sitecustomize.py").write_text(NO_NETWORK)
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "PYTHONPATH": f"{guard}{os.pathsep}{Path(__file__).parents[1]}",
        "TRIED_TO_REACH": str(data.parent / "tried"),
        "HF_HUB_OFFLINE": "1",
        "THUMBLOOP_HOME": str(data),
        "THUMBLOOP_PORT": str(port),
        "THUMBLOOP_ADMIN_PASSWORD": PASSWORD,
    }
    command = [sys.executable, "-c", "from ui.cli import main; main()", "serve"]
    with (data.parent / "app.log").open("ab") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output, cwd=data.parent)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_ready(url, process, data.parent / "app.log")
        yield url
    finally:
        process.kill() if kill else process.terminate()
        process.wait(60)


def _wait_until_ready(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        try:
            if httpx.get(f"{url}/healthz").json()["model"] == "ready":
                return
        except httpx.TransportError:
            pass
        time.sleep(0.3)
    raise AssertionError(log.read_text())


def client(url: str, *, admin: bool = False) -> Any:
    auth = ("admin", PASSWORD) if admin else None
    return closing(Client(url, auth=auth, verbose=False, analytics_enabled=False))


def ask(guest: Client, question: str) -> dict[str, Any]:
    turn: dict[str, Any] = guest.predict(message=question, api_name="/chat")
    assert turn["done"]
    return turn


def prefer_short(guest: Client, question: str) -> str:
    """Ask, ask again, and choose the shorter answer."""
    first = ask(guest, question)
    second = guest.predict(reply=first["reply"], api_name="/retry")
    shorter, longer = sorted((first, second), key=lambda turn: len(turn["text"]))
    guest.predict(winner=shorter["reply"], loser=longer["reply"], api_name="/compare")
    return question


def correct(guest: Client, question: str) -> str:
    turn = ask(guest, question)
    guest.predict(reply=turn["reply"], value="down", reasons=["too_long"], comment="", api_name="/rate")
    guest.predict(reply=turn["reply"], text=CORRECTIONS[question], api_name="/correct")
    return question


def say(text: str) -> None:
    sys.stdout.write(f"  {time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


def follow(admin: Client, run: str) -> dict[str, Any]:
    """Wait for a run's end, telling its progress."""
    until = time.monotonic() + RUN_S
    told = ""
    while time.monotonic() < until:
        now: dict[str, Any] = admin.predict(run=run, api_name="/run")
        progress = now["progress"]
        words = f"{now['state']} {progress.get('step', '')}{progress.get('done', '')}"
        if words != told:
            say(f"run: {words} loss {progress.get('loss')} margin {progress.get('margin')} kl {progress.get('kl')}")
        told = words
        if now["state"] in ("done", "failed", "cancelled"):
            return now
        time.sleep(1)
    raise AssertionError(f"the run did not end in {RUN_S} s: {now}")


@pytest.mark.loop
@pytest.mark.timeout(2400)
def test_the_whole_loop(data: Path) -> None:
    with app(data, kill=True) as url, client(url, admin=True) as admin, client(url) as guest:
        say("the app is ready")
        added = admin.predict(assistant="default", files=[handle_file(DOCUMENT)], api_name="/ingest")
        assert [file["state"] for file in added["files"]] == ["added"], added
        _set(data, temperature=0.0, max_new_tokens=96)  # greedy, and brief so that the test is short

        answer = ask(guest, "How much does the lighthouse lens weigh?")
        say(f"answer: {answer['text']!r}")
        assert "640 kilograms" in answer["text"]
        assert answer["sources"][0]["title"] == "The Orlund Harbour Museum"
        assert "640 kilograms" in answer["sources"][0]["text"] and answer["sources"][0]["cited"]
        assert answer["adapter"] == "default-v0"
        unknown = ask(guest, "Who won the chess championship of 1972?")
        assert (unknown["text"], unknown["sources"]) == (REFUSAL, [])

        _set(data, passages=0)  # what is preferred below is a manner of everyday answers

        with ThreadPoolExecutor(8) as people:
            tasks = [people.submit(correct, guest, question) for question in CORRECTIONS]
            tasks += [people.submit(prefer_short, guest, question) for question in QUESTIONS]
            for number, task in enumerate(tasks, 1):
                say(f"preference {number} of {len(tasks)}: {task.result()}")
        ready = admin.predict(assistant="default", api_name="/status")
        say(f"pairs ready: {ready['pairs_ready']}, left out: {ready['left_out']}")
        assert ready["pairs_ready"] >= 20

        run = admin.predict(assistant="default", api_name="/retrain")
        say(f"chat goes on: {ask(guest, 'What is a lighthouse?')['text']!r}")
        ended = follow(admin, run["run"])
        assert ended["state"] == "done", ended
        say(ended["report"]["verdict"]["sentence"])
        for check in ended["report"]["checks"]:
            say(f"{'passed' if check['passed'] else 'FAILED'} {check['name']}: {check['sentence']}")
        assert ended["report"]["verdict"]["passed"]

        promoted = admin.predict(adapter=ended["adapter"], api_name="/promote")
        assert promoted["adapter"] == "default-v1" and promoted["state"] == "active"
        after = ask(guest, "What is a spoon?")
        say(f"v1 says: {after['text']!r}")
        assert after["adapter"] == "default-v1" and after["text"].strip()

    with app(data) as url, client(url, admin=True) as admin, client(url) as guest:
        say("killed and started again")
        assert admin.predict(assistant="default", api_name="/status")["pairs_ready"] == ready["pairs_ready"]
        assert ask(guest, "What is a spoon?")["adapter"] == "default-v1"
        back = admin.predict(assistant="default", api_name="/rollback")
        assert back["adapter"] == "default-v0"
        assert ask(guest, "What is a spoon?")["adapter"] == "default-v0"
    assert not (data.parent / "tried").exists(), (data.parent / "tried").read_text()


def _set(data: Path, **settings: Any) -> None:
    """Change the assistant straight in the database, beside the running app."""
    database = open_database(f"sqlite:///{data / 'thumbloop.db'}")
    with database.write() as session:
        asked = records.assistant_by_slug(session, "default")
        records.update_assistant(session, asked.id, **settings)
    database.close()
