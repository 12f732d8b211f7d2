"""Runs, adapters and schedules, for admins: start, watch and cancel; promote, reject and roll back; when by itself."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, func, select

from assistant import records
from assistant.database import utc_now
from assistant.knowledge import Upload
from assistant.tables import Assistant, Chunk, Document
from feedback.evidence import gather
from retrain.examples import compose_lesson, read_examples
from retrain.recipe import VARIANTS
from retrain.schedule import describe
from retrain.schedule import set_schedule as store_schedule
from retrain.tables import Adapter, Run, Schedule
from ui.endpoints import inputs, versions
from ui.services import Services
from ui.sessions import Caller

RUNS_LISTED = 50
MAX_CRON_CHARS = 200


def status(services: Services, caller: Caller, assistant: str = "default") -> dict[str, Any]:
    """Tell how an assistant stands: counts, pairs ready, what is left out and why, active adapter, latest run."""
    caller.require_admin()
    with services.database.read() as session:
        asked = _assistant(session, assistant)
        evidence = gather(session, asked.id)
        documents = select(func.count()).select_from(Document).where(Document.assistant_id == asked.id)
        chunks = select(func.count()).select_from(Chunk).join(Document).where(Document.assistant_id == asked.id)
        counts = {
            "documents": session.exec(documents).one(),
            "chunks": session.exec(chunks).one(),
            "replies": records.reply_count(session, asked.id),
            "ratings": len(evidence.thumbs),
            "corrections": len(evidence.corrections),
            "comparisons": len(evidence.choices),
        }
        fares = versions.fares(session, asked)
    ready = services.runs.pairs_ready(asked.id)
    latest = services.runs.latest(asked.id)
    return {
        "assistant": asked.slug,
        "model": asked.model,
        "adapter": asked.adapter,
        **counts,
        "pairs_ready": ready.pairs,
        "pairs_new": ready.new_pairs,
        "pairs_by_kind": ready.kinds,
        "singles_ready": ready.singles,
        "left_out": dict(ready.left_out),
        "method": ready.method,
        "missing": ready.missing,
        "run": _run_json(latest, asked) if latest else None,
        "fares": fares,
        "decisions": versions.decisions(services, asked),
    }


def retrain(services: Services, caller: Caller, assistant: str = "default", anew: bool = False) -> dict[str, Any]:
    """Start a run, from what answers now or, `anew`, from what the assistant began with.

    Raises `NotFound`, `Conflict` while one is going, and `BadInput` for too little feedback.
    """
    caller.require_admin()
    from_start = inputs.switch(anew, "anew")
    with services.database.read() as session:
        asked = _assistant(session, assistant)
    return _run_json(services.runs.start(asked.id, asked_by=caller.id, anew=from_start), asked)


def teach(
    services: Services,
    caller: Caller,
    assistant: str = "default",
    files: Sequence[Upload] = (),
    then_dpo: bool = False,
    variant: str = "lora",
) -> dict[str, Any]:
    """Start a run that teaches: examples from files, or, without one, corrections and approved answers.

    Raises `NotFound`, `Conflict` while a run is going, and `BadInput` for an example that cannot be used or too few.
    """
    caller.require_admin()
    method = "sft+dpo" if inputs.switch(then_dpo, "then_dpo") else "sft"
    recipe = {"variant": inputs.choice(variant, "variant", VARIANTS)}
    with services.database.read() as session:
        asked = _assistant(session, assistant)
    services.runs.require_idle(asked.id)
    lines = read_examples(files)
    examples = (
        [compose_lesson(line, grounding=services.grounding, assistant=asked) for line in lines] if files else None
    )
    started = services.runs.start(asked.id, asked_by=caller.id, method=method, examples=examples, recipe=recipe)
    return _run_json(started, asked)


def run(services: Services, caller: Caller, run: str) -> dict[str, Any]:
    """Tell a run's state, with its progress, and its report once there is one. Raises `NotFound`."""
    caller.require_admin()
    return _told(services, services.runs.status(inputs.name(run, "run")))


def runs(services: Services, caller: Caller, assistant: str = "default") -> dict[str, Any]:
    """List an assistant's runs, latest first. Raises `NotFound`."""
    caller.require_admin()
    with services.database.read() as session:
        asked = _assistant(session, assistant)
        latest_first = select(Run).where(Run.assistant_id == asked.id).order_by(col(Run.created_at).desc())
        found = session.exec(latest_first.limit(RUNS_LISTED)).all()
    return {"assistant": asked.slug, "runs": [_run_json(each, asked) for each in found]}


def cancel(services: Services, caller: Caller, run: str) -> dict[str, Any]:
    """Cancel a run; it ends within seconds. One that has ended stays as it is. Raises `NotFound`."""
    caller.require_admin()
    return _told(services, services.runs.cancel(inputs.name(run, "run")))


def adapters(services: Services, caller: Caller, assistant: str = "default") -> dict[str, Any]:
    """List an assistant's adapters, newest first, and which one serves. Raises `NotFound`."""
    caller.require_admin()
    with services.database.read() as session:
        asked = _assistant(session, assistant)
    found = services.registry.adapters(asked.id)
    return {
        "assistant": asked.slug,
        "active": asked.adapter,
        "adapters": [_adapter_json(each, asked) for each in found],
    }


