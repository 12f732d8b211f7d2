"""An assistant as a file: what goes in comes out, and nothing in a hostile file is believed."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assistant import adapters, bundle, persona
from assistant.bundle import Golden, read_bundle, write_bundle
from assistant.errors import BadInput
from assistant.knowledge import StoredText
from assistant.tables import Access, Assistant, GoldenKind
from tests.tiny import save_tiny, save_tiny_adapter

SHA = "ab" * 32
TEXTS = (
    StoredText(name="bees.md", title="Bees", sha256=SHA, text="# Bees\n\nA hive holds fifty thousand bees. ❤️\n"),
    StoredText(name="oaks.txt", title="oaks.txt", sha256="cd" * 32, text="An oak lives for long."),
)


ANSWERS = (Golden(GoldenKind.corrected, "How many?\nIn June?", "Fifty thousand.\n"),)


def guide() -> Assistant:
    return Assistant(
        slug="guide",
        name="Guide",
        avatar="🐝",
        access=Access.members,
        system_prompt="You know bees.",
        greeting="Hello!",
        example_questions=["How many?"],
        min_score=0.4,
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_bundle(tmp_path / "guide.zip", guide(), TEXTS, golden=ANSWERS, adapter=None)
    return tmp_path / "guide.zip"


def read(path: Path, tmp_path: Path) -> bundle.Bundle:
    into = tmp_path / "into"
    into.mkdir()
    return read_bundle(path, name=path.name, into=into)


def rewritten(file: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The same file with something else in its manifest."""
    with zipfile.ZipFile(file) as zipped:
        parts = {name: zipped.read(name) for name in zipped.namelist()}
    told = json.loads(parts[bundle.MANIFEST])
    change(told)
    parts[bundle.MANIFEST] = json.dumps(told).encode()
    return packed(file, parts)


