"""What the builder page does: list, make, change, duplicate and delete assistants; and what is wrong as one types.

Its preview is `ui.pages.preview_handlers`' business.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assistant import persona, records
from assistant.errors import BadInput, ModelUnavailable, ThumbloopError
from assistant.starting_points import starting_point
from assistant.tables import Access, Assistant, Focus
from ui import endpoints
from ui.endpoints.assistants import told
from ui.pages import assistant_html as html
from ui.pages import events
from ui.services import Services, model_path
from ui.sessions import Caller

FIELDS = {
    "avatar": "The avatar",
    "name": "The name",
    "access": "Who may use it",
    "system_prompt": "The instructions",
    "greeting": "The greeting",
    "example_questions": "The example questions",
    "grounded": "",
    "passages": "The number of sources",
    "min_score": "The least match",
    "focus": "What the model is given",
    "temperature": "The freedom",
    "top_p": "The choice of words",
    "max_new_tokens": "The longest answer",
    "context_tokens": "The most it reads for an answer",
    "compare_share": "The share of questions with two answers",
    "model": "The model",
}
"""The fields of the form, in its order, and how they are called there. `grounded` switches the documents on and off."""
FOCUSES = (
    ("Automatic (by the model's size)", Focus.auto),
    ("Whole passages", Focus.passages),
    ("Best sentences", Focus.sentences),
)
MEANT = {Focus.passages: "whole passages", Focus.sentences: "best sentences"}
WHO = (("Everyone", Access.everyone), ("People who sign in", Access.members), ("Admins only", Access.admins))
TONES = {"Precise": (0.2, 0.9), "Balanced": (0.5, 0.9), "Creative": (0.9, 0.95)}
"""What a tone sets: how freely, and from how many, the next word is drawn."""
OWN = "Own numbers"
SOURCES = 4
"""How many sources are offered where the documents are switched on."""


def cards(services: Services, caller: Caller) -> str:
    """All assistants as cards. Raises `NotAllowed`."""
    caller.require_admin()
    return html.cards(endpoints.assistants(services, caller)["assistants"])


def head(services: Services, caller: Caller, *, assistant: str) -> str:
    """What stands above the form; for a new one, without a short name yet, less. Raises `NotAllowed`, `NotFound`."""
    caller.require_admin()
    if not assistant:
        return html.head(None)
    with services.database.read() as session:
        return html.head(told(session, caller, records.assistant_by_slug(session, assistant)))


def load(services: Services, caller: Caller, *, assistant: str, start: str = "") -> dict[str, Any]:
    """The values of the form: of an assistant, or of a starting point. Raises `NotAllowed`, `NotFound`."""
    caller.require_admin()
    if assistant:
        with services.database.read() as session:
            asked = records.assistant_by_slug(session, assistant)
    else:
        chosen = starting_point(start)
        if chosen is None:
            raise BadInput("This starting point does not exist. Go back to all assistants, and choose another one.")
        asked = Assistant(slug="", **{"name": "", **chosen.settings})
    values = {name: getattr(asked, name) for name in FIELDS if name != "grounded"}
    values["example_questions"] = "\n".join(asked.example_questions)
    values["grounded"], values["passages"] = asked.passages > 0, asked.passages or SOURCES
    return values


def settings_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that the form stands for."""
    settings = {name: values[name] for name in FIELDS if name != "grounded"}
    lines = str(values["example_questions"] or "").splitlines()
    settings["example_questions"] = [line.strip() for line in lines if line.strip()]
    if not values["grounded"]:
        settings["passages"] = 0
    for name in ("avatar", "name", "model"):
        settings[name] = str(settings[name] or "").strip()
    return settings


def problem(services: Services, caller: Caller, *, name: str, value: Any) -> str:
    """What is wrong with a field as it is now, in a sentence; empty if nothing is. Raises `NotAllowed`."""
    caller.require_admin()
    if name == "example_questions":
        value = [line.strip() for line in str(value or "").splitlines() if line.strip()]
    elif name in ("avatar", "name", "model"):
        value = str(value or "").strip()
    said = persona.problem(name, value, called=FIELDS[name])
    if said or name != "model" or value == "default":
        return said
    try:
        model_path(services.settings, value)
    except ModelUnavailable as exc:
        return str(exc)
    return ""


