"""How to train: the settings of one run, as its config file stores them. What they do is in `retrain.training`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from assistant.errors import BadInput


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to train. The defaults are what `bench/gate.py` found clean on the default model; see docs/benchmarks."""

    learning_rate: float = 2e-4
    epochs: int = 2
    batch_size: int = 4
    beta: float = 0.1
    loss_types: tuple[str, ...] = ("sigmoid", "sft")
    loss_weights: tuple[float, ...] = (1.0, 1.0)
    """Of DPO's losses; KTO has its own."""
    rank: int = 16
    alpha: int = 32
    max_length: int = 2048
    """Tokens of a prompt with its reply; longer rows are left out and counted. An assistant's default prompt fits."""
    seed: int = 0

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Recipe":
        """The recipe of a config file. Raises `BadInput` for a setting that is not one."""
        unknown = sorted(set(stored) - set(asdict(cls())))
        if unknown:
            raise BadInput(f"{unknown[0]!r} is no setting of training. The settings are {', '.join(asdict(cls()))}.")
        lists = {name: tuple(stored[name]) for name in ("loss_types", "loss_weights") if name in stored}
        return cls(**{**stored, **lists})
