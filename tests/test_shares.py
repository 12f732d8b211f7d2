"""The sequential test of two shares: known values, what moves it, and that it may be looked at after each thumb."""

from math import exp, log

import pytest

from bench.rollback import WAYS, Way, first_fall, stream, usual_test
from feedback.shares import LEVEL, LIMIT, Thumbs, fell, gain, log_evidence

NONE = Thumbs(0, 0)


def mixture(before: Thumbs, after: Thumbs) -> float:
    """The likelihood of the mixture of falls by 5 to 50 points, computed the long way."""
    pairs = [(high + 0.5, low + 0.5) for high in range(100) for low in range(100) if 5 <= high - low <= 50]
    terms = [
        (high / 100) ** before.up
        * (1 - high / 100) ** before.down
        * (low / 100) ** after.up
        * (1 - low / 100) ** after.down
        for high, low in pairs
    ]
    return sum(terms) / len(terms)


def test_without_thumbs_there_is_no_evidence_and_everything_may_be() -> None:
    assert exp(log_evidence(NONE, NONE)) == pytest.approx(1)
    assert gain(NONE, NONE) == (-1, 1)


@pytest.mark.parametrize(("before", "after"), [((10, 0), (0, 10)), ((8, 2), (5, 6)), ((3, 1), (0, 0))])
def test_the_evidence_is_the_mixture_over_the_best_without_a_fall(
    before: tuple[int, int], after: tuple[int, int]
) -> None:
    """Where the shares fell, that is one share for both; where nobody has rated one of them, the other's own."""
    one, other = Thumbs(*before), Thumbs(*after)
    up, down = (one.up + other.up), (one.down + other.down)
    best = up * log(up / (up + down)) + down * log(down / (up + down))
    if not other.all:
        best = one.up * log(one.up / one.all) + one.down * log(one.down / one.all)
    assert log_evidence(one, other) == pytest.approx(log(mixture(one, other)) - best)


def test_a_rise_is_measured_against_the_best_of_both() -> None:
    one, other = Thumbs(5, 5), Thumbs(9, 1)
    best = 10 * log(0.5) + 9 * log(0.9) + log(0.1)
    assert log_evidence(one, other) == pytest.approx(log(mixture(one, other)) - best)


def test_each_thumb_down_is_evidence_and_each_thumb_up_is_some_against_it() -> None:
    before = Thumbs(40, 10)
    downs = [log_evidence(before, Thumbs(10, 10 + n)) for n in range(40)]
    ups = [log_evidence(before, Thumbs(10 + n, 30)) for n in range(40)]
    assert downs == sorted(downs) and ups == sorted(ups, reverse=True)
    assert not fell(before, Thumbs(10, 10)) and fell(before, Thumbs(10, 49))


def test_the_same_shares_are_told_apart_by_more_thumbs_only() -> None:
    verdicts = [fell(Thumbs(8 * n, 2 * n), Thumbs(6 * n, 4 * n)) for n in range(1, 40)]
    assert verdicts == sorted(verdicts) and not verdicts[0] and verdicts[-1]
    assert not any(fell(Thumbs(8 * n, 2 * n), Thumbs(8 * n, 2 * n)) for n in range(1, 200))


def test_the_interval_turns_with_its_sides_and_ends_at_nothing_where_a_share_fell() -> None:
    one, other = Thumbs(90, 10), Thumbs(50, 50)
    low, high = gain(one, other)
    assert low < -0.4 < high <= 0 and fell(one, other)
    assert gain(other, one) == (-high, -low)
    few = gain(Thumbs(3, 1), Thumbs(1, 2))
    assert few[0] < 0 < few[1] and not fell(Thumbs(3, 1), Thumbs(1, 2))
    wide, narrow = gain(Thumbs(20, 20), Thumbs(20, 20)), gain(Thumbs(400, 400), Thumbs(400, 400))
    assert wide[0] < narrow[0] < 0 < narrow[1] < wide[1]


def lives(way: Way, old: float, new: float, *, thumbs: int, seed: int) -> list[tuple[Thumbs, Thumbs]]:
    """A simulated version's counts after each thumb."""
    counts = stream(way, old, new, thumbs=thumbs, seed=seed).tolist()
    return [(Thumbs(up, down), Thumbs(new_up, new_down)) for up, down, new_up, new_down in counts]


def test_the_interval_holds_what_is_so_at_all_looks() -> None:
    """Of 40 streams with a gain of 10 points, looked at 20 times, either end leaves it out in a twentieth at most."""
    missed = 0
    for seed in range(40):
        looks = lives(Way("", 0.5), 0.6, 0.7, thumbs=400, seed=seed)[19::20]
        missed += any(not low <= 0.1 <= high for low, high in (gain(*look) for look in looks))
    assert missed <= 2 * LEVEL * 40


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_a_look_after_each_thumb_seldom_sees_a_fall_where_there_is_none(way: Way) -> None:
    """The usual test, looked at as often, sees one in a quarter of the versions and more."""
    runs = [stream(way, 0.75, 0.75, thumbs=1000, seed=seed) for seed in range(200)]
    alarms = sum(first_fall(run) is not None for run in runs)
    assert alarms <= LEVEL * 200 < 50 < sum(bool(usual_test(run).any()) for run in runs)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_a_large_fall_is_seen(way: Way) -> None:
    seen = [first_fall(stream(way, 0.8, 0.5, thumbs=1500, seed=seed)) for seed in range(40)]
    assert sum(each is not None for each in seen) >= 38


def test_the_first_look_that_sees_a_fall_is_found() -> None:
    for seed, new in ((1, 0.3), (2, 0.6), (3, 0.9)):
        looks = lives(Way("", 0.5), 0.9, new, thumbs=600, seed=seed)
        first = next((n for n, look in enumerate(looks, 1) if log_evidence(*look) >= LIMIT), None)
        assert first_fall(stream(Way("", 0.5), 0.9, new, thumbs=600, seed=seed)) == first
        assert (first is None) == (new == 0.9)
