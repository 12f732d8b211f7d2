"""What is given up where an update is taken back in part: how fluent its answers are, and how many people would like.

    python -m bench.interpolation RUN [--share 1 --share 0.5] [--seed 1]

RUN is the folder of a run that learned preferences (`runs/` of a home folder). It is done again beside it from its
frozen files, once for each share of the update that is left (`retrain/interpolation.py`), and put to the gate as ever.
"""

import json
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from retrain.child import Child, read_json, spawn_worker
from retrain.dataset import ADAPTER, CONFIG, FROZEN, KEPT, REPORT, RESULT, STAYING

SHARES = [1.0, 0.75, 0.5, 0.25]


def main(
    run: Annotated[Path, typer.Argument(help="The folder of a run.")],
    share: Annotated[list[float], typer.Option(min=0, max=1, help="Of the update, what is left.")] = SHARES,
    seed: Annotated[int, typer.Option(help="Of training and of what the gate asks.")] = 0,
) -> None:
    """Print what the gate finds of an update of which only a share is left."""
    for each in share:
        with TemporaryDirectory(dir=run.parent) as folder:
            measures = _report(run, Path(folder), share=each, seed=seed)["measures"]
        fluency = measures["candidate"]["nll"] / measures["active"]["nll"]
        low, high = measures["fluency"]
        liked = f"{measures['liking']['gain']:.0%}" if measures["liking"] else "nothing is known of what is"
        sys.stdout.write(f"{each:4.0%}  fluency {fluency:.2f} ({low:.2f} to {high:.2f})  {liked} liked better\n")
        sys.stdout.flush()


def _report(run: Path, folder: Path, *, share: float, seed: int) -> dict[str, Any]:
    for name in (*FROZEN, STAYING):
        if (run / name).is_file():
            shutil.copyfile(run / name, folder / name)
    kept = json.loads((run / KEPT).read_text(encoding="utf-8")) if (run / KEPT).is_file() else {}
    (folder / KEPT).write_text(json.dumps(kept | {ADAPTER: share}))
    config = json.loads((run / CONFIG).read_text(encoding="utf-8")) | {"seed": seed}
    for recipe in config["recipes"].values():
        recipe["seed"] = seed
    (folder / CONFIG).write_text(json.dumps(config))
    Child(run.name, folder, spawn_worker(folder)).close()
    report = read_json(folder / REPORT)
    if report is None:
        sys.exit((read_json(folder / RESULT) or {}).get("error", "The training process left no result."))
    return report


if __name__ == "__main__":
    typer.run(main)
