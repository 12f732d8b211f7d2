"""What a page's buttons say: anything may come, and nothing of it may break a page."""

from typing import Any

import pytest

from ui.pages import events


@pytest.mark.parametrize(("said", "meant"), [("7", 7), (7, 7), ("", 0), (None, 0), ("-1", 0), ("٣", 0), ("1" * 7, 0)])
def test_a_number_is_taken_as_such_only_in_plain_digits(said: object, meant: int) -> None:
    assert events.number(said) == meant


@pytest.mark.parametrize(("said", "meant"), [({"a": "b"}, "b"), ({}, ""), ({"a": None}, ""), ({"a": ["b"]}, "")])
def test_a_text_is_a_text_or_nothing(said: dict[str, Any], meant: str) -> None:
    assert events.text(said, "a") == meant
