"""The runs of all assistants as people deal with them: start, cancel, look, and what there is to learn from now.

Starting a run freezes its rows and settings in a folder and queues it; `retrain.supervisor` does the rest.
"""

import json
import logging
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from assistant.database import Database, new_id, utc_now
from assistant.errors import BadInput, Conflict, ThumbloopError
from assistant.records import assistant_by_id
from assistant.tables import Assistant
from feedback.evidence import gather
from feedback.lessons import Lesson, build_lessons
from feedback.pairs import Pair, PairSet, Single, build_pairs
from feedback.rows import table_and_number
from retrain.child import read_progress, spawn_worker
from retrain.dataset import (
    CONFIG,
    LOG,
    MIN_PAIRS,
    choose_method,
    freeze,
    require_lessons,
    write_synced,
)
from retrain.ready import Readiness, Ready
from retrain.recipe import Recipe
from retrain.supervisor import Spawn, Supervisor, end_run, find_run
from retrain.tables import ACTIVE_STATES, Adapter, Run, RunState
from retrain.traces import erase

log = logging.getLogger(__name__)

BUSY = (
    "This assistant is already being retrained. Wait until that run has ended, or cancel it first: "
    "one run at a time keeps each adapter's history clear."
)
NO_FOLDER = "The run's files could not be written ({why}). Free some space on the disk and try again; nothing is lost."
START_TAKES = timedelta(hours=1)
"""A folder without a row that is older than this is of no start that is under way in another process."""
PREFERENCES = ("dpo", "kto")
"""Methods of runs that learn from preferences alone; any other teaches outright."""


