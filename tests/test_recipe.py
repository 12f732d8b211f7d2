"""Settings that people may choose are held against their limits."""

import pytest

from assistant.errors import BadInput
from retrain.recipe import CHOICES, Recipe, chosen


def test_settings_within_their_limits_are_taken_and_empty_ones_left_out() -> None:
    settings = chosen({"learning_rate": 1e-4, "epochs": 3.0, "beta": None})
    recipe = Recipe.of(settings, method="kto")
    assert (recipe.learning_rate, recipe.epochs, recipe.beta) == (1e-4, 3, Recipe().beta)
    assert isinstance(recipe.epochs, int)


def test_the_usual_settings_are_within_the_limits() -> None:
    assert chosen({name: getattr(Recipe(), name) for name in CHOICES}).keys() == CHOICES.keys()


@pytest.mark.parametrize("setting", [
    {"learning_rate": 0}, {"learning_rate": 2e-1}, {"learning_rate": "much"}, {"learning_rate": float("nan")},
    {"epochs": 0}, {"epochs": 11}, {"epochs": 1.5}, {"epochs": True}, {"beta": 0}, {"beta": 3}, {"beta": [1]},
])  # fmt: skip
def test_settings_beyond_them_are_refused(setting: dict[str, object]) -> None:
    with pytest.raises(BadInput, match="must be a"):
        chosen(setting)
