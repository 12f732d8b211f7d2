"""How to train: the settings of one step of a run, as its config file stores them. What they do is in
`retrain.training`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from assistant.errors import BadInput

VARIANTS = ("lora", "dora", "rslora")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to train. The defaults are for few and partly wrong preferences, see `bench/loop_gain`."""

    learning_rate: float = 2e-4
    epochs: int = 6
    batch_size: int = 4
    beta: float = 0.1
    loss_types: tuple[str, ...] = ("sigmoid",)
    loss_weights: tuple[float, ...] = (0.25,)
    """Of DPO's losses; KTO and teaching have their own."""
    label_smoothing: float = 0.0
    """The share of wrong preferences that the loss `robust` reckons with (https://arxiv.org/abs/2403.00409)."""
    edit: float = 1.0
    """Weight of the likelihood of what people changed in an answer; see `retrain.dpo`."""
    hold: float = 5.0
    """Weight of the KL to what served before, where they changed nothing and, in teaching, on what it wrote itself."""
    own_replies: int = 6
    """How many replies of its own to each rated prompt a model compares once it has learned people's preferences, to go
    on from there; see `retrain.on_policy`. 0: none."""
    kl: float = 0.3
    """Nats a token by which preferences may move a model from what served before; see `retrain.budget`."""
    total_kl: float = 0.6
    """The same, all rounds together: from what was last taught outright, or what the assistant began with."""
    drift: float | None = 1.05
    """How many times as surprising to the base model as before the replies of a model that learned preferences may be;
    beyond that, the update is taken back in part (`retrain.interpolation`). None: nothing is."""
    perplexity: float = 1.015
    """The same for the perplexity of plain prose."""
    rank: int = 16
    alpha: int = 32
    variant: str = "lora"
    """Of a fresh adapter, as its rank: `lora`, `dora` or `rslora`. One that is trained on stays what it is."""
    depth: float = 1.0
    """The share of a fresh adapter's layers that learn, from the top; nothing is computed backwards below them."""
    rehearsal: int = 16
    """How many answers of what serves are mixed in, so that what nobody spoke of stays, and beside preferences the
    paragraphs of `prose.txt`; KTO has none."""
    max_length: int = 2048
    """Tokens of a prompt with its reply; longer rows are left out and counted. An assistant's default prompt fits."""
    seed: int = 0
    fast: bool = True
    """The same steps in less time (`retrain.log_probs`); without, TRL's trainers do everything themselves, and with
    their own losses alone."""

    @classmethod
    def of(cls, stored: Mapping[str, Any], *, method: str = "dpo") -> Self:
        """The recipe of a config file, or a method's own with changes. Raises `BadInput` for what is no setting."""
        own = {"sft": TEACHING, "kto": THUMBS}.get(method, {})
        unknown = sorted(set(stored) - set(asdict(cls())))
        if unknown:
            raise BadInput(f"{unknown[0]!r} is no setting of training. The settings are {', '.join(asdict(cls()))}.")
        if stored.get("variant", "lora") not in VARIANTS:
            raise BadInput(f"{stored['variant']!r} is no variant of LoRA. Choose one of {', '.join(VARIANTS)}.")
        if not 0 < stored.get("depth", 1.0) <= 1:
            raise BadInput(f"{stored['depth']!r} is no share of the layers. Choose a number above 0 and up to 1.")
        lists = {name: tuple(stored[name]) for name in ("loss_types", "loss_weights") if name in stored}
        return cls(**{**own, **stored, **lists})


@dataclass(frozen=True)
class Limits:
    """What people may set: how it is called, and from where to where it has been of use to anybody."""

    name: str
    low: float
    high: float
    whole: bool = False


CHOICES = {
    "learning_rate": Limits("learning rate", 1e-6, 1e-3),
    "epochs": Limits("number of rounds", 1, 10, whole=True),
    "beta": Limits("hold", 0.01, 1.0),
}


def chosen(settings: Mapping[str, object]) -> dict[str, float]:
    """Settings as a person chose them, those left empty (none) left out. Raises `BadInput`."""
    return {name: _within(CHOICES[name], value) for name, value in settings.items() if value is not None}


def _within(limits: Limits, value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and limits.low <= value <= limits.high:
        if not limits.whole:
            return float(value)
        if value == int(value):
            return int(value)
    kind = "whole number" if limits.whole else "number"
    raise BadInput(
        f"The {limits.name} must be a {kind} from {limits.low:g} to {limits.high:g}, not {str(value)[:40]!r}."
    )


TEACHING: dict[str, Any] = {
    "learning_rate": 4e-4,
    "epochs": 1,
    "batch_size": 4,
    "rank": 8,
    "alpha": 16,
    "depth": 2 / 3,
    "rehearsal": 64,
}
"""Where teaching (`sft`) differs from the defaults above."""
THUMBS: dict[str, Any] = {"epochs": 2}
"""Where learning from single thumbs (`kto`) does."""
