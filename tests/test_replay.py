"""A run done again, as real processes on a tiny model: the same adapter, or else what differs is told."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from assistant.errors import BadInput, Conflict, NotFound, ThumbloopError
from retrain.child import spawn_worker
from retrain.made import differences
from retrain.recipe import Recipe
from retrain.replay import find_folder, replay
from tests.test_worker import PATIENCE_S, add_thumbs, child, row, write_run
from tests.tiny import save_tiny

TEACHING = asdict(Recipe.of({"rehearsal": 3, "batch_size": 4, "rank": 4}, method="sft"))
DPO = asdict(Recipe(epochs=1, batch_size=2))
LESSONS = "train_lessons.jsonl"
"""What teaching learns always stays; of preferences the best step does, and that may be the one before the first."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_tiny(tmp_path_factory.mktemp("tiny")))


@pytest.fixture(scope="module")
def trained(model: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that taught and then learned preferences, and is done."""
    folder = write_run(
        tmp_path_factory.mktemp("runs") / "run-1", model, method="sft+dpo", recipes={"sft": TEACHING, "dpo": DPO}
    )
    lessons = [{"prompt": row(n)["prompt"], "completion": row(n)["chosen"], "rows": []} for n in range(10, 16)]
    (folder / LESSONS).write_text("".join(json.dumps(lesson) + "\n" for lesson in lessons))
    add_thumbs(folder)
    (folder / "kept.json").write_text('{"adapter": 0.5}')  # as if it had been found before that half was too much
    with child(folder) as process:
        assert process.wait(PATIENCE_S) == 0, (folder / "worker.log").read_text()
    return folder


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy of that run, to be changed."""
    return Path(shutil.copytree(trained, tmp_path / "runs" / trained.name))


def again(folder: Path) -> Any:
    shares: list[float] = []
    done = replay(folder, on_share=shares.append)
    assert [path.name for path in folder.parent.iterdir()] == [folder.name], "nothing of it is kept"
    assert shares == sorted(shares)
    return done


@pytest.mark.process
def test_the_same_folder_gives_the_same_adapter_and_what_it_was_made_with_is_told(run: Path) -> None:
    made = json.loads((run / "made.json").read_text())
    assert made["by"]["threads"] == 1 and {"torch", "transformers", "trl", "peft", "python"} <= made["by"].keys()
    assert made["files"]["train.jsonl"]["lines"] == 4 and made["files"]["own-2.jsonl"]["lines"] > 0
    assert json.loads((run / "progress.jsonl").read_text().splitlines()[-1])["trained"]["kept_percent"] == 50
    done = again(run)
    assert done.same and done.sentence == f"The same adapter: its hash begins with {made['sha256'][:12]} again."


@pytest.mark.process
def test_another_word_in_a_row_gives_another_adapter_and_names_the_file(run: Path) -> None:
    rows = (run / LESSONS).read_text()
    (run / LESSONS).write_text(rows.replace("Short.", "Brief."))
    done = again(run)
    assert not done.same and f"{LESSONS} was changed since." in done.sentence


@pytest.mark.process
def test_a_row_that_a_person_deleted_is_told(run: Path) -> None:
    lines = (run / LESSONS).read_text().splitlines(keepends=True)
    (run / LESSONS).write_text("".join(lines[1:]))
    done = again(run)
    assert not done.same and f"{LESSONS} lacks 1 of its 6 rows, since what people delete" in done.sentence


@pytest.mark.process
def test_a_replay_that_fails_says_why_and_leaves_nothing(run: Path) -> None:
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**config, "model": str(run / "gone")}))
    with pytest.raises(ThumbloopError, match="gone"):
        again(run)
    assert [path.name for path in run.parent.iterdir()] == [run.name]


def test_a_run_that_made_no_adapter_has_nothing_to_compare_with(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="nothing to compare"):
        replay(write_run(tmp_path / "failed", "none"), on_share=lambda _: None, spawn=spawn_worker)


def test_a_run_is_found_by_how_its_id_begins(tmp_path: Path) -> None:
    for name in ("abc1", "abd2"):
        (tmp_path / name).mkdir()
    assert find_folder(tmp_path, "abc").name == "abc1"
    with pytest.raises(Conflict, match="2 runs"):
        find_folder(tmp_path, "ab")
    for gone in ("", "x", "../abc1"):
        with pytest.raises(NotFound):
            find_folder(tmp_path, gone)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda by: by | {"torch": "3.0"}, ["torch: 3.0, then 2.9"]),
        (lambda by: by | {"threads": 4}, ["threads: 4, then 2"]),
        (lambda by: {"torch": by["torch"]}, ["threads: missing, then 2"]),
        (lambda by: by, []),
    ],
)
def test_what_differs_is_named(change: Callable[[dict[str, Any]], dict[str, Any]], says: list[str]) -> None:
    by = {"torch": "2.9", "threads": 2}
    assert differences({"files": {}, "by": by}, {"files": {}, "by": change(by)}) == says
