"""Teaching by TRL's SFTTrainer: the loss is on the reply and the token that ends it, and the prompt is only read.

The trainer gets token ids and labels that are final: it encodes, cuts and packs nothing. What the model rehearses it
does not learn as it learns a lesson. On what it wrote itself it is held to all that it might have written, after
Learning without Forgetting (Li and Hoiem 2016, https://arxiv.org/abs/1606.09282): the likelihood of the words that
chance chose there would in the mean teach the same, with the chance added.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import torch
from datasets import Dataset
from peft import PeftModel
from torch import Tensor
from transformers import PreTrainedTokenizerBase
from trl import SFTConfig, SFTTrainer

from assistant import models
from retrain.batches import by_length
from retrain.divergence import divergences
from retrain.log_probs import Read

Labelled = dict[str, list[int]]
"""A row as the trainer's collator reads it: `input_ids` and `labels`."""
IGNORED = -100
"""The label of a token that is read and not learned."""


class TeachingTrainer(SFTTrainer):  # type: ignore[misc]
    """SFT on rows that are encoded already. `hold` weighs the KL to what serves on rows of its own.

    Without this project's head (`retrain.log_probs`) a model tells no more than log-probabilities, and its own rows
    are learned as lessons are.
    """

    def __init__(self, *, hold: float, own: Iterable[Labelled], **trls: Any) -> None:
        self._hold = hold
        super().__init__(**trls)
        self._references = dict(self._read(own))

    def compute_loss(self, model: Any, inputs: dict[str, Any], *more: Any, **others: Any) -> Any:
        """TRL's, in which the KL stands for the likelihood of each token that the model wrote itself."""

        def reading(**arguments: Any) -> Any:
            read = model(**arguments)
            if isinstance(read, Read):
                read.log_probs = self._held(read, arguments["input_ids"])
            return read

        return super().compute_loss(reading, inputs, *more, **others)

    @torch.no_grad()
    def _read(self, own: Iterable[Labelled]) -> Iterable[tuple[bytes, Tensor]]:
        """What predicts the labelled tokens of rows before anything is learned, (tokens, width)."""
        for row in own:
            ids, labels = (torch.tensor([row[name]], device=models.device()) for name in ("input_ids", "labels"))
            with models.autocast():
                read = self.model(input_ids=ids, attention_mask=torch.ones_like(ids), labels=labels, fused_lm_head=True)
            if not isinstance(read, Read):
                return
            yield _key(ids[0]), read.hidden

    def _held(self, read: Read, ids: Tensor) -> Tensor:
        log_probs: Tensor = read.log_probs
        references = [self._references.get(_key(row)) for row in ids]
        known = [reference for reference in references if reference is not None]
        if not known:
            return log_probs
        rows = torch.tensor([reference is not None for reference in references], device=ids.device)
        own = read.label_mask & rows[:, None]
        head = self.accelerator.unwrap_model(self.model).get_output_embeddings()
        moved = divergences(read.hidden[own[read.label_mask]], torch.cat(known), head.weight)
        return log_probs.masked_scatter(own, -self._hold * moved)


def build_sft_trainer(
    model: PeftModel,
    tokenizer: PreTrainedTokenizerBase,
    encoded: Sequence[Mapping[str, Any]],
    *,
    hold: float,
    settings: Mapping[str, Any],
) -> SFTTrainer:
    """TRL's trainer for encoded rows; `settings` are those that all methods share."""
    at_once, seed = int(settings["per_device_train_batch_size"]), int(settings["seed"])
    args = SFTConfig(
        **settings,
        max_length=None,
        packing=False,
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    lessons = [(labelled(row), bool(row["label"])) for row in encoded]
    parts = by_length(lessons, length=lambda lesson: _tokens(lesson[0]), at_once=at_once, seed=seed)
    rows = [row for part in parts for row in padded([row for row, _ in part], token=int(tokenizer.pad_token_id))]
    own = [row for row, (_, taught) in zip(rows, chain(*parts), strict=True) if hold and not taught]
    trls = {"model": model, "args": args, "train_dataset": Dataset.from_list(rows), "processing_class": tokenizer}
    return TeachingTrainer(hold=hold, own=own, **trls)


def labelled(row: Mapping[str, Any]) -> Labelled:
    """The ids of prompt and reply, and labels for the reply alone."""
    prompt, reply = row["prompt_ids"], row["completion_ids"]
    return {"input_ids": [*prompt, *reply], "labels": [IGNORED] * len(prompt) + list(reply)}


def padded(part: Sequence[Labelled], *, token: int) -> list[Labelled]:
    """Rows that are computed at once, made as long as the longest.

    No token sees what stands to its right, and padding has no label, so this changes nothing that is learned. It lets
    the collator find rows of one length, and so attention is plainly causal and needs no mask.
    """
    longest = max(map(_tokens, part))
    fills = [longest - len(row["input_ids"]) for row in part]
    return [
        {"input_ids": row["input_ids"] + [token] * fill, "labels": row["labels"] + [IGNORED] * fill}
        for row, fill in zip(part, fills, strict=True)
    ]


def _tokens(row: Labelled) -> int:
    return len(row["input_ids"])


def _key(ids: Tensor) -> bytes:
    return bytes(ids.cpu().numpy().tobytes())
