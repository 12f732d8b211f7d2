"""The doctor: each ailment is found and comes with its remedy; a healthy home has none."""

import socket
from pathlib import Path

import pytest

from assistant.defaults import DEFAULT_CHAT, DEFAULT_EMBEDDING
from assistant.knowledge.fake_embedder import HashEmbedder
from tests.tiny import save_tiny
from ui import doctor
from ui.doctor import Finding, Level
from ui.home import HomeLock
from ui.settings import Settings, load_settings


@pytest.fixture
def healthy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings with which nothing is wrong: a tiny chat model, a fake embedding model, a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setattr(doctor, "open_embedder", lambda settings: HashEmbedder())  # noqa: ARG005
    monkeypatch.setattr(doctor, "MEMORY_WANTED", 0)
    monkeypatch.setattr(doctor, "DISK_WANTED", 0)
    return load_settings(model=str(save_tiny(tmp_path / "tiny")), embedding_model="fake", port=port)


def look(settings: Settings) -> dict[str, Finding]:
    return {finding.what: finding for finding in doctor.examine(settings)}


def test_a_healthy_home_has_no_ailment(healthy: Settings) -> None:
    findings = look(healthy)
    assert {finding.level for finding in findings.values()} == {Level.ok}, findings
    assert {"chat model", "embedding model", "database", "index", "computing", "disk", "memory", "port"} <= set(
        findings
    )


def test_missing_and_damaged_models_are_found(healthy: Settings) -> None:
    settings = healthy.model_copy(update={"model": "default", "embedding_model": "default"})
    findings = look(settings)
    assert findings["chat model"].level is findings["embedding model"].level is Level.bad
    assert DEFAULT_CHAT.title in findings["chat model"].says and "once with a network" in findings["chat model"].says
    folder = settings.models_dir / DEFAULT_EMBEDDING.folder
    folder.mkdir(parents=True)
    (folder / "thumbloop.json").write_text(f'{{"wheel": "{DEFAULT_EMBEDDING.sha256}", "files": {{"a.txt": "0"}}}}')
    (folder / "a.txt").write_text("changed")
    assert "damaged" in look(settings)["embedding model"].says


def test_a_damaged_database_is_found(healthy: Settings) -> None:
    look(healthy)
    (healthy.home / "thumbloop.db").write_bytes(b"this is no database" * 1000)
    finding = look(healthy)["database"]
    assert finding.level is Level.bad and "Traceback" not in finding.says


def test_a_home_that_cannot_be_made_is_found(healthy: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    finding = look(healthy.model_copy(update={"home": tmp_path / "file" / "home"}))["home folder"]
    assert finding.level is Level.bad and "THUMBLOOP_HOME" in finding.says


def test_little_memory_and_disk_are_warnings(healthy: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "MEMORY_WANTED", 2**60)
    monkeypatch.setattr(doctor, "DISK_WANTED", 2**60)
    findings = look(healthy)
    assert findings["memory"].level is findings["disk"].level is Level.warn
    assert findings["memory"].remedy and findings["disk"].remedy


def test_the_running_app_is_told_from_another_program(healthy: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", healthy.port))
        taken.listen()
        assert look(healthy)["port"].level is Level.warn
        lock = HomeLock(healthy.home)
        lock.take()
        findings = look(healthy)
        assert "the app is running" in findings["port"].says and "running app" in findings["index"].says
        lock.release()
