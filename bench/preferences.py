"""Preferences about a model's own answers: two samples to each prompt, of which a simulated rater likes one better.

The rater likes answers of about 25 words: of two the one nearer to that is preferred, if it is clearly nearer.
"""

import json
from pathlib import Path
from typing import Any

from rich.progress import Progress

from assistant.batching import BatchingEngine
from assistant.engine import Sampling, Weights
from assistant.prompt import encode_messages
from feedback.claims import Kind
from feedback.pairs import Pair
from retrain.replies import Probe, write_replies

PROMPTS = Path(__file__).with_name("prompts.txt")
SYSTEM = "You are a friendly assistant who answers in one or two sentences."
LIKED_WORDS = 25
LEAST_DIFFERENCE = 5
"""Words by which one answer must be nearer to what the rater likes."""


def sample(file: Path, model: str, progress: Progress, *, prompts: int | None = None) -> list[dict[str, Any]]:
    """Two samples of the base model to each of the first prompts, or to all; from the file if it is there."""
    if file.exists():
        return list(json.loads(file.read_text(encoding="utf-8")))
    engine = BatchingEngine(file.parent)
    tokenizer = engine.tokenizer(model)
    asked = [_messages(line) for line in PROMPTS.read_text(encoding="utf-8").splitlines()[:prompts]]
    probes = [Probe(messages=messages, ids=encode_messages(tokenizer, messages)) for messages in asked]
    task = progress.add_task("Sampling answers", total=2 * len(probes))
    both = []
    for seed in (1_000, 2_000):
        sampling = Sampling(temperature=0.8, top_p=0.95, max_new_tokens=128, seed=seed)
        written = write_replies(
            engine, probes, weights=Weights(model=model), sampling=sampling, on_reply=lambda: progress.advance(task)
        )
        both.append([reply.text for reply in written])
    engine.close()
    samples = [{"prompt": messages, "answers": answers} for messages, *answers in zip(asked, *both, strict=True)]
    file.write_text(json.dumps(samples, ensure_ascii=False), encoding="utf-8")
    return samples


def rate(samples: list[dict[str, Any]]) -> list[Pair]:
    """The simulated rater's preferences."""
    pairs = []
    for number, sample in enumerate(samples):
        chosen, rejected = sorted(sample["answers"], key=_dislike)
        if _dislike(rejected) - _dislike(chosen) >= LEAST_DIFFERENCE:
            pairs.append(
                Pair(
                    kind=Kind.comparison,
                    prompt=tuple(sample["prompt"]),
                    chosen=chosen,
                    rejected=rejected,
                    rows=(f"comparison:{number}",),
                    raters=("simulated",),
                    replies=(),
                    conversations=(str(number),),
                )
            )
    return pairs


def _dislike(answer: str) -> int:
    return abs(len(answer.split()) - LIKED_WORDS)


def _messages(question: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question}]
