"""How far an update goes: watched on held-out rows as it trains, ended in time, and left at one of its best steps.

What a run ends with is the last step within a budget of KL to the reference that fits held-out preferences as well as
any. Rows of feedback are few and noisy, and the loss on them falls long after a model has begun to lose its language.
Many rounds, each within its budget, could still end far away; so the KL to where preferences began is bounded, too.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from peft import PeftModel
from torch.nn.functional import logsigmoid
from transformers import TrainerCallback

from assistant import models
from assistant.errors import ThumbloopError
from retrain.dpo import TRAINED
from retrain.scoring import log_likelihoods

CHECKS = 8
"""How often a run is looked at."""
PATIENCE = 3
"""Checks without one as good as the best, after which a run ends."""
EQUAL = 0.05
"""A loss that is higher than the best by this share is as good: the held-out pairs are few, and as the size of steps
falls towards the end of a run, the later of two has less of chance in its weights."""
MAX_TOKENS = 4096
"""Of the probes, the shortest first: a check costs about as much as a step or two."""
ORIGIN = "origin"
"""The name of an adapter while it is looked at."""
USED_UP = (
    "Preferences have moved this assistant as far from where it began as they may ({total:.2f} of {limit:.2f} nats a "
    "token), so nothing more was learned on top. Start anew: that learns from all feedback, without the rounds before."
)


@dataclass(frozen=True, kw_only=True)
class Probe:
    """Held-out replies with their prompts; `own` are those that the reference wrote. Two are a pair, chosen first."""

    prompts: tuple[Sequence[int], ...]
    replies: tuple[Sequence[int], ...]
    own: tuple[bool, ...]

    @property
    def tokens(self) -> int:
        """All that a check of it reads."""
        return sum(map(len, (*self.prompts, *self.replies)))


@dataclass(frozen=True, kw_only=True)
class Check:
    """What a step was found to be: KL in nats a token, and DPO's loss on held-out pairs, infinite without any."""

    step: int
    kl: float
    loss: float
    total: float
    """KL to where preferences began."""


