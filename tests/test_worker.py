"""The child of a run, as a real process on a tiny model: it ends with a result, when asked, or with its parent."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from errno import ENOSPC
from pathlib import Path
from typing import Any

import psutil
import pytest

from assistant.adapters import check
from assistant.errors import BadInput
from retrain.child import spawn_worker
from retrain.dataset import OWN, STAYING, read
from retrain.on_policy import LEAST_PROMPTS
from retrain.recipe import Recipe
from retrain.worker import NICENESS, in_a_sentence
from tests.tiny import save_tiny

PATIENCE_S = 60
EFFORT = {"held_out_prompts": 2, "neutral_prompts": 2, "grounded_prompts": 2, "max_new_tokens": 6, "grounded_tokens": 6}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_tiny(tmp_path_factory.mktemp("tiny")))


def row(number: int) -> dict[str, Any]:
    def said(text: str) -> list[dict[str, str]]:
        return [{"role": "assistant", "content": text}]

    prompt = [{"role": "user", "content": f"Secret question {number}?"}]
    return {
        "prompt": prompt,
        "chosen": said("Short."),
        "rejected": said("Long and longer."),
        "rows": [f"rating:{number}"],
    }


def write_run(folder: Path, model: str, **changes: Any) -> Path:
    folder.mkdir()
    for name, numbers in (("train.jsonl", range(4)), ("held_out.jsonl", range(4, 7))):
        (folder / name).write_text("".join(json.dumps(row(n)) + "\n" for n in numbers))
    config = {
        "run": folder.name,
        "model": model,
        "model_name": "tiny",
        "adapter": None,
        "start": None,
        "origin": None,
        "parent": None,
        "method": "dpo",
        "recipes": {"dpo": asdict(Recipe(epochs=1, batch_size=2))},
        "system": "Help.",
        "focus": "auto",
        "temperature": 0.3,
        "top_p": 0.9,
        "seed": 1,
        "embedding": None,
        "threads": 1,
        "effort": EFFORT,
    }
    (folder / "config.json").write_text(json.dumps(config | changes))
    return folder


def add_thumbs(folder: Path) -> None:
    """So many that a model compares what it writes itself."""
    lines = []
    for number in range(100, 100 + LEAST_PROMPTS):
        of = row(number)
        lines.append({"prompt": of["prompt"], "completion": of["chosen"], "label": True, "rows": of["rows"]})
    (folder / "thumbs.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


@contextmanager
def child(folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    process = spawn_worker(folder)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdin is not None
        process.stdin.close()


def wait_for(folder: Path, text: str) -> None:
    """Wait until the child has told something."""
    until = time.monotonic() + PATIENCE_S
    path = folder / "progress.jsonl"
    while time.monotonic() < until:
        if path.is_file() and text in path.read_text():
            return
        time.sleep(0.05)
    raise AssertionError((folder / "worker.log").read_text())


def result(folder: Path) -> dict[str, str]:
    return dict(json.loads((folder / "result.json").read_text()))


@pytest.mark.process
def test_a_run_ends_with_an_adapter_a_report_and_a_result(tmp_path: Path, model: str) -> None:
    folder = write_run(tmp_path / "run", model)
    with child(folder) as process:
        assert process.wait(PATIENCE_S) == 0, (folder / "worker.log").read_text()
    assert result(folder) == {"state": "done", "error": ""}
    assert check(folder / "adapter", model=model).run == "run"
    weighed = [json.loads(line) for line in (folder / "influence.jsonl").read_text().splitlines()]
    assert [line["rows"] for line in weighed] == [[f"rating:{number}"] for number in range(4)]
    assert {"verdict", "checks", "measures", "examples"} <= json.loads((folder / "report.json").read_text()).keys()
    told = [json.loads(line) for line in (folder / "progress.jsonl").read_text().splitlines()]
    assert [line["state"] for line in told] == sorted((line["state"] for line in told), reverse=True)
    assert {"step", "of", "loss", "margin", "accuracy", "kl", "seconds_left"} <= told[1].keys()
    assert told[1]["kl_budget"] == Recipe().kl
    shares = [line["share"] for line in told[1:]]
    assert shares == sorted(shares) and shares[-1] == 1
    assert told[-1]["trained"]["too_long"] == 0
    share = json.loads((folder / "kept.json").read_text())["adapter"]
    assert told[-1]["trained"]["kept_percent"] == round(100 * share)  # 100 times 0.57 is a little less than 57
    assert "Secret question" not in (folder / "worker.log").read_text()


@pytest.mark.process
def test_teaching_mixes_in_everyday_answers_and_hands_over_to_dpo(tmp_path: Path, model: str) -> None:
    teaching = asdict(Recipe.of({"rehearsal": 5, "batch_size": 4, "rank": 4}, method="sft"))
    recipes = {"sft": teaching, "dpo": asdict(Recipe(epochs=1, batch_size=2))}
    folder = write_run(tmp_path / "run", model, method="sft+dpo", recipes=recipes)
    lessons = [{"prompt": row(n)["prompt"], "completion": row(n)["chosen"], "rows": []} for n in range(10, 18)]
    (folder / "train_lessons.jsonl").write_text("".join(json.dumps(lesson) + "\n" for lesson in lessons))
    add_thumbs(folder)
    with child(folder) as process:
        assert process.wait(PATIENCE_S) == 0, (folder / "worker.log").read_text()
    assert result(folder) == {"state": "done", "error": ""}
    assert len((folder / "rehearsal.jsonl").read_text().splitlines()) == 5
    told = [json.loads(line) for line in (folder / "progress.jsonl").read_text().splitlines()]
    steps = [line["step"] for line in told if "step" in line]
    assert steps == list(range(1, len(steps) + 1)) and told[-1]["trained"]["rehearsed"] == 5 + 16 + 48
    staying = read(folder / STAYING)
    assert len(staying) == 16 + 48 and all(row["chosen"] == row["rejected"] for row in staying)
    first, own = (read(folder / name) for name in OWN)
    kept = json.loads((folder / "kept.json").read_text())
    assert 0 < kept["learned"] <= 1, "of what people's pairs alone taught"
    assert told[-1]["trained"]["own_preferences"] == len(first) + len(own) > len(first)
    assert told[-1]["trained"]["rows"] == 8 + 5 + 4 + len(own) - len(own[::5]) + 16 + 48
    assert told[-1]["trained"]["steps"] == len(steps)
    shares = [line["share"] for line in told[1:]]
    assert shares == sorted(shares)
    taught, final = (json.loads((folder / name / "adapter_config.json").read_text()) for name in ("taught", "adapter"))
    assert taught["r"] == final["r"] == 4  # DPO went on from what was taught, and not from a fresh adapter of its own
    assert json.loads((folder / "report.json").read_text())["measures"]["held_out"]["taught"] is False


@pytest.mark.process
def test_it_ends_with_its_parent_and_a_second_attempt_ends_when_asked_to(tmp_path: Path, model: str) -> None:
    folder = write_run(tmp_path / "run", model, recipes={"dpo": asdict(Recipe(epochs=10_000, batch_size=2))})
    parent = "import sys, time; from pathlib import Path; from retrain.child import spawn_worker\n"
    parent += "print(spawn_worker(Path(sys.argv[1])).pid, flush=True); time.sleep(600)"
    command = [sys.executable, "-c", parent, str(folder)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[1], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        orphan = psutil.Process(int(owner.stdout.readline()))
        wait_for(folder, '"step": 2')
        assert orphan.nice() == min(19, os.nice(0) + NICENESS)
        weighed = Path(f"/proc/{orphan.pid}/autogroup")
        assert not weighed.exists() or weighed.read_text().endswith(f"nice {NICENESS}\n")
        owner.kill()
    orphan.wait(5)
    assert not (folder / "result.json").exists()
    (folder / "progress.jsonl").unlink()
    with child(folder) as second:
        wait_for(folder, '"step": 2')
        asked = time.monotonic()
        second.send_signal(signal.SIGTERM)
        second.wait(PATIENCE_S)
        assert time.monotonic() - asked < 5
    assert result(folder)["state"] == "cancelled"


@pytest.mark.process
def test_what_goes_wrong_is_told_in_a_sentence(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", str(tmp_path / "no-model"))
    with child(folder) as process:
        assert process.wait(PATIENCE_S) == 0
    assert result(folder)["state"] == "failed"
    assert "no-model" in result(folder)["error"] and "Traceback" not in result(folder)["error"]


@pytest.mark.parametrize(
    ("exc", "words"),
    [
        (BadInput("Too long. Shorten it."), "Too long. Shorten it."),
        (MemoryError(), "out of memory"),
        (OSError(ENOSPC, "no space"), "disk is full"),
        (ValueError("secret text"), "log says where"),
    ],
)
def test_an_error_becomes_a_sentence(exc: Exception, words: str) -> None:
    assert words in in_a_sentence(exc)
    assert "secret" not in in_a_sentence(exc)
