"""What an assistant's settings may be, and short names out of long ones."""

from typing import Any

import pytest

from assistant import persona
from assistant.starting_points import STARTING_POINTS, starting_point
from assistant.tables import Assistant
from ui.pages.assistant_handlers import OWN, tone_of


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Tulips & Co", "tulips-co"),
        ("  Größe ", "grosse"),
        ("Été à Paris", "ete-a-paris"),
        ("猫", "assistant"),
        ("", "assistant"),
        ("a" * 60, "a" * 40),
        ("x" * 39 + " y", "x" * 39),
    ],
)
def test_a_short_name_is_made_from_a_name(name: str, slug: str) -> None:
    assert persona.slug_from(name) == slug and not persona.slug_problem(slug)


def test_a_short_name_that_is_taken_gets_a_number_and_stays_short() -> None:
    assert persona.slug_from("Guide", taken={"guide", "guide-2"}) == "guide-3"
    long = persona.slug_from("a" * 60, taken={"a" * 40})
    assert long == "a" * 38 + "-2" and not persona.slug_problem(long)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("name", "  ", "The name must have at least a word."),
        ("name", "x" * 61, "at most 60 characters"),
        ("name", 7, "must be text"),
        ("greeting", "a\x00b", "must be text"),
        ("passages", 2.5, "a whole number from 0 to 20"),
        ("passages", None, "a whole number"),
        ("temperature", float("nan"), "a number from 0 to 2"),
        ("temperature", True, "a number"),
        ("context_tokens", 10**9, "from 256 to 131,072"),
        ("example_questions", "One?", "a list"),
        ("example_questions", ["  "], "a list"),
        ("example_questions", ["One?"] * 13, "at most 12"),
        ("example_questions", ["x" * 301], "at most 300"),
        ("access", ["everyone"], "must be one of"),
        ("adapter", "../x", "There is no setting"),
    ],
)
def test_what_is_wrong_with_a_setting_is_a_sentence(name: str, value: Any, sentence: str) -> None:
    assert sentence in persona.problem(name, value, called="The name" if name == "name" else "")


@pytest.mark.parametrize(
    ("name", "value"), [("min_score", None), ("greeting", ""), ("example_questions", []), ("focus", "sentences")]
)
def test_what_may_be_left_out_is_no_problem(name: str, value: Any) -> None:
    assert persona.problem(name, value) == ""


@pytest.mark.parametrize("point", STARTING_POINTS, ids=lambda point: point.key)
def test_a_starting_point_can_be_used_as_it_is(point: Any) -> None:
    made = Assistant(**{"slug": point.key, "name": "x", **point.settings})
    assert not [said for name in persona.SETTINGS if (said := persona.problem(name, getattr(made, name)))]
    assert tone_of(made.temperature, made.top_p) != OWN
    assert starting_point(point.key) is point
