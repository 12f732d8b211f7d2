"""The adapters of the assistants: from a run's folder into the registry, on trial, live, back, or rejected.

An adapter is a folder and a row. The folder is whole before it gets its name, the row comes last, and what serves
changes in one transaction: whatever is killed, the old state or the new one is there. What an adapter folder is on
disk, `assistant.adapters` knows; which version answers, the assistant's own row says (`retrain.serving`).
"""

import json
import logging
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock
from sqlmodel import Session, col, func, select

from assistant import adapters as folders
from assistant.database import Database, utc_now
from assistant.engine import Engine, Weights
from assistant.errors import AdapterRefused, BadInput, Conflict, NotFound
from assistant.models import model_fingerprint
from assistant.records import assistant_by_id
from assistant.tables import Assistant
from retrain.dataset import ADAPTER, CONFIG, EXAMPLE, REPORT, read
from retrain.serving import before, end_trial, note, set_trial, switch, unchanged
from retrain.tables import Adapter, AdapterState, Change, Run

log = logging.getLogger(__name__)

ROWS = "rows.json"
"""Beside the weights: ids of the rows of feedback that the adapter was trained on."""
INCOMING = ".incoming-"


class Registry:
    """Adds, tries, promotes, rolls back and rejects adapters. `resolve` turns the name of a model into its path."""

    def __init__(
        self, database: Database, engine: Engine, *, adapters_dir: Path, resolve: Callable[[str], str]
    ) -> None:
        self._database = database
        self._engine = engine
        self._adapters_dir = adapters_dir
        self._resolve = resolve
        adapters_dir.mkdir(parents=True, exist_ok=True)
        self._adding = FileLock(adapters_dir / ".lock")

    def register(self, run_id: str, run_folder: Path) -> Adapter:
        """Take the adapter of a finished run in, as a candidate, or as rejected if the gate said so.

        The same run twice gives the same adapter. Raises `AdapterRefused` if the run left no whole adapter.
        """
        report = json.loads((run_folder / REPORT).read_text(encoding="utf-8"))
        config = json.loads((run_folder / CONFIG).read_text(encoding="utf-8"))
        with self._adding:
            with self._database.read() as session:
                known = session.exec(select(Adapter).where(Adapter.run_id == run_id)).first()
                if known is not None:
                    return known
                assistant = assistant_by_id(session, _run(session, run_id).assistant_id)
                version = _last_version(session, assistant.id) + 1
            manifest = folders.Manifest(
                id=f"{assistant.slug}-v{version}",
                version=version,
                parent=config["parent"],
                model=assistant.model,
                model_sha256=model_fingerprint(config["model"]),
                run=run_id,
                sha256=folders.digest(run_folder / ADAPTER),
                metrics=_summary(report),
                created_at=utc_now().isoformat(),
            )
            self._bring_in(run_folder / ADAPTER, manifest, rows=_rows_trained_on(run_folder))
            adapter = _row(manifest, assistant, passed=bool(report["verdict"]["passed"]))
            with self._database.write() as session:
                session.add(adapter)
        log.info("Run %s became adapter %s, %s", run_id, adapter.id, adapter.state)
        return adapter

    def install(self, assistant_id: str, folder: Path, *, by: str) -> Adapter | None:
        """Let an assistant that never had an adapter serve a finished one, such as the one that is shipped, at once.

        Nothing happens where it has had one, or runs on another model. Raises `AdapterRefused` for a damaged folder.
        """
        with self._adding:
            with self._database.read() as session:
                assistant = assistant_by_id(session, assistant_id)
                if session.exec(select(Adapter.id).where(Adapter.assistant_id == assistant_id)).first():
                    return None
            model = self._resolve(assistant.model)
            shipped = folders.read_manifest(folder)
            if model_fingerprint(model) != shipped.model_sha256:
                return None
            folders.check(folder, model=model)
            own = {"id": f"{assistant.slug}-v{shipped.version}", "model": assistant.model}
            manifest = shipped.model_copy(update=own)
            self._bring_in(folder, manifest, rows=[])
            adapter = _row(manifest, assistant, passed=True)
            with self._database.write() as session:
                session.add(adapter)
                switch(session, unchanged(session, assistant), to=adapter, kind=Change.promote, by=by)
        log.info("Assistant %s begins with adapter %s", assistant_id, adapter.id)
        return adapter

    def promote(self, adapter_id: str, *, by: str) -> Adapter:
        """Let an adapter serve its assistant from the next reply on; the one before is kept as archived.

        Raises `NotFound`, `Conflict` for one that was rejected, and `AdapterRefused` for one that is damaged or made
        for another model; then the old one serves on.
        """
        with self._database.read() as session:
            adapter = _adapter(session, adapter_id)
            assistant = assistant_by_id(session, adapter.assistant_id)
        if adapter.state == AdapterState.active:
            return adapter
        _require_promotable(adapter)
        self._make_ready(assistant, adapter)
        with self._database.write() as session:
            adapter = _adapter(session, adapter_id)
            _require_promotable(adapter)
            switch(session, unchanged(session, assistant), to=adapter, kind=Change.promote, by=by)
        log.info("Adapter %s serves, by %s", adapter_id, by)
        return adapter

    def try_out(self, adapter_id: str, *, share: float, by: str) -> Adapter:
        """Let an adapter answer a share of its assistant's conversations from the next reply on.

        Whatever was on trial before no longer is. Raises `NotFound`, `BadInput` for what is no share, `Conflict` for an
        adapter that was rejected or answers everything already, and `AdapterRefused` for one that is damaged.
        """
        if not 0 < share < 1:
            raise BadInput(f"{share!r} is no share of the questions. Choose one between 0% and 100%, such as 10%.")
        with self._database.read() as session:
            adapter = _adapter(session, adapter_id)
            assistant = assistant_by_id(session, adapter.assistant_id)
        _require_triable(adapter)
        self._make_ready(assistant, adapter)
        with self._database.write() as session:
            adapter = _adapter(session, adapter_id)
            _require_triable(adapter)
            set_trial(session, unchanged(session, assistant), of=adapter, share=share, by=by)
        log.info("Adapter %s answers %.0f%% on trial, by %s", adapter_id, share * 100, by)
        return adapter

    def end_trial(self, assistant_id: str, *, by: str, of: str | None = None, why: str = "") -> None:
        """Let what serves answer everything again; nothing happens where no adapter is on trial.

        Raises `NotFound`, and `Conflict` if `of` is named and no longer on trial.
        """
        with self._database.write() as session:
            assistant = assistant_by_id(session, assistant_id)
            if of is not None and assistant.trial_adapter != of:
                raise Conflict(f"Version {of} is no longer on trial. Look again, then decide.")
            end_trial(session, assistant, by=by, why=why)
        log.info("The trial of assistant %s was ended, by %s", assistant_id, by)

    def rollback(self, assistant_id: str, *, by: str, of: str | None = None, why: str = "") -> Adapter | None:
        """Let an assistant serve what it served before the last promotion that stands; none is the base model.

        Once more goes one step further back, until the base model of the beginning serves. Raises `Conflict` there,
        or if `of` is named and no longer serves, and `AdapterRefused` for a version that is damaged by now.
        """
        with self._database.read() as session:
            assistant = assistant_by_id(session, assistant_id)
            if of is not None and assistant.adapter != of:
                raise Conflict(f"Version {of} no longer answers everything. Look again, then decide.")
            target = before(session, assistant)
            adapter = _adapter(session, target) if target else None
        self._make_ready(assistant, adapter)
        with self._database.write() as session:
            current = unchanged(session, assistant)
            adapter = _adapter(session, target) if target else None
            switch(session, current, to=adapter, kind=Change.rollback, by=by, why=why)
        log.info("Assistant %s is back on %s, by %s", assistant_id, target or "the base model", by)
        return adapter

    def reject(self, adapter_id: str, *, by: str) -> Adapter:
        """Turn a candidate down for good. Raises `Conflict` for one that serves or has served."""
        with self._database.write() as session:
            adapter = _adapter(session, adapter_id)
            if adapter.state in (AdapterState.active, AdapterState.archived):
                raise Conflict(f"Version {adapter_id} is {adapter.state}, so it cannot be rejected. Roll back instead.")
            if adapter.state is not AdapterState.rejected:
                adapter.state = AdapterState.rejected
                session.add(adapter)
                assistant = assistant_by_id(session, adapter.assistant_id)
                note(session, assistant, Change.reject, before=adapter_id, after=None, by=by)
                if assistant.trial_adapter == adapter_id:
                    end_trial(session, assistant, by=by)
        log.info("Adapter %s was rejected by %s", adapter_id, by)
        return adapter

    def adapters(self, assistant_id: str) -> Sequence[Adapter]:
        """All adapters of an assistant, newest first."""
        with self._database.read() as session:
            found = select(Adapter).where(Adapter.assistant_id == assistant_id).order_by(col(Adapter.version).desc())
            return session.exec(found).all()

    def report(self, adapter_id: str) -> dict[str, Any] | None:
        """The gate's report on an adapter; none where its run is gone. Raises `NotFound`."""
        with self._database.read() as session:
            run_id = _adapter(session, adapter_id).run_id
            run = session.get(Run, run_id) if run_id else None
            return run.report if run else None

    def made_from(self, adapter_id: str) -> frozenset[str]:
        """Ids of all rows of feedback, such as `rating:12`, that an adapter and its ancestors were trained on.

        Raises `NotFound`. An ancestor whose folder is gone can no longer say what it was made from.
        """
        rows: set[str] = set()
        seen: set[str] = set()
        with self._database.read() as session:
            step: str | None = _adapter(session, adapter_id).id
            while step is not None and step not in seen:
                seen.add(step)
                rows.update(rows_of(self._adapters_dir / step))
                parent = session.get(Adapter, step)
                step = parent.parent if parent else None
        return frozenset(rows)

    def taught_by(self, adapter_id: str) -> tuple[str, ...]:
        """Ids of the rows of feedback that an adapter itself was trained on, its ancestors not. Raises `NotFound`."""
        with self._database.read() as session:
            return rows_of(self._adapters_dir / _adapter(session, adapter_id).id)

    def sweep(self) -> list[str]:
        """Remove folders that no row knows, left by a process that was killed while it added one; their names."""
        with self._adding:
            with self._database.read() as session:
                known = set(session.exec(select(Adapter.id)).all())
            lost = [path for path in self._adapters_dir.iterdir() if path.is_dir() and path.name not in known]
            for path in lost:
                shutil.rmtree(path)
                log.warning("Removed %s: no adapter of that name was ever finished", path.name)
        return sorted(path.name for path in lost)

    def _bring_in(self, folder: Path, manifest: folders.Manifest, *, rows: Sequence[str]) -> None:
        """Copy the files under a temporary name, then give them theirs. Nothing has a row of that name yet."""
        final, incoming = self._adapters_dir / manifest.id, self._adapters_dir / f"{INCOMING}{manifest.id}"
        for leftover in (final, incoming):
            shutil.rmtree(leftover, ignore_errors=True)
        incoming.mkdir()
        for name in (folders.WEIGHTS, folders.CONFIG):
            shutil.copyfile(folder / name, incoming / name)
        (incoming / ROWS).write_text(json.dumps(rows), encoding="utf-8")
        folders.write_manifest(incoming, manifest)
        os.replace(incoming, final)
        folders.sync(self._adapters_dir)

    def _make_ready(self, assistant: Assistant, adapter: Adapter | None) -> None:
        """Check the files and bring the weights into memory, so that the switch itself cannot fail half-way."""
        folder = self._adapters_dir / adapter.id if adapter else None
        if adapter is not None and folder is not None:
            manifest = folders.check(folder, model=self._resolve(assistant.model))
            if manifest.sha256 != adapter.sha256:
                raise AdapterRefused(
                    f"The files of version {adapter.id} are whole, but not the ones that were registered. "
                    "Restore its folder from a backup, or choose another version."
                )
        self._engine.load(Weights(model=assistant.model, adapter=folder))


