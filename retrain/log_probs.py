"""The log-probabilities that TRL's trainers ask a model for, in less time: those of replies' tokens, and nothing else.

TRL gives a model a head that answers `model(..., labels=labels, fused_lm_head=True)`. `add_head` is that head anew. A
prompt that a chosen and a rejected reply share is read once, tokens without a label are not scored, what is only logged
is left out, and backwards nothing is left to do over the vocabulary. The numbers are the same.
"""

import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from inspect import signature
from typing import Any

import torch
import trl.trainer.dpo_trainer
import trl.trainer.kto_trainer
import trl.trainer.sft_trainer
from torch import Tensor
from torch.nn.functional import linear
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedModel
from trl.trainer.utils import FusedCausalLMOutput, add_fused_lm_head

from assistant import attention

SCORED_AT_ONCE = 256
"""Tokens; each needs a float for every word of the vocabulary, twice."""
MASKED = ("eager", "sdpa", attention.NAME)
"""Ways of attending that look at a mask."""
SCALED = ("final_logit_softcapping", "logit_scale", "output_multiplier", "lm_head_multiplier", "logits_scaling")
"""Settings of models that change logits after the head; theirs stays TRL's."""


@contextmanager
def in_trl() -> Iterator[None]:
    """Let trainers that are made within give their models this head."""
    trainers = ((trl.trainer.dpo_trainer, True), (trl.trainer.kto_trainer, False), (trl.trainer.sft_trainer, False))
    for module, pairs in trainers:
        module.add_fused_lm_head = partial(add_head, pairs=pairs)
    try:
        yield
    finally:
        for module, _ in trainers:
            module.add_fused_lm_head = add_fused_lm_head


@dataclass
class Read(FusedCausalLMOutput):  # type: ignore[misc]
    """What the head tells beyond TRL's: what predicts the labelled tokens, in their order, (tokens, width).

    `reference` is the same as it was when nothing was learned: what TRL reads before it trains is remembered.
    """

    hidden: Any = None
    reference: Any = None


def add_head(model: PreTrainedModel, *, pairs: bool = False, **trls: Any) -> None:
    """Give a causal model the head. With `pairs`, the first half of each batch are chosen, the second rejected replies.

    A model whose head is trained, or which does more with its logits, gets TRL's, with TRL's arguments.
    """
    head = model.get_output_embeddings()
    config = model.config.get_text_config()
    if head.weight.requires_grad or any(getattr(config, name, None) is not None for name in SCALED):
        add_fused_lm_head(model, **trls)
        return
    usual, longest = model.forward, _longest_packed(model) if pairs else 0
    remembered: dict[bytes, Tensor] = {}

    def forward(self: PreTrainedModel, *args: Any, fused_lm_head: bool = False, **inputs: Any) -> Any:
        if not fused_lm_head:
            return usual(*args, **inputs)
        key = inputs["input_ids"].cpu().numpy().tobytes() if pairs else b""
        read = _scored(self, inputs, longest=longest)
        if pairs and not torch.is_grad_enabled():
            remembered.setdefault(key, read.hidden)
        read.reference = remembered.get(key)
        return read

    model.forward = types.MethodType(forward, model)


def _longest_packed(model: PreTrainedModel) -> int:
    """Up to how many tokens one row may hold two replies of which neither sees the other; 0 where none may.

    Recurrent layers and convolutions read whatever comes before, and a window reaches back by place, not by position.
    """
    config = model.config.get_text_config()
    window = getattr(config, "sliding_window", None)
    layers = set(getattr(config, "layer_types", None) or ["sliding_attention" if window else "full_attention"])
    masked = model.config._attn_implementation in MASKED and not getattr(config, "alibi", False)
    placed = "position_ids" in signature(model.base_model.forward).parameters
    if model._is_stateful or not masked or not placed or not layers <= {"full_attention", "sliding_attention"}:
        return 0
    return (window or 0) if "sliding_attention" in layers else sys.maxsize


