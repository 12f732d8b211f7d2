"""The engine on a tiny random model: what it writes, for how many at once, and what happens when things go away."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel

from assistant import batching, bulk, models
from assistant.batching import BatchingEngine
from assistant.engine import Engine, Piece, Sampling, Weights
from assistant.errors import AdapterRefused, BadInput, ModelUnavailable
from assistant.version import PAGE_TOKENS
from tests.tiny import save_tiny, save_tiny_adapter, tiny_tokenizer

PROMPT = tiny_tokenizer()("<|im_start|>user\nWhat is the answer?<|im_end|>\n<|im_start|>assistant\n")["input_ids"]
OTHER = tiny_tokenizer()("<|im_start|>user\nWhich of the two was better, and why?<|im_end|>\n")["input_ids"]
GREEDY = Sampling(max_new_tokens=24)
DEADLINE_S = 30


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_tiny(tmp_path_factory.mktemp("base")))


@pytest.fixture(scope="module")
def shared(base: str) -> Iterator[BatchingEngine]:
    """An engine for tests that leave it as it was."""
    yield from exact_engine(base)


@pytest.fixture
def engine(base: str) -> Iterator[BatchingEngine]:
    """An engine for tests that break it or count what it holds."""
    yield from exact_engine(base)


def exact_engine(base: str) -> Iterator[BatchingEngine]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "compute_dtype", lambda: torch.float32)  # in which the batch's size changes no token
        engine = BatchingEngine(Path("nowhere"), default_model=base)
        yield engine
        engine.close()


def default(adapter: Path | None = None) -> Weights:
    return Weights(model="default", adapter=adapter)


def write(
    engine: Engine, prompt: Sequence[int] = PROMPT, *, sampling: Sampling = GREEDY, adapter: Path | None = None
) -> str:
    return "".join(piece.text for piece in engine.stream(prompt, weights=default(adapter), sampling=sampling))


def sampled(seed: int, **changes: Any) -> Sampling:
    return Sampling(**{"temperature": 1.0, "top_p": 0.95, "max_new_tokens": 24, "seed": seed} | changes)


def generate(base: str, adapter: Path | None = None) -> str:
    """The same by transformers' own greedy `generate`, with the adapter beside the model instead of merged into it."""
    model = models.load_model(base, dtype=torch.float32, device="cpu")
    model = PeftModel.from_pretrained(model, str(adapter)) if adapter else model
    written = model.generate(input_ids=torch.tensor([PROMPT]), attention_mask=None, do_sample=False, max_new_tokens=24)
    return str(tiny_tokenizer().decode(written[0, len(PROMPT) :], skip_special_tokens=True))


def the_model(engine: BatchingEngine) -> Any:
    """The model of the only version in memory, to make it fail or wait."""
    (loading,) = engine._versions.values()
    return loading.result()._manager.model


def engine_threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("engine")}


def test_greedy_is_what_generate_writes(shared: BatchingEngine, base: str) -> None:
    assert write(shared) == generate(base)


def test_pieces_count_tokens_and_the_last_says_why_it_ended(shared: BatchingEngine) -> None:
    pieces = list(shared.stream(PROMPT, weights=default(), sampling=Sampling(max_new_tokens=12)))
    assert [piece.finish for piece in pieces] == [None] * (len(pieces) - 1) + ["length"]
    assert pieces[-1].tokens == 12 and sorted(piece.tokens for piece in pieces) == [piece.tokens for piece in pieces]


def test_the_token_that_ends_the_turn_ends_the_reply_and_is_not_shown(shared: BatchingEngine) -> None:
    def read(seed: int) -> list[Piece]:
        wild = sampled(seed, temperature=9.0, top_p=1.0, max_new_tokens=200)
        return list(shared.stream(PROMPT, weights=default(), sampling=wild))

    with ThreadPoolExecutor(12) as readers:
        replies = list(readers.map(read, range(12)))
    stopped = [pieces[-1] for pieces in replies if pieces[-1].finish == "stop"]
    assert stopped and all(piece.tokens < 200 for piece in stopped)
    assert not any("<|" in "".join(piece.text for piece in pieces) for pieces in replies)


def test_a_seed_gives_the_same_text_whoever_else_is_in_the_batch(shared: BatchingEngine) -> None:
    alone = {seed: write(shared, sampling=sampled(seed)) for seed in range(4)}
    greedy = write(shared)
    assert len({*alone.values(), greedy}) == 5
    with ThreadPoolExecutor(12) as readers:
        together = {seed: readers.submit(write, shared, sampling=sampled(seed)) for seed in alone}
        greedy_together = readers.submit(write, shared)
        noise = [readers.submit(write, shared, OTHER, sampling=sampled(seed, temperature=2.0)) for seed in range(7)]
        assert {seed: text.result(DEADLINE_S) for seed, text in together.items()} == alone
        assert greedy_together.result(DEADLINE_S) == greedy
        assert all(text.result(DEADLINE_S) for text in noise)


