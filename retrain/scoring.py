"""How likely a model finds replies, token by token. Loads and moves no weights; forward passes only.

Not for the instance that serves: a forward pass beside running generation is unsafe.
"""

from collections.abc import Sequence

import torch
from transformers import DynamicCache, PreTrainedModel


@torch.inference_mode()
def log_likelihoods(
    model: PreTrainedModel, prompt: Sequence[int], replies: Sequence[Sequence[int]]
) -> list[list[float]]:
    """The natural log-probability of each token of each reply, given one prompt and what comes before it in the reply.

    The prompt is read once for all replies. An empty reply gives an empty list.
    """
    longest = max((len(reply) for reply in replies), default=0)
    if longest == 0:
        return [[] for _ in replies]
    start = torch.tensor([list(prompt)], device=model.device)
    cache = DynamicCache(config=model.config)
    first = model(input_ids=start, past_key_values=cache, use_cache=True, logits_to_keep=1).logits
    cache.batch_repeat_interleave(len(replies))
    # Padding on the right is seen by no token before it, and what it gets itself is thrown away, so no mask is needed.
    padded = torch.tensor([[*reply, *[0] * (longest - len(reply))] for reply in replies], device=model.device)
    rest = model(input_ids=padded[:, :-1], past_key_values=cache, use_cache=True).logits if longest > 1 else None
    first = first.expand(len(replies), -1, -1)
    logits = first if rest is None else torch.cat([first, rest], dim=1)
    chosen = logits.float().log_softmax(-1).gather(-1, padded.unsqueeze(-1)).squeeze(-1)
    return [row[: len(reply)] for row, reply in zip(chosen.tolist(), replies, strict=True)]
