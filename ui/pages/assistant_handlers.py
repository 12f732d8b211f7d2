"""What the assistant page does: show its settings in a form, and store them."""

from typing import Any

from assistant import records
from assistant.errors import BadInput, ModelUnavailable
from assistant.tables import Focus
from ui.services import Services
from ui.sessions import Caller

FIELDS = (
    "name",
    "system_prompt",
    "greeting",
    "example_questions",
    "focus",
    "passages",
    "min_score",
    "temperature",
    "top_p",
    "max_new_tokens",
    "context_tokens",
)
"""The settings of the form, in its order; example questions are one a line there."""
FOCUSES = (
    ("Automatic (by the model's size)", Focus.auto),
    ("Whole passages", Focus.passages),
    ("Best sentences", Focus.sentences),
)
WHOLE = ("passages", "max_new_tokens", "context_tokens")


def load(services: Services, caller: Caller, *, assistant: str = "default") -> list[Any]:
    """The values of the form. Raises `NotAllowed`."""
    caller.require_admin()
    with services.database.read() as session:
        asked = records.assistant_by_slug(session, assistant)
    return [
        "\n".join(asked.example_questions) if name == "example_questions" else getattr(asked, name) for name in FIELDS
    ]


MEANT = {Focus.passages: "whole passages", Focus.sentences: "best sentences"}


def automatic(services: Services, caller: Caller, *, assistant: str = "default") -> str:
    """What the automatic choice means with the model as it is now. Raises `NotAllowed`."""
    caller.require_admin()
    with services.database.read() as session:
        model = records.assistant_by_slug(session, assistant).model
    try:
        meant = MEANT[services.grounding.automatic_focus(model)]
        parameters = services.engine.parameters(model)
    except ModelUnavailable as exc:
        return f"What automatic means shows once the model can be read. {exc}"
    return f"Automatic now means {meant}: the model has {parameters / 1e6:,.0f} million parameters."


def save(services: Services, caller: Caller, values: dict[str, Any], *, assistant: str = "default") -> str:
    """Store the form; what to say about it. Raises `NotAllowed`, and `BadInput` for a value that cannot be."""
    caller.require_admin()
    settings = {name: values[name] for name in FIELDS}
    settings["example_questions"] = [
        line.strip() for line in str(values["example_questions"]).splitlines() if line.strip()
    ]
    if values["focus"] not in list(Focus):
        raise BadInput("Choose what the model is given: automatic, whole passages or best sentences.")
    settings["focus"] = Focus(values["focus"])
    for name in WHOLE:
        if isinstance(settings[name], float) and settings[name].is_integer():
            settings[name] = int(settings[name])
    with services.database.write() as session:
        asked = records.assistant_by_slug(session, assistant)
        records.update_assistant(session, asked.id, **settings)
    return "Saved. The next answer uses these settings."
