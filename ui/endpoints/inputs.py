"""Checks what JSON clients may send: wrong types, nothing at all, or far too much. Each refusal is one sentence."""

from collections.abc import Sequence
from typing import Any

from assistant.errors import BadInput

MAX_ID_CHARS = 128
MAX_REASONS = 20


def text(value: Any, what: str, *, max_chars: int, empty: bool = False) -> str:
    """A text of at most `max_chars`; `what` names it in the refusal. Raises `BadInput`."""
    if not isinstance(value, str):
        raise BadInput(f"The {what} must be text, not {_kind(value)}. Send a string.")
    if "\x00" in value:
        raise BadInput(f"The {what} holds a NUL character, which cannot be stored. Remove it.")
    if len(value) > max_chars:
        raise BadInput(f"The {what} has {len(value)} characters, and at most {max_chars} are taken. Shorten it.")
    if not empty and not value.strip():
        raise BadInput(f"The {what} is empty. Fill it in.")
    return value.encode("utf-8", "replace").decode("utf-8")  # lone surrogates, which JSON allows, cannot be stored


def name(value: Any, what: str) -> str:
    """An id or a short name. Raises `BadInput`."""
    return text(value, what, max_chars=MAX_ID_CHARS)


def optional_name(value: Any, what: str) -> str | None:
    """An id or a short name, or none for null and an empty text. Raises `BadInput`."""
    return None if value is None or value == "" else name(value, what)


def choice(value: Any, what: str, options: Sequence[str]) -> str:
    """One of some words. Raises `BadInput`."""
    if not isinstance(value, str) or value not in options:
        raise BadInput(f"The {what} must be one of {', '.join(options)}, not {str(value)[:40]!r}.")
    return value


def names(value: Any, what: str) -> list[str]:
    """A short list of short texts; null is an empty one. Raises `BadInput`."""
    if value is None:
        return []
    if not isinstance(value, list | tuple) or len(value) > MAX_REASONS:
        raise BadInput(f"The {what} must be a list of at most {MAX_REASONS} texts. Send a list.")
    return [name(each, what) for each in value]


def whole_number(value: Any, what: str, *, low: int, high: int) -> int:
    """A whole number within bounds; JSON's 20.0 counts. Raises `BadInput`."""
    right = isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
    if not right or value != int(value):
        raise BadInput(f"The {what} must be a whole number from {low} to {high}, not {str(value)[:40]!r}.")
    return int(value)


def switch(value: Any, what: str) -> bool:
    """True or false. Raises `BadInput`."""
    if not isinstance(value, bool):
        raise BadInput(f"The {what} must be true or false, not {str(value)[:40]!r}.")
    return value


def _kind(value: Any) -> str:
    return {"NoneType": "nothing", "dict": "an object", "list": "a list", "bool": "true or false"}.get(
        type(value).__name__, "a number"
    )
