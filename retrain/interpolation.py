"""How much of an update stays: what makes a model strange is taken back in part, before the gate sees it.

Between the weights that served and those that were trained lie models that keep most of what was learned at a fraction
of the drift: the interpolation towards the start of WARP, https://arxiv.org/abs/2406.16768. How strange a model has
become is told by what it writes, as the gate does, but to prompts of its own.
"""

import logging
import math
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from safetensors.torch import load_file, save_file

from assistant import adapters
from assistant.engine import Engine, Sampling, Weights
from assistant.prompt import encode_text
from retrain.rehearsal import MAX_NEW_TOKENS, everyday_probes
from retrain.replies import write_replies
from retrain.scoring import load_scorer, log_likelihoods

log = logging.getLogger(__name__)

LEAST = 0.25
"""The least share that is left of an update. If that is too much, the gate will say so."""
EVERYDAY = 128
"""Everyday prompts that are answered; with 64, chance moved the figure by 0.04 either way."""
SEED = 1
"""Of which ones those are."""
HALF = "half"


def fluent_share(
    adapter: Path,
    start: Path | None,
    *,
    drift: float,
    engine: Engine,
    model: str,
    system: str,
    temperature: float,
    top_p: float,
) -> float:
    """The share of an update that keeps its replies within about `drift` times as surprising as before.

    How surprising they are is the mean negative log-likelihood of a token under the base model, which is also the
    `start` where there is none. Of an update that is too strange, half is tried as well, and a parabola goes through
    the three: near the start it grows with the square of the share, as KL does, but some updates begin by making
    replies plainer.
    """
    probes = everyday_probes(engine, model=model, system=system, number=EVERYDAY, seed=SEED, others=())
    sampling = Sampling(temperature=temperature, top_p=top_p, max_new_tokens=MAX_NEW_TOKENS)
    base, tokenizer = load_scorer(model, None), engine.tokenizer(model)

    def surprise(adapter: Path | None) -> float:
        weights = Weights(model=model, adapter=adapter)
        written = write_replies(engine, probes, weights=weights, sampling=sampling, on_reply=lambda: None)
        replies = [encode_text(tokenizer, reply.text) for reply in written]
        found = log_likelihoods(base, [probe.ids for probe in probes], replies)
        return -sum(map(sum, found)) / max(1, sum(map(len, found)))

    before = max(surprise(start), 1e-6)
    whole = surprise(adapter) / before
    log.info("To the base model replies are %.3f times as surprising as before", whole)
    if whole <= drift:
        return 1.0
    with TemporaryDirectory(dir=adapter.parent) as folder:
        other = Path(folder) / HALF
        shutil.copytree(adapter, other)
        take_back(other, start, share=0.5)
        adapters.name_weights(other, id=HALF, parent=None, model=model, model_name=model, run=HALF)
        half = surprise(other) / before
    log.info("Half of the update makes them %.3f times as surprising", half)
    return max(LEAST, round(share_within(drift - 1, half=half - 1, whole=whole - 1), 2))


def share_within(limit: float, *, half: float, whole: float) -> float:
    """The share at which a parabola through nothing, half and the whole of an update reaches a limit below the whole.

    All are excesses over what was before; `limit` is not negative.
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
