"""The repository as a Gradio Space: its front matter, its requirements, and `python app.py` as a Space runs it."""

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from socket import socket

import httpx
import pytest
import yaml
from gradio_client import Client

from tests.serving import eventually

ROOT = Path(__file__).parents[1]
START_S = 120


def front_matter() -> dict[str, object]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text.split("---\n")[1]))


def lines_of(name: str) -> list[str]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def test_the_front_matter_is_what_a_space_reads() -> None:
    told = front_matter()
    assert (told["sdk"], told["app_file"], told["license"]) == ("gradio", "app.py", "apache-2.0")
    assert {"title", "emoji", "colorFrom", "colorTo", "python_version", "short_description"} <= set(told)
    assert f"gradio=={told['sdk_version']}" in lines_of("constraints.txt")


def test_a_space_installs_the_same_as_everybody() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert lines_of("requirements.txt") == project["dependencies"]
    assert not [line for line in lines_of("requirements.txt") if line.startswith("gradio") and "==" in line]


@pytest.mark.models
def test_it_boots_without_secrets_and_writes_into_its_data_folder_only(default_models: Path, tmp_path: Path) -> None:
    repo, data = tmp_path / "repo", tmp_path / "data"
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in tracked.splitlines():
        if (ROOT / name).is_file():
            (repo / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, repo / name)
    (data / "models").mkdir(parents=True)
    for model in default_models.iterdir():
        (data / "models" / model.name).symlink_to(model)
    before = tree(repo)
    with (
        space(repo, data, own_home=tmp_path / "nobody") as url,
        closing(Client(url, verbose=False, analytics_enabled=False)) as guest,
    ):
        answer = guest.submit(message="Where are my documents kept?", api_name="/chat").result(timeout=120)
        assert answer["done"] and answer["text"] and answer["sources"]
        page = httpx.get(url, headers={"accept": "text/html", "host": "someone-thumbloop.hf.space"})
        assert page.status_code == 200 and "Secure; Partitioned" in page.headers["set-cookie"]
    assert tree(repo) == before
    assert not (tmp_path / "nobody").exists()
    assert (data / "thumbloop.db").exists()


@contextmanager
def space(repo: Path, data: Path, *, own_home: Path) -> Iterator[str]:
    """Runs `app.py` as a Space does; gives its address."""
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "OMP_NUM_THREADS") if name in os.environ}
    variables = {
        **kept,
        "HOME": str(own_home),
        "PYTHONDONTWRITEBYTECODE": "1",
        "SPACE_ID": "someone/thumbloop",
        "SYSTEM": "spaces",
        "GRADIO_SERVER_NAME": "0.0.0.0",
        "THUMBLOOP_HOME": str(data),
        "THUMBLOOP_PORT": str(port),
    }
    url = f"http://127.0.0.1:{port}"
    with (
        (data / "output.txt").open("w") as output,
        subprocess.Popen([sys.executable, "app.py"], cwd=repo, env=variables, stdout=output, stderr=output) as process,
    ):

        def is_up() -> bool:
            assert process.poll() is None, (data / "output.txt").read_text()
            try:
                return httpx.get(f"{url}/healthz").status_code == 200
            except httpx.TransportError:
                return False

        try:
            eventually(is_up, timeout_s=START_S)
            yield url
        finally:
            process.terminate()
            process.wait(30)
    assert "Traceback" not in (data / "output.txt").read_text()


def tree(folder: Path) -> set[tuple[str, int]]:
    """Every file below a folder, with the time of its last change."""
    return {(str(path.relative_to(folder)), path.stat().st_mtime_ns) for path in folder.rglob("*")}
