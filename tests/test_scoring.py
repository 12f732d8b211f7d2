import pytest
import torch
from transformers import PreTrainedModel

from retrain.scoring import log_likelihoods
from tests.tiny import tiny_model

PROMPT = [5, 17, 200, 31, 8]
REPLIES = [[40, 41, 42, 43, 44, 45], [9], [], [60, 61, 62]]


@pytest.fixture(scope="module")
def model() -> PreTrainedModel:
    return tiny_model()


@pytest.mark.parametrize("replies", [REPLIES, REPLIES[1:3], [[]], []])
def test_each_token_gets_what_one_plain_forward_pass_over_prompt_and_reply_gives(
    model: PreTrainedModel, replies: list[list[int]]
) -> None:
    found = log_likelihoods(model, PROMPT, replies)
    assert [len(row) for row in found] == [len(reply) for reply in replies]
    for reply, row in zip(replies, found, strict=True):
        with torch.inference_mode():
            logits = model(torch.tensor([PROMPT + reply])).logits[0].log_softmax(-1)
        expected = [float(logits[len(PROMPT) - 1 + i, token]) for i, token in enumerate(reply)]
        assert row == pytest.approx(expected, abs=1e-4)