def _scored(model: PreTrainedModel, inputs: dict[str, Any], *, longest: int) -> Read:
    labels = inputs.pop("labels")[:, 1:]
    asked = labels != -100
    packed = _pack(inputs["input_ids"], inputs["attention_mask"], asked) if longest else None
    if packed is None or packed.ids.shape[1] > longest:
        hidden = model.base_model(**inputs | {"use_cache": False}).last_hidden_state[:, :-1][asked]
    else:
        inputs = {"input_ids": packed.ids, "position_ids": packed.positions, "attention_mask": packed.sees}
        hidden = model.base_model(**inputs, use_cache=False).last_hidden_state[packed.predicting]
    head = model.get_output_embeddings()
    found, likeliest = _LogProbs.apply(hidden, head.weight, head.bias, labels[asked])  # type: ignore[no-untyped-call]
    log_probs = found.new_zeros(asked.shape).masked_scatter(asked, found)
    nothing = log_probs.new_zeros(asked.shape)
    return Read(
        hidden=hidden,
        loss=-log_probs.sum() / asked.sum().clamp(min=1),
        log_probs=log_probs,
        entropy=nothing,
        mean_logits=nothing,
        is_top1=torch.zeros_like(asked).masked_scatter(asked, likeliest),
        label_mask=asked,
    )


def _pack(ids: Tensor, real: Tensor, asked: Tensor) -> "_Packed | None":
    """Pairs of which each row is the prompt, the chosen and the rejected reply; None where a pair has two prompts.

    `ids` and what of them is `real` are (2 pairs, tokens), `asked` (2 pairs, tokens - 1) says which tokens but the
    first are those of replies.
    """
    half = len(ids) // 2
    starts, ends = (asked.int().argmax(1) + 1).tolist(), real.sum(1).tolist()
    pairs = [(row, row + half) for row in range(half)]
    if not asked.any(1).all() or not all(torch.equal(ids[c, : starts[c]], ids[r, : starts[r]]) for c, r in pairs):
        return None
    rows = [torch.cat([ids[c, : ends[c]], ids[r, starts[r] : ends[r]]]) for c, r in pairs]
    packed = pad_sequence(rows, batch_first=True)
    column = torch.arange(packed.shape[1], device=ids.device)
    positions, sees = column.repeat(half, 1), (column[:, None] >= column).repeat(half, 1, 1)
    for c, _ in pairs:
        positions[c, ends[c] :] -= ends[c] - starts[c]
        sees[c, ends[c] :, starts[c] : ends[c]] = False
    chosen = [column[starts[c] - 1 : ends[c] - 1] for c, _ in pairs]
    rejected = [  # the first is predicted by the end of the prompt, too
        torch.cat([column[starts[r] - 1 : starts[r]], column[ends[c] :][: ends[r] - starts[r] - 1]]) for c, r in pairs
    ]
    of_rows = column.new_tensor([*range(half)] * 2).repeat_interleave(asked.sum(1))
    return _Packed(packed, positions, sees[:, None], (of_rows, torch.cat([*chosen, *rejected])))


@dataclass(frozen=True)
class _Packed:
    ids: Tensor
    positions: Tensor
    sees: Tensor
    """(pairs, 1, tokens, tokens): which token may look at which."""
    predicting: tuple[Tensor, Tensor]
    """Rows and columns of what predicts the replies' tokens, all chosen replies first."""


class _LogProbs(torch.autograd.Function):
    """The log-probability of each token, and whether it is the likeliest one, from what predicts it.

    A token's log-probability depends on one vector, so its whole gradient is one vector, too: that of the token in the
    head, less the mean of all tokens' by their probabilities. It is found on the way forwards, and nothing as large as
    the vocabulary is kept.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, tokens: Tensor) -> tuple[Tensor, Tensor]:
        device = hidden.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else hidden.dtype
        weight, bias = weight.to(dtype), None if bias is None else bias.to(dtype)
        wanted = ctx.needs_input_grad[0]
        log_probs, likeliest = hidden.new_empty(len(hidden), dtype=torch.float32), torch.empty_like(tokens)
        gradient = torch.empty_like(hidden) if wanted else None
        for start in range(0, len(hidden), SCORED_AT_ONCE):
            part = slice(start, start + SCORED_AT_ONCE)
            scores = linear(hidden[part].to(dtype), weight, bias).float().log_softmax(-1)
            log_probs[part] = scores.gather(1, tokens[part, None])[:, 0]
            likeliest[part] = scores.argmax(-1)
            if gradient is not None:
                gradient[part] = weight[tokens[part]] - scores.exp_().to(dtype) @ weight
        ctx.save_for_backward(gradient)
        top = likeliest == tokens
        ctx.mark_non_differentiable(top)
        return log_probs, top

    @staticmethod
    def backward(ctx: Any, *of_outputs: Tensor) -> tuple[Tensor, None, None, None]:
        (gradient,) = ctx.saved_tensors
        return (of_outputs[0][:, None] * gradient).to(gradient.dtype), None, None, None
