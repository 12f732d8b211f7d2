"""An assistant as one file to take away: a zip with its settings and golden answers, its documents, maybe its adapter.

Writes and reads the file, and believes nothing in it: every part has a fixed name and a limit, nothing is unpacked by
the name it has in the zip, and nothing is unpickled. What becomes of it is decided elsewhere; an adapter is looked at
by `assistant.adapters.check` before it may serve.
"""

import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from assistant import adapters, persona
from assistant.errors import BadInput
from assistant.knowledge import StoredText
from assistant.knowledge.documents import MAX_CHARACTERS, MAX_TITLE_CHARACTERS, display_name, normalise
from assistant.tables import Assistant, GoldenKind

FORMAT, VERSION = "thumbloop-assistant", 1
MANIFEST, DOCUMENT, ADAPTER = "assistant.json", "documents/{:05d}.txt", "adapter/{}"
ADAPTER_FILES = (adapters.WEIGHTS, adapters.CONFIG, adapters.MANIFEST)
MAX_MANIFEST_BYTES = 60_000_000
MAX_DOCUMENTS, MAX_GOLDEN = 5_000, 20_000
MAX_GOLDEN_CHARS = 8_000
"""Of a question, and of an answer: as many as people may write."""
MAX_TEXT_BYTES = 200_000_000
"""Of all documents together, unpacked."""
MAX_ADAPTER_BYTES = 2_000_000_000
BLOCK_BYTES = 1 << 20
MAX_CONFIG_BYTES = 100_000
MAX_RANK = 1_024
MODULE = re.compile(r"[A-Za-z0-9_.]{1,100}")
PLAIN = {
    "base_model_name_or_path", "bias", "inference_mode", "init_lora_weights", "lora_alpha", "lora_dropout",
    "megatron_core", "peft_type", "peft_version", "qalora_group_size", "r", "target_modules", "task_type", "use_dora",
    "use_rslora",
}  # fmt: skip
"""What an adapter's configuration may set. PEFT's other settings import modules by name, repeat layers, and more."""
_BROKEN = "{name} is no file of an assistant that can be read: {why}. Export the assistant again, and import that file."

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Document(_Part):
    name: Annotated[str, StringConstraints(min_length=1)]
    title: Annotated[str, StringConstraints(min_length=1, max_length=MAX_TITLE_CHARACTERS)]
    sha256: Sha256


class _Golden(_Part):
    kind: Literal["corrected", "approved"]
    question: Annotated[str, StringConstraints(pattern=r"^[^\x00]*\S[^\x00]*$", max_length=MAX_GOLDEN_CHARS)]
    answer: Annotated[str, StringConstraints(pattern=r"^[^\x00]*\S[^\x00]*$", max_length=MAX_GOLDEN_CHARS)]


class _Manifest(_Part):
    format: Literal["thumbloop-assistant"] = "thumbloop-assistant"
    version: Literal[1] = 1
    slug: str
    settings: dict[str, Any]
    documents: Annotated[list[_Document], Field(max_length=MAX_DOCUMENTS)]
    golden: Annotated[list[_Golden], Field(max_length=MAX_GOLDEN)]
    adapter: bool


@dataclass(frozen=True)
class Golden:
    """A golden answer, without whose question it was."""

    kind: GoldenKind
    question: str
    answer: str


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """What a file holds of an assistant. `adapter` is the folder that its adapter was unpacked into."""

    slug: str
    settings: dict[str, Any]
    documents: tuple[StoredText, ...]
    golden: tuple[Golden, ...] = ()
    adapter: Path | None = None


def write_bundle(
    path: Path,
    assistant: Assistant,
    documents: Sequence[StoredText],
    *,
    golden: Sequence[Golden] = (),
    adapter: Path | None,
) -> None:
    """Write an assistant into a file. `adapter` is the folder of the adapter to take along.

    Its manifest is freed of what means nothing elsewhere: the run that made it, and its parent. Raises `AdapterRefused`
    for one that has no manifest.
    """
    manifest = _Manifest(
        slug=assistant.slug,
        settings={name: getattr(assistant, name) for name in persona.SETTINGS},
        documents=[_Document(name=each.name, title=each.title, sha256=each.sha256) for each in documents],
        golden=[_Golden(kind=each.kind.value, question=each.question, answer=each.answer) for each in golden],
        adapter=adapter is not None,
    )
    with ZipFile(path, "w", ZIP_DEFLATED) as zipped:
        zipped.writestr(MANIFEST, manifest.model_dump_json(indent=1))
        for number, document in enumerate(documents):
            zipped.writestr(DOCUMENT.format(number), document.text)
        if adapter is not None:
            told = adapters.read_manifest(adapter).model_copy(update={"run": "", "parent": None})
            zipped.writestr(ADAPTER.format(adapters.MANIFEST), told.model_dump_json(indent=1))
            for name in (adapters.WEIGHTS, adapters.CONFIG):
                zipped.write(adapter / name, ADAPTER.format(name), compress_type=ZIP_STORED)