class Budget(TrainerCallback):  # type: ignore[misc]
    """Looks at a run from time to time, ends it, and leaves the model as it was at its best step.

    Without a budget, or without pairs to tell steps apart, it only looks, and the last step stays.
    """

    def __init__(
        self, model: PeftModel, probes: Sequence[Probe], *, kl: float | None, total: float, beta: float
    ) -> None:
        self.checks: list[Check] = []
        self.kept: Check | None = None
        """The check whose weights stay; step 0 if no other was better than that."""
        self._model = model
        self._probes = shortest(probes)
        self._kl = kl
        self._total = total
        self._beta = beta
        self._reference: list[list[list[float]]] = []
        """Empty until training begins, unless it is another adapter."""
        self._origin: list[list[list[float]]] = []
        """Empty where it is the reference."""
        self._losses: list[float] = []
        """Of the checks within the budget, that of step 0 first."""
        self._weights: dict[str, torch.Tensor] = {}

    def compare_with(self, adapter: Path | None) -> None:
        """Let the reference be another adapter than what training goes on from, or the base model."""
        with _as_of(self._model, adapter):
            self._reference = self._read()

    def count_from(self, adapter: Path | None) -> None:
        """Let the total be that to another adapter than the reference, or to the base model. Before a trainer is made.

        Raises `ThumbloopError` where nothing is left of it.
        """
        if self._kl is None:
            return
        with _as_of(self._model, adapter):
            self._origin = self._read()
        total = self._moved(self._origin, self._read())
        if total >= self._total:
            raise ThumbloopError(USED_UP.format(total=total, limit=self._total))

    def on_train_begin(self, *_: object, **__: object) -> None:
        policy = self._read()
        self._reference = self._reference or policy
        first = self._check(0, policy)
        self._losses = [first.loss]
        if self._kl is not None and math.isfinite(first.loss):
            self._keep(first)

    def on_step_end(self, _args: object, state: Any, control: Any, **__: object) -> None:
        every = max(1, state.max_steps // CHECKS)
        if not self._probes or (state.global_step % every and state.global_step != state.max_steps):
            return
        check = self._check(state.global_step, self._read())
        self.checks.append(check)
        if self.kept is None or self._kl is None:
            return
        within = check.kl <= self._kl and check.total <= self._total
        if within:
            self._losses.append(check.loss)
            if check.loss < self._losses[0] and check.loss <= min(self._losses) * (1 + EQUAL):
                self._keep(check)
        since = sum(each.step > self.kept.step for each in self.checks)
        control.should_training_stop |= not within or since >= PATIENCE

    def on_train_end(self, *_: object, **__: object) -> None:
        with torch.no_grad():
            for name, parameter in self._model.named_parameters():
                if name in self._weights:
                    parameter.copy_(self._weights[name])

    def _check(self, step: int, policy: Sequence[Sequence[Sequence[float]]]) -> Check:
        kl = self._moved(self._reference, policy)
        total = self._moved(self._origin, policy) if self._origin else kl
        return Check(step=step, kl=kl, loss=self._loss(policy), total=total)

    def _keep(self, check: Check) -> None:
        self.kept = check
        self._weights = {
            name: parameter.detach().clone()
            for name, parameter in self._model.named_parameters()
            if parameter.requires_grad
        }

    def _read(self) -> list[list[list[float]]]:
        """The log-probabilities of each token of each probe's replies, in the precision of training."""
        training = self._model.training
        self._model.eval()
        with models.autocast():
            found = iter(
                log_likelihoods(
                    self._model,
                    [prompt for probe in self._probes for prompt in probe.prompts],
                    [reply for probe in self._probes for reply in probe.replies],
                )
            )
        self._model.train(training)
        return [[next(found) for _ in probe.replies] for probe in self._probes]

    def _moved(
        self, reference: Sequence[Sequence[Sequence[float]]], policy: Sequence[Sequence[Sequence[float]]]
    ) -> float:
        own = [
            (old, new)
            for probe, olds, news in zip(self._probes, reference, policy, strict=True)
            for old, new, its_own in zip(olds, news, probe.own, strict=True)
            if its_own
        ]
        return kl_divergence([old for old, _ in own], [new for _, new in own])

    def _loss(self, policy: Sequence[Sequence[Sequence[float]]]) -> float:
        margins = [
            (sum(news[0]) - sum(olds[0])) - (sum(news[1]) - sum(olds[1]))
            for olds, news in zip(self._reference, policy, strict=True)
            if len(news) == 2
        ]
        return -fmean(logsigmoid(self._beta * torch.tensor(margins)).tolist()) if margins else math.inf


@contextmanager
def _as_of(model: PeftModel, adapter: Path | None) -> Iterator[None]:
    """The model as it is with another adapter, or with none."""
    if adapter is None:
        with model.disable_adapter():
            yield
        return
    model.load_adapter(str(adapter), ORIGIN)
    model.set_adapter(ORIGIN)
    try:
        yield
    finally:
        model.set_adapter(TRAINED)
        model.delete_adapter(ORIGIN)


def shortest(probes: Sequence[Probe]) -> list[Probe]:
    """The shortest probes that a check has time for, at least one."""
    kept: list[Probe] = []
    for probe in sorted(probes, key=lambda each: each.tokens):
        if kept and sum(each.tokens for each in kept) + probe.tokens > MAX_TOKENS:
            break
        kept.append(probe)
    return kept


def kl_divergence(reference: Sequence[Sequence[float]], policy: Sequence[Sequence[float]]) -> float:
    """KL(reference ‖ policy) in nats a token, from the log-probabilities of tokens that the reference wrote.

    The estimator k3, r - 1 - log r with r = policy / reference: unbiased, never negative, of low variance
    (http://joschu.net/blog/kl-approx.html). A ratio is capped at e^20, so that one token cannot make it infinite.
    """
    ratios = [
        min(new - old, 20.0)
        for olds, news in zip(reference, policy, strict=True)
        for old, new in zip(olds, news, strict=True)
    ]
    return sum(math.expm1(ratio) - ratio for ratio in ratios) / len(ratios) if ratios else 0.0
