"""Sums days up to steps that can be drawn: days, or weeks where there are too many or too few thumbs. Pure."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta

from feedback.overview import Day

FEW_DAYS = 14
MANY_DAYS = 60
THUMBS_A_DAY = 5


def steps(days: Sequence[Day]) -> list[Day]:
    """The days, or the weeks by their Mondays, in order and without gaps.

    By day for up to `FEW_DAYS`, and for up to `MANY_DAYS` with `THUMBS_A_DAY` on average.
    """
    if not days:
        return []
    span = (days[-1].day - days[0].day).days + 1
    thumbs = sum(day.up + day.down for day in days)
    daily = span <= FEW_DAYS or (span <= MANY_DAYS and thumbs >= THUMBS_A_DAY * span)
    length = timedelta(days=1 if daily else 7)
    found: dict[date, list[Day]] = defaultdict(list)
    for day in days:
        found[day.day if daily else day.day - timedelta(days=day.day.weekday())].append(day)
    first, last = min(found), max(found)
    starts = [first + length * n for n in range((last - first) // length + 1)]
    return [
        Day(
            day=start,
            answers=sum(day.answers for day in found[start]),
            up=sum(day.up for day in found[start]),
            down=sum(day.down for day in found[start]),
        )
        for start in starts
    ]
