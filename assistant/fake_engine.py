"""A second engine that runs no model: scripted replies, streamed word by word, for fast tests of chat and pages.

It brings its own real tokenizer, built in code, so that prompts are encoded and counted as with any model.
"""

import re
from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from threading import Lock
from typing import NamedTuple

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from assistant.engine import Piece, Sampling, Weights
from assistant.errors import BadInput

CONTEXT_TOKENS = 8192
SPECIAL_TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPELLING = (
    "Answer the question from these sources. Cite the source you used like this: [1]. You are a helpful assistant. "
    "The other people asked what the answer should have said, and which of the two was better than the first."
)
"""Text from which the tokenizer learns its merges; anything else falls back to bytes."""


def chatml_tokenizer() -> PreTrainedTokenizerBase:
    """A byte-level BPE tokenizer of about 350 tokens with ChatML's special tokens and template."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=350,
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    core.train_from_iterator([SPELLING], trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = CHATML
    return tokenizer


class Call(NamedTuple):
    """What a stream was asked for."""

    prompt: tuple[int, ...]
    weights: Weights
    sampling: Sampling


class FakeEngine:
    """`assistant.engine.Engine` without a model. Replies come from `enqueue`, else one is made up from the question."""

    def __init__(self) -> None:
        self._tokenizer = chatml_tokenizer()
        self._replies: deque[str | Exception] = deque()
        self._lock = Lock()
        self.history: list[Call] = []
        """All streams that were started, oldest first."""
        self.loaded: list[Weights] = []
        """All weights that `load` was asked for, oldest first."""

    def enqueue(self, reply: str | Exception) -> None:
        """Script the next reply; an exception is raised after the first few words of one."""
        with self._lock:
            self._replies.append(reply)

    def tokenizer(self, model: str) -> PreTrainedTokenizerBase:  # noqa: ARG002, one tokenizer serves all models
        """The tokenizer of `chatml_tokenizer`, whatever the model."""
        return self._tokenizer

    def context_tokens(self, model: str) -> int:  # noqa: ARG002, all models are alike
        """8192, as the default model has."""
        return CONTEXT_TOKENS

    def parameters(self, model: str) -> int:  # noqa: ARG002, all models are alike
        """135 million, as the default model has."""
        return 135_000_000

    def load(self, weights: Weights) -> None:
        """Note the weights."""
        self.loaded.append(weights)

    def stream(self, prompt: Sequence[int], *, weights: Weights, sampling: Sampling) -> Generator[Piece, None, None]:
        """Yield the next scripted reply, or `You asked: ...`, a word at a time and at most `max_new_tokens` words."""
        if not 0 < len(prompt) < CONTEXT_TOKENS:
            raise BadInput(f"The prompt has {len(prompt)} tokens, and {CONTEXT_TOKENS} fit. Shorten the message.")
        with self._lock:
            self.history.append(Call(tuple(prompt), weights, sampling))
            reply = self._replies.popleft() if self._replies else self._made_up(prompt, sampling)
        words = re.findall(r"\s*\S+|\s+$", "I was about to say" if isinstance(reply, Exception) else reply)
        for count, word in enumerate(words[: sampling.max_new_tokens], 1):
            yield Piece(word, count)
        if isinstance(reply, Exception):
            raise reply
        cut = len(words) > sampling.max_new_tokens
        yield Piece("", min(len(words), sampling.max_new_tokens), "length" if cut else "stop")

    def write(
        self,
        prompts: Sequence[Sequence[int]],
        *,
        weights: Weights,
        samplings: Sequence[Sampling],
        on_reply: Callable[[], None],
    ) -> list[Piece]:
        """What streams give, one after another."""
        written = []
        for prompt, sampling in zip(prompts, samplings, strict=True):
            pieces = list(self.stream(prompt, weights=weights, sampling=sampling))
            written.append(replace(pieces[-1], text="".join(piece.text for piece in pieces)))
            on_reply()
        return written

    def close(self) -> None:
        """Nothing to free."""

    def _made_up(self, prompt: Sequence[int], sampling: Sampling) -> str:
        question = self._tokenizer.decode(prompt, skip_special_tokens=False).rpartition("<|im_start|>user\n")[2]
        words = question.partition("<|im_end|>")[0].split()
        take = f" (take {sampling.seed % 1000})" if sampling.temperature else ""
        return f"You asked: {' '.join(words[-12:])}{take}"
