"""The files of a Hugging Face Space that serves one assistant, as one zip file. Nothing is sent anywhere.

It holds Thumbloop's own code, what a Space reads (`app.py`, `requirements.txt`, `README.md`), and the assistant as
`assistant.bundle` writes it, which the Space's first start takes in.
"""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import gradio as gr

from assistant import adapters
from assistant.bundle import write_bundle
from assistant.errors import NotFound
from assistant.tables import Access, Assistant
from ui import exports
from ui.pages.tables import counted
from ui.services import Services

ROOT = Path(__file__).parents[1]
BUNDLE = "assistant.thumbloop.zip"
PACKAGES = ("assistant", "feedback", "retrain", "ui")
FILES = ("app.py", "requirements.txt", "LICENSE")
KINDS = (".py", ".md", ".txt", ".json", ".jsonl", ".safetensors", ".css", ".js", ".mako", ".typed")
README = """---
title: {title}
emoji: 👍
colorFrom: indigo
colorTo: green
sdk: gradio
sdk_version: {gradio}
python_version: "3.12"
app_file: app.py
short_description: A chat assistant that every thumb makes better
---

# {name}

A chat assistant on its own documents, made with Thumbloop. Set the secret `THUMBLOOP_ADMIN_PASSWORD` in the Space's
settings to sign in as `admin`. A Space without storage forgets conversations and ratings when it restarts: attach a
volume at `/data` and set the variable `THUMBLOOP_HOME` to `/data/thumbloop` to keep them.
"""
COMMANDS = """pip install huggingface_hub
hf auth login
read -rs THUMBLOOP_ADMIN_PASSWORD   # type a password for admin, and press Enter
export THUMBLOOP_ADMIN_PASSWORD
unzip {slug}-space.zip -d {slug}-space
hf repos create YOUR-NAME/{slug} --type space --sdk gradio --secrets THUMBLOOP_ADMIN_PASSWORD
hf upload YOUR-NAME/{slug} {slug}-space . --type space"""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What goes into a Space, and what stays here, in words."""

    assistant: Assistant
    adapter: Path | None
    takes: tuple[str, ...]
    leaves: tuple[str, ...]


def plan(services: Services, asked: Assistant) -> Plan:
    """What a Space of an assistant's is made of: no more of this machine than what it answers from and by."""
    documents = len(services.knowledge.documents(asked.id))
    takes = ["Thumbloop itself", f"the instructions and settings, and the text of {counted(documents, 'document')}"]
    leaves = ["conversations, ratings, and answers that people corrected or liked", "accounts and passwords"]
    model = services.settings.model if asked.model == "default" else asked.model
    adapter = services.settings.adapters_dir / asked.adapter if asked.adapter else None
    if _is_of_this_machine(model):
        model, adapter = "default", None
        leaves.append("its model, a folder of this machine: there it answers by Thumbloop's default model")
    shipped = adapter is None or not adapter.is_dir() or adapters.read_manifest(adapter).version == 0
    if not shipped and adapter is not None:
        takes.append(f"what it learned from people here: {adapter.name}")
    if asked.access is not Access.everyone:
        leaves.append("nothing of who may use it: there, too, it is not for everyone until an admin changes that")
    return Plan(
        assistant=asked.model_copy(update={"model": model}),
        adapter=None if shipped else adapter,
        takes=tuple(takes),
        leaves=tuple(leaves),
    )


def write(services: Services, asked: Assistant) -> Path:
    """Write the zip file and give its path. Raises `NotFound` where Thumbloop's own files are not all here."""
    missing = [name for name in FILES if not (ROOT / name).is_file()]
    if missing:
        raise NotFound(
            f"{missing[0]} of Thumbloop is not here, because it was installed as a package. "
            "Run it from a copy of the repository to prepare a Space."
        )
    made = plan(services, asked)
    with tempfile.TemporaryDirectory() as scratch:
        bundle = Path(scratch, BUNDLE)
        write_bundle(bundle, made.assistant, services.knowledge.texts(asked.id), adapter=made.adapter)

        def zip_up(path: Path) -> None:
            with ZipFile(path, "w", ZIP_DEFLATED) as zipped:
                for name in FILES:
                    zipped.write(ROOT / name, name)
                for file in _code():
                    zipped.write(file, file.relative_to(ROOT))
                zipped.write(bundle, BUNDLE)
                zipped.writestr("README.md", _readme(asked))

        return exports.make(services.settings, f"{asked.slug}-space.zip", zip_up)


def commands(slug: str) -> str:
    """What to type to put the file online."""
    return COMMANDS.format(slug=slug)


def _readme(asked: Assistant) -> str:
    name = " ".join(asked.name.split())
    return README.format(title=json.dumps(name), name=name, gradio=gr.__version__)


def _code() -> list[Path]:
    found = (file for package in PACKAGES for file in sorted((ROOT / package).rglob("*")))
    return [file for file in found if file.suffix in KINDS]


def _is_of_this_machine(model: str) -> bool:
    return Path(model).expanduser().is_absolute() or Path(model).exists()