def read_bundle(path: Path, *, name: str, into: Path) -> Bundle:
    """Read such a file, called `name`; an adapter goes into a new folder within `into`. Raises `BadInput`.

    Nothing outside of `into` is written, and at most the limits above are unpacked.
    """
    shown = display_name(name)
    try:
        with ZipFile(path) as zipped:
            return _Reading(zipped, into).bundle()
    except _Refused as exc:
        raise BadInput(_BROKEN.format(name=shown, why=exc)) from exc
    except (BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, UnicodeError, ValueError) as exc:
        raise BadInput(_BROKEN.format(name=shown, why="it is damaged, or no zip file at all")) from exc


class _Refused(Exception):
    """Why a file is not believed."""


class _Reading:
    """One file being read."""

    def __init__(self, zipped: ZipFile, into: Path) -> None:
        self._zipped = zipped
        self._into = into

    def bundle(self) -> Bundle:
        manifest = self._manifest()
        self._require_only(manifest)
        return Bundle(
            slug=manifest.slug,
            settings=_settings(manifest),
            documents=self._documents(manifest),
            golden=tuple(Golden(GoldenKind(each.kind), each.question, each.answer) for each in manifest.golden),
            adapter=self._adapter() if manifest.adapter else None,
        )

    def _manifest(self) -> _Manifest:
        try:
            told = json.loads(self._read(MANIFEST, MAX_MANIFEST_BYTES))
        except RecursionError as exc:
            raise _Refused("what it says of the assistant is nested too deeply") from exc
        if not isinstance(told, dict) or told.get("format") != FORMAT:
            raise _Refused("it was not made by exporting an assistant")
        if told.get("version") != VERSION:
            raise _Refused(f"it was made by another version of Thumbloop (format {str(told.get('version'))[:9]})")
        try:
            return _Manifest.model_validate(told)
        except ValidationError as exc:
            where = ".".join(map(str, exc.errors()[0]["loc"]))[:80]
            raise _Refused(f"its part {where!r} is not as it should be") from exc

    def _require_only(self, manifest: _Manifest) -> None:
        """Nothing is in it that does not belong, and nothing twice."""
        names = [MANIFEST, *(DOCUMENT.format(number) for number in range(len(manifest.documents)))]
        names += [ADAPTER.format(name) for name in ADAPTER_FILES] if manifest.adapter else []
        if sorted(self._zipped.namelist()) != sorted(names):
            raise _Refused("parts are missing, or there are some that do not belong")

    def _documents(self, manifest: _Manifest) -> tuple[StoredText, ...]:
        found: dict[str, StoredText] = {}
        left = MAX_TEXT_BYTES
        for number, each in enumerate(manifest.documents):
            data = self._read(DOCUMENT.format(number), left)
            left -= len(data)
            name, text = display_name(each.name), normalise(data.decode("utf-8"))
            title = " ".join(normalise(each.title).split())
            if name in found or not text.strip() or not title or len(text) > MAX_CHARACTERS:
                raise _Refused(f"its document {name!r} is empty, too long, or there twice")
            found[name] = StoredText(name=name, title=title, sha256=each.sha256, text=text)
        return tuple(found.values())

    def _adapter(self) -> Path:
        folder = self._into / "adapter"
        folder.mkdir()
        left = MAX_ADAPTER_BYTES
        for name in ADAPTER_FILES:
            with self._zipped.open(ADAPTER.format(name)) as part, (folder / name).open("wb") as file:
                while block := part.read(BLOCK_BYTES):
                    left -= len(block)
                    if left < 0:
                        raise _Refused(f"its adapter unpacks to more than {MAX_ADAPTER_BYTES / 1e9:g} GB")
                    file.write(block)
        _require_plain(self._read(ADAPTER.format(adapters.CONFIG), MAX_CONFIG_BYTES))
        return folder

    def _read(self, name: str, limit: int) -> bytes:
        try:
            with self._zipped.open(name) as part:
                data = part.read(limit + 1)
        except KeyError as exc:
            raise _Refused("it was not made by exporting an assistant") from exc
        if len(data) > limit:
            raise _Refused("it unpacks to far more than an assistant needs")
        return data


def _require_plain(config: bytes) -> None:
    told = json.loads(config)
    if not isinstance(told, dict):
        raise _Refused("its adapter has no settings")
    rank, modules = told.get("r"), told.get("target_modules")
    more = sorted(name for name, value in told.items() if value and name not in PLAIN)
    right = isinstance(rank, int) and 0 < rank <= MAX_RANK and isinstance(told.get("init_lora_weights", True), bool)
    named = isinstance(modules, list) and all(isinstance(one, str) and MODULE.fullmatch(one) for one in modules)
    if more or not right or not named:
        raise _Refused(f"its adapter is no plain LoRA adapter ({', '.join(more)[:80] or 'rank or modules'})")


def _settings(manifest: _Manifest) -> dict[str, Any]:
    """The settings, each one checked; the short name is whoever imports it to choose."""
    missing = set(persona.SETTINGS) ^ set(manifest.settings)
    if missing:
        raise _Refused(f"its settings are not those of an assistant ({', '.join(sorted(missing))[:80]})")
    for name, value in manifest.settings.items():
        if said := persona.problem(name, value):
            raise _Refused(f"a setting cannot be used: {said.rstrip('.')}")
    if said := persona.slug_problem(manifest.slug):
        raise _Refused(f"its short name cannot be used: {said.rstrip('.')}")
    return dict(manifest.settings)
