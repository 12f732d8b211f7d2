"""How much of an update stays: weights between two adapters, and the share of an update that keeps a model fluent."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from assistant.adapters import WEIGHTS, name_weights
from assistant.batching import BatchingEngine
from retrain.interpolation import LEAST, Cost, share_to_keep, share_within, take_back
from tests.tiny import save_tiny, save_tiny_adapter


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_tiny(tmp_path_factory.mktemp("base")))


@pytest.fixture
def adapter(tmp_path: Path, base: str) -> Callable[[str, int], Path]:
    return lambda name, seed: save_tiny_adapter(tmp_path / name, base, seed=seed)


def share_of(adapter: Path, start: Path | None, base: str, *, drift: float = 99.0, prose: float = 99.0) -> float:
    engine = BatchingEngine(adapter.parent)
    try:
        return share_to_keep(
            adapter,
            start,
            asked=[[{"role": "user", "content": "What is a spoon for?"}]],
            limits=Cost(replies=drift, prose=prose),
            engine=engine,
            model=base,
            system="You are brief.",
            temperature=0.0,
            top_p=1.0,
        )
    finally:
        engine.close()


def test_what_is_left_lies_between_the_two(adapter: Callable[[str, int], Path]) -> None:
    start, end, half = adapter("start", 1), adapter("end", 2), adapter("half", 2)
    take_back(half, start, share=0.5)
    first, last, between = (load_file(folder / WEIGHTS) for folder in (start, end, half))
    for name, weights in between.items():
        torch.testing.assert_close(weights, (first[name] + last[name]) / 2)
        assert weights.dtype == last[name].dtype


def test_of_a_fresh_adapter_a_share_of_what_it_adds_is_left(adapter: Callable[[str, int], Path]) -> None:
    end, quarter = adapter("end", 2), adapter("quarter", 2)
    take_back(quarter, None, share=0.25)
    last, left = (load_file(folder / WEIGHTS) for folder in (end, quarter))
    for name in last:
        if name.endswith("lora_B.weight"):
            added = last[name] @ last[name.replace("lora_B", "lora_A")]
            torch.testing.assert_close(left[name] @ left[name.replace("lora_B", "lora_A")], added / 4)


def test_an_update_that_costs_no_fluency_stays_whole(adapter: Callable[[str, int], Path], base: str) -> None:
    assert share_of(adapter("same", 1), adapter("start", 1), base, drift=1.0, prose=1.0) == 1.0


def test_the_less_a_model_knows_of_plain_prose_the_less_is_left(adapter: Callable[[str, int], Path], base: str) -> None:
    assert [share_of(adapter("strange", 2), None, base, prose=prose) for prose in (1.1, 1.0)] == [1.0, LEAST]


def test_the_stranger_a_model_has_become_the_less_is_left(adapter: Callable[[str, int], Path], base: str) -> None:
    strange = adapter("strange", 2)
    found = [share_of(strange, None, base, drift=drift) for drift in (1.1, 1.02, 1.0)]
    assert found[0] == 1.0 > found[1] > found[2] == LEAST
    less = adapter("less", 2)
    take_back(less, None, share=LEAST)
    name_weights(less, id="less", parent=None, model=base, model_name="tiny", run="run")
    assert share_of(less, None, base, drift=1.02) == 1.0


@pytest.mark.parametrize(
    ("slope", "bend", "limit", "share"),
    [(0.0, 0.1, 0.025, 0.5), (0.1, 0.0, 0.025, 0.25), (-0.3, 0.5, 0.05, 0.736), (0.2, -0.1, 0.05, 0.293)],
)
def test_the_share_is_where_a_parabola_through_half_and_all_meets_the_limit(
    slope: float, bend: float, limit: float, share: float
) -> None:
    found = share_within(limit, half=slope / 2 + bend / 4, whole=slope + bend)
    assert found == pytest.approx(share, abs=0.001) and slope * found + bend * found**2 == pytest.approx(limit)
