"""What training keeps of people's words: which adapters learned from which rows, and the files and reports of runs.

Rows that are deleted are in no later run; here they also leave the runs that are over. Weights keep what they learned.
"""

import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from sqlmodel import Session, col, select

from assistant.database import Database
from assistant.tables import Assistant
from feedback.rows import TABLES, is_name, row_name
from retrain.dataset import FROZEN, INFLUENCE, REPORT, read, write, write_synced
from retrain.registry import rows_of
from retrain.tables import ACTIVE_STATES, Adapter, AdapterState, Run

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Learner:
    """An adapter that learned from some rows, itself or through one that it was trained on from."""

    adapter: str
    assistant: str
    """The assistant's name."""
    state: AdapterState


@dataclass(frozen=True)
class Learned:
    """Who learned from some rows: adapters, oldest first, and how many runs are going that do so now."""

    adapters: tuple[Learner, ...] = ()
    runs: int = 0


def learned_from(session: Session, rows: Set[str], *, adapters_dir: Path, runs_dir: Path) -> Learned:
    """Which adapters and active runs learned from any of the rows, such as `rating:12`."""
    if not rows:
        return Learned()
    query = select(Adapter, Assistant.name).join(Assistant).order_by(col(Assistant.name), col(Adapter.version))
    learners: dict[str, Learner] = {}
    for adapter, assistant in session.exec(query):
        if adapter.parent in learners or not rows.isdisjoint(rows_of(adapters_dir / adapter.id)):
            learners[adapter.id] = Learner(adapter.id, assistant, adapter.state)
    going = session.exec(select(Run.id).where(col(Run.state).in_(ACTIVE_STATES)))
    runs = sum(any(not rows.isdisjoint(line["rows"]) for line in _frozen(runs_dir / run)) for run in going)
    return Learned(tuple(learners.values()), runs)


@dataclass(frozen=True)
class Pulls:
    """Where ratings pulled a run, by the names of their rows, from -1 to 1; `looked_at` counts lines of training."""

    by_row: Mapping[str, float]
    looked_at: int


def pulls(folder: Path) -> Pulls:
    """What is known of that in a run's folder; of a rating behind several lines, their mean."""
    path = folder / INFLUENCE
    lines = read(path) if path.is_file() else []
    found: dict[str, list[float]] = defaultdict(list)
    for line in lines:
        for row in line["rows"]:
            found[row].append(line["pull"])
    return Pulls({row: fmean(each) for row, each in found.items()}, len(lines))


def erase(database: Database, runs_dir: Path) -> int:
    """Take what was made of deleted rows out of the files and reports of the runs that are over; how many lines.

    The report goes first: whatever is killed, the next call finds the rest.
    """
    with database.read() as session:
        ended = session.exec(select(Run.id).where(col(Run.state).not_in(ACTIVE_STATES))).all()
        kept = {row_name(name, number) for name, table in TABLES.items() for number in session.exec(select(table.id))}
    erased = 0
    for run in ended:
        gone = {file: lines for file in (*FROZEN, INFLUENCE) if (lines := _gone(runs_dir / run / file, kept))}
        if gone:
            _erase_from_reports(database, run, runs_dir / run, [line for lines in gone.values() for line in lines])
            for file, lines in gone.items():
                write(runs_dir / run / file, [line for line in read(runs_dir / run / file) if line not in lines])
                erased += len(lines)
            log.info("took out of run %s what was made of deleted feedback", run)
    return erased


def _gone(path: Path, kept: Set[str]) -> list[dict[str, Any]]:
    """The lines of a frozen file that are made of a row of feedback that is no longer there."""
    if not path.is_file():
        return []
    return [line for line in read(path) if any(row not in kept for row in line["rows"] if is_name(row))]


def _frozen(folder: Path) -> Iterable[dict[str, Any]]:
    return (line for file in FROZEN if (folder / file).is_file() for line in read(folder / file))


def _erase_from_reports(database: Database, run_id: str, folder: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    """Both are the same report: the file that the child wrote, and the copy on the run's row."""
    said = {message["content"] for line in lines for part in ("chosen", "rejected") for message in line.get(part, ())}
    with database.write() as session:
        run = session.get(Run, run_id)
        if run is not None and run.report:
            run.report = _without(run.report, said)
    path = folder / REPORT
    if path.is_file():
        shortened = _without(json.loads(path.read_text(encoding="utf-8")), said)
        write_synced(path, json.dumps(shortened).encode())


def _without(report: Mapping[str, Any], said: Set[str]) -> dict[str, Any]:
    """A report without the examples that show one of these texts as preferred or taught."""
    examples = report.get("examples", {})
    shown = [
        example
        for example in examples.get("held_out", ())
        if said.isdisjoint(example[part] for part in ("chosen", "rejected", "taught") if part in example)
    ]
    return {**report, "examples": {**examples, "held_out": shown}}
