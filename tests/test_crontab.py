from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from assistant.errors import BadInput
from retrain.crontab import in_words, next_time

THURSDAY = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "day", "time"),
    [
        ("0 3 * * 0", "Sun 04", "03:00"),  # cron counts weekdays from Sunday, APScheduler from Monday
        ("0 3 * * 7", "Sun 04", "03:00"),
        ("0 3 * * sun", "Sun 04", "03:00"),
        ("0 3 * * 1-5", "Fri 02", "03:00"),
        ("0 3 * * 6-7", "Sat 03", "03:00"),
        ("0 3 * * */3", "Sat 03", "03:00"),
        ("0 3 * * 1,3", "Mon 05", "03:00"),
        ("0 12 * * *", "Fri 02", "12:00"),  # later than now, not now
        ("30 12 * * *", "Thu 01", "12:30"),
        ("*/20 * * * *", "Thu 01", "12:20"),
        ("0 0 15 * *", "Thu 15", "00:00"),
    ],
)
def test_a_line_falls_due_when_cron_says(line: str, day: str, time: str) -> None:
    assert f"{next_time(line, after=THURSDAY, timezone=UTC):%a %d %H:%M}" == f"{day} {time}"


def test_a_line_counts_in_its_time_zone() -> None:
    assert next_time("0 3 * * *", after=THURSDAY, timezone=ZoneInfo("Europe/Berlin")) == datetime(
        2026, 1, 2, 2, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("every sunday", "2 fields"),
        ("61 * * * *", "61"),
        ("0 3 * * 9", "9"),
        ("0 3 * * 1-x", "x"),
        ("0 3 30 2 *", "never comes"),
        ("0 3 1 * mon", "Leave one of them"),
    ],
)
def test_a_line_that_is_none_is_refused_with_the_reason(line: str, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        next_time(line, after=THURSDAY, timezone=UTC)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("0 3 * * *", "Every day at 03:00"),
        ("5 14 * * 0", "Every Sunday at 14:05"),
        ("0 3 * * mon,5", "Every Monday and Friday at 03:00"),
        ("0 3 1 * *", "On day 1 of every month at 03:00"),
        ("15 * * * *", "Every hour at minute 15"),
        ("0 3 * 6 *", "At the times of the cron line `0 3 * 6 *`"),
    ],
)
def test_common_lines_are_said_in_words(line: str, words: str) -> None:
    assert in_words(line) == words
