"""When an assistant is retrained by itself: the rule a person sets, when it is due next, and the clock that obeys it.

A rule is a row of `Schedule`, and that row is also APScheduler's job, through a job store of our own (its own stores
unpickle what they find). Taking a due row is one write transaction, so of two processes only one starts it, and what
fell due while nobody was running falls due once at the next start. What a run is, `start_run` knows.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.job import Job
from apscheduler.jobstores.base import BaseJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy import and_, or_
from sqlmodel import Session, col, select

from assistant.database import Database, utc_now
from assistant.errors import BadInput, NotFound, ThumbloopError
from assistant.tables import Assistant
from retrain.crontab import in_words, next_time
from retrain.tables import Schedule

log = logging.getLogger(__name__)

CHECK_EVERY = timedelta(minutes=1)
"""How often new pairs are counted where no cron line says when; and how late another process's change is noticed."""
STARTING = "Starting."
STARTING_LOST_AFTER = timedelta(minutes=5)
"""A start that has not told its result by then died on the way: it is due again."""


def set_schedule(
    session: Session,
    assistant_id: str,
    *,
    cron: str,
    min_new_pairs: int,
    auto_promote: bool,
    enabled: bool,
    roll_back: bool = True,
    now: datetime,
    timezone: tzinfo | None = None,
) -> Schedule:
    """Store the rule of an assistant and when it is due next. `roll_back` is `retrain.watch`'s business.

    Raises `BadInput` for a rule that cannot work, and `NotFound`.
    """
    if session.get(Assistant, assistant_id) is None:
        raise NotFound(
            f"There is no assistant with the id {assistant_id!r}. Reload the page and choose one of the list."
        )
    if min_new_pairs < 0:
        raise BadInput(f"{min_new_pairs} new preferences cannot be: give 0 or more, for example 20.")
    cron = " ".join(cron.split())
    if not cron and min_new_pairs == 0:
        raise BadInput(
            "This schedule says neither when nor after how many new preferences: choose a time, a number, or both."
        )
    if cron:
        next_time(cron, after=now, timezone=timezone)  # raises for a line that cannot work, even of a rule switched off
    schedule = session.get(Schedule, assistant_id) or Schedule(assistant_id=assistant_id)
    schedule.cron, schedule.min_new_pairs = cron, min_new_pairs
    schedule.auto_promote, schedule.enabled, schedule.roll_back = auto_promote, enabled, roll_back
    schedule.next_due_at = next_due(schedule, after=now, timezone=timezone)
    session.add(schedule)
    return schedule


def next_due(schedule: Schedule, *, after: datetime, timezone: tzinfo | None = None) -> datetime | None:
    """The first time later than `after` at which the rule is to be looked at; none if it is switched off."""
    if not schedule.enabled:
        return None
    if not schedule.cron:
        return after + CHECK_EVERY
    return next_time(schedule.cron, after=after, timezone=timezone)


def describe(schedule: Schedule) -> str:
    """The rule in a sentence."""
    if not schedule.enabled:
        return "Switched off: retraining starts only when an admin presses the button."
    are = "preference is" if schedule.min_new_pairs == 1 else "preferences are"
    pairs = f"{schedule.min_new_pairs} new {are} there"
    when = in_words(schedule.cron) if schedule.cron else f"As soon as {pairs}"
    if schedule.cron and schedule.min_new_pairs:
        when += f", if {pairs}"
    then = "answers at once" if schedule.auto_promote else "waits for an admin"
    return f"{when}. A version that passes every check {then}."


def claim(database: Database, *, now: datetime, timezone: tzinfo | None = None) -> list[str]:
    """Take what is due and set when it is due next, in one transaction; ids of the assistants, longest due first."""
    due = or_(
        col(Schedule.next_due_at) <= now,
        and_(col(Schedule.last_result) == STARTING, col(Schedule.last_due_at) <= now - STARTING_LOST_AFTER),
    )
    with database.write() as session:
        rows = session.exec(
            select(Schedule)
            .where(Schedule.enabled, due)
            .order_by(col(Schedule.next_due_at), col(Schedule.assistant_id))
        ).all()
        for row in rows:
            row.last_due_at, row.last_result = now, STARTING
            row.next_due_at = next_due(row, after=now, timezone=timezone)
            session.add(row)
        return [row.assistant_id for row in rows]


