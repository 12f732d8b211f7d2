"""A tiny random Llama and its tokenizer, built in code, for tests that would otherwise need real weights."""

from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel, PreTrainedTokenizerBase

from assistant.fake_engine import chatml_tokenizer


def tiny_tokenizer() -> PreTrainedTokenizerBase:
    """The fake engine's tokenizer: byte-level BPE, about 350 tokens, ChatML."""
    return chatml_tokenizer()


def tiny_model(*, seed: int = 0) -> PreTrainedModel:
    """A random two-layer Llama of 30,000 weights with the tiny tokenizer's vocabulary; one seed, one set of weights."""
    tokenizer = tiny_tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        initializer_range=0.3,  # spreads the logits, so that greedy decoding writes varied tokens
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LlamaForCausalLM(config).eval()


def save_tiny(folder: Path, *, seed: int = 0) -> Path:
    """Save tiny model and tokenizer as a folder that `AutoModelForCausalLM` and `AutoTokenizer` load; the folder."""
    tiny_model(seed=seed).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder
