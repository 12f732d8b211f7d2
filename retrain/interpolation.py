"""How much of an update stays: of one that costs too much, a part is taken back before the gate sees it.

Between the weights that served and those that were trained lie models that keep most of what was learned at a fraction
of its cost: the interpolation towards the start of WARP, https://arxiv.org/abs/2406.16768. What an update costs is told
by what the model writes, as the gate does, but to rated and to other everyday prompts, and by how well it still
foretells plain prose.
"""

import logging
import math
import shutil
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from safetensors.torch import load_file, save_file

from assistant import adapters
from assistant.engine import Engine, Sampling, Weights
from assistant.prompt import ChatMessage, encode_start, encode_text
from retrain.rehearsal import MAX_NEW_TOKENS, everyday_probes
from retrain.replies import asked_probes, write_replies
from retrain.scoring import load_scorer, log_likelihoods

log = logging.getLogger(__name__)

LEAST = 0.25
"""The least share that is left of an update. If that is too much, the gate will say so."""
ASKED, PROMPTS = 96, 208
"""Of people's own prompts so many at most are answered, and so many together with everyday ones; of 64, chance moved
the figure by 0.04 either way. It is the same one for neither kind: a name was dearer where a poem was asked for."""
SEED = 1
"""Of which everyday ones those are."""
HALF = "half"
PROSE = Path(__file__).with_name("unread.txt")
"""Paragraphs that nothing is trained on; none is one that a benchmark reads."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What an update costs beside what it teaches, each as a multiple of what it was before."""

    replies: float
    """How surprising to the base model, in nats a token, the replies are."""
    prose: float
    """The perplexity of prose that no run reads."""


def share_to_keep(
    adapter: Path,
    start: Path | None,
    *,
    asked: Sequence[list[ChatMessage]],
    limits: Cost,
    engine: Engine,
    model: str,
    system: str,
    temperature: float,
    top_p: float,
) -> float:
    """The share of an update that costs no more than the limits, about; `asked` are prompts of people.

    Of an update that costs too much, half is tried as well, and a parabola goes through the three: near the start a
    cost grows with the square of the share, as KL does, but some updates begin by making replies plainer. Without a
    `start`, an update is of the base model.
    """
    probes = asked_probes(engine, asked, model=model, at_most=ASKED)
    probes += everyday_probes(engine, model=model, system=system, number=PROMPTS - len(probes), seed=SEED, others=())
    sampling = Sampling(temperature=temperature, top_p=top_p, max_new_tokens=MAX_NEW_TOKENS)
    base, tokenizer = load_scorer(model, None), engine.tokenizer(model)
    prose = [encode_text(tokenizer, text) for text in PROSE.read_text(encoding="utf-8").splitlines()]

    def measure(adapter: Path | None) -> tuple[float, float]:
        weights = Weights(model=model, adapter=adapter)
        written = write_replies(engine, probes, weights=weights, sampling=sampling, on_reply=lambda: None)
        replies = [encode_text(tokenizer, reply.text) for reply in written]
        scorer = base if adapter is None else load_scorer(model, adapter)
        return (
            _nats(log_likelihoods(base, [probe.ids for probe in probes], replies)),
            _nats(log_likelihoods(scorer, [encode_start(tokenizer)] * len(prose), prose)),
        )

    surprise, before = measure(start)

    def cost(adapter: Path, of: str) -> Cost:
        replies, read = measure(adapter)
        found = Cost(replies=replies / max(surprise, 1e-6), prose=math.exp(read - before))
        log.info("%s of the update: surprise is %.3f times that of before, perplexity %.3f", of, *astuple(found))
        return found

    whole = cost(adapter, "All")
    if whole.replies <= limits.replies and whole.prose <= limits.prose:
        return 1.0
    with TemporaryDirectory(dir=adapter.parent) as folder:
        other = Path(folder) / HALF
        shutil.copytree(adapter, other)
        take_back(other, start, share=0.5)
        adapters.name_weights(other, id=HALF, parent=None, model=model, model_name=model, run=HALF)
        half = cost(other, "Half")
    shares = [
        share_within(limit - 1, half=part - 1, whole=full - 1)
        for limit, part, full in zip(astuple(limits), astuple(half), astuple(whole), strict=True)
        if full > limit
    ]
    return max(LEAST, round(min(shares), 2))


def _nats(found: Sequence[Sequence[float]]) -> float:
    """A token."""
    return -sum(map(sum, found)) / max(1, sum(map(len, found)))


def share_within(limit: float, *, half: float, whole: float) -> float:
    """The share at which a parabola through nothing, half and the whole of an update reaches a limit below the whole.

    All are what is added to before; `limit` is not negative.
    """
    bend = 2 * whole - 4 * half
    slope = whole - bend
    return 2 * limit / max(slope + math.sqrt(slope**2 + 4 * bend * limit), 1e-9)


def take_back(adapter: Path, start: Path | None, *, share: float) -> None:
    """Leave this share of the way from one adapter to another that was trained from it; its manifest must be anew.

    Of a fresh adapter, which began as the base model, that is a share of what it adds to the weights.
    """
    trained = load_file(adapter / adapters.WEIGHTS)
    begun = load_file(start / adapters.WEIGHTS) if start else _nothing_added(trained)
    left = {name: torch.lerp(begun[name].float(), weights.float(), share) for name, weights in trained.items()}
    of_its_kind = {name: weights.to(trained[name].dtype) for name, weights in left.items()}
    save_file(of_its_kind, adapter / adapters.WEIGHTS, metadata={"format": "pt"})


def _nothing_added(trained: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: torch.zeros_like(each) if ".lora_B." in name else each for name, each in trained.items()}
