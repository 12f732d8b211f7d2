"""A second engine that runs no model: scripted replies, streamed word by word, for fast tests of chat and pages.

It brings its own real tokenizer, built in code, so that prompts are encoded and counted as with any model.
"""

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

SPECIAL_TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPELLING = (
    "Answer the question from these sources. Cite the source you used like this: [1]. You are a helpful assistant. "
    "The other people asked what the answer should have said, and which of the two was better than the first."
)
"""Text from which the tokenizer learns its merges; anything else falls back to bytes."""


def chatml_tokenizer() -> PreTrainedTokenizerBase:
    """A byte-level BPE tokenizer of about 350 tokens with ChatML's special tokens and template."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=350,
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    core.train_from_iterator([SPELLING], trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = CHATML
    return tokenizer
