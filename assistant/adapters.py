"""What an adapter is on disk: a folder of LoRA weights as PEFT saves them, and a manifest that is written last.

A folder without its manifest does not exist. Who makes adapters, and which of them serves, is decided elsewhere.
"""

import json
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError, safe_open

from assistant.database import utc_now
from assistant.errors import AdapterRefused
from assistant.models import model_fingerprint

ORIGINAL = "original model"
"""What people call a model without an adapter."""
WEIGHTS, CONFIG, MANIFEST = "adapter_model.safetensors", "adapter_config.json", "manifest.json"


class Manifest(BaseModel):
    """What an adapter is: which version of what, made from which model and parent by which run, and its hash."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    version: int
    parent: str | None
    """Id of the adapter it was trained from; none is the base model."""
    model: str
    """The base model's name, for people."""
    model_sha256: str
    """The base model's fingerprint, `assistant.models.model_fingerprint`."""
    run: str
    """Id of the run that made it; empty for one that came with the program."""
    sha256: str
    """Of the folder's weights and configuration, see `digest`."""
    metrics: dict[str, Any] = {}
    created_at: str
    """ISO 8601, UTC."""


def digest(folder: Path) -> str:
    """The hash of an adapter's weights and configuration, for its manifest. Raises `AdapterRefused` if it lacks one."""
    total = sha256()
    for name in (WEIGHTS, CONFIG):
        try:
            content = (folder / name).read_bytes()
        except OSError as exc:
            raise AdapterRefused(
                f"Version {folder.name} has no readable {name}. Restore its folder from a backup, or train it again."
            ) from exc
        total.update(f"{name} {len(content)} ".encode() + content)
    return total.hexdigest()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest in one step, once all else in the folder is on disk. From then on the adapter exists."""
    for file in folder.iterdir():
        sync(file)
    temporary = folder / f".{MANIFEST}"
    temporary.write_text(manifest.model_dump_json(indent=1), encoding="utf-8")
    sync(temporary)
    os.replace(temporary, folder / MANIFEST)
    sync(folder)


def name_weights(folder: Path, *, id: str, parent: str | None, model: str, model_name: str, run: str) -> None:
    """Give freshly trained weights a manifest, without which no engine loads them; a version comes with the registry.

    `model` is resolved. Raises `AdapterRefused` if the weights are not there.
    """
    manifest = Manifest(
        id=id,
        version=0,
        parent=parent,
        model=model_name,
        model_sha256=model_fingerprint(model),
        run=run,
        sha256=digest(folder),
        created_at=utc_now().isoformat(),
    )
    write_manifest(folder, manifest)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of an adapter. Raises `AdapterRefused` if it has none, or one that is not ours."""
    try:
        return Manifest.model_validate_json((folder / MANIFEST).read_text(encoding="utf-8"))
    except OSError as exc:
        raise AdapterRefused(
            f"Version {folder.name} is not whole: its manifest is missing. Choose another version, or train again."
        ) from exc
    except (ValidationError, ValueError) as exc:
        raise AdapterRefused(
            f"The manifest of version {folder.name} is damaged. "
            "Restore its folder from a backup, or choose another version."
        ) from exc


def check(folder: Path, *, model: str) -> Manifest:
    """Make sure that an adapter is whole, unchanged, and made for a resolved model; its manifest.

    Raises `AdapterRefused`, and `ModelUnavailable` where the model's weights are not here.
    """
    manifest = read_manifest(folder)
    if digest(folder) != manifest.sha256:
        raise AdapterRefused(
            f"Version {folder.name} was changed or damaged since it was made: its hash is wrong. "
            "Restore its folder from a backup, or choose another version."
        )
    if model_fingerprint(model) != manifest.model_sha256:
        raise AdapterRefused(
            f"Version {folder.name} was made for another model ({manifest.model}). "
            "Give the assistant that model again, or retrain with the new one."
        )
    try:
        with safe_open(folder / WEIGHTS, framework="pt") as weights:
            names = list(weights.keys())
        kind = json.loads((folder / CONFIG).read_text(encoding="utf-8")).get("peft_type")
    except (SafetensorError, ValueError, AttributeError) as exc:
        raise AdapterRefused(f"Version {folder.name} is not in PEFT's safetensors format. Train it again.") from exc
    if kind != "LORA" or not names:
        raise AdapterRefused(f"Version {folder.name} is no adapter of the LoRA kind. Choose another, or train one.")
    return manifest


def short_name(adapter: str | None) -> str:
    """What people call an adapter, whose id is `<slug>-v<version>`: v3; none is the model as it came."""
    return adapter.rpartition("-")[2] if adapter else ORIGINAL


def sync(path: Path) -> None:
    """Wait until a file or a folder's list of names is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
