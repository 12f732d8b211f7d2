"""The divergence of two choices of the next token: as written down plainly, gradient included, in any size of parts."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn.functional import kl_div

from retrain import divergence
from retrain.divergence import divergences


def test_it_is_the_kl_of_all_words_whatever_is_computed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    hidden, reference, head = torch.randn(5, 8), torch.randn(5, 8), torch.randn(20, 8)

    def directly(hidden: Tensor, reference: Tensor, head: Tensor) -> Tensor:
        wanted = (reference @ head.T).log_softmax(-1)
        return kl_div((hidden @ head.T).log_softmax(-1), wanted, log_target=True, reduction="none").sum(-1)

    def gradient(hidden: Tensor, found: Callable[..., Tensor]) -> Tensor:
        free = hidden.clone().requires_grad_()
        (found(free, reference, head) * torch.arange(5)).sum().backward()
        assert free.grad is not None
        return free.grad

    expected = directly(hidden, reference, head)
    torch.testing.assert_close(divergences(hidden, reference, head), expected)
    monkeypatch.setattr(divergence, "SCORED_AT_ONCE", 2)
    torch.testing.assert_close(divergences(hidden, reference, head), expected)
    torch.testing.assert_close(divergences(hidden, hidden, head), torch.zeros(5), atol=1e-6, rtol=0)
    torch.testing.assert_close(gradient(hidden, divergences), gradient(hidden, directly))
