"""The tables of what learns: runs with their leases, adapters with their lineage, promotions, and schedules."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Column, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from assistant.database import new_id, state_type, utc_now


class RunState(StrEnum):
    queued = "queued"
    training = "training"
    evaluating = "evaluating"
    done = "done"
    failed = "failed"
    cancelled = "cancelled"

    @property
    def active(self) -> bool:
        """Whether it may still change by itself."""
        return self in ACTIVE_STATES


ACTIVE_STATES = (RunState.queued, RunState.training, RunState.evaluating)


class Run(SQLModel, table=True):
    """One training job. The partial unique index lets one assistant have one active run at most, whoever asks."""

    __table_args__ = (
        Index(
            "uq_run_active",
            "assistant_id",
            unique=True,
            sqlite_where=text("state IN ('queued', 'training', 'evaluating')"),
            postgresql_where=text("state IN ('queued', 'training', 'evaluating')"),
        ),
    )
    id: str = Field(default_factory=new_id, primary_key=True)
    assistant_id: str = Field(foreign_key="assistant.id", index=True, ondelete="CASCADE")
    state: RunState = Field(default=RunState.queued, sa_type=state_type(RunState))
    method: str = ""
    """`dpo`, `kto`, `sft` or `sft+dpo`; why it was chosen is in the config."""
    asked_by: str
    config: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    counts: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """Of the frozen dataset: train, held_out, left_out by reason, dropped for length."""
    progress: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    report: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON))
    adapter: str | None = None
    error: str = ""
    attempts: int = 0
    lease_owner: str | None = None
    lease_until: datetime | None = None
    cancel_requested: bool = False
    created_at: datetime = Field(default_factory=utc_now)
    started_at: datetime | None = None
    finished_at: datetime | None = None


class AdapterState(StrEnum):
    candidate = "candidate"
    active = "active"
    archived = "archived"
    rejected = "rejected"


class Adapter(SQLModel, table=True):
    """A LoRA version of one assistant. Its id, `<slug>-v<version>`, is also the name of its folder."""

    __table_args__ = (UniqueConstraint("assistant_id", "version"),)
    id: str = Field(primary_key=True)
    assistant_id: str = Field(foreign_key="assistant.id", index=True, ondelete="CASCADE")
    version: int
    state: AdapterState = Field(default=AdapterState.candidate, sa_type=state_type(AdapterState))
    parent: str | None = None
    """Id of the adapter it was trained from and against; none is the base model."""
    run_id: str | None = Field(default=None, foreign_key="run.id", ondelete="SET NULL")
    model: str
    sha256: str
    """Of its weights and configuration, as in its manifest."""
    metrics: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    created_at: datetime = Field(default_factory=utc_now)


class Change(StrEnum):
    """What became of a version."""

    promote = "promote"
    rollback = "rollback"
    trial = "trial"
    end_trial = "end_trial"
    reject = "reject"


class Promotion(SQLModel, table=True):
    """One decision on what an assistant serves; a roll back follows those of promotions forward and back."""

    id: int | None = Field(default=None, primary_key=True)
    assistant_id: str = Field(foreign_key="assistant.id", index=True, ondelete="CASCADE")
    before: str | None = None
    """What served, or else was on trial or rejected; none is the base model."""
    after: str | None = None
    """What serves since, or else is on trial."""
    kind: Change = Field(sa_type=state_type(Change))
    by: str
    why: str = ""
    """In words; empty where a person decided."""
    created_at: datetime = Field(default_factory=utc_now)


class Schedule(SQLModel, table=True):
    """What an assistant's versions do by themselves. Also the row that the scheduler's job is stored in: no pickles."""

    assistant_id: str = Field(primary_key=True, foreign_key="assistant.id", ondelete="CASCADE")
    cron: str = ""
    """Five fields, in the machine's time zone; empty: whenever enough new pairs are there."""
    min_new_pairs: int = 20
    """New pairs needed since the last run; 0: none."""
    auto_promote: bool = False
    """Whether a candidate that passed the gate goes live by itself."""
    enabled: bool = True
    roll_back: bool = True
    """Whether a version that people like less than the one before is taken back; without a row it is, too."""
    next_due_at: datetime | None = Field(default=None, index=True)
    last_due_at: datetime | None = None
    last_result: str = ""
