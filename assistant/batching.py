"""The engine that runs models in this process, many replies at a time, on transformers' continuous batching.

It owns which versions (a model, and one adapter merged into its copy) are in memory, and who is using them. One version
at work is `assistant.version`; what a model or an adapter is on disk is known to `assistant.models` and
`assistant.adapters`.
"""

from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase

from assistant import models
from assistant.bulk import BulkWriter
from assistant.detokenizer import Detokenizer
from assistant.engine import Piece, Sampling, Weights
from assistant.errors import BadInput, ModelUnavailable
from assistant.version import Key, Version, context_tokens

PATIENCE_S = 0.25
"""A stream that has nothing to say for so long says just that, so that its reader can leave."""
SHUT_DOWN = "The engine is shut down. Start the app again."
KEPT_VERSIONS = 2
"""So many of the versions used last stay in memory; others stay as long as they have a stream."""


class BatchingEngine:
    """`assistant.engine.Engine` on the CPU or one CUDA GPU. All methods may be called from any thread."""

    def __init__(self, models_dir: Path, *, default_model: str = "default", threads: int | None = None) -> None:
        self._models_dir = models_dir
        self._default_model = default_model
        if threads is not None:
            torch.set_num_threads(threads)
        self._lock = Lock()
        self._tokenizers: dict[str, PreTrainedTokenizerBase] = {}
        self._configs: dict[str, Any] = {}
        self._parameters: dict[str, int] = {}
        self._versions: OrderedDict[Key, Future[Version]] = OrderedDict()
        """Loaded or loading, the one used last at the end."""
        self._streams: dict[Key, int] = {}
        self._writing = Lock()
        self._writer: BulkWriter | None = None
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="engine-loader")
        self._closed = False

    def tokenizer(self, model: str) -> PreTrainedTokenizerBase:
        """The model's tokenizer, with a chat template. Raises `ModelUnavailable`."""
        path = self._path(model)
        if path not in self._tokenizers:
            self._tokenizers[path] = models.load_tokenizer(path)
        return self._tokenizers[path]

    def context_tokens(self, model: str) -> int:
        """How many tokens, prompt and reply together, the model and its block cache can hold."""
        return context_tokens(self._config(model))

    def parameters(self, model: str) -> int:
        """How many parameters the model has. Raises `ModelUnavailable`."""
        path = self._path(model)
        if path not in self._parameters:
            self._parameters[path] = models.count_parameters(path)
        return self._parameters[path]

    def load(self, weights: Weights) -> None:
        """Bring the weights into memory and warm them up. Raises `ModelUnavailable`, `AdapterRefused`."""
        with self._use(weights) as loading:
            _loaded(loading)

    def stream(self, prompt: Sequence[int], *, weights: Weights, sampling: Sampling) -> Generator[Piece, None, None]:
        """Generate a reply, see `Engine.stream`. Closing the iterator frees its place in the batch at once."""
        text = Detokenizer(self.tokenizer(weights.model))
        room = self.context_tokens(weights.model) - len(prompt)
        _check(prompt, sampling, room=room, vocabulary=self._config(weights.model).vocab_size)
        limit = min(sampling.max_new_tokens, room)
        with self._use(weights) as loading:
            while not wait([loading], timeout=PATIENCE_S).done:
                yield Piece("", 0)
            with _loaded(loading).request(prompt, sampling=sampling, max_new_tokens=limit) as request:
                while True:
                    piece = text.add(request.wait(PATIENCE_S))
                    if request.finish is not None:
                        yield Piece(piece + text.finish(), request.tokens, request.finish)
                        return
                    yield Piece(piece, request.tokens)

    def write(
        self,
        prompts: Sequence[Sequence[int]],
        *,
        weights: Weights,
        samplings: Sequence[Sampling],
        on_reply: Callable[[], None],
    ) -> list[Piece]:
        """Generate many replies, see `Engine.write`. The weights used last for this stay in memory."""
        for prompt, sampling in zip(prompts, samplings, strict=True):
            room = self.context_tokens(weights.model) - len(prompt)
            _check(prompt, sampling, room=room, vocabulary=self._config(weights.model).vocab_size)
        key = Key(self._path(weights.model), weights.adapter)
        with self._writing:
            if self._writer is None or self._writer.key != key:
                self._writer = None  # before the next is loaded, not after
                self._writer = BulkWriter(key, tokenizer=self.tokenizer(weights.model))
            return self._writer.write(prompts, samplings=samplings, on_reply=on_reply)

    def close(self) -> None:
        """End all streams (their readers get `ModelUnavailable`) and free the models, for good."""
        with self._writing:
            self._writer = None
        with self._lock:
            self._closed = True
            leaving = [self._versions.pop(key) for key in list(self._versions)]
        self._loader.shutdown(cancel_futures=True)
        for loading in leaving:
            _free(loading)

    def _config(self, model: str) -> Any:
        path = self._path(model)
        if path not in self._configs:
            self._configs[path] = models.load_config(path)
        return self._configs[path]

    def _path(self, model: str) -> str:
        return models.resolve(self._models_dir, self._default_model if model == "default" else model)

    @contextmanager
    def _use(self, weights: Weights) -> Iterator[Future[Version]]:
        """Hold on to a version: while it is used it stays in memory, whatever else is loaded."""
        key = Key(self._path(weights.model), weights.adapter)
        with self._lock:
            if self._closed:
                raise ModelUnavailable(SHUT_DOWN)
            loading = self._versions.get(key)
            if loading is None or _useless(loading):
                loading = self._versions[key] = self._loader.submit(Version.load, key)
            self._versions.move_to_end(key)
            self._streams[key] = self._streams.get(key, 0) + 1
        try:
            yield loading
        finally:
            with self._lock:
                self._streams[key] -= 1
                leaving = self._let_go()
            for unused in leaving:
                _free(unused)

    def _let_go(self) -> list[Future[Version]]:
        """Take what nobody uses, and is not among those used last, off the list; the caller frees it."""
        self._streams = {key: streams for key, streams in self._streams.items() if streams}
        dispensable = [key for key in list(self._versions)[:-KEPT_VERSIONS] if key not in self._streams]
        return [self._versions.pop(key) for key in dispensable]


def _check(prompt: Sequence[int], sampling: Sampling, *, room: int, vocabulary: int) -> None:
    if room < 1:
        raise BadInput(
            f"The prompt is too long: it has {len(prompt)} tokens, and prompt and reply together may have "
            f"{len(prompt) + room}. Shorten the message, or start a new conversation."
        )
    if not prompt or not all(0 <= token < vocabulary for token in prompt):
        raise BadInput("The prompt is empty or was encoded for another model. Encode it with this model's tokenizer.")
    if sampling.max_new_tokens < 1 or sampling.temperature < 0 or not 0 < sampling.top_p <= 1:
        raise BadInput(
            f"These sampling settings cannot be used: {sampling}. "
            "The temperature is 0 or more, top_p over 0 and at most 1, max_new_tokens at least 1."
        )


def _loaded(loading: Future[Version]) -> Version:
    try:
        return loading.result()
    except CancelledError as exc:
        raise ModelUnavailable(SHUT_DOWN) from exc


def _useless(loading: Future[Version]) -> bool:
    """Whether a version failed to load, or its thread has died."""
    return loading.done() and (loading.exception() is not None or not loading.result().alive)


def _free(loading: Future[Version]) -> None:
    if not loading.cancel() and loading.exception() is None:
        loading.result().close()
