"""The gate: lets a candidate and the adapter that serves answer the same prompts, measures both, and writes the report.

It judges by what the two generate, because training figures do not notice a model that was wrecked. It reads a run's
folder and writes `report.json` there; it knows neither the database nor what becomes of the candidate.
"""

import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any

from assistant.engine import Engine, Sampling, Weights
from feedback.likeness import normal
from retrain.bootstrap import interval, ratio_of_means
from retrain.dataset import HELD_OUT, REPORT, read, write_synced
from retrain.liking import liking
from retrain.measures import at_equal_length, contains_any, distinct_2, loops, repetition, self_similarity, word_entropy
from retrain.replies import Probe, Written, asked_probes, grounded_probes, neutral_probes, write_replies
from retrain.scoring import Answered, Gain, Pair, Scores, score
from retrain.taste import Embedding
from retrain.verdict import HeldOut, Liking, Measures, Side, judge

log = logging.getLogger(__name__)

EXAMPLES = 10


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much is generated: more is slower and less noisy."""

    held_out_prompts: int = 24
    held_out_pairs: int = 48
    neutral_prompts: int = 152
    grounded_prompts: int = 16
    max_new_tokens: int = 96
    grounded_tokens: int = 48


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is tested: a candidate against the active adapter (none: the base model) of a resolved model."""

    model: str
    candidate: Path
    active: Path | None
    system: str
    temperature: float
    top_p: float
    seed: int
    taught: bool = False
    """Whether answers were taught: then those to held-out prompts are meant to change their manner."""


@dataclass(frozen=True, kw_only=True)
class _Probes:
    held_out: list[Probe]
    neutral: list[Probe]
    grounded: list[Probe]
    taught: bool

    @property
    def free(self) -> list[Probe]:
        return self.held_out + self.neutral

    @property
    def plain(self) -> slice:
        """Those of the free ones that tell how it writes; where answers were taught, the neutral ones."""
        return slice(len(self.held_out) if self.taught else 0, None)


@dataclass(frozen=True, kw_only=True)
class _Replies:
    """What one side wrote, in the order of the probes."""

    free: list[Written]
    grounded: list[Written]


class _Progress:
    """Counts replies written and prompts scored, and tells the share of all that is done."""

    def __init__(self, total: int, on_progress: Callable[[float], None]) -> None:
        self._total = total
        self._on_progress = on_progress
        self._done = 0
        self._lock = Lock()

    def step(self, steps: int = 1) -> None:
        with self._lock:
            self._done += steps
            self._on_progress(self._done / self._total)


def examine(
    folder: Path,
    subject: Subject,
    *,
    engine: Engine,
    embedding: Embedding | None,
    on_progress: Callable[[float], None],
    effort: Effort,
) -> dict[str, Any]:
    """Test the candidate of a run's folder and write its report there; the report.

    By the embedding it is learned what people like; without one, by manner and words alone. The engine is closed
    half-way, so that scoring has the machine to itself.
    """
    started = time.monotonic()
    tokenizer = engine.tokenizer(subject.model)
    held_out = read_pairs(folder)[: effort.held_out_pairs]
    probes = _choose(engine, subject, held_out, effort)
    steps = 2 * len(probes.free + probes.grounded) + len(probes.free[probes.plain]) + 2 * len(held_out)
    progress = _Progress(steps, on_progress)
    before = _write(engine, subject, subject.active, probes, effort=effort, on_reply=progress.step)
    after = _write(engine, subject, subject.candidate, probes, effort=effort, on_reply=progress.step)
    engine.close()
    generated = time.monotonic()
    liked = _liking(folder, probes, before, after, embedding=embedding)
    pairs = _against_own(held_out, probes, before)
    progress.step(2 * (len(held_out) - len(pairs)))
    answers = list(zip(probes.free, before.free, after.free, strict=True))
    scores = score(
        [Answered(prompt=probe.ids, replies=(old.text, new.text)) for probe, old, new in answers[probes.plain]],
        pairs,
        model=subject.model,
        active=subject.active,
        candidate=subject.candidate,
        tokenizer=tokenizer,
        on_scored=progress.step,
    )
    own = any(not pair.rejected for pair in held_out)
    measures = replace(_measure(probes, before, after, scores, own=own), liking=liked)
    report = (
        judged(measures)
        | _method(subject, effort=effort)
        | {
            "examples": _examples(probes, before, after, held_out),
            "timings": {"generate_s": round(generated - started, 1), "score_s": round(time.monotonic() - generated, 1)},
        }
    )
    write_synced(folder / REPORT, json.dumps(report, indent=1, ensure_ascii=False).encode())
    log.info("Gate of run %s: passed=%s", folder.name, report["verdict"]["passed"])
    return report


def read_pairs(folder: Path) -> list[Pair]:
    """The held-out pairs of a run's folder; of taught answers without the other one."""
    return [
        Pair(
            prompt=row["prompt"],
            chosen=row["chosen"][-1]["content"],
            rejected=row["rejected"][-1]["content"] if "rejected" in row else "",
            rejected_prompt=row.get("rejected_prompt"),
        )
        for row in read(folder / HELD_OUT)
    ]


def _choose(engine: Engine, subject: Subject, pairs: Sequence[Pair], effort: Effort) -> _Probes:
    model, system = subject.model, subject.system
    return _Probes(
        held_out=asked_probes(engine, [pair.prompt for pair in pairs], model=model, at_most=effort.held_out_prompts),
        neutral=neutral_probes(engine, model=model, system=system)[: effort.neutral_prompts],
        grounded=grounded_probes(engine, model=model, system=system)[: effort.grounded_prompts],
        taught=subject.taught,
    )