def test_what_is_written_in_bulk_is_what_streams_say(shared: BatchingEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "ROWS_AT_ONCE", 3)
    prompts = [PROMPT, OTHER, PROMPT + OTHER, PROMPT, OTHER * 3, PROMPT]
    wild = {"temperature": 9.0, "top_p": 1.0, "max_new_tokens": 200}
    samplings = [GREEDY, sampled(1), sampled(2, max_new_tokens=7), *(sampled(seed, **wild) for seed in range(3))]
    told: list[int] = []
    whole = shared.write(prompts, weights=default(), samplings=samplings, on_reply=lambda: told.append(1))
    assert len(told) == len(prompts)
    assert {piece.finish for piece in whole} == {"stop", "length"}
    for prompt, sampling, piece in zip(prompts, samplings, whole, strict=True):
        streamed = list(shared.stream(prompt, weights=default(), sampling=sampling))
        assert piece == Piece("".join(each.text for each in streamed), streamed[-1].tokens, streamed[-1].finish)


def test_bulk_is_as_large_as_the_cache_has_room(shared: BatchingEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "cached_tokens", lambda _config: 2 * (len(PROMPT) + GREEDY.max_new_tokens))
    sizes: list[int] = []
    shared.write([PROMPT], weights=default(), samplings=[GREEDY], on_reply=lambda: None)
    writer: Any = shared._writer
    monkeypatch.setattr(
        writer, "_batch", lambda prompts, _samplings: sizes.append(len(prompts)) or [None] * len(prompts)
    )
    shared.write([PROMPT] * 5, weights=default(), samplings=[GREEDY] * 5, on_reply=lambda: None)
    assert sizes == [2, 2, 1]
    sizes.clear()
    monkeypatch.setattr(bulk, "cached_tokens", lambda _config: 10_000)
    monkeypatch.setattr(bulk, "MOST_FILLED", len(OTHER))
    shared.write([OTHER * 9, PROMPT, OTHER * 9], weights=default(), samplings=[GREEDY] * 3, on_reply=lambda: None)
    assert sizes == [1, 2], "short ones are not filled up to long ones"


def test_bulk_is_written_by_the_adapter_and_refuses_what_a_stream_refuses(
    engine: BatchingEngine, base: str, tmp_path: Path
) -> None:
    adapter = save_tiny_adapter(tmp_path / "adapter", base)
    for weights, said in ((default(adapter), generate(base, adapter)), (default(), generate(base))):
        (piece,) = engine.write([PROMPT], weights=weights, samplings=[GREEDY], on_reply=lambda: None)
        assert piece.text == said
    with pytest.raises(BadInput, match="too long"):
        engine.write([OTHER * 400], weights=default(), samplings=[GREEDY], on_reply=lambda: None)


def test_what_an_earlier_prompt_began_with_is_not_read_again(engine: BatchingEngine) -> None:
    engine.load(default())
    read: list[int] = []
    the_model(engine).register_forward_pre_hook(
        lambda _model, _args, kwargs: read.append(kwargs["input_ids"].shape[1]), with_kwargs=True
    )
    long = OTHER * 12
    first = write(engine, [*long, *PROMPT])
    assert read[0] == len(long) + len(PROMPT)
    read.clear()
    assert write(engine, [*long, *PROMPT]) == first
    assert read[0] < PAGE_TOKENS + len(PROMPT)


def test_leaving_takes_the_reply_out_of_the_batch(engine: BatchingEngine) -> None:
    with closing(engine.stream(PROMPT, weights=default(), sampling=sampled(1, max_new_tokens=4000))) as pieces:
        assert next(piece for piece in pieces if piece.tokens)
    write(engine, OTHER)  # its first step comes after the one that heard of the leaving
    (loading,) = engine._versions.values()
    version = loading.result()
    assert not version._requests and not version._manager.batch_processor.scheduler.active_requests


def test_a_silent_model_still_lets_its_reader_leave(engine: BatchingEngine) -> None:
    engine.load(default())
    go_on = threading.Event()

    def hold(*_: Any) -> None:
        go_on.wait(DEADLINE_S)

    hook = the_model(engine).register_forward_pre_hook(hold)
    with closing(engine.stream(PROMPT, weights=default(), sampling=GREEDY)) as pieces:
        assert next(pieces) == next(pieces) == Piece("", 0)
    go_on.set()
    hook.remove()
    assert write(engine)


