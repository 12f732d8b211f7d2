"""What an assistant's settings may be, each refusal a sentence; and a short name out of a long one.

`assistant.records` refuses what has a problem here; a form asks the same while somebody types.
"""

import re
import unicodedata
from collections.abc import Container
from typing import Any

from assistant.tables import Access, Focus

SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
SLUG_CHARS = 40
_PICTURE = "[\xa9\xae\u203c\u2049\u2122\u2139\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]"
_VARIANT = "[\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]*"
AVATAR = re.compile(
    rf"[^\W_]{{0,2}}|[\U0001f1e6-\U0001f1ff]{{2}}|[#*0-9]\ufe0f?\u20e3|"
    rf"{_PICTURE}{_VARIANT}(?:\u200d{_PICTURE}{_VARIANT}){{0,8}}"
)
"""One or two letters or digits, or one emoji as Unicode composes them: a flag, a keycap, pictures joined into one."""
RANGES: dict[str, tuple[float, float]] = {
    "passages": (0, 20),
    "min_score": (0.0, 1.0),
    "context_tokens": (256, 131_072),
    "max_new_tokens": (1, 8_192),
    "temperature": (0.0, 2.0),
    "top_p": (0.01, 1.0),
    "compare_share": (0.0, 1.0),
}
"""The range of each number."""
WHOLE = ("passages", "context_tokens", "max_new_tokens")
LENGTHS = {"name": 60, "system_prompt": 20_000, "greeting": 2_000, "model": 500}
"""How many characters each text may have."""
MAX_EXAMPLES, EXAMPLE_CHARS = 12, 300
REQUIRED = ("name", "system_prompt", "model")
CHOICES: dict[str, type[Access] | type[Focus]] = {"access": Access, "focus": Focus}
SETTINGS = ("avatar", "example_questions", *LENGTHS, *RANGES, *CHOICES)
"""Everything about an assistant that people set, besides its short name."""


def problem(name: str, value: Any, *, called: str = "") -> str:
    """What is wrong with a setting, as a sentence that says what to do; empty if nothing is.

    `called` is how the setting is called where people see it.
    """
    called = called or name.replace("_", " ").capitalize()
    if name in RANGES:
        return _number_problem(name, value, called)
    if name in LENGTHS:
        return _text_problem(name, value, called)
    if name == "avatar":
        fits = isinstance(value, str) and AVATAR.fullmatch(value) is not None
        return "" if fits else "The avatar must be one emoji, or one or two letters. Empty: the name's first letter."
    if name == "example_questions":
        return _examples_problem(value)
    if name in CHOICES:
        options = list(CHOICES[name])
        right = isinstance(value, str) and value in options
        return "" if right else f"{called} must be one of {', '.join(options)}."
    return f"There is no setting {name[:40]!r}. The settings are {', '.join(SETTINGS)}."


def slug_problem(slug: str) -> str:
    """What is wrong with a short name, as a sentence; empty if nothing is."""
    if isinstance(slug, str) and SLUG.fullmatch(slug):
        return ""
    return (
        f"{str(slug)[:60]!r} cannot be an assistant's short name. Use 1 to {SLUG_CHARS} lower-case letters, digits and "
        "hyphens, with no hyphen at an end."
    )


def slug_from(name: str, *, taken: Container[str] = ()) -> str:
    """A short name made from a name: `Tulips & Co` becomes `tulips-co`, or `tulips-co-2` where that is taken."""
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss")).encode("ascii", "ignore").decode().lower()
    stem = re.sub("[^a-z0-9]+", "-", plain).strip("-")[:SLUG_CHARS].strip("-") or "assistant"
    slug, number = stem, 1
    while slug in taken:
        number += 1
        ending = f"-{number}"
        slug = stem[: SLUG_CHARS - len(ending)].rstrip("-") + ending
    return slug


def _number_problem(name: str, value: Any, called: str) -> str:
    if value is None and name == "min_score":
        return ""
    low, high = RANGES[name]
    right = isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
    if right and (name not in WHOLE or value == int(value)):
        return ""
    kind = "a whole number" if name in WHOLE else "a number"
    return f"{called} must be {kind} from {low:,g} to {high:,.15g}."


def _text_problem(name: str, value: Any, called: str) -> str:
    if not isinstance(value, str) or "\x00" in value:
        return f"{called} must be text."
    if name in REQUIRED and not value.strip():
        return f"{called} must have at least a word."
    if len(value) > LENGTHS[name]:
        return f"{called} can have at most {LENGTHS[name]:,} characters, and there are {len(value):,}. Leave some out."
    return ""


def _examples_problem(value: Any) -> str:
    if not isinstance(value, list) or not all(isinstance(each, str) and each.strip() for each in value):
        return "Example questions must be a list of texts. Write one a line."
    if len(value) > MAX_EXAMPLES:
        return f"There are {len(value)} example questions, and at most {MAX_EXAMPLES} fit. Keep the best."
    longest = max(map(len, value), default=0)
    if longest > EXAMPLE_CHARS:
        return f"An example question has {longest} characters, and at most {EXAMPLE_CHARS} fit. Shorten it."
    return ""
