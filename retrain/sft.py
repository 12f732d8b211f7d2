"""Teaching by TRL's SFTTrainer: the loss is on the reply and the token that ends it, and the prompt is only read.

The trainer gets token ids and labels that are final: it encodes, cuts and packs nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from datasets import Dataset
from peft import PeftModel
from transformers import PreTrainedTokenizerBase
from trl import SFTConfig, SFTTrainer

from retrain.batches import by_length

Labelled = dict[str, list[int]]
"""A row as the trainer's collator reads it: `input_ids` and `labels`."""
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
    )
    parts = by_length([labelled(row) for row in encoded], length=_tokens, at_once=at_once, seed=seed)
    rows = [row for part in parts for row in padded(part, token=int(tokenizer.pad_token_id))]
    return SFTTrainer(model=model, args=args, train_dataset=Dataset.from_list(rows), processing_class=tokenizer)


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
