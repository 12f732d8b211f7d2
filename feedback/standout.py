"""Says in one sentence what stands out in what people thought, or that nothing does. Pure; `docs/feedback.md` says how.

Two shares of thumbs up are told apart by the usual test of two proportions: with no real difference, one as large as
that would come about less than once in fifty times. That is for one look, and says where to look: what acts by itself
after each thumb needs the stricter test of `feedback.shares`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from math import sqrt

from feedback.overview import Approval, Day
from feedback.tables import Value

ENOUGH_THUMBS = 20
"""On each side of a comparison; with fewer, nothing is said."""
Z = 2.33
RECENT_DAYS = (7, 30)
LARGE_SHARE = 0.4
"""Of the reasons for thumbs down, for one to be called the main one."""
Name = Callable[[str | None], str]


def standout(
    versions: Sequence[Approval],
    days: Sequence[Day],
    reasons: Mapping[Value, Counter[str]],
    *,
    today: date,
    name: Name,
    labels: Mapping[str, str],
) -> str:
    """The sentence; `versions` in their order, `name` gives a version's name and `labels` the reasons' words."""
    up, down = sum(one.up for one in versions), sum(one.down for one in versions)
    if up + down == 0:
        return ""
    if up + down < ENOUGH_THUMBS:
        missing = ENOUGH_THUMBS - up - down
        return f"{up} of {up + down} ratings are good. With {missing} more, this line tells you what stands out."
    changed = _since_version(versions, name) or _lately(days, today) or _main_reason(reasons, labels)
    return changed or f"Nothing stands out: {_percent(up, down)} of {up + down} ratings are good, about as always."


def differ(first: tuple[int, int], second: tuple[int, int]) -> bool:
    """Whether two (up, down) differ by more than chance, with enough of both to say so."""
    sizes = sum(first), sum(second)
    if min(sizes) < ENOUGH_THUMBS:
        return False
    pooled = (first[0] + second[0]) / sum(sizes)
    error = sqrt(pooled * (1 - pooled) * (1 / sizes[0] + 1 / sizes[1]))
    return error > 0 and abs(first[0] / sizes[0] - second[0] / sizes[1]) / error >= Z


def _since_version(versions: Sequence[Approval], name: Name) -> str:
    """The newest version beside the one before it."""
    if len(versions) < 2:
        return ""
    before, after = ((one.up, one.down) for one in versions[-2:])
    return f"{_changed(before, after)} since {name(versions[-1].adapter)}." if differ(before, after) else ""


def _lately(days: Sequence[Day], today: date) -> str:
    """The last week, or else the last month, beside all before."""
    for recent in RECENT_DAYS:
        begin = today - timedelta(days=recent - 1)
        before, after = _thumbs(d for d in days if d.day < begin), _thumbs(d for d in days if d.day >= begin)
        if differ(before, after):
            return f"{_changed(before, after)} in the last {recent} days."
    return ""


def _main_reason(reasons: Mapping[Value, Counter[str]], labels: Mapping[str, str]) -> str:
    told = reasons[Value.down]
    if told.total() < ENOUGH_THUMBS:
        return ""
    (reason, count), *_ = told.most_common(1)
    if count < LARGE_SHARE * told.total():
        return ""
    label = labels.get(reason, reason)
    return f"The main complaint is “{label}”: {count} of the {told.total()} reasons that people gave."


def _thumbs(days: Iterable[Day]) -> tuple[int, int]:
    counted = list(days)
    return sum(d.up for d in counted), sum(d.down for d in counted)


def _changed(before: tuple[int, int], after: tuple[int, int]) -> str:
    rose = after[0] * sum(before) > before[0] * sum(after)
    return f"Approval {'rose' if rose else 'fell'} from {_percent(*before)} to {_percent(*after)}"


def _percent(up: int, down: int) -> str:
    return f"{up / (up + down):.0%}"
