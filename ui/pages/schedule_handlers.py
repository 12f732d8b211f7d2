"""What the retrain page's form for runs that start by themselves does: the rule as it is kept, and in words."""

from ui.endpoints import retraining
from ui.pages import run_html
from ui.services import Services
from ui.sessions import Caller

OWN = "At times of your own, under Advanced"
TIMES = {
    "As soon as there is enough": "",
    "Every night at 3": "0 3 * * *",
    "Every Sunday at 4": "0 4 * * 0",
    "On the first of each month at 4": "0 4 1 * *",
}
"""When runs may start, and the cron line of each; it says all there is to say, so it alone is kept."""


def time_of(line: str) -> str:
    """How a cron line reads among the choices."""
    line = " ".join(line.split())
    return next((name for name, of_choice in TIMES.items() if of_choice == line), OWN)


def line_of(time: str, *, line: str) -> str:
    """The cron line of a choice; the line stays where the choice says that it does."""
    return TIMES.get(time, line)


def load(
    services: Services, caller: Caller, *, assistant: str = "default"
) -> tuple[bool, str, str, int, bool, bool, str]:
    """The form: on, when, cron line, new preferences, promote and roll back by itself, and the rule in words.

    Raises `NotAllowed`.
    """
    kept = retraining.schedule(services, caller, assistant)
    line = kept.get("cron", "")
    return (
        kept["enabled"],
        time_of(line),
        line,
        kept.get("min_new_pairs", 20),
        kept.get("auto_promote", False),
        kept["roll_back"],
        run_html.schedule(kept),
    )


def save(
    services: Services,
    caller: Caller,
    *,
    assistant: str = "default",
    enabled: bool,
    cron: str,
    min_new_pairs: float,
    auto_promote: bool,
    roll_back: bool,
) -> str:
    """Store the rule; it in words. Raises `NotAllowed`, `BadInput`."""
    kept = retraining.set_schedule(
        services,
        caller,
        assistant,
        cron=cron,
        min_new_pairs=min_new_pairs,  # type: ignore[arg-type]  # whatever the browser sent is checked there
        auto_promote=auto_promote,
        enabled=enabled,
        roll_back=roll_back,
    )
    return run_html.schedule(kept)
