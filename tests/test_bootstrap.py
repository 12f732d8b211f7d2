"""The paired bootstrap: its intervals hold what they say, and know that both sides answered the same prompts."""

import numpy
import pytest

from retrain.bootstrap import Sums, interval


def ratio(old: Sums, new: Sums) -> Sums:
    return new / old


def test_the_interval_of_a_mean_is_that_of_the_textbook() -> None:
    values = numpy.random.default_rng(1).normal(10, 2, size=200)
    low, high = interval([(value, 1) for value in values], lambda total, count: total / count)
    spread = 1.96 * values.std() / 200**0.5
    assert (low, high) == pytest.approx((values.mean() - spread, values.mean() + spread), abs=0.05)


def test_it_holds_the_truth_about_as_often_as_it_says() -> None:
    dice = numpy.random.default_rng(2)
    held = 0
    for _ in range(200):
        values = dice.exponential(3, size=60)
        low, high = interval([(value, 1) for value in values], lambda total, count: total / count, level=0.9)
        held += low <= 3 <= high
    assert 160 <= held <= 195


def test_what_differs_from_prompt_to_prompt_and_not_from_side_to_side_makes_it_no_wider() -> None:
    dice = numpy.random.default_rng(3)
    prompts = dice.uniform(1, 100, size=50)
    low, high = interval([(each, 1.1 * each) for each in prompts], ratio)
    assert (low, high) == pytest.approx((1.1, 1.1))
    shuffled = dice.permutation(prompts)
    low, high = interval(list(zip(prompts, 1.1 * shuffled, strict=True)), ratio)
    assert high - low > 0.2


def test_the_same_figures_give_the_same_interval() -> None:
    rows = [(float(n), float(n % 3 + 1)) for n in range(1, 20)]
    assert interval(rows, ratio) == interval(rows, ratio) != interval(rows, ratio, seed=1)