def promote(services: Services, caller: Caller, adapter: str) -> dict[str, Any]:
    """Let an adapter serve from the next reply on; gives the active adapter.

    Raises `NotFound`, `Conflict` for a rejected one, and `AdapterRefused`; then the old one serves on.
    """
    caller.require_admin()
    promoted = services.registry.promote(inputs.name(adapter, "adapter"), by=caller.id)
    return _adapter_json(promoted, _assistant_of(services, promoted))


def reject(services: Services, caller: Caller, adapter: str) -> dict[str, Any]:
    """Turn a candidate down for good. Raises `NotFound`, `Conflict`."""
    caller.require_admin()
    rejected = services.registry.reject(inputs.name(adapter, "adapter"), by=caller.id)
    return _adapter_json(rejected, _assistant_of(services, rejected))


def rollback(services: Services, caller: Caller, assistant: str = "default") -> dict[str, Any]:
    """Let an assistant serve what it served before; gives the active adapter, null for the base model.

    Raises `NotFound`, `Conflict` where there is nothing to go back to, and `AdapterRefused`.
    """
    caller.require_admin()
    with services.database.read() as session:
        asked = _assistant(session, assistant)
    active = services.registry.rollback(asked.id, by=caller.id)
    return _adapter_json(active, asked) if active else {"assistant": asked.slug, "adapter": None, "version": None}


def schedule(services: Services, caller: Caller, assistant: str = "default") -> dict[str, Any]:
    """Tell when an assistant is retrained by itself. Raises `NotFound`."""
    caller.require_admin()
    with services.database.read() as session:
        asked = _assistant(session, assistant)
        return _schedule_json(session.get(Schedule, asked.id), asked)


def set_schedule(
    services: Services,
    caller: Caller,
    assistant: str,
    cron: str = "",
    min_new_pairs: int = 20,
    auto_promote: bool = False,
    enabled: bool = True,
    roll_back: bool = True,
) -> dict[str, Any]:
    """Set when an assistant is retrained by itself: by a cron line, a number of new pairs, or both.

    With `roll_back`, enabled or not, a version that people like less than the one before is taken back by itself.
    Raises `BadInput` for a rule that cannot work, `NotFound`.
    """
    caller.require_admin()
    line = inputs.text("" if cron is None else cron, "cron line", max_chars=MAX_CRON_CHARS, empty=True)
    pairs = inputs.whole_number(min_new_pairs, "number of new pairs", low=0, high=1_000_000)
    promotes, on = inputs.switch(auto_promote, "auto_promote"), inputs.switch(enabled, "enabled")
    goes = inputs.switch(roll_back, "roll_back")
    with services.database.write() as session:
        asked = _assistant(session, assistant)
        stored = store_schedule(
            session,
            asked.id,
            cron=line,
            min_new_pairs=pairs,
            auto_promote=promotes,
            enabled=on,
            roll_back=goes,
            now=utc_now(),
        )
        return _schedule_json(stored, asked)


def _assistant(session: Session, slug: str) -> Assistant:
    return records.assistant_by_slug(session, inputs.name(slug, "assistant's name"))


def _assistant_of(services: Services, adapter: Adapter) -> Assistant:
    with services.database.read() as session:
        return records.assistant_by_id(session, adapter.assistant_id)


def _told(services: Services, run: Run) -> dict[str, Any]:
    with services.database.read() as session:
        return _run_json(run, records.assistant_by_id(session, run.assistant_id))


def _run_json(run: Run, asked: Assistant) -> dict[str, Any]:
    return {
        "run": run.id,
        "assistant": asked.slug,
        "state": run.state.value,
        "method": run.method,
        "asked_by": run.asked_by,
        "counts": run.counts,
        "progress": run.progress,
        "report": run.report,
        "adapter": run.adapter,
        "error": run.error,
        "created_at": _moment(run.created_at),
        "started_at": _moment(run.started_at),
        "finished_at": _moment(run.finished_at),
    }


def _adapter_json(adapter: Adapter, asked: Assistant) -> dict[str, Any]:
    return {
        "assistant": asked.slug,
        "adapter": adapter.id,
        "version": adapter.version,
        "state": adapter.state.value,
        "parent": adapter.parent,
        "run": adapter.run_id,
        "metrics": adapter.metrics,
        "created_at": _moment(adapter.created_at),
    }


def _schedule_json(row: Schedule | None, asked: Assistant) -> dict[str, Any]:
    if row is None:
        says = "Retrained only when an admin asks for it."
        return {"assistant": asked.slug, "enabled": False, "roll_back": True, "says": says}
    return {
        "assistant": asked.slug,
        "enabled": row.enabled,
        "roll_back": row.roll_back,
        "cron": row.cron,
        "min_new_pairs": row.min_new_pairs,
        "auto_promote": row.auto_promote,
        "next_due_at": _moment(row.next_due_at),
        "last_due_at": _moment(row.last_due_at),
        "last_result": row.last_result,
        "says": describe(row),
    }


def _moment(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
