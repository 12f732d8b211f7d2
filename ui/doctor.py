"""`thumbloop doctor`: what works on this machine, what does not, and what to do about it.

It changes nothing but what every start does: it makes the home folder and brings the database up to date.
"""

import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path

import psutil
import torch
from filelock import FileLock, Timeout
from sqlmodel import func, select

from assistant import models
from assistant.defaults import DEFAULT_CHAT, DEFAULT_EMBEDDING, Wheel, verify
from assistant.errors import Conflict, ThumbloopError
from assistant.knowledge import Knowledge
from assistant.tables import Chunk, Document
from ui.home import HomeLock, prepare_home
from ui.services import open_embedder
from ui.settings import Settings

GIB = 2**30
DISK_WANTED = 5 * GIB
MEMORY_WANTED = 4 * GIB


class Level(StrEnum):
    ok = "ok"
    warn = "warn"
    bad = "bad"


@dataclass(frozen=True)
class Finding:
    """One line of the diagnosis; `remedy` is empty where nothing needs to be done."""

    level: Level
    what: str
    says: str
    remedy: str = ""


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at one thing after the other; a look that fails is a finding too."""
    looks: tuple[tuple[str, Callable[[Settings], Finding]], ...] = (
        ("Python", _python),
        ("home folder", _home),
        ("disk", _disk),
        ("memory", _memory),
        ("computing", _computing),
        ("chat model", _chat_model),
        ("embedding model", _embedding_model),
        ("database", _database),
        ("index", _index),
        ("port", _port),
    )
    for what, look in looks:
        try:
            yield look(settings)
        except ThumbloopError as exc:
            yield Finding(Level.bad, what, str(exc))
        except Exception as exc:
            yield Finding(Level.bad, what, f"could not be looked at: {type(exc).__name__}: {exc}")


def _python(_settings: Settings) -> Finding:
    told = f"{sys.version.split()[0]}, torch {version('torch')}, transformers {version('transformers')}"
    return Finding(Level.ok, "Python", f"{told}, gradio {version('gradio')}")


def _home(settings: Settings) -> Finding:
    prepare_home(settings).close()
    probe = settings.home / ".write-probe"
    try:
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as exc:
        remedy = "Give yourself write access, or set THUMBLOOP_HOME to a folder of your own."
        return Finding(Level.bad, "home folder", f"{settings.home} cannot be written ({exc.strerror}).", remedy)
    return Finding(Level.ok, "home folder", f"{settings.home} can be written")


def _disk(settings: Settings) -> Finding:
    free = shutil.disk_usage(settings.home if settings.home.exists() else Path.cwd()).free
    told = f"{free / GIB:.1f} GiB free"
    if free < DISK_WANTED:
        remedy = "Models, adapters and runs take a few GiB: free some space, or move THUMBLOOP_HOME."
        return Finding(Level.warn, "disk", told, remedy)
    return Finding(Level.ok, "disk", told)


def _memory(_settings: Settings) -> Finding:
    available = psutil.virtual_memory().available
    told = f"{available / GIB:.1f} GiB available"
    if available < MEMORY_WANTED:
        remedy = "Training the default model takes about 4 GiB: close other programs before a run."
        return Finding(Level.warn, "memory", told, remedy)
    return Finding(Level.ok, "memory", told)


def _computing(_settings: Settings) -> Finding:
    half = models.compute_dtype() is torch.bfloat16
    precision = "in bfloat16" if half else "in float32 (no bfloat16 in this hardware)"
    if models.device().type == "cuda":
        return Finding(Level.ok, "computing", f"on {torch.cuda.get_device_name()}, {precision}")
    return Finding(Level.ok, "computing", f"on the CPU, {psutil.cpu_count(logical=False)} cores, {precision}")


def _chat_model(settings: Settings) -> Finding:
    if settings.model == "default":
        return _default_model(settings, DEFAULT_CHAT, "chat model")
    models.load_tokenizer(models.resolve(settings.models_dir, settings.model))
    return Finding(Level.ok, "chat model", f"{settings.model} has a tokenizer and a chat template")


def _embedding_model(settings: Settings) -> Finding:
    if settings.embedding_model == "default":
        return _default_model(settings, DEFAULT_EMBEDDING, "embedding model")
    embedder = open_embedder(settings)
    return Finding(Level.ok, "embedding model", f"{settings.embedding_model} reads {embedder.max_tokens} tokens")


def _default_model(settings: Settings, wheel: Wheel, what: str) -> Finding:
    verify(settings.models_dir, wheel)
    return Finding(Level.ok, what, f"{wheel.title.removeprefix(what).strip()}, its files have the right hashes")


def _database(settings: Settings) -> Finding:
    database = prepare_home(settings)
    try:
        with database.read() as session:
            documents = session.exec(select(func.count()).select_from(Document)).one()
            chunks = session.exec(select(func.count()).select_from(Chunk)).one()
            if database.engine.dialect.name == "sqlite":
                damage = session.connection().exec_driver_sql("PRAGMA quick_check").scalar_one()
                if damage != "ok":
                    remedy = "Stop the app and restore the home folder from a backup."
                    return Finding(Level.bad, "database", f"is damaged: {damage}", remedy)
    finally:
        database.close()
    return Finding(Level.ok, "database", f"up to date, {documents} documents in {chunks} passages")


def _index(settings: Settings) -> Finding:
    lock = FileLock(settings.home / "app.lock")
    try:
        with lock.acquire(timeout=0):
            pass
    except Timeout:
        holder = HomeLock(settings.home).holder()
        return Finding(Level.ok, "index", f"in use by the running app (process {holder})")
    database = prepare_home(settings)
    knowledge = Knowledge(database, index_dir=settings.index_dir, embedder=open_embedder(settings))
    try:
        knowledge.open()
    except Conflict as exc:
        return Finding(Level.warn, "index", str(exc))
    finally:
        knowledge.close()
        database.close()
    return Finding(Level.ok, "index", "opens; `thumbloop ingest --rebuild` makes it anew from the database")


def _port(settings: Settings) -> Finding:
    with socket.socket() as probe:
        probe.settimeout(1)
        host = "127.0.0.1" if settings.host == "0.0.0.0" else settings.host
        if probe.connect_ex((host, settings.port)) != 0:
            return Finding(Level.ok, "port", f"{settings.port} is free")
    holder = HomeLock(settings.home).holder()
    if holder != "unknown" and psutil.pid_exists(int(holder)):
        return Finding(Level.ok, "port", f"{settings.port} is open, the app is running (process {holder})")
    remedy = "Stop what uses it, or set THUMBLOOP_PORT to another one."
    return Finding(Level.warn, "port", f"{settings.port} is taken by another program", remedy)