class Scheduler:
    """Looks at the clock in a background thread, and starts what is due by `start_run(assistant_id)`.

    `pairs_ready(assistant_id)` counts the pairs that are new since the last run, whatever became of that run.
    """

    def __init__(
        self,
        database: Database,
        *,
        start_run: Callable[[str], object],
        pairs_ready: Callable[[str], int],
        timezone: tzinfo | None = None,
    ) -> None:
        self._database = database
        self._start_run = start_run
        self._pairs_ready = pairs_ready
        self._timezone = timezone
        self._clock = BackgroundScheduler(
            jobstores={"default": ScheduleJobStore(database, fire=self.fire, timezone=timezone)},
            executors={"default": ThreadPoolExecutor(2)},
            timezone=timezone or UTC,
            daemon=True,
        )

    def start(self) -> None:
        """Begin to look at the clock; what was missed while nothing ran starts now, once."""
        self._clock.start()

    def close(self) -> None:
        """Stop the clock; a start that is under way is waited for."""
        if self._clock.running:
            self._clock.shutdown(wait=True)

    def tick(self, now: datetime) -> list[str]:
        """Start what is due at `now`, in this thread; the ids of the assistants that were due."""
        taken = claim(self._database, now=now, timezone=self._timezone)
        for assistant_id in taken:
            self.fire(assistant_id)
        return taken

    def fire(self, assistant_id: str) -> None:
        """Start a run of an assistant that is due, if enough new pairs are there, and keep the result in its row."""
        try:
            result = self._result(assistant_id)
        except ThumbloopError as exc:
            result = str(exc)
        except Exception:
            log.exception("schedule of assistant %s could not start a run", assistant_id)
            result = "The run could not be started because of an error in the program; the log tells more."
        with self._database.write() as session:
            if (row := session.get(Schedule, assistant_id)) is not None:
                row.last_result = result
                session.add(row)

    def _result(self, assistant_id: str) -> str:
        with self._database.read() as session:
            row = session.get(Schedule, assistant_id)
        wanted = row.min_new_pairs if row else 0
        ready = self._pairs_ready(assistant_id)
        if ready < wanted:
            return f"Not started: {ready} of {wanted} new preferences are there."
        self._start_run(assistant_id)
        return f"Started a run; {ready} new {'preference was' if ready == 1 else 'preferences were'} there."


class ScheduleJobStore(BaseJobStore):  # type: ignore[misc]  # has no types
    """The rows of `Schedule` as APScheduler's jobs. `set_schedule` makes them; the store adds and removes none."""

    def __init__(self, database: Database, *, fire: Callable[[str], None], timezone: tzinfo | None) -> None:
        super().__init__()
        self._database = database
        self._fire = fire
        self._timezone = timezone

    def get_due_jobs(self, now: datetime) -> list[Any]:
        return [
            self._job(assistant_id, now) for assistant_id in claim(self._database, now=now, timezone=self._timezone)
        ]

    def get_next_run_time(self) -> datetime:
        """When to look again: at the next due time, and at least each minute, because other processes set rules too."""
        soon = utc_now() + CHECK_EVERY
        with self._database.read() as session:
            row = session.exec(
                select(Schedule)
                .where(Schedule.enabled, col(Schedule.next_due_at).is_not(None))
                .order_by(col(Schedule.next_due_at))
            ).first()
        return min(soon, row.next_due_at) if row and row.next_due_at else soon

    def lookup_job(self, job_id: str) -> Any:
        return next((job for job in self.get_all_jobs() if job.id == job_id), None)

    def get_all_jobs(self) -> list[Any]:
        with self._database.read() as session:
            rows = session.exec(
                select(Schedule).order_by(col(Schedule.next_due_at).is_(None), col(Schedule.next_due_at))
            ).all()
        return [self._job(row.assistant_id, row.next_due_at) for row in rows]

    def update_job(self, job: Any) -> None:
        """Nothing: `claim` has set the next due time, in the transaction that took the job."""

    def remove_job(self, job_id: str) -> None:
        """Nothing: a job handed out is single, and its row stays."""

    def remove_all_jobs(self) -> None:
        raise NotImplementedError("rules are removed with their assistant")

    def add_job(self, job: Any) -> None:
        raise NotImplementedError("rules are set by retrain.schedule.set_schedule")

    def _job(self, assistant_id: str, run_time: datetime | None) -> Any:
        job = Job(
            self._scheduler,
            id=assistant_id,
            func=self._fire,
            args=(assistant_id,),
            kwargs={},
            # Never looked at: `claim` says when. A trigger that ends would have APScheduler remove the job, which fails
            # loudly where the clock is being stopped at that moment.
            trigger=IntervalTrigger(seconds=CHECK_EVERY.total_seconds(), start_date=run_time, timezone=UTC),
            next_run_time=run_time,
            executor="default",
            coalesce=True,
            misfire_grace_time=None,
            max_instances=1,
        )
        job._jobstore_alias = self._alias
        return job
