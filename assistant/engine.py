"""The seam between composing a prompt and running a model: what any engine must do, and the values that cross it.

`assistant.batching` runs models in this process; `assistant.fake_engine` is a scripted implementation for tests.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Which weights answer: a model (name, hub id or local folder) and, merged into a copy, one adapter folder."""

    model: str
    adapter: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How tokens are chosen. `temperature` 0 is greedy; otherwise the same seed and prompt give the same reply.

    Where the hardware computes in bfloat16, rounding differs with the number of replies written at once, and a close
    race between two tokens can end either way; in float32 the others in the batch change nothing.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    max_new_tokens: int = 256
    seed: int = 0


@dataclass(frozen=True)
class Piece:
    """Some more text of a reply. `tokens` counts the reply so far; `finish` is set on the last piece only."""

    text: str
    tokens: int
    finish: Literal["stop", "length"] | None = None
    held: str = ""
    """All that is written beyond the texts of the pieces so far, and not to be shown unless nothing comes after."""


class Engine(Protocol):
    """Generates replies for several people at once. All methods may be called from any thread."""

    def tokenizer(self, model: str) -> PreTrainedTokenizerBase:
        """The model's tokenizer, with a chat template. Raises `ModelUnavailable`."""
        ...

    def context_tokens(self, model: str) -> int:
        """How many tokens, prompt and reply together, the model and the engine can hold."""
        ...

    def parameters(self, model: str) -> int:
        """How many parameters the model has. Raises `ModelUnavailable`."""
        ...

    def load(self, weights: Weights) -> None:
        """Make the weights ready, so that a switch to them costs the next reader nothing.

        Raises `ModelUnavailable`, `AdapterRefused`.
        """
        ...

    def stream(self, prompt: Sequence[int], *, weights: Weights, sampling: Sampling) -> Generator[Piece, None, None]:
        """Generate a reply to a prompt of token ids.

        Yields at least every quarter of a second, an empty piece if nothing was written, so that closing the iterator
        (`GeneratorExit`) stops the generation at once. Weights stay in use until their last stream ends, whatever is
        loaded meanwhile. Raises `ModelUnavailable`, `AdapterRefused`, and `BadInput` for a prompt that does not fit.
        """
        ...

    def write(
        self,
        prompts: Sequence[Sequence[int]],
        *,
        weights: Weights,
        samplings: Sequence[Sampling],
        on_reply: Callable[[], None],
    ) -> list[Piece]:
        """A reply to each prompt by its sampling, whole, for nobody who waits: sooner done than as many streams.

        `on_reply` is called for each. Raises `ModelUnavailable`, `AdapterRefused`, `BadInput`.
        """
        ...

    def close(self) -> None:
        """End all streams and free the models."""
        ...
