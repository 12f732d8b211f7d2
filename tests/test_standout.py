from collections import Counter
from datetime import date, timedelta

import pytest

from feedback.overview import Approval, Day
from feedback.standout import differ, standout
from feedback.tables import Value

TODAY = date(2026, 3, 31)
QUIET: dict[Value, Counter[str]] = {Value.up: Counter(), Value.down: Counter()}


def said(*versions: Approval, days: tuple[Day, ...] = (), wrong: int = 0, other: int = 0) -> str:
    reasons = {**QUIET, Value.down: Counter(wrong=wrong, other=other)}
    labels = {"wrong": "Wrong"}
    return standout(versions, days, reasons, today=TODAY, name=lambda a: a or "base model", labels=labels)


def ago(days: int, up: int, down: int) -> Day:
    return Day(day=TODAY - timedelta(days=days), up=up, down=down)


def test_nothing_is_said_of_nothing_and_little_of_few() -> None:
    assert said() == ""
    assert said(Approval(None, 3, 0)).startswith("3 of 3 ratings are good. With 17 more,")
    assert said(Approval(None, 10, 9)).startswith("10 of 19 ratings are good. With 1 more,")


def test_a_change_of_versions_is_told_where_it_is_more_than_chance() -> None:
    assert said(Approval(None, 80, 20), Approval("v3", 60, 40)) == "Approval fell from 80% to 60% since v3."
    assert said(Approval(None, 60, 40), Approval("v3", 80, 20)) == "Approval rose from 60% to 80% since v3."
    assert said(Approval("v2", 80, 20), Approval("v3", 8, 11)).startswith("Nothing stands out"), "too few of v3"
    assert said(Approval(None, 80, 20), Approval("v3", 74, 26)).startswith("Nothing stands out"), "may be chance"
    assert said(Approval(None, 0, 90), Approval("v2", 80, 20), Approval("v3", 80, 20)).startswith("Nothing")


def test_a_change_of_late_is_told() -> None:
    everything = Approval(None, 130, 70)
    week = said(everything, days=(ago(60, 80, 20), ago(6, 50, 50)))
    assert week == "Approval fell from 80% to 50% in the last 7 days."
    month = said(everything, days=(ago(60, 80, 20), ago(29, 25, 25), ago(7, 25, 25)))
    assert month == "Approval fell from 80% to 50% in the last 30 days."
    assert said(everything, days=(ago(6, 130, 70),)).startswith("Nothing stands out: 65% of 200")


def test_the_main_complaint_is_told_where_it_is_large() -> None:
    everything = Approval(None, 80, 20)
    assert (
        said(everything, wrong=8, other=12) == "The main complaint is “other”: 12 of the 20 reasons that people gave."
    )
    assert "“Wrong”: 15 of the 30" in said(everything, wrong=15, other=15)
    assert said(everything, wrong=19).startswith("Nothing stands out"), "too few reasons"


@pytest.mark.parametrize(
    ("first", "second", "told_apart"),
    [
        ((20, 0), (20, 0), False),
        ((0, 20), (0, 20), False),
        ((20, 0), (0, 20), True),
        ((19, 0), (0, 20), False),
        ((50, 50), (66, 34), False),
        ((50, 50), (67, 33), True),
    ],
)
def test_two_shares_are_told_apart(first: tuple[int, int], second: tuple[int, int], told_apart: bool) -> None:
    assert differ(first, second) is differ(second, first) is told_apart
