"""What the assistant page does: show its settings in a form, and store them."""

from typing import Any

from assistant import records
from ui.services import Services
from ui.sessions import Caller

ASSISTANT = "default"
FIELDS = (
    "name",
    "system_prompt",
    "greeting",
    "example_questions",
    "passages",
    "min_score",
    "temperature",
    "top_p",
    "max_new_tokens",
    "context_tokens",
)
"""The settings of the form, in its order; example questions are one a line there."""
WHOLE = ("passages", "max_new_tokens", "context_tokens")


def load(services: Services, caller: Caller) -> list[Any]:
    """The values of the form. Raises `NotAllowed`."""
    caller.require_admin()
    with services.database.read() as session:
        asked = records.assistant_by_slug(session, ASSISTANT)
    return [
        "\n".join(asked.example_questions) if name == "example_questions" else getattr(asked, name) for name in FIELDS
    ]


def save(services: Services, caller: Caller, values: dict[str, Any]) -> str:
    """Store the form; what to say about it. Raises `NotAllowed`, and `BadInput` for a value that cannot be."""
    caller.require_admin()
    settings = {name: values[name] for name in FIELDS}
    settings["example_questions"] = [
        line.strip() for line in str(values["example_questions"]).splitlines() if line.strip()
    ]
    for name in WHOLE:
        if isinstance(settings[name], float) and settings[name].is_integer():
            settings[name] = int(settings[name])
    with services.database.write() as session:
        asked = records.assistant_by_slug(session, ASSISTANT)
        records.update_assistant(session, asked.id, **settings)
    return "Saved. The next answer uses these settings."