class Runs:
    """Starts, cancels and shows runs. Thread-safe; several processes may share one database."""

    def __init__(
        self,
        database: Database,
        *,
        runs_dir: Path,
        adapters_dir: Path,
        resolve: Callable[[str], str],
        on_done: Callable[[str, Path], str],
        embedding: str | None = None,
        threads: int | None = None,
        spawn: Spawn = spawn_worker,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """`resolve` turns a model's name into its path; `on_done(run, folder)` takes a candidate in: its id.

        `embedding` is the path of the model by which the gate reads replies; without one it reads their words alone.
        """
        self._database = database
        self._runs_dir = runs_dir
        self._adapters_dir = adapters_dir
        self._resolve = resolve
        self._embedding = embedding
        self._threads = threads
        self._now = now
        self._readiness = Readiness()
        self._supervisor = Supervisor(database, runs_dir=runs_dir, on_done=on_done, spawn=spawn, now=now)
        runs_dir.mkdir(parents=True, exist_ok=True)

    def open(self) -> None:
        """Take up what an earlier process left, and begin to work through the queue."""
        self._sweep()
        erase(self._database, self._runs_dir)
        self._supervisor.open()

    def close(self) -> None:
        """Stop working; a run under way is taken up again at the next start."""
        self._supervisor.close()

    def start(
        self,
        assistant_id: str,
        *,
        asked_by: str,
        method: str | None = None,
        examples: Sequence[Lesson] | None = None,
        recipe: Mapping[str, Any] | None = None,
        anew: bool = False,
    ) -> Run:
        """Freeze what people said so far, or the examples, and queue a run on it.

        `method` is `sft`, `sft+dpo` (teach, then DPO), or else what suits the feedback; `sft` is also what examples
        without a method get, and without examples it teaches corrections and approved answers. `recipe` changes the
        settings of the first method. A run goes on from what serves or, `anew`, from what the assistant began with
        (version 0, or the base model), so that what people took back since is forgotten. Raises `BadInput` that says
        what is missing, `Conflict` while a run of this assistant is active, `NotFound`, and `ThumbloopError` for a disk
        that is full.
        """
        self.require_idle(assistant_id)
        with self._database.read() as session:
            assistant = assistant_by_id(session, assistant_id)
            start = _first(session, assistant_id) if anew else assistant.adapter
            origin = self._origin(session, start)
            evidence = gather(session, assistant_id)
            pair_set = build_pairs(evidence)
            seen = _seen(_latest(session, assistant_id))
        lessons: Sequence[Lesson] = ()
        if examples is not None or method is not None:
            lessons = build_lessons(evidence, distrusted=pair_set.distrusted) if examples is None else examples
            method, why = _teaching(method or "sft", lessons, pair_set, of_file=examples is not None)
        else:
            method, why = choose_method(pair_set)
        run = Run(id=new_id(), assistant_id=assistant_id, method=method, asked_by=asked_by)
        seed = int(run.id[:7], 16)
        recipes = _recipes(method, recipe or {}, seed=seed)
        run.config = self._config(run, assistant, start=start, origin=origin, why=why, recipes=recipes)
        folder = self.folder(run.id)
        if method != "sft":
            seen = _last_rows((*pair_set.pairs, *pair_set.singles))
        try:
            folder.mkdir()
            counts = freeze(pair_set, folder, method=method, seed=seed, lessons=lessons)
            run.counts = {**counts, "seen": seen}
            write_synced(folder / CONFIG, json.dumps(run.config, indent=1).encode())
            with self._database.write() as session:
                session.add(run)
        except BaseException as exc:
            shutil.rmtree(folder, ignore_errors=True)
            if isinstance(exc, IntegrityError):  # somebody else's run came first: the partial unique index says so
                raise Conflict(BUSY) from exc
            if isinstance(exc, OSError):
                raise ThumbloopError(NO_FOLDER.format(why=exc.strerror)) from exc
            raise
        log.info("run %s of assistant %s is queued, by %s", run.id, assistant_id, method)
        self._supervisor.wake()
        return run

    def require_idle(self, assistant_id: str) -> None:
        """Raise `Conflict` while a run of this assistant is active."""
        with self._database.read() as session:
            if session.exec(_of(assistant_id).where(col(Run.state).in_(ACTIVE_STATES))).first() is not None:
                raise Conflict(BUSY)

    def cancel(self, run_id: str) -> Run:
        """Ask a run to end; it does within a few seconds. Nothing happens to one that has ended. Raises `NotFound`."""
        with self._database.write() as session:
            run = find_run(session, run_id)
            if run.state is RunState.queued:
                end_run(run, RunState.cancelled, now=self._now())
            elif run.state.active:
                run.cancel_requested = True
        self._supervisor.wake()
        return run

    def status(self, run_id: str) -> Run:
        """A run as it stands. Raises `NotFound`."""
        with self._database.read() as session:
            return find_run(session, run_id)

    def latest(self, assistant_id: str) -> Run | None:
        """The latest run of an assistant."""
        with self._database.read() as session:
            return _latest(session, assistant_id)

    def folder(self, run_id: str) -> Path:
        """A run's folder."""
        return self._runs_dir / run_id

    def progress(self, run_id: str) -> list[dict[str, Any]]:
        """All that the child told so far: lines with `state`, and `step`, `loss`, `margin`, `kl` and so on."""
        return read_progress(self.folder(run_id))

    def log_tail(self, run_id: str, *, lines: int = 20) -> str:
        """The last lines of the child's log."""
        path = self.folder(run_id) / LOG
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        return "\n".join(text.splitlines()[-lines:])

    def pairs_ready(self, assistant_id: str) -> Ready:
        """What a run could learn from now."""
        with self._database.read() as session:
            return self._readiness.look(session, assistant_id, seen=_seen(_latest(session, assistant_id)))

    def _sweep(self) -> None:
        """Remove folders that no row knows: of deleted assistants, and of starts that were killed half-way."""
        with self._database.read() as session:
            known = set(session.exec(select(Run.id)).all())
        long_ago = (self._now() - START_TAKES).timestamp()
        for folder in self._runs_dir.iterdir():
            if folder.is_dir() and folder.name not in known and folder.stat().st_mtime < long_ago:
                shutil.rmtree(folder, ignore_errors=True)
                log.warning("removed the folder of run %s, which no longer exists", folder.name)

    def _path(self, adapter: str | None) -> str | None:
        return str((self._adapters_dir / adapter).resolve()) if adapter else None

    def _origin(self, session: Session, adapter_id: str | None) -> str | None:
        """The latest adapter up the line that preferences did not make, or whose parent is gone; none is the model."""
        while adapter_id is not None:
            adapter = session.get(Adapter, adapter_id)
            run = session.get(Run, adapter.run_id) if adapter and adapter.run_id else None
            gone = adapter is None or (adapter.parent and not (self._adapters_dir / adapter.parent).is_dir())
            if adapter is None or run is None or gone or run.method not in PREFERENCES:
                return adapter_id
            adapter_id = adapter.parent
        return None

    def _config(
        self,
        run: Run,
        assistant: Assistant,
        *,
        start: str | None,
        origin: str | None,
        why: str,
        recipes: Mapping[str, Recipe],
    ) -> dict[str, Any]:
        """All that the child needs to know: training begins with `start`, and the gate compares with `adapter`.

        How far preferences moved the model, all rounds together, is counted from `origin`.
        """
        return {
            "run": run.id,
            "assistant": assistant.slug,
            "model": self._resolve(assistant.model),
            "model_name": assistant.model,
            "adapter": self._path(assistant.adapter),
            "start": self._path(start),
            "origin": self._path(origin),
            "parent": start,
            "method": run.method,
            "why": why,
            "recipes": {method: asdict(recipe) for method, recipe in recipes.items()},
            "system": assistant.system_prompt,
            "focus": assistant.focus.value,
            "temperature": assistant.temperature,
            "top_p": assistant.top_p,
            "seed": next(iter(recipes.values())).seed,
            "embedding": self._embedding,
            "threads": self._threads,
        }


def _first(session: Session, assistant_id: str) -> str | None:
    """The adapter that an assistant began with, which nothing taught here; none is the base model."""
    shipped = select(Adapter.id).where(Adapter.assistant_id == assistant_id, Adapter.version == 0)
    return session.exec(shipped).first()


def _teaching(method: str, lessons: Sequence[Lesson], pair_set: PairSet, *, of_file: bool) -> tuple[str, str]:
    """A method that teaches, and why it is possible in a sentence. Raises `BadInput`."""
    if method not in ("sft", "sft+dpo"):
        raise BadInput(f"There is no way of teaching called {method!r}. Choose sft or sft+dpo.")
    what = "examples" if of_file else "corrections and approved answers"
    require_lessons(lessons, what=what)
    if method == "sft":
        return method, f"Teaching, from {len(lessons)} {what}."
    pairs = len(pair_set.pairs)
    if pairs < MIN_PAIRS:
        raise BadInput(
            f"There is too little feedback to learn preferences after teaching: {pairs} of {MIN_PAIRS} preference "
            "pairs. Teach alone, or correct some answers, or try again and choose the better one."
        )
    return method, f"Teaching, from {len(lessons)} {what}, then DPO on {pairs} preference pairs."


def _recipes(method: str, changes: Mapping[str, Any], *, seed: int) -> dict[str, Recipe]:
    """The recipe of each method of a run, in their order; the changes are to the first."""
    first, *then = method.split("+")
    recipes = {first: Recipe.of({"seed": seed, **changes}, method=first)}
    return recipes | {each: Recipe(seed=recipes[first].seed) for each in then}


def _seen(run: Run | None) -> dict[str, int]:
    """The last rows of feedback that preferences were learned from, up to a run."""
    return dict(run.counts.get("seen", {})) if run else {}


def _of(assistant_id: str) -> Any:
    return select(Run).where(Run.assistant_id == assistant_id)


def _latest(session: Session, assistant_id: str) -> Run | None:
    found: Run | None = session.exec(_of(assistant_id).order_by(col(Run.created_at).desc())).first()
    return found


def _last_rows(made: Iterable[Pair | Single]) -> dict[str, int]:
    """The highest id of each table of feedback behind pairs and singles; ids are never used twice."""
    seen: dict[str, int] = {}
    for one in made:
        for row in one.rows:
            table, number = table_and_number(row)
            seen[table] = max(seen.get(table, 0), number)
    return seen
