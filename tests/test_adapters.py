"""Adapters on disk: what is whole is accepted, and everything else is refused with its reason."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from assistant.adapters import CONFIG, MANIFEST, WEIGHTS, check, digest, read_manifest, write_manifest
from assistant.errors import AdapterRefused
from tests.tiny import save_tiny, save_tiny_adapter


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_tiny(tmp_path_factory.mktemp("base")))


@pytest.fixture
def adapter(tmp_path: Path, base: str) -> Path:
    return save_tiny_adapter(tmp_path / "default-v1", base)


def test_what_is_written_is_read_and_accepted(adapter: Path, base: str) -> None:
    assert check(adapter, model=base) == read_manifest(adapter)
    assert read_manifest(adapter).metrics == {"accuracy": 0.75}


def flip_a_byte(folder: Path) -> None:
    content = bytearray((folder / WEIGHTS).read_bytes())
    content[-1] ^= 1
    (folder / WEIGHTS).write_bytes(content)


def name_a_pickle(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes(b"\x80\x04not safetensors")
    seal(folder)


def make_it_a_prompt_tuning(folder: Path) -> None:
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps(config | {"peft_type": "PROMPT_TUNING"}))
    seal(folder)


def seal(folder: Path) -> None:
    """Give a changed folder the right hash."""
    manifest = read_manifest(folder)
    write_manifest(folder, manifest.model_copy(update={"sha256": digest(folder)}))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda folder: (folder / MANIFEST).unlink(), "manifest is missing"),
        (lambda folder: (folder / MANIFEST).write_text("{"), "manifest of version default-v1 is damaged"),
        (lambda folder: (folder / MANIFEST).write_text('{"id": "x"}'), "manifest of version default-v1 is damaged"),
        (lambda folder: (folder / WEIGHTS).unlink(), "no readable adapter_model.safetensors"),
        (lambda folder: (folder / CONFIG).unlink(), "no readable adapter_config.json"),
        (lambda folder: (folder / CONFIG).write_text("{}"), "hash is wrong"),
        (flip_a_byte, "hash is wrong"),
        (name_a_pickle, "not in PEFT's safetensors format"),
        (make_it_a_prompt_tuning, "no adapter of the LoRA kind"),
    ],
)
def test_what_is_missing_or_changed_is_refused(
    adapter: Path, base: str, damage: Callable[[Path], object], reason: str
) -> None:
    damage(adapter)
    with pytest.raises(AdapterRefused, match=reason):
        check(adapter, model=base)


def test_an_adapter_of_another_model_is_refused(adapter: Path, tmp_path: Path) -> None:
    other = save_tiny(tmp_path / "other", seed=1)
    with pytest.raises(AdapterRefused, match="made for another model"):
        check(adapter, model=str(other))
