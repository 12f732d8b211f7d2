"""TRL's DPO trainer, with what a correction tells beyond its preference: which words a person changed, and which not.

A likelihood of the whole reply says little about a correction: most of its words are the model's own, and of two
replies that share their beginning DPO first learns to make the shorter or the longer one. So the words that differ are
learned as such, after SALT (https://arxiv.org/abs/2310.05857), and on the words that people left as they were the model
is held to what serves, by the whole distribution and not by the one word that stands there.
"""

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

import torch
from datasets import Dataset
from torch import Tensor
from trl import DPOTrainer
from trl.trainer.utils import use_adapter

from retrain.divergence import divergences
from retrain.log_probs import Read

TRAINED = "default"
"""The name of the adapter that learns."""
CHANCE = 4
"""Fewer equal tokens in a row than so many are taken for chance: two answers to a question share words, too."""


class PreferenceTrainer(DPOTrainer):  # type: ignore[misc]
    """DPO on rows that are encoded already. `edit` and `hold` weigh the two terms that are added to TRL's losses.

    DPO's reference is the model as it is when the trainer is made. It is held to the same, or to the model with another
    of its adapters, `held_to`, or with none. Without this project's head (`retrain.log_probs`) a model tells no more
    than log-probabilities, and nothing is held.
    """

    def __init__(self, *, edit: float, hold: float, held_to: str | None = TRAINED, **trls: Any) -> None:
        self._edit, self._hold, self._held_to = edit, hold, held_to
        self._edits: dict[bytes, Tensor] = {}
        """By batch: each comes again in every round."""
        super().__init__(**trls)

    def _prepare_dataset(self, dataset: Dataset, *_: object) -> Dataset:
        return dataset

    def compute_ref_log_probs(self, model: Any, inputs: Mapping[str, Any]) -> Any:
        if self._hold and self._held_to != TRAINED:
            labels = inputs["input_ids"].masked_fill(inputs["completion_mask"] == 0, -100)
            read = {name: inputs[name] for name in ("input_ids", "attention_mask")}
            with torch.no_grad(), use_adapter(model, adapter_name=self._held_to), self.accelerator.autocast():
                model(**read, labels=labels, use_cache=False, fused_lm_head=True)  # the head remembers what is first
        return super().compute_ref_log_probs(model, inputs)

    def _compute_loss(self, model: Any, inputs: Mapping[str, Any], return_outputs: bool) -> Any:
        outputs: list[Any] = []

        def reading(**arguments: Any) -> Any:
            outputs.append(model(**arguments))
            return outputs[-1]

        loss = super()._compute_loss(reading, inputs, return_outputs)
        replies = inputs["completion_mask"][:, 1:].bool()
        batch = inputs["input_ids"].cpu().numpy().tobytes()
        if batch not in self._edits:
            self._edits[batch] = edits(inputs["input_ids"][:, 1:], replies)
        edited = self._edits[batch]
        if self._edit and edited.any():
            loss = loss - self._edit * outputs[0].log_probs[edited].mean()
        if self._hold and isinstance(outputs[0], Read) and outputs[0].reference is not None:
            chosen = replies.clone()
            chosen[len(chosen) // 2 :] = False
            kept = (chosen & ~edited)[replies]
            if kept.any():
                head = self.accelerator.unwrap_model(self.model).get_output_embeddings()
                moved = divergences(outputs[0].hidden[kept], outputs[0].reference[kept], head.weight)
                loss = loss + self._hold * moved.mean()
        return loss


def edits(ids: Tensor, replies: Tensor) -> Tensor:
    """Which tokens of chosen replies are new, or follow on a place where something was cut; those of rejected none.

    `ids` and the mask `replies` are (2 pairs, tokens), the chosen rows first; so is what is returned.
    """
    found = torch.zeros_like(replies)
    half = len(ids) // 2
    for row in range(half):
        chosen, rejected = (ids[at][replies[at]].tolist() for at in (row, row + half))
        found[row, replies[row]] = torch.tensor(changed(rejected, chosen), dtype=torch.bool, device=ids.device)
    return found


def changed(rejected: Sequence[int], chosen: Sequence[int]) -> list[bool]:
    """Which tokens of the chosen reply are not in the rejected one, or come right after a change."""
    found = [True] * len(chosen)
    for one, other, size in SequenceMatcher(None, rejected, chosen, autojunk=False).get_matching_blocks():
        begins, ends = one == other == 0, (one + size, other + size) == (len(rejected), len(chosen))
        if size >= CHANCE or begins or ends:
            kept = slice(other if begins else other + 1, other + size)
            found[kept] = [False] * len(found[kept])
    return found