def packed(file: Path, parts: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, data in parts.items():
            zipped.writestr(name, data)
    return file


def test_settings_and_documents_come_out_as_they_went_in(file: Path, tmp_path: Path) -> None:
    found = read(file, tmp_path)
    assert (found.slug, found.documents, found.golden, found.adapter) == ("guide", TEXTS, ANSWERS, None)
    assert found.settings == {name: getattr(guide(), name) for name in persona.SETTINGS}


def test_an_adapter_comes_along_without_its_past(tmp_path: Path) -> None:
    base = save_tiny(tmp_path / "base")
    folder = save_tiny_adapter(tmp_path / "guide-v3", str(base))
    before = adapters.read_manifest(folder)
    adapters.write_manifest(folder, before.model_copy(update={"parent": "guide-v2"}))
    write_bundle(tmp_path / "guide.zip", guide(), TEXTS, adapter=folder)
    found = read(tmp_path / "guide.zip", tmp_path)
    assert found.adapter is not None
    told = adapters.check(found.adapter, model=str(base))
    assert (told.sha256, told.run, told.parent) == (before.sha256, "", None)


def wrong(name: str) -> Callable[[dict[str, Any]], None]:
    changes: dict[str, Callable[[dict[str, Any]], Any]] = {
        "another format": lambda told: told.update(format="other"),
        "another version": lambda told: told.update(version=2),
        "one key more": lambda told: told.update(command="rm"),
        "a setting more": lambda told: told["settings"].update(adapter="../../etc"),
        "a setting less": lambda told: told["settings"].pop("name"),
        "a setting that cannot be": lambda told: told["settings"].update(temperature=99),
        "a wrong type": lambda told: told["settings"].update(name=["x"]),
        "a short name with a path": lambda told: told.update(slug="../x"),
        "more documents than there are": lambda told: told["documents"].append(told["documents"][0]),
        "fewer documents": lambda told: told["documents"].pop(),
        "the same document twice": lambda told: told["documents"][1].update(name="bees.md"),
        "an empty answer": lambda told: told["golden"][0].update(answer=" "),
        "an answer of another kind": lambda told: told["golden"][0].update(kind="system"),
        "a hash that is none": lambda told: told["documents"][0].update(sha256="x"),
        "an adapter that is not there": lambda told: told.update(adapter=True),
    }
    return changes[name]


@pytest.mark.parametrize(
    "change",
    [
        "another format", "another version", "one key more", "a setting more", "a setting less",
        "a setting that cannot be", "a wrong type", "a short name with a path", "more documents than there are",
        "fewer documents", "the same document twice", "a hash that is none", "an empty answer",
        "an answer of another kind", "an adapter that is not there",
    ],
)  # fmt: skip
def test_a_manifest_that_is_not_ours_is_refused_in_a_sentence(file: Path, tmp_path: Path, change: str) -> None:
    refused(rewritten(file, wrong(change)), tmp_path)


def refused(path: Path, tmp_path: Path) -> str:
    into = tmp_path / "into"
    into.mkdir()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(BadInput, match=r"guide\.zip is no file of an assistant that can be read: .*\.$") as told:
        read_bundle(path, name="guide.zip", into=into)
    assert sorted(each for each in tmp_path.rglob("*") if into not in each.parents) == before
    return str(told.value)


@pytest.mark.parametrize("name", ["../../evil.txt", "/tmp/evil.txt", "documents/00009.txt", "x.pkl", "documents/"])
def test_a_part_that_does_not_belong_is_refused_and_written_nowhere(file: Path, tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(file, "a") as zipped:
        zipped.writestr(name, b"evil")
    assert "do not belong" in refused(file, tmp_path)


def test_a_part_that_is_there_twice_is_refused(file: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(file, "a") as zipped, pytest.warns(UserWarning, match="Duplicate name"):
        zipped.writestr("documents/00000.txt", b"other")
    assert "do not belong" in refused(file, tmp_path)


def test_a_bomb_is_not_unpacked(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(file) as zipped:
        parts = {name: zipped.read(name) for name in zipped.namelist()}
    monkeypatch.setattr(bundle, "MAX_TEXT_BYTES", 1_000_000)
    packed(file, parts | {"documents/00000.txt": b"0" * 600_000, "documents/00001.txt": b"0" * 600_000})
    assert "far more" in refused(file, tmp_path)


def test_a_manifest_that_is_a_bomb_is_not_unpacked(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "MAX_MANIFEST_BYTES", 1_000_000)
    assert "far more" in refused(packed(file, {bundle.MANIFEST: b" " * 2_000_000}), tmp_path)


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"assistant.json": b"not json"},
        {"assistant.json": b"[" * 200_000},
        {"assistant.json": b"[]"},
        {"assistant.json": b"\xff\xfe"},
    ],
)
def test_a_zip_with_something_else_in_it_is_refused(file: Path, tmp_path: Path, parts: dict[str, bytes]) -> None:
    refused(packed(file, parts), tmp_path)


@pytest.mark.parametrize("data", [b"", b"hello", b"PK\x03\x04" + b"\x00" * 100])
def test_what_is_no_zip_is_refused(file: Path, tmp_path: Path, data: bytes) -> None:
    file.write_bytes(data)
    refused(file, tmp_path)


def test_a_file_that_was_cut_or_changed_is_refused(file: Path, tmp_path: Path) -> None:
    whole = file.read_bytes()
    at = whole.index(b"documents/00000.txt") + 25
    file.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
    refused(file, tmp_path)


def test_a_document_that_is_not_text_is_refused(file: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(file) as zipped:
        parts = {name: zipped.read(name) for name in zipped.namelist()}
    for data in (b"\xff\xfe\x00", b"  \n"):
        packed(file, parts | {"documents/00001.txt": data})
        refused(file, tmp_path)
        (tmp_path / "into").rmdir()


@pytest.mark.parametrize(
    "change",
    [
        {"megatron_config": {"x": 1}, "megatron_core": "os"},
        {"auto_mapping": {"base_model_class": "x", "parent_library": "os"}},
        {"layer_replication": [[0, 10_000]]},
        {"target_modules": "(a+)+$"},
        {"target_modules": ["q_proj", "(a+)+$"]},
        {"r": 10**9},
        {"init_lora_weights": "olora"},
    ],
)
def test_an_adapter_with_settings_that_do_more_than_lora_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    base = save_tiny(tmp_path / "base")
    folder = save_tiny_adapter(tmp_path / "guide-v3", str(base))
    config = folder / adapters.CONFIG
    config.write_text(json.dumps(json.loads(config.read_text()) | change))
    write_bundle(tmp_path / "guide.zip", guide(), (), adapter=folder)
    assert "plain LoRA" in refused(tmp_path / "guide.zip", tmp_path)