def rows_of(folder: Path) -> tuple[str, ...]:
    """The rows of feedback that the adapter in a folder was trained on; none where there is no such folder any more."""
    file = folder / ROWS
    return tuple(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else ()


def _run(session: Session, run_id: str) -> Run:
    run = session.get(Run, run_id)
    if run is None:
        raise NotFound(f"There is no run with the id {run_id!r}.")
    return run


def _adapter(session: Session, adapter_id: str) -> Adapter:
    adapter = session.get(Adapter, adapter_id)
    if adapter is None:
        raise NotFound(f"There is no adapter {adapter_id!r}. Choose one of the assistant's list.")
    return adapter


def _last_version(session: Session, assistant_id: str) -> int:
    return session.exec(select(func.max(Adapter.version)).where(Adapter.assistant_id == assistant_id)).one() or 0


def _summary(report: dict[str, Any]) -> dict[str, Any]:
    """What an adapter's row and manifest keep of the gate's report."""
    checks = {check["name"]: round(check["figure"], 4) for check in report["checks"]}
    return {**report["verdict"], "checks": checks}


def _row(manifest: folders.Manifest, assistant: Assistant, *, passed: bool) -> Adapter:
    return Adapter(
        id=manifest.id,
        assistant_id=assistant.id,
        version=manifest.version,
        state=AdapterState.candidate if passed else AdapterState.rejected,
        parent=manifest.parent,
        run_id=manifest.run or None,
        model=manifest.model,
        sha256=manifest.sha256,
        metrics=manifest.metrics,
    )


def _require_promotable(adapter: Adapter) -> None:
    if adapter.state == AdapterState.rejected:
        raise Conflict(f"Version {adapter.id} was rejected, so it cannot serve. Collect more feedback and retrain.")


def _require_triable(adapter: Adapter) -> None:
    _require_promotable(adapter)
    if adapter.state == AdapterState.active:
        raise Conflict(f"Version {adapter.id} answers everything already. Choose another version to try.")


def _rows_trained_on(run_folder: Path) -> list[str]:
    rows: set[str] = set()
    for file in run_folder.glob("train*.jsonl"):
        for line in read(file):
            rows.update(line["rows"])
    return sorted(row for row in rows if not row.startswith(EXAMPLE))
