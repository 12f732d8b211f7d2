"""One version of a model at work: its weights, transformers' batching manager on them, and the requests in its batch.

Nothing but the manager's thread may run the model meanwhile. Which versions there are is up to `assistant.batching`.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread, main_thread
from typing import Any, Literal, NamedTuple
from uuid import uuid4

import torch
from peft import PeftModel
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase
from transformers.generation.configuration_utils import ContinuousBatchingConfig

from assistant import adapters, models
from assistant.engine import Sampling
from assistant.errors import AdapterRefused, ModelUnavailable
from assistant.sampler import seeded_processors

logger = logging.getLogger(__name__)

PAGE_TOKENS = 64
"""A prompt's whole pages are shared with later prompts that begin the same."""
CPU_CACHE_BYTES = 512 * 2**20
"""What the attention cache of one version takes: on the default model 23,000 tokens in bfloat16, 11,000 in float32."""
CUDA_CACHE_SHARE = 1 / 8
"""The same on a GPU, as a share of its memory."""
MAX_CACHE_TOKENS = 32_768
MAX_BATCH_TOKENS = 512
"""A longer prompt is read in several steps, between which the other replies go on."""
MAX_BATCH_REQUESTS = 64
POLL_S = 0.1


class Key(NamedTuple):
    """What tells versions apart: a resolved model and an adapter's folder."""

    path: str
    adapter: Path | None


@dataclass(frozen=True)
class _Update:
    """All tokens of a request so far, and how it ended if it has."""

    tokens: list[int]
    ended: bool
    error: str | None = None


class Request:
    """One reply in the making, as its reader sees it."""

    def __init__(self, *, stop_tokens: frozenset[int]) -> None:
        self._stop_tokens = stop_tokens
        self._updates: SimpleQueue[_Update] = SimpleQueue()
        self.tokens = 0
        """How many tokens it has written, the one that ends its turn not counted."""
        self.finish: Literal["stop", "length"] | None = None

    def tell(self, update: _Update) -> None:
        """Called by the version, from its own thread."""
        self._updates.put(update)

    def wait(self, timeout_s: float) -> list[int]:
        """The ids written since the last call; none after `timeout_s` without any. Raises `ModelUnavailable`."""
        try:
            update = self._updates.get(timeout=timeout_s)
            while not self._updates.empty():  # a slow reader gets all of it at once
                update = self._updates.get()
        except Empty:
            return []
        if update.error is not None:
            raise ModelUnavailable(update.error)
        written = update.tokens
        if update.ended:
            stopped = bool(written) and written[-1] in self._stop_tokens
            written = written[:-1] if stopped else written
            self.finish = "stop" if stopped else "length"
        fresh = written[self.tokens :]
        self.tokens = len(written)
        return fresh


class Version:
    """A model in memory with its manager. `request` may be called from any thread."""

    def __init__(self, model: PreTrainedModel, *, stop_tokens: frozenset[int]) -> None:
        self._stop_tokens = stop_tokens
        self._requests: dict[str, Request] = {}
        self._lock = Lock()
        self._closing = Event()
        self._manager = _manager(model, stop_tokens)
        self._manager.start()
        self._router = Thread(target=self._route, name="engine-router")
        self._router.start()

    @classmethod
    def load(cls, key: Key) -> "Version":
        """Read the weights, merge the adapter, and generate a little. Raises `ModelUnavailable`, `AdapterRefused`."""
        model = load_merged(key.path, key.adapter, dtype=models.compute_dtype(), device=models.device())
        stop_tokens = stop_tokens_of(model, models.load_tokenizer(key.path))
        version = cls(model, stop_tokens=stop_tokens)
        logger.info("Loaded %s with adapter %s", key.path, key.adapter and key.adapter.name)
        try:
            version._warm_up(min(stop_tokens))
        except BaseException:
            version.close()
            raise
        return version

    @property
    def alive(self) -> bool:
        """Whether it can take requests."""
        return self._router.is_alive() and not self._closing.is_set()

    @contextmanager
    def request(self, prompt: Sequence[int], *, sampling: Sampling, max_new_tokens: int) -> Iterator[Request]:
        """Put a reply into the batch; it leaves the batch at the end of the block, finished or not."""
        request, name = Request(stop_tokens=self._stop_tokens), uuid4().hex
        with self._lock:
            self._requests[name] = request
        try:
            settings = {
                "temperature": float(sampling.temperature),
                "top_p": float(sampling.top_p),
                "seed": sampling.seed,
            }
            taken = self.alive and self._manager.add_request(
                list(prompt), request_id=name, max_new_tokens=max_new_tokens, streaming=True, **settings
            )
            if not taken or not self.alive:
                request.tell(_DIED)
            yield request
        finally:
            with self._lock:
                del self._requests[name]
            if request.finish is None:
                self._manager.cancel_request(name)

    def close(self) -> None:
        """End all requests, stop both threads, and let go of the model."""
        self._closing.set()
        self._router.join()

    def _warm_up(self, token: int) -> None:
        """The first passes, of a prompt and of single tokens, are slow: get over them before somebody waits."""
        with self.request([token] * 8, sampling=Sampling(temperature=1.0, top_p=0.9), max_new_tokens=3) as request:
            while request.finish is None:
                request.wait(POLL_S)

    def _route(self) -> None:
        """Pass on what the manager's thread writes, until that ends, or `close`, or the end of the interpreter.

        No thread is a daemon (torch aborts on those at exit): both end once the main thread has.
        """
        manager = self._manager
        try:
            while manager.is_running() and not self._closing.is_set() and main_thread().is_alive():
                self._pass_on(manager.get_result(timeout=POLL_S))
            while (left := manager.get_result(timeout=0)) is not None:
                self._pass_on(left)
        finally:
            self._closing.set()
            manager.stop(block=True, hard_stop=True)
            with self._lock:
                unfinished = list(self._requests.values())
            for request in unfinished:
                request.tell(_DIED)

    def _pass_on(self, output: Any) -> None:
        if output is None:
            return
        with self._lock:
            request = self._requests.get(output.request_id)
        if request is not None:
            if output.error is not None:
                logger.error("Request %s failed: %s", output.request_id, output.error)
            request.tell(_DIED if output.error is not None else _Update(output.generated_tokens, output.is_finished()))


