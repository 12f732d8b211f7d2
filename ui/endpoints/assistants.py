"""Assistants: who may use which, and for admins make, change, duplicate, delete, export and import them."""

import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlmodel import Session

from assistant import adapters, golden, persona, records
from assistant.bundle import MAX_GOLDEN, Bundle, Golden, read_bundle, write_bundle
from assistant.engine import Weights
from assistant.errors import BadInput, Conflict, ThumbloopError
from assistant.starting_points import STARTING_POINTS, starting_point
from assistant.tables import Assistant, GoldenAnswer
from retrain.removal import belongings, remove_assistant
from ui import access, exports
from ui.endpoints import inputs
from ui.services import Services, model_path
from ui.sessions import Caller

BLANK = "blank"
COPY = "Copy of "
IMPORTED = "import:{}"
"""The key of a golden answer that came in a file."""


def assistants(services: Services, caller: Caller) -> dict[str, Any]:
    """List the assistants that the caller may use, oldest first; admins see their settings, too."""
    with services.database.read() as session:
        return {"assistants": [told(session, caller, each) for each in access.usable(session, caller)]}


def create_assistant(
    services: Services,
    caller: Caller,
    name: str,
    assistant: str = "",
    start: str = BLANK,
    settings: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Make an assistant from a starting point: help-desk, tutor, writing-coach, support or blank.

    `assistant` is its short name, by default made from its name; `settings` change those of the starting point.
    Raises `BadInput`, `Conflict` for a short name that is taken.
    """
    caller.require_admin()
    chosen = starting_point(inputs.choice(start, "starting point", [each.key for each in STARTING_POINTS]))
    given = {**(chosen.settings if chosen else {}), **_settings(settings), "name": name}
    with services.database.write() as session:
        _require_model(services, given.get("model", "default"))
        made = records.create_assistant(session, slug=_slug(session, assistant, name), **given)
    services.begin(made.id)
    return _answer(services, caller, made.id)


def update_assistant(services: Services, caller: Caller, assistant: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Change settings of an assistant; the next answer uses them. Raises `BadInput`, `NotFound`."""
    caller.require_admin()
    given = _settings(settings)
    with services.database.write() as session:
        asked = records.assistant_by_slug(session, inputs.name(assistant, "assistant's name"))
        if given.get("model", asked.model) != asked.model:
            _require_model(services, given["model"])
        records.update_assistant(session, asked.id, **given)
    services.begin(asked.id)
    return _answer(services, caller, asked.id)


def duplicate_assistant(services: Services, caller: Caller, assistant: str) -> dict[str, Any]:
    """Make another assistant with the same settings and documents, but nothing that people said. Raises `NotFound`."""
    caller.require_admin()
    with services.database.write() as session:
        asked = records.assistant_by_slug(session, inputs.name(assistant, "assistant's name"))
        settings = {name: getattr(asked, name) for name in persona.SETTINGS}
        name = f"{COPY}{asked.name}"[: persona.LENGTHS["name"]]
        made = records.create_assistant(session, slug=_slug(session, "", name), **{**settings, "name": name})
    services.knowledge.give(made.id, services.knowledge.texts(asked.id))
    services.begin(made.id)
    return _answer(services, caller, made.id)


def delete_assistant(services: Services, caller: Caller, assistant: str) -> dict[str, Any]:
    """Delete an assistant with its documents, conversations, feedback and versions.

    Raises `NotFound`, and `Conflict` for the last one and for one that is being retrained.
    """
    caller.require_admin()
    with services.database.read() as session:
        asked = records.assistant_by_slug(session, inputs.name(assistant, "assistant's name"))
    _remove(services, asked)
    return assistants(services, caller) | {"deleted": asked.slug}


def export_assistant(services: Services, caller: Caller, assistant: str, with_adapter: bool = False) -> Path:
    """Write an assistant's settings, documents and golden answers into one file, if wanted with its adapter; its path.

    Golden answers go along with their questions, as far as they serve everybody.

    Raises `NotFound`, and `BadInput` where there is no adapter to take along.
    """
    caller.require_admin()
    take = inputs.switch(with_adapter, "with_adapter")
    with services.database.read() as session:
        asked = records.assistant_by_slug(session, inputs.name(assistant, "assistant's name"))
        answers = [Golden(each.kind, each.question, each.answer) for each in golden.everybodys(session, asked.id)]
    if take and asked.adapter is None:
        raise BadInput(f"{asked.name} has no trained version (adapter) to take along. Export it without one.")
    adapter = services.settings.adapters_dir / asked.adapter if take and asked.adapter else None
    texts = services.knowledge.texts(asked.id)
    return exports.make(
        services.settings,
        f"{asked.slug}.thumbloop.zip",
        lambda path: write_bundle(path, asked, texts, golden=answers[-MAX_GOLDEN:], adapter=adapter),
    )


def import_assistant(services: Services, caller: Caller, file: Path, name: str) -> dict[str, Any]:
    """Make an assistant out of an exported file, called `name`; `notes` say what of it could not be used.

    Its short name gets a number where it is taken. Raises `BadInput` for a file that is not whole, and makes nothing.
    """
    caller.require_admin()
    with tempfile.TemporaryDirectory(dir=services.settings.uploads_dir) as folder:
        bundle = read_bundle(file, name=name, into=Path(folder))
        with services.database.write() as session:
            taken = {each.slug for each in records.assistants(session)}
            slug = persona.slug_from(bundle.slug, taken=taken)
            made = records.create_assistant(session, slug=slug, **bundle.settings)
            for number, each in enumerate(bundle.golden, 1):
                key = IMPORTED.format(number)
                golden.put(session, GoldenAnswer(assistant_id=made.id, key=key, **asdict(each)))
        try:
            services.knowledge.give(made.id, bundle.documents)
        except BaseException:
            _remove(services, made)
            raise
        notes = _bring_adapter(services, caller, made, bundle)
    services.begin(made.id)
    return _answer(services, caller, made.id) | {"notes": notes}


def _bring_adapter(services: Services, caller: Caller, made: Assistant, bundle: Bundle) -> list[str]:
    """Let it serve the adapter that came along, once it is checked; what to say where that cannot be."""
    try:
        _require_model(services, made.model)
    except ThumbloopError as exc:
        return [f"Its model cannot be used here: {exc}"]
    if bundle.adapter is None:
        return []
    try:
        told = adapters.check(bundle.adapter, model=model_path(services.settings, made.model))
        own: dict[str, Any] = {"version": min(max(told.version, 0), 9999), "parent": None, "run": "", "metrics": {}}
        adapters.write_manifest(bundle.adapter, told.model_copy(update=own))
        brought = services.registry.install(made.id, bundle.adapter, by=caller.id)
        if brought is not None:
            services.engine.load(Weights(model=made.model, adapter=services.settings.adapters_dir / brought.id))
    except ThumbloopError as exc:
        with suppress(Conflict):  # there is nothing to take back where it was not even installed
            services.registry.rollback(made.id, by=caller.id)
        return [f"The adapter that came along is not used: {exc}"]
    return []


def _remove(services: Services, asked: Assistant) -> None:
    remove_assistant(services.database, asked.id, registry=services.registry, run_folder=services.runs.folder)
    services.knowledge.forget(asked.id)


def _slug(session: Session, wanted: str, name: str) -> str:
    if inputs.text(wanted, "short name", max_chars=inputs.MAX_ID_CHARS, empty=True):
        return wanted
    known = inputs.text(name, "name", max_chars=persona.LENGTHS["name"])
    return persona.slug_from(known, taken={each.slug for each in records.assistants(session)})


def _settings(given: Any) -> Mapping[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise BadInput(f"The settings must be an object with some of {', '.join(persona.SETTINGS)}. Send one.")
    for name, value in given.items():
        if said := persona.problem(name, value):
            raise BadInput(said)
    return given


def _require_model(services: Services, name: str) -> None:
    """Raise `ModelUnavailable` for a name that can be no model; the default is the settings' business."""
    if name != "default":
        model_path(services.settings, name)


def _answer(services: Services, caller: Caller, assistant_id: str) -> dict[str, Any]:
    with services.database.read() as session:
        return told(session, caller, records.assistant_by_id(session, assistant_id))


def told(session: Session, caller: Caller, each: Assistant) -> dict[str, Any]:
    """What a caller gets to know of an assistant: admins its settings, too, and how much belongs to it."""
    shown = {
        "assistant": each.slug,
        "name": each.name,
        "avatar": each.face,
        "greeting": each.greeting,
        "example_questions": each.example_questions,
    }
    if not caller.is_admin:
        return shown
    held = belongings(session, each.id)
    return shown | {
        "settings": {name: getattr(each, name) for name in persona.SETTINGS},
        "adapter": each.adapter,
        "documents": held.documents,
        "conversations": held.conversations,
        "feedback": held.feedback,
        "versions": held.versions,
    }