def _against_own(held_out: Sequence[Pair], probes: _Probes, active: _Replies) -> list[Pair]:
    """The pairs, with what the active adapter wrote against a taught answer; where that is the same, it is no pair."""
    own = {json.dumps(probe.messages): reply.text for probe, reply in zip(probes.held_out, active.free, strict=False)}
    pairs = [replace(pair, rejected=pair.rejected or own.get(json.dumps(pair.prompt), "")) for pair in held_out]
    return [pair for pair in pairs if pair.rejected and normal(pair.rejected) != normal(pair.chosen)]


def _liking(
    folder: Path, probes: _Probes, before: _Replies, after: _Replies, *, embedding: Embedding | None
) -> Liking | None:
    def both(of: Sequence[Probe], old: Sequence[Written], new: Sequence[Written]) -> list[Any]:
        return [(probe.messages, a.text, b.text) for probe, a, b in zip(of, old, new, strict=True)]

    free = both(probes.free, before.free, after.free)
    return liking(
        folder,
        asked=free[: len(probes.held_out)],
        everyday=free[len(probes.held_out) :],
        sourced=both(probes.grounded, before.grounded, after.grounded),
        embedding=embedding,
    )


def _write(
    engine: Engine,
    subject: Subject,
    adapter: Path | None,
    probes: _Probes,
    *,
    effort: Effort,
    on_reply: Callable[[], None],
) -> _Replies:
    weights = Weights(model=subject.model, adapter=adapter)
    free = Sampling(
        temperature=subject.temperature, top_p=subject.top_p, max_new_tokens=effort.max_new_tokens, seed=subject.seed
    )
    greedy = Sampling(max_new_tokens=effort.grounded_tokens)
    return _Replies(
        free=write_replies(engine, probes.free, weights=weights, sampling=free, on_reply=on_reply),
        grounded=write_replies(engine, probes.grounded, weights=weights, sampling=greedy, on_reply=on_reply),
    )


def _measure(probes: _Probes, before: _Replies, after: _Replies, scores: Scores, *, own: bool) -> Measures:
    words = at_equal_length(*([reply.text for reply in side.free[probes.plain]] for side in (before, after)))
    active, candidate = (
        _side(probes, replies, entropy=word_entropy(cut), nll=nll)
        for replies, cut, nll in zip((before, after), words, scores.nll, strict=True)
    )
    return Measures(
        active=active,
        candidate=candidate,
        held_out=_held_out(scores.gains, taught=own),
        grounded_questions=len(probes.grounded),
        fluency=interval(scores.written, ratio_of_means),
    )


def _side(probes: _Probes, replies: _Replies, *, entropy: float, nll: float) -> Side:
    free, texts = replies.free, [reply.text for reply in replies.free]
    plain = texts[probes.plain]
    right = [
        contains_any(reply.text, probe.answers) for probe, reply in zip(probes.grounded, replies.grounded, strict=True)
    ]
    return Side(
        replies=len(free),
        tokens=_mean([reply.tokens for reply in free]),
        nll=nll,
        entropy=entropy,
        self_similarity=self_similarity(texts[-len(probes.neutral) :]),
        distinct_2=distinct_2(plain),
        repetition=repetition(plain),
        loops=_mean([loops(text) for text in texts]),
        empty=_mean([not text for text in texts]),
        cut_off=_mean([not reply.ended for reply in free]),
        grounded=sum(right),
    )


def _held_out(gains: Sequence[Gain], *, taught: bool) -> HeldOut:
    return HeldOut(
        pairs=len(gains),
        preferred=sum(gain.margin > 0 for gain in gains),
        preferred_per_token=sum(gain.margin_per_token > 0 for gain in gains),
        margin=_mean([gain.margin for gain in gains]),
        chosen_tokens=_mean([gain.chosen_tokens for gain in gains]),
        rejected_tokens=_mean([gain.rejected_tokens for gain in gains]),
        taught=taught,
    )


def judged(measures: Measures) -> dict[str, Any]:
    """The part of a report that says what the figures mean."""
    verdict = judge(measures)
    return {
        "verdict": {"passed": verdict.passed, "sentence": verdict.sentence},
        "checks": [asdict(check) for check in verdict.checks],
        "measures": asdict(measures),
    }


def _method(subject: Subject, *, effort: Effort) -> dict[str, Any]:
    return {
        "method": {
            "against": subject.active.name if subject.active else None,
            "temperature": subject.temperature,
            "top_p": subject.top_p,
            "seed": subject.seed,
            "effort": asdict(effort),
        }
    }


def _examples(probes: _Probes, before: _Replies, after: _Replies, pairs: Sequence[Pair]) -> dict[str, Any]:
    """Replies side by side, by kind of prompt; for held-out ones also what people had preferred, or was taught."""
    shown = [
        {"prompt": probe.question, "before": old.text, "after": new.text}
        for probe, old, new in zip(probes.free, before.free, after.free, strict=True)
    ]
    held_out, neutral = shown[: len(probes.held_out)], shown[len(probes.held_out) :]
    for probe, example in zip(probes.held_out, held_out, strict=True):
        pair = next(pair for pair in pairs if pair.prompt == probe.messages)
        example |= {"chosen": pair.chosen, "rejected": pair.rejected} if pair.rejected else {"taught": pair.chosen}
    grounded = [
        {
            "prompt": probe.question,
            "before": old.text,
            "after": new.text,
            "before_right": contains_any(old.text, probe.answers),
            "after_right": contains_any(new.text, probe.answers),
        }
        for probe, old, new in zip(probes.grounded, before.grounded, after.grounded, strict=True)
    ]
    return {"held_out": held_out[:EXAMPLES], "neutral": neutral[:EXAMPLES], "grounded": grounded}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
