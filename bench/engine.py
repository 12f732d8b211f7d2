"""How fast the engine writes, for 1 to 16 people at once, against transformers' plain `generate` for one.

`python -m bench.engine [--models data/models] [--model default]`. Figures of different runs do not compare on a busy
machine; the ratios within one run do.
"""

import argparse
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table

from assistant import models
from assistant.batching import BatchingEngine
from assistant.engine import Sampling, Weights
from assistant.prompt import encode_messages

STREAMS = (1, 2, 4, 8, 16)
NEW_TOKENS = 96
STORY = "The ferry to the island leaves at nine in the morning and comes back at six, unless the wind is strong. "
LONG_TOKENS = 750


def measure(engine: BatchingEngine, prompt: list[int], *, weights: Weights, streams: int) -> tuple[float, float]:
    """Tokens a second of all streams together, and the median seconds to the first token."""

    def read(seed: int) -> tuple[int, float]:
        start, first, tokens = time.perf_counter(), 0.0, 0
        sampling = Sampling(temperature=0.7, top_p=0.9, max_new_tokens=NEW_TOKENS, seed=seed)
        for piece in engine.stream(prompt, weights=weights, sampling=sampling):
            tokens = piece.tokens
            first = first or (tokens and time.perf_counter() - start)
        return tokens, first

    start = time.perf_counter()
    with ThreadPoolExecutor(streams) as readers:
        read_all = list(readers.map(read, range(streams)))
    total = sum(tokens for tokens, _ in read_all)
    return total / (time.perf_counter() - start), statistics.median(first for _, first in read_all)


def measure_generate(prompt: list[int], *, path: str) -> float:
    """Tokens a second of transformers' `generate` for one reader, sampling alike."""
    model = models.load_model(path, dtype=models.compute_dtype(), device=models.device())
    ids = torch.tensor([prompt], device=models.device())
    options = {"do_sample": True, "temperature": 0.7, "top_p": 0.9, "top_k": 0, "attention_mask": torch.ones_like(ids)}
    model.generate(ids, max_new_tokens=4, **options)
    start = time.perf_counter()
    written = model.generate(ids, max_new_tokens=NEW_TOKENS, **options)
    return (written.shape[1] - ids.shape[1]) / (time.perf_counter() - start)


def main() -> None:
    """Measure and print the table."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--models", type=Path, default=Path("data/models"), help="folder with the default models")
    options.add_argument("--model", default="default", help="another model: folder, GGUF file or hub id")
    asked = options.parse_args()
    engine, weights = BatchingEngine(asked.models), Weights(model=asked.model)
    tokenizer = engine.tokenizer(asked.model)
    short = encode_messages(tokenizer, [{"role": "user", "content": "Tell me a long story about a lighthouse."}])
    filler = STORY * (LONG_TOKENS // len(tokenizer(STORY)["input_ids"]))
    long = encode_messages(tokenizer, [{"role": "user", "content": f"{filler}\nWhen does the ferry leave?"}])

    console = Console()
    path = models.resolve(asked.models, asked.model)
    table = Table(title=f"{path} · {models.device()} · {models.compute_dtype()} · {torch.get_num_threads()} threads")
    for column in ("people at once", "prompt", "tokens/s", "times generate", "first token, s"):
        table.add_column(column, justify="right")
    alone = measure_generate(short, path=path)
    table.add_row("1, generate", str(len(short)), f"{alone:.1f}", "1.0", "")
    engine.load(weights)
    for streams, prompt in track([*((streams, short) for streams in STREAMS), (1, long)], console=console):
        speed, first = measure(engine, prompt, weights=weights, streams=streams)
        table.add_row(str(streams), str(len(prompt)), f"{speed:.1f}", f"{speed / alone:.1f}", f"{first:.2f}")
    engine.close()
    console.print(table)


if __name__ == "__main__":
    main()
