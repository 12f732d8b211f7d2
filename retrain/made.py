"""With what a run made its adapter: the hashes of both, library versions, threads and machine; and how two such differ.

The worker writes it once training has ended. What a replay compares with it is in `retrain.replay`.
"""

import hashlib
import json
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from assistant import adapters, models
from retrain.dataset import ADAPTER, FROZEN, write_synced

MADE = "made.json"
LIBRARIES = (
    "thumbloop", "torch", "transformers", "trl", "peft", "accelerate", "datasets", "tokenizers", "safetensors", "numpy"
)  # fmt: skip
GONE = "{name} lacks {count} of its {lines} rows, since what people delete of what they said leaves the runs, too"
CHANGED = "{name} was changed since"


def record(folder: Path) -> None:
    """Write down with what the adapter in a run's folder was made."""
    made = {"sha256": adapters.digest(folder / ADAPTER), "files": files_of(folder), "by": _circumstances()}
    write_synced(folder / MADE, json.dumps(made, indent=1).encode())


def files_of(folder: Path) -> dict[str, dict[str, Any]]:
    """The frozen files of a run, each with its hash and how many lines it has."""
    contents = {name: (folder / name).read_bytes() for name in FROZEN if (folder / name).is_file()}
    return {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "lines": len(content.splitlines())}
        for name, content in contents.items()
    }


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What differs between two such records, beside the adapter's hash, each in a few words."""
    told = []
    for name, was in before["files"].items():
        now = after["files"].get(name, {"sha256": "", "lines": 0})
        if now["lines"] < was["lines"]:
            told.append(GONE.format(name=name, count=was["lines"] - now["lines"], lines=was["lines"]))
        elif now["sha256"] != was["sha256"]:
            told.append(CHANGED.format(name=name))
    for name in sorted({*before["by"], *after["by"]}):
        was, now = (each["by"].get(name, "missing") for each in (before, after))
        if was != now:
            told.append(f"{name}: {now}, then {was}")
    return told


def _circumstances() -> dict[str, Any]:
    device = models.device()
    processor = f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
    return {
        "python": platform.python_version(),
        **{name: found for name in LIBRARIES if (found := _version(name))},
        "threads": torch.get_num_threads(),
        "processor": processor if device.type == "cpu" else torch.cuda.get_device_name(device),
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
