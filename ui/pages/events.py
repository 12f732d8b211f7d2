"""What pages' own buttons and addresses say, taken as it comes: what makes no sense is as good as nothing said."""

from collections.abc import Mapping
from typing import Any

UNKNOWN = "The page asked for something unknown. Reload it and try again."
"""What to say to a button that this version of the program does not know."""
MAX_DIGITS = 6


def text(data: Mapping[str, Any], name: str) -> str:
    """A text by its name, else empty."""
    value = data.get(name)
    return value if isinstance(value, str) else ""


def number(value: object) -> int:
    """A whole number in digits, else 0."""
    digits = str(value or "")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= MAX_DIGITS else 0
