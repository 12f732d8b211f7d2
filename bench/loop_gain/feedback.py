"""From people to a run: a round of feedback against the running app, and the retraining that follows.

Every event is on disk as soon as it is given, so that whatever is killed, the next start goes on from there. People
who come back after an interruption come back as other guests.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from threading import Lock
from typing import Any

from gradio_client import Client

from bench.loop_gain.app import SLUG, App, follow
from bench.loop_gain.people import Acting, Event, Person

AT_ONCE = 16
"""People who talk at the same time; the engine answers them in one batch."""


def give_feedback(people: Sequence[Person], app: App, file: Path, *, on_event: Callable[[], None]) -> None:
    """Let people give what they have not given yet; events are added to a file."""
    done = read_events(file)
    for _ in done:
        on_event()
    lock = Lock()

    def told(event: Event) -> None:
        with lock, file.open("a", encoding="utf-8") as out:
            out.write(json.dumps(asdict(event), ensure_ascii=False) + "\n")
        on_event()

    def act(person: Person) -> None:
        before = [event for event in done if event.person == person.name]
        if person.signal is None or len(before) < person.events:
            with app.guest() as client:
                Acting(person, client, SLUG, done=before).run(told)

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="person") as pool:
        list(pool.map(act, people))


def read_events(file: Path) -> list[Event]:
    """The events of a file; a last line that was cut off is none, and is taken out."""
    if not file.exists():
        return []
    lines = file.read_bytes().splitlines(keepends=True)
    if lines and not lines[-1].endswith(b"\n"):
        lines.pop()
        file.write_bytes(b"".join(lines))
    return [Event(**json.loads(line)) for line in lines]


def summary(events: Sequence[Event]) -> dict[str, Any]:
    """How much was given, and how much of it was wrong."""
    given = Counter(event.given for event in events)
    return {"events": len(events), "wrong": sum(event.wrong for event in events), **dict(sorted(given.items()))}


def retrain(admin: Client, *, earlier: Sequence[str]) -> dict[str, Any]:
    """Start a run, or go on with one that an interruption left, and wait for its end; what `/run` tells.

    Where there is too little feedback to start one, the state is `refused` and `error` says what is missing.
    """
    status = admin.predict(assistant=SLUG, api_name="/status")
    if status["run"] is not None and status["run"]["run"] not in earlier:
        return follow(admin, status["run"]["run"])
    if status["missing"]:
        unlearned = {"run": None, "report": None, "adapter": None, "method": ""}
        return {"state": "refused", "error": status["missing"], **unlearned}
    return follow(admin, admin.predict(assistant=SLUG, api_name="/retrain")["run"])


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What a piece of work gives, and its minutes."""
    started = time.monotonic()
    return work(), round((time.monotonic() - started) / 60, 2)
