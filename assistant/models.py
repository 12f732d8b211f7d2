"""Where models come from and how they are loaded: local folders, GGUF files, hub ids, and the default chat model.

Weights are read as safetensors or GGUF only; nothing is unpickled and no code of a model is run. How the default models
get here is the business of `assistant.defaults`; its public names are these, too.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    GgufConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import cached_file
from transformers.utils.logging import disable_progress_bar

from assistant.defaults import DEFAULT_CHAT, DEFAULT_EMBEDDING, fetch_defaults, require
from assistant.errors import ModelUnavailable

__all__ = [
    "DEFAULT_CHAT",
    "DEFAULT_EMBEDDING",
    "compute_dtype",
    "count_parameters",
    "device",
    "fetch_defaults",
    "load_config",
    "load_model",
    "load_tokenizer",
    "model_fingerprint",
    "resolve",
]

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
SAMPLES, SAMPLE_BYTES = 64, 4096


def resolve(models_dir: Path, name: str) -> str:
    """What a model's name stands for: `default` is the installed default; else a local folder, GGUF file or hub id.

    Raises `ModelUnavailable` for a default that is not installed and a name that can be none of these.
    """
    if name == "default":
        return str(require(models_dir, DEFAULT_CHAT))
    local = Path(name).expanduser()
    if (name and local.is_dir()) or (local.is_file() and local.suffix == ".gguf"):
        return str(local.resolve())
    if HUB_ID.fullmatch(name):
        return name
    raise ModelUnavailable(
        f"There is no model at {name!r}. Give `default`, a folder with safetensors weights, a .gguf file, "
        "or a hub id such as HuggingFaceTB/SmolLM2-360M-Instruct."
    )


def load_tokenizer(path: str) -> PreTrainedTokenizerBase:
    """The tokenizer of a resolved model. Raises `ModelUnavailable`, also where it has no chat template."""
    tokenizer: PreTrainedTokenizerBase = _load(AutoTokenizer, path)
    if not tokenizer.chat_template:
        raise ModelUnavailable(
            f"The model {path!r} has no chat template, so it cannot hold a conversation. "
            "Choose an instruction-tuned one."
        )
    if tokenizer.eos_token_id is None:
        raise ModelUnavailable(f"The tokenizer of {path!r} names no end-of-turn token. Choose another model.")
    return tokenizer


def load_config(path: str) -> Any:
    """The configuration of a resolved model's text part, without its weights. Raises `ModelUnavailable`."""
    return _load(AutoConfig, path).get_text_config()


def count_parameters(path: str) -> int:
    """How many parameters a resolved model has, told from its configuration alone. Raises `ModelUnavailable`."""
    config = load_config(path)
    with _told(path), torch.device("meta"):
        return int(AutoModelForCausalLM.from_config(config).num_parameters())


def load_model(path: str, *, dtype: torch.dtype, device: torch.device | str) -> PreTrainedModel:
    """A fresh copy of a resolved model, for inference unless the caller changes that. Raises `ModelUnavailable`."""
    disable_progress_bar()
    options: dict[str, Any] = {"dtype": dtype}
    if path.endswith(".gguf"):
        options["quantization_config"] = GgufConfig(
            dequantize=True
        )  # else the weights stay packed and cannot be merged
    else:
        options["use_safetensors"] = True
    model: PreTrainedModel = _load(AutoModelForCausalLM, path, **options)
    with _told(path):
        return model.to(device=device, dtype=dtype).eval()


def _load(factory: Any, path: str, **options: Any) -> Any:
    source = path
    if path.endswith(".gguf"):
        source, options["gguf_file"] = str(Path(path).parent), Path(path).name
    with _told(path):
        return factory.from_pretrained(source, trust_remote_code=False, **options)


@contextmanager
def _told(path: str) -> Iterator[None]:
    """Translate whatever the libraries raise on a broken folder, an unknown name, or too little memory."""
    try:
        yield
    except Exception as exc:
        remedy = (
            "Check that the folder is complete, with safetensors weights, and that it fits into memory."
            if Path(path).exists()
            else "Check the name, and that the hub can be reached for the first download; afterwards it works offline."
        )
        raise ModelUnavailable(f"The model {path!r} cannot be loaded: {_first_line(exc)} {remedy}") from exc


def _first_line(exc: Exception) -> str:
    line = (str(exc).strip() or type(exc).__name__).splitlines()[0]
    return line if line.endswith(".") else f"{line}."


def device() -> torch.device:
    """Where models run: the first CUDA GPU, else the CPU. Apple's GPU is left out until somebody has tried it."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def compute_dtype() -> torch.dtype:
    """bfloat16 where the hardware computes in it, which is faster and half the memory; elsewhere float32."""
    if torch.cuda.is_available():
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    abilities = torch.cpu.get_capabilities()
    native = any(abilities.get(name) for name in ("avx512_bf16", "amx_bf16"))
    return torch.bfloat16 if native else torch.float32


def autocast() -> torch.autocast:
    """How training computes with weights in float32: in `compute_dtype`, on `device`."""
    dtype = compute_dtype()
    return torch.autocast(device().type, dtype, enabled=dtype is not torch.float32)


def model_fingerprint(path: str) -> str:
    """Identifies a resolved model's weights: a hash over tensor names, shapes, sizes and evenly spaced samples.

    Cheap for weights of any size, the same wherever the same weights lie. Raises `ModelUnavailable`.
    """
    files = _weight_files(path)
    if not files:
        raise ModelUnavailable(
            f"The model {path!r} has no safetensors or GGUF weights here. Load it once, then try again."
        )
    digest = sha256()
    for file in files:
        size = file.stat().st_size
        with file.open("rb") as stream:
            head = int.from_bytes(stream.read(8), "little") if file.suffix == ".safetensors" else 0
            digest.update(f"{file.name} {size} ".encode() + stream.read(min(head, size)))
            for sample in range(SAMPLES):
                stream.seek(max(0, size - SAMPLE_BYTES) * sample // (SAMPLES - 1))
                digest.update(stream.read(SAMPLE_BYTES))
    return digest.hexdigest()


def _weight_files(path: str) -> list[Path]:
    if path.endswith(".gguf"):
        return [Path(path)] if Path(path).is_file() else []
    folder = Path(path)
    if not folder.is_dir():
        try:
            folder = Path(cached_file(path, "config.json", local_files_only=True)).parent
        except OSError:
            return []
    return sorted(folder.glob("*.safetensors"))
