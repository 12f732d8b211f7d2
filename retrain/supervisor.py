"""The one thread that watches over training: claims queued runs, follows the child, and concludes what has ended.

One child at a time trains on this machine, and a row's lease says which process supervises it. A run whose supervisor
died is concluded if its child had finished, taken up again once from its frozen folder, and failed after that.
"""

import logging
import os
import socket
import subprocess
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import Enum, auto
from pathlib import Path
from typing import Any

import psutil
from sqlmodel import Session, col, select

from assistant.database import Database
from assistant.errors import NotFound, ThumbloopError
from retrain.child import Child, how_it_died, last_told, read_json
from retrain.dataset import REPORT, RESULT
from retrain.tables import ACTIVE_STATES, Run, RunState
from retrain.traces import erase

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
RENEW_EVERY = timedelta(seconds=15)
TICK_S = 1.0
RECOVER_EVERY_TICKS = 30
MAX_ATTEMPTS = 2
STOPPED_TWICE = "The app was stopped twice while this run was going. Start it again when the app can stay up."
NOT_TAKEN_IN = "The trained adapter could not be taken in; the log says why. Start the run again."

NOT_STARTED = (
    "The training process could not be started ({why}). Free some memory and disk space and start the run again."
)

Spawn = Callable[[Path], "subprocess.Popen[bytes]"]


class Order(Enum):
    """What is to become of a child."""

    go_on = auto()
    end = auto()
    drop = auto()
    """Its run is gone, or another process's by now."""