def problems(services: Services, caller: Caller, values: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with the form as it is now: a sentence for each field that has a problem. Raises `NotAllowed`."""
    caller.require_admin()
    fields = [name for name in FIELDS if name != "grounded"]
    return {name: said for name in fields if (said := problem(services, caller, name=name, value=values[name]))}


def slug_problem(services: Services, caller: Caller, *, slug: str) -> str:
    """What is wrong with the short name of a new assistant. Raises `NotAllowed`."""
    caller.require_admin()
    if said := persona.slug_problem(slug):
        return said
    with services.database.read() as session:
        taken = slug in {each.slug for each in records.assistants(session)}
    return f"There is already an assistant called {slug!r}. Choose another short name." if taken else ""


def suggest(services: Services, caller: Caller, *, name: str) -> str:
    """A short name that is free, made from a name. Raises `NotAllowed`."""
    caller.require_admin()
    if not name.strip():
        return ""
    with services.database.read() as session:
        return persona.slug_from(name, taken={each.slug for each in records.assistants(session)})


def tone_of(temperature: Any, top_p: Any) -> str:
    """The tone that two numbers stand for."""
    return next((tone for tone, numbers in TONES.items() if numbers == (temperature, top_p)), OWN)


def about_model(services: Services, caller: Caller, *, model: str) -> str:
    """What is known of a model, and what the automatic choice means with it. Raises `NotAllowed`."""
    caller.require_admin()
    name = str(model or "").strip()
    try:
        if name != "default" and not Path(model_path(services.settings, name)).exists():
            return "It is fetched from the Hugging Face hub for the first answer, which takes a while."
        parameters = services.engine.parameters(name)
        meant = MEANT[services.grounding.automatic_focus(name)]
    except ThumbloopError as exc:
        return f"It cannot be loaded. {exc}"
    return f"It can be loaded and has {parameters / 1e6:,.0f} million parameters: automatic means {meant}."


def save(services: Services, caller: Caller, values: Mapping[str, Any], *, assistant: str) -> str:
    """Store the form of an assistant; what to say about it. Raises `NotAllowed`, `BadInput`, `NotFound`."""
    caller.require_admin()
    settings = checked(services, caller, values)
    endpoints.update_assistant(services, caller, assistant, settings)
    return "Saved. The next answer uses these settings."


def make(services: Services, caller: Caller, values: Mapping[str, Any], *, slug: str) -> str:
    """Make the assistant of the form; its short name. Raises `NotAllowed`, `BadInput`, `Conflict`."""
    caller.require_admin()
    settings = checked(services, caller, values)
    if said := slug_problem(services, caller, slug=slug):
        raise BadInput(said)
    made = endpoints.create_assistant(services, caller, settings["name"], slug, settings=settings)
    return str(made["assistant"])


def act(services: Services, caller: Caller, *, do: str, assistant: str) -> str:
    """Duplicate or delete, as a button says; what to say about it. Raises what the endpoints raise."""
    if do == "duplicate":
        made = endpoints.duplicate_assistant(services, caller, assistant)
        said = f"Made {made['name']}, with the same settings and documents, and with nothing that people said."
        return html.said(said, to=made["assistant"])
    if do == "delete":
        endpoints.delete_assistant(services, caller, assistant)
        return html.said("Deleted, with all that belonged to it.")
    raise BadInput(events.UNKNOWN)


def bring_in(services: Services, caller: Caller, *, path: str) -> str:
    """Import an exported file; what to say about it. Raises `NotAllowed`, `BadInput`."""
    caller.require_admin()
    made = endpoints.import_assistant(services, caller, Path(path), Path(path).name)
    return html.said(" ".join([f"Imported {made['name']}.", *made["notes"]]), to=made["assistant"])


def export(services: Services, caller: Caller, *, assistant: str, with_adapter: bool) -> Path:
    """Write the file to take away. Raises `NotAllowed`, `BadInput`."""
    return endpoints.export_assistant(services, caller, assistant, with_adapter)


def has_version(services: Services, caller: Caller, *, assistant: str) -> bool:
    """Whether there is an adapter to export. Raises `NotAllowed`."""
    caller.require_admin()
    with services.database.read() as session:
        return records.assistant_by_slug(session, assistant).adapter is not None


def checked(services: Services, caller: Caller, values: Mapping[str, Any]) -> dict[str, Any]:
    """The form's settings, if all of them can be; the first problem is told in the form's words."""
    for said in problems(services, caller, values).values():
        raise BadInput(said)
    return settings_of(values)
