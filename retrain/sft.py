"""Teaching by TRL's SFTTrainer: the loss is on the reply and the token that ends it, and the prompt is only read.

The trainer gets token ids and labels that are final: it encodes, cuts and packs nothing.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from datasets import Dataset
from peft import PeftModel
from transformers import PreTrainedTokenizerBase
from trl import SFTConfig, SFTTrainer

IGNORED = -100
"""The label of a token that is read and not learned."""


def build_sft_trainer(
    model: PeftModel,
    tokenizer: PreTrainedTokenizerBase,
    encoded: Sequence[Mapping[str, Any]],
    *,
    settings: Mapping[str, Any],
) -> SFTTrainer:
    """TRL's trainer for encoded rows; `settings` are those that all methods share."""
    at_once, seed = int(settings["per_device_train_batch_size"]), int(settings["seed"])
    args = SFTConfig(
        **settings,
        max_length=None,
        packing=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        train_sampling_strategy="sequential",
    )
    rows = [labelled(row) for row in by_length(encoded, at_once=at_once, seed=seed)]
    return SFTTrainer(model=model, args=args, train_dataset=Dataset.from_list(rows), processing_class=tokenizer)


def labelled(row: Mapping[str, Any]) -> dict[str, list[int]]:
    """A row as the trainer's collator reads it: the ids of prompt and reply, and labels for the reply alone."""
    prompt, reply = row["prompt_ids"], row["completion_ids"]
    return {"input_ids": [*prompt, *reply], "labels": [IGNORED] * len(prompt) + list(reply)}


def by_length(rows: Sequence[Mapping[str, Any]], *, at_once: int, seed: int) -> list[Mapping[str, Any]]:
    """Rows in an order where those computed at once are of about one length, and what follows what is left to chance.

    A step of training adds up several such parts, so it still sees rows of all kinds; transformers' own
    `group_by_length` would give it rows of one length only, the longest first and plain chat last.
    """

    def tokens(row: Mapping[str, Any]) -> int:
        return len(row["prompt_ids"]) + len(row["completion_ids"])

    dice = random.Random(seed)
    mixed = sorted(dice.sample(list(rows), len(rows)), key=tokens)
    whole = len(mixed) - len(mixed) % at_once
    parts = [mixed[start : start + at_once] for start in range(0, whole, at_once)]
    dice.shuffle(parts)
    return [row for part in [*parts, mixed[whole:]] for row in part]
