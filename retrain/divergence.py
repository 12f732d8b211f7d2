"""How far the choice of each next token has moved from a reference, from the two vectors that predict it."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear

from retrain.log_probs import SCORED_AT_ONCE


def divergences(hidden: Tensor, reference: Tensor, head: Tensor) -> Tensor:
    """KL(reference ‖ policy) of each next token in nats, (tokens,), from what predicts it, both (tokens, width)."""
    found: Tensor = _Divergences.apply(hidden, reference, head)  # type: ignore[no-untyped-call]
    return found


class _Divergences(torch.autograd.Function):
    """As for `log_probs._LogProbs`, the gradient is found forwards, and nothing as large as the vocabulary is kept:
    each token's is the difference of the two mean words."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, reference: Tensor, head: Tensor) -> Tensor:
        found, gradient = hidden.new_empty(len(hidden), dtype=torch.float32), torch.empty_like(hidden)
        head = head.to(reference.dtype)
        for start in range(0, len(hidden), SCORED_AT_ONCE):
            part = slice(start, start + SCORED_AT_ONCE)
            wanted, policy = (
                linear(each[part].to(head.dtype), head).float().log_softmax(-1) for each in (reference, hidden)
            )
            ratio = wanted - policy
            wanted, policy = wanted.exp_(), policy.exp_()
            found[part] = ratio.mul_(wanted).sum(-1)
            gradient[part] = policy.sub_(wanted).to(head.dtype) @ head
        ctx.save_for_backward(gradient)
        return found

    @staticmethod
    def backward(ctx: Any, *of_outputs: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return (of_outputs[0][:, None] * gradient).to(gradient.dtype), None, None
