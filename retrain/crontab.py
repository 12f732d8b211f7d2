"""A cron line of five fields: is it one, when is its next time, and what does it say in words. Knows no database."""

from datetime import UTC, datetime, timedelta, tzinfo

from apscheduler.triggers.cron import CronTrigger

from assistant.errors import BadInput

HELP = "Write five fields, minute hour day month weekday; `0 3 * * sun` is every Sunday at 03:00."
# Day names in the order of cron's numbers: 0 and 7 are Sunday.
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
FULL_DAYS = {
    "sun": "Sunday",
    "mon": "Monday",
    "tue": "Tuesday",
    "wed": "Wednesday",
    "thu": "Thursday",
    "fri": "Friday",
    "sat": "Saturday",
}


def next_time(line: str, *, after: datetime, timezone: tzinfo | None = None) -> datetime:
    """The first time of the line later than `after`, in UTC; the line counts in `timezone`, by default the machine's.

    Raises `BadInput` for a line that is none, and for one whose time never comes.
    """
    time = _trigger(line, timezone).get_next_fire_time(None, after + timedelta(microseconds=1))
    if time is None:
        raise BadInput(f"The time of the cron line {line!r} never comes. {HELP}")
    return time.astimezone(UTC)  # type: ignore[no-any-return]


def in_words(line: str) -> str:
    """The line in words where it is one of the common kinds; else the line itself."""
    minute, hour, day, month, weekday = line.split()
    if month == "*" and minute.isdecimal() and hour.isdecimal():
        at = f"at {int(hour):02}:{int(minute):02}"
        names = [FULL_DAYS.get(_day_name(part), "") for part in weekday.split(",")]
        if day == "*" and weekday == "*":
            return f"Every day {at}"
        if day == "*" and all(names):
            return f"Every {' and '.join(names)} {at}"
        if day.isdecimal() and weekday == "*":
            return f"On day {day} of every month {at}"
    if (hour, day, month, weekday) == ("*",) * 4 and minute.isdecimal():
        return f"Every hour at minute {minute}"
    return f"At the times of the cron line `{line}`"


def _trigger(line: str, timezone: tzinfo | None) -> CronTrigger:
    fields = line.split()
    if len(fields) != 5:
        raise BadInput(f"{line!r} is not a cron line: it has {len(fields)} fields. {HELP}")
    if fields[2] != "*" and fields[4] != "*":
        raise BadInput(
            f"{line!r} names both a day of the month and a weekday, which cron programs read in two ways. "
            "Leave one of them `*`."
        )
    try:
        return CronTrigger.from_crontab(" ".join([*fields[:4], _named_weekdays(fields[4])]), timezone=timezone)
    except ValueError as exc:
        raise BadInput(f"{line!r} is not a cron line: {exc}. {HELP}") from exc


def _named_weekdays(field: str) -> str:
    """The weekday field by names, because APScheduler counts weekdays from Monday and cron from Sunday.

    A range by number is written out day by day: `5-7` is fri,sat,sun. See https://github.com/agronholm/apscheduler/issues/286;
    to go with APScheduler 4, which counts as cron does.
    """
    return ",".join(_named_part(part) for part in field.split(","))


def _named_part(part: str) -> str:
    days, _, step = part.partition("/")
    if days == "*" and step:
        days = "0-6"
    first, dash, last = days.partition("-")
    if dash and first.isdecimal() and last.isdecimal() and int(first) <= int(last) <= 7 and (step or "1").isdecimal():
        every = max(1, int(step or "1"))
        return ",".join(DAYS[number] for number in range(int(first), int(last) + 1, every))
    return "-".join(_day_name(day) for day in (first, last)[: 1 + bool(dash)]) + (f"/{step}" if step else "")


def _day_name(day: str) -> str:
    return DAYS[int(day)] if day.isdecimal() and int(day) <= 7 else day.lower()