_DIED = _Update(
    [], True, error="The model stopped while it was answering. Ask again; if it happens again, look into the log."
)


def stop_tokens_of(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """The tokens of which each ends a reply."""
    return frozenset({int(tokenizer.eos_token_id), *_ids(model.generation_config.eos_token_id)})


def load_merged(path: str, adapter: Path | None, *, dtype: torch.dtype, device: torch.device) -> PreTrainedModel:
    """A fresh copy of a resolved model with an adapter merged into it. Raises `ModelUnavailable`, `AdapterRefused`.

    The merge happens in float32, so that only the sum is rounded: an adapter adds little to each weight.
    """
    if adapter is None:
        return models.load_model(path, dtype=dtype, device=device)
    adapters.check(adapter, model=path)
    base = models.load_model(path, dtype=torch.float32, device=device)
    try:
        merged: PreTrainedModel = PeftModel.from_pretrained(base, str(adapter)).merge_and_unload(safe_merge=True)
    except Exception as exc:  # its shapes do not fit, its numbers are not numbers, and so on
        raise AdapterRefused(
            f"Version {adapter.name} cannot be merged into its model: {str(exc).splitlines()[0]} "
            "Choose another version, or train again."
        ) from exc
    return merged.to(dtype=dtype).eval()


def context_tokens(config: Any) -> int:
    """How many tokens one reply and its prompt may have: what the model was made for, as far as the cache holds it."""
    cached = cached_tokens(config) - PAGE_TOKENS
    return min(int(getattr(config, "max_position_embeddings", None) or cached), cached)


def cached_tokens(config: Any) -> int:
    """Of how many tokens the attention cache of one version can hold the keys and values."""
    return _cache_blocks(config) * PAGE_TOKENS


def _cache_blocks(config: Any) -> int:
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    head_size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    token_bytes = 2 * int(config.num_hidden_layers) * heads * head_size * models.compute_dtype().itemsize
    cache_bytes = CPU_CACHE_BYTES
    if models.device().type == "cuda":
        cache_bytes = int(torch.cuda.get_device_properties(0).total_memory * CUDA_CACHE_SHARE)
    return max(8, int(min(cache_bytes // token_bytes, MAX_CACHE_TOKENS)) // PAGE_TOKENS)


def _manager(model: PreTrainedModel, stop_tokens: frozenset[int]) -> Any:
    manager = model.init_continuous_batching(
        generation_config=GenerationConfig(do_sample=False, eos_token_id=sorted(stop_tokens)),
        continuous_batching_config=ContinuousBatchingConfig(
            page_size=PAGE_TOKENS,
            num_blocks=_cache_blocks(model.config.get_text_config()),
            max_batch_tokens=MAX_BATCH_TOKENS,
            max_requests_per_batch=MAX_BATCH_REQUESTS,
            use_async_batching=False,  # the sampler needs the last token before it prepares the next
            use_cuda_graph=False,  # the sampler's steps differ from batch to batch
            auto_switch_to_flash=False,  # it would look for kernels on the hub
        ),
    )
    manager.logit_processor = seeded_processors()
    return manager


def _ids(value: int | list[int] | None) -> list[int]:
    return [] if value is None else [value] if isinstance(value, int) else value
