"""Builds version 0 of the default's adapter anew: `thumbloop teach` on `teaching/`, the result put into its package.

    python -m bench.default_adapter [--models FOLDER] [--work FOLDER]

In a home of its own an assistant on the default model is given `teaching/documents` by `thumbloop ingest` and taught
`teaching/examples.jsonl` by `thumbloop teach`, from the base model, with the gate that every version has to pass. What
was trained in float32 is stored in bfloat16, which halves it. Takes about a quarter of an hour on two cores.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from safetensors.torch import load_file, save_file

from assistant import adapters, records
from assistant.database import open_database
from assistant.default_adapter import DEFAULT_ADAPTER
from assistant.samples import SAMPLE
from bench.options import Models, models_folder

BASE = "HuggingFaceTB/SmolLM2-135M-Instruct"
TEACHING = Path(__file__).parents[1] / "teaching"
console = Console(stderr=True)


def main(
    models: Models = None,
    work: Annotated[Path | None, typer.Option(help="Keep the home folder of the build here.")] = None,
) -> None:
    """Build version 0 of the default's adapter anew."""
    models = models_folder(models)
    started = time.monotonic()
    with TemporaryDirectory(prefix="thumbloop-build-") as temporary:
        home = work or Path(temporary)
        home.mkdir(parents=True, exist_ok=True)
        (home / "models").symlink_to(models.resolve())
        database = open_database(f"sqlite:///{home / 'thumbloop.db'}")
        database.migrate()
        with database.write() as session:
            records.create_assistant(session, slug="default", **SAMPLE)
        database.close()
        _thumbloop("ingest", str(TEACHING / "documents"), home=home)
        _thumbloop("teach", str(TEACHING / "examples.jsonl"), home=home)
        (report,) = (home / "runs").glob("*/report.json")
        ship(home / "adapters" / "default-v1", json.loads(report.read_text(encoding="utf-8")))
    console.print(f"Built in {(time.monotonic() - started) / 60:.1f} minutes: {DEFAULT_ADAPTER.name}", highlight=False)


def _thumbloop(*arguments: str, home: Path) -> None:
    command = [sys.executable, "-m", "ui.cli", *arguments]
    if subprocess.run(command, env={**os.environ, "THUMBLOOP_HOME": str(home)}, check=False).returncode:
        raise typer.Exit(1)


def ship(trained: Path, report: dict[str, Any]) -> None:
    """Put a trained adapter into the package as version 0; one that its gate rejected is not shipped."""
    if not report["verdict"]["passed"]:
        console.print(f"The gate rejected it: {report['verdict']['sentence']}", style="red", highlight=False)
        raise typer.Exit(1)
    manifest = adapters.read_manifest(trained)
    weights = {name: tensor.to(torch.bfloat16) for name, tensor in load_file(trained / adapters.WEIGHTS).items()}
    (DEFAULT_ADAPTER / adapters.MANIFEST).unlink(missing_ok=True)
    save_file(weights, DEFAULT_ADAPTER / adapters.WEIGHTS, metadata={"format": "pt"})
    config = json.loads((trained / adapters.CONFIG).read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = BASE  # instead of a path of the machine that trained it
    (DEFAULT_ADAPTER / adapters.CONFIG).write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    shipped = {"id": "default-v0", "version": 0, "parent": None, "run": "", "sha256": adapters.digest(DEFAULT_ADAPTER)}
    adapters.write_manifest(DEFAULT_ADAPTER, manifest.model_copy(update=shipped))


if __name__ == "__main__":
    typer.run(main)