class Supervisor:
    """Works through the queued runs of a database, one after the other, until closed."""

    def __init__(
        self,
        database: Database,
        *,
        runs_dir: Path,
        on_done: Callable[[str, Path], str],
        spawn: Spawn,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._runs_dir = runs_dir
        self._on_done = on_done
        self._spawn = spawn
        self._now = now
        self._host = socket.gethostname()
        self._owner = f"{self._host}:{os.getpid()}:{psutil.Process().create_time():.0f}"
        self._wake = threading.Condition()
        self._closing = False
        self._child: Child | None = None
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Take up what an earlier process left, and begin."""
        self.recover()
        self._thread = threading.Thread(target=self._work, name="runs", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the child, if any, and give its run back to the queue, for the next start to take up."""
        with self._wake:
            self._closing = True
            self._wake.notify_all()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def wake(self) -> None:
        """Look now, and not only at the next tick."""
        with self._wake:
            self._wake.notify_all()

    def recover(self) -> None:
        """Conclude, queue again or fail the runs whose supervisor is gone."""
        with self._database.read() as session:
            lost = [
                run
                for run in session.exec(select(Run).where(col(Run.state).in_(ACTIVE_STATES[1:])))
                if run.lease_owner != self._owner and self._is_lost(run)
            ]
        for run in lost:
            if not self._take_over(run.id):
                continue
            if (self._runs_dir / run.id / RESULT).is_file():
                self._conclude(run.id, status=0)
            elif run.attempts < MAX_ATTEMPTS:
                self._give_back(run.id, attempts=run.attempts)
                log.warning("run %s is taken up again: the process that supervised it is gone", run.id)
            else:
                self._finish(run.id, RunState.failed, error=STOPPED_TWICE)

    def _take_over(self, run_id: str) -> bool:
        """Take a lost run's lease, unless another process was quicker."""
        with self._database.write() as session:
            run = session.get(Run, run_id)
            if run is None or run.state not in ACTIVE_STATES[1:] or not self._is_lost(run):
                return False
            self._renew(run)
            return True

    def _work(self) -> None:
        ticks = 0
        while True:
            with self._wake:
                if not self._closing:
                    self._wake.wait(TICK_S)
                closing = self._closing
            try:
                if closing:
                    self._abandon()
                    return
                ticks += 1
                if ticks % RECOVER_EVERY_TICKS == 0:
                    self.recover()
                self._look()
            except Exception:
                log.exception("the supervisor of runs met an error, and goes on")

    def _look(self) -> None:
        """Start what is queued, or see how the child is doing."""
        if self._child is None:
            run = self._claim()
            if run is not None:
                self._start_child(run.id)
            return
        child = self._child
        ended = child.process.poll() is not None
        order = self._follow(child)
        if order is Order.drop:
            child.kill()
            self._child = None
            log.warning("run %s is no longer supervised here", child.run_id)
        elif ended or order is Order.end:
            child.end()
            self._conclude(child.run_id, status=child.close())
            self._child = None

    def _start_child(self, run_id: str) -> None:
        folder = self._runs_dir / run_id
        try:
            self._child = Child(run_id, folder, self._spawn(folder))
        except OSError as exc:
            log.exception("the child of run %s could not be started", run_id)
            self._finish(run_id, RunState.failed, error=NOT_STARTED.format(why=exc.strerror))

    def _claim(self) -> Run | None:
        with self._database.write() as session:
            run = session.exec(select(Run).where(Run.state == RunState.queued).order_by(col(Run.created_at))).first()
            if run is None or self._machine_is_busy(session):
                return None
            run.state = RunState.training
            run.attempts += 1
            run.started_at = run.started_at or self._now()
            run.progress = {}
            self._renew(run)
            return run

    def _machine_is_busy(self, session: Session) -> bool:
        """Whether another process of this machine trains: two at once are slower than one after the other."""
        query = select(Run).where(col(Run.state).in_(ACTIVE_STATES[1:]), col(Run.lease_until) >= self._now())
        return any((run.lease_owner or "").split(":")[0] == self._host for run in session.exec(query))

    def _follow(self, child: Child) -> Order:
        """Copy the child's last words to the row, renew its lease, and see whether somebody wants it to end."""
        told = last_told(child.folder)
        with self._database.read() as session:
            run = self._own(session, child.run_id)
        if run is None:
            return Order.drop
        due = run.lease_until is None or run.lease_until - self._now() < LEASE - RENEW_EVERY
        if due or (told and told != run.progress):
            with self._database.write() as session:
                run = self._own(session, child.run_id)
                if run is None:
                    return Order.drop
                if told:
                    run.state = RunState(told["state"])
                    _note(run, told)
                self._renew(run)
        return Order.end if run.cancel_requested else Order.go_on

    def _own(self, session: Session, run_id: str) -> Run | None:
        """The run, if it is there and this process holds its lease."""
        run = session.get(Run, run_id)
        return run if run is not None and run.lease_owner == self._owner else None

    def _renew(self, run: Run) -> None:
        run.lease_owner, run.lease_until = self._owner, self._now() + LEASE

    def _conclude(self, run_id: str, *, status: int) -> None:
        """Note how a run ended, by what its child left in the folder."""
        folder = self._runs_dir / run_id
        result = read_json(folder / RESULT)
        if result is None:
            with self._database.read() as session:
                run = self._own(session, run_id)
            cancelled = run is not None and run.cancel_requested
            state, error = (RunState.cancelled, "") if cancelled else (RunState.failed, how_it_died(status))
            self._finish(run_id, state, error=error)
        elif result["state"] != RunState.done:
            self._finish(run_id, RunState(result["state"]), error=result["error"])
        else:
            try:
                adapter = self._on_done(run_id, folder)
            except ThumbloopError as exc:
                self._finish(run_id, RunState.failed, error=str(exc))
            except Exception:
                log.exception("the candidate of run %s could not be taken in", run_id)
                self._finish(run_id, RunState.failed, error=NOT_TAKEN_IN)
            else:
                self._finish(run_id, RunState.done, adapter=adapter)

    def _finish(self, run_id: str, state: RunState, *, error: str = "", adapter: str | None = None) -> None:
        folder = self._runs_dir / run_id
        report: dict[str, Any] | None = read_json(folder / REPORT)
        with self._database.write() as session:
            run = self._own(session, run_id)
            if run is None:
                return
            _note(run, last_told(folder))
            run.report, run.adapter = report, adapter
            end_run(run, state, now=self._now(), error=error)
        log.info("run %s is %s", run_id, state.value)
        erase(self._database, self._runs_dir)

    def _abandon(self) -> None:
        if self._child is None:
            return
        child, self._child = self._child, None
        child.kill()
        if (child.folder / RESULT).is_file():
            self._conclude(child.run_id, status=0)
            return
        with self._database.read() as session:
            run = self._own(session, child.run_id)
        if run is not None:
            self._give_back(run.id, attempts=run.attempts - 1)  # an orderly stop is no failed attempt

    def _give_back(self, run_id: str, *, attempts: int) -> None:
        with self._database.write() as session:
            run = self._own(session, run_id)
            if run is None:
                return
            run.state, run.attempts = RunState.queued, attempts
            run.lease_owner, run.lease_until = None, None
            if run.cancel_requested:
                end_run(run, RunState.cancelled, now=self._now())

    def _is_lost(self, run: Run) -> bool:
        if run.lease_owner is None or run.lease_until is None or run.lease_until < self._now():
            return True
        host, pid, born = run.lease_owner.rsplit(":", 2)
        return host == self._host and not _lives(int(pid), born)


def find_run(session: Session, run_id: str) -> Run:
    """The run of that id. Raises `NotFound`."""
    run = session.get(Run, run_id)
    if run is None:
        raise NotFound("This run does not exist. Look at the list of runs for the right one.")
    return run


def _note(run: Run, told: dict[str, Any]) -> None:
    """Note on a row what its child told last; figures of the training that is over go to the counts."""
    run.progress = told
    run.counts = {**run.counts, **told.get("trained", {})}


def end_run(run: Run, state: RunState, *, now: datetime, error: str = "") -> None:
    """Note on a row that its run has ended."""
    run.state, run.error, run.finished_at = state, error, now
    run.lease_owner, run.lease_until = None, None


def _lives(pid: int, born: str) -> bool:
    try:
        return bool(abs(psutil.Process(pid).create_time() - float(born)) < 5)  # the clock may have been set since
    except psutil.NoSuchProcess:
        return False
