"""Which rows pulled an update where: how far each one's gradient points to what people prefer on held-out questions.

As LESS does (https://arxiv.org/abs/2402.04333, after https://arxiv.org/abs/2002.08484): the cosine of a row's gradient
with that of the held-out rows together, at the weights that training ended with, over the adapter's top layers alone. A
rating given by mistake points the other way. It says where a row pulled, not what the model would be without it.
"""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from torch import Tensor
from torch.nn.functional import cosine_similarity, normalize
from transformers import PreTrainedTokenizerBase

from assistant import models
from assistant.prompt import encode_messages, encode_reply
from feedback.rows import is_name
from retrain.dataset import INFLUENCE, write
from retrain.recipe import Recipe
from retrain.scoring import token_log_probs
from retrain.training import load_trainable

LAYERS = 4
"""From the top; nothing is computed backwards below them."""
MOST_ROWS, MOST_HELD_OUT = 200, 40
"""So many are looked at, picked by chance where there are more."""
Side = tuple[float, list[int], list[int]]
"""Of a row: how a reply's likelihood counts, the prompt and the reply."""


def weigh(
    folder: Path,
    *,
    model: str,
    adapter: Path,
    rows: Sequence[Mapping[str, Any]],
    held_out: Sequence[Mapping[str, Any]],
    recipe: Recipe,
) -> None:
    """Write to `folder` where rows of feedback pulled an adapter, a line for each of the rows that are looked at.

    A line has the names of the rows of feedback behind it, and their `pull`: from -1, straight against what is held
    out, to 1. Rows of a file of examples and rows that are too long are not looked at. Deterministic.
    """
    tokenizer = models.load_tokenizer(model)
    asked = [row for row in rows if any(map(is_name, row.get("rows", ())))]
    mine, theirs = (
        _some(tokenizer, found, recipe, at_most=at_most)
        for found, at_most in ((asked, MOST_ROWS), (held_out, MOST_HELD_OUT))
    )
    lines: list[dict[str, Any]] = []
    if mine and theirs:
        trained = load_trainable(model, adapter, recipe).eval()
        wanted = _top_layers(trained)
        # Each counts for as much: as they are, one long reply would outweigh all others.
        towards = torch.stack([normalize(_gradient(trained, sides, wanted), dim=0) for _, sides in theirs]).sum(0)
        for names, sides in mine:
            pull = cosine_similarity(_gradient(trained, sides, wanted), towards, dim=0)
            lines.append({"rows": names, "pull": round(float(pull), 4)})
    write(folder / INFLUENCE, lines)


def _some(
    tokenizer: PreTrainedTokenizerBase, rows: Sequence[Mapping[str, Any]], recipe: Recipe, *, at_most: int
) -> list[tuple[list[str], list[Side]]]:
    """Rows that fit, at most so many, in their order: the names behind each, and its replies."""
    found = [(list(row["rows"]), list(_sides(tokenizer, row))) for row in rows]
    fitting = [
        one for one in found if max(len(prompt) + len(reply) for _, prompt, reply in one[1]) <= recipe.max_length
    ]
    if len(fitting) <= at_most:
        return fitting
    return [fitting[at] for at in sorted(random.Random(recipe.seed).sample(range(len(fitting)), at_most))]


def _sides(tokenizer: PreTrainedTokenizerBase, row: Mapping[str, Any]) -> Iterator[Side]:
    """What a row in one of TRL's formats asks for: each reply likelier, or less so."""
    for name in ("chosen", "rejected", "completion"):
        if row.get(name):
            prompt = encode_messages(tokenizer, row.get(f"{name}_prompt", row["prompt"]))
            liked = name != "rejected" and row.get("label", True)
            yield 1.0 if liked else -1.0, prompt, encode_reply(tokenizer, row[name][-1]["content"])


def _top_layers(model: PeftModel) -> list[Tensor]:
    """The adapter's weights in the top layers that have any; all others are frozen."""
    held = [(_layer(name), each) for name, each in model.named_parameters() if each.requires_grad]
    lowest = sorted({layer for layer, _ in held})[-LAYERS:][0]
    for layer, parameter in held:
        parameter.requires_grad_(layer >= lowest)
    return [parameter for layer, parameter in held if layer >= lowest]


def _layer(name: str) -> int:
    found = re.search(r"\.layers\.(\d+)\.", name)
    return int(found[1]) if found else 0


def _gradient(model: PeftModel, sides: Sequence[Side], parameters: Sequence[Tensor]) -> Tensor:
    """Of what a row asks for, as one vector."""
    prompts, replies = [prompt for _, prompt, _ in sides], [reply for *_, reply in sides]
    with models.autocast():
        found = token_log_probs(model, prompts, replies)
    asked = torch.stack([weight * row.sum() for (weight, _, _), row in zip(sides, found, strict=True)]).sum()
    return torch.cat([each.flatten() for each in torch.autograd.grad(asked, parameters)])