@pytest.mark.parametrize(
    ("prompt", "sampling", "reason"),
    [
        ([1] * 4096, GREEDY, "prompt is too long: it has 4096 tokens, .* 4096"),
        ([], GREEDY, "prompt is empty"),
        ([1, 350], GREEDY, "encoded for another model"),
        ([-1], GREEDY, "encoded for another model"),
        (PROMPT, Sampling(temperature=-1), "temperature"),
        (PROMPT, Sampling(top_p=0), "top_p"),
        (PROMPT, Sampling(max_new_tokens=0), "max_new_tokens"),
    ],
)
def test_what_cannot_be_answered_is_refused(
    shared: BatchingEngine, prompt: list[int], sampling: Sampling, reason: str
) -> None:
    with pytest.raises(BadInput, match=reason):
        write(shared, prompt, sampling=sampling)


def test_a_reply_ends_where_the_context_does(shared: BatchingEngine) -> None:
    assert shared.context_tokens("default") == 4096
    pieces = list(shared.stream([1] * 4090, weights=default(), sampling=sampled(1, max_new_tokens=50)))
    assert (pieces[-1].tokens, pieces[-1].finish) == (6, "length")


def test_a_death_reaches_every_reader_and_the_next_request_finds_a_fresh_model(
    engine: BatchingEngine, base: str, caplog: pytest.LogCaptureFixture
) -> None:
    engine.load(default())
    everyone_is_in = threading.Barrier(3)

    def die(*_: Any) -> None:
        everyone_is_in.wait(DEADLINE_S)
        raise RuntimeError("out of memory")

    def read() -> str:
        pieces = engine.stream(PROMPT, weights=default(), sampling=GREEDY)
        first = next(pieces)  # after a quarter of a second of silence: the request is in
        everyone_is_in.wait(DEADLINE_S)
        return "".join(piece.text for piece in (first, *pieces))

    the_model(engine).register_forward_pre_hook(die)
    with ThreadPoolExecutor(2) as readers:
        for reader in [readers.submit(read), readers.submit(read)]:
            with pytest.raises(ModelUnavailable, match="stopped while it was answering"):
                reader.result(DEADLINE_S)
    assert "out of memory" in caplog.text
    assert write(engine) == generate(base)


def test_an_adapter_is_merged_into_its_own_copy(engine: BatchingEngine, base: str, tmp_path: Path) -> None:
    adapter = save_tiny_adapter(tmp_path / "v1", base)
    before = write(engine)
    assert write(engine, adapter=adapter) == generate(base, adapter) != before
    assert write(engine) == before


def test_swapping_drops_no_stream_and_unused_versions_go(engine: BatchingEngine, base: str, tmp_path: Path) -> None:
    before = engine_threads()
    adapters = [save_tiny_adapter(tmp_path / f"v{number}", base, seed=number) for number in range(3)]
    long = Sampling(max_new_tokens=150)
    whole = write(engine, sampling=long)
    with closing(engine.stream(PROMPT, weights=default(), sampling=long)) as pieces:
        text = next(piece.text for piece in pieces if piece.tokens)
        for adapter in adapters:
            engine.load(default(adapter))
        assert [key.adapter for key in engine._versions] == [None, *adapters[1:]]
        assert text + "".join(piece.text for piece in pieces) == whole
    assert [key.adapter for key in engine._versions] == adapters[1:]
    assert len(engine_threads() - before) == 1 + batching.KEPT_VERSIONS  # and the loader


def test_a_damaged_adapter_is_refused_and_the_others_serve_on(
    engine: BatchingEngine, base: str, tmp_path: Path
) -> None:
    adapter = save_tiny_adapter(tmp_path / "v1", base)
    weights = (adapter / "adapter_model.safetensors").read_bytes()
    (adapter / "adapter_model.safetensors").write_bytes(weights[:-1])
    with pytest.raises(AdapterRefused, match="hash is wrong"):
        engine.load(default(adapter))
    with pytest.raises(AdapterRefused, match="hash is wrong"):
        write(engine, adapter=adapter)
    assert write(engine)
    (adapter / "adapter_model.safetensors").write_bytes(weights)
    assert write(engine, adapter=adapter)


def test_a_model_that_is_not_there_is_one_sentence(engine: BatchingEngine, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="is not installed"):
        BatchingEngine(tmp_path).load(default())
    with pytest.raises(ModelUnavailable, match="no model at"):
        engine.load(Weights(model="/no/such/folder"))


def test_closing_ends_streams_and_threads(engine: BatchingEngine) -> None:
    before = engine_threads()
    pieces = engine.stream(PROMPT, weights=default(), sampling=sampled(1, max_new_tokens=4000))
    assert next(piece for piece in pieces if piece.tokens)
    assert engine_threads() > before
    engine.close()
    with pytest.raises(ModelUnavailable):
        list(pieces)
    assert engine_threads() == before
    with pytest.raises(ModelUnavailable, match="shut down"):
        write(engine)
