"""A tiny random Llama and its tokenizer, built in code, for tests that would otherwise need real weights."""

from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel, PreTrainedTokenizerBase

from assistant.adapters import Manifest, digest, write_manifest
from assistant.fake_engine import chatml_tokenizer
from assistant.models import model_fingerprint


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


def save_tiny_adapter(folder: Path, base: str, *, seed: int = 0) -> Path:
    """Save a random LoRA adapter, which changes what the tiny model at `base` says, with its manifest; the folder."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config = LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM")
        get_peft_model(tiny_model(), config).save_pretrained(folder)
    manifest = Manifest(
        id=folder.name,
        version=1,
        parent=None,
        model="tiny",
        model_sha256=model_fingerprint(base),
        run="run-1",
        sha256=digest(folder),
        metrics={"accuracy": 0.75},
        created_at="2026-01-01T00:00:00+00:00",
    )
    write_manifest(folder, manifest)
    return folder
