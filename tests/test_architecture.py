"""The shape of the house: imports point only back, and modules that must stay light do."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ORDER = ("assistant", "feedback", "retrain", "ui")


def imports_of(path: Path) -> Iterator[str]:
    """The first part of the name of each module that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield (node.module or "").split(".")[0]


@pytest.mark.parametrize("package", ORDER)
def test_imports_point_only_back(package: str) -> None:
    allowed = ORDER[: ORDER.index(package) + 1]
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    for path in files:
        forward = set(imports_of(path)) & {*ORDER, "tests", "bench"} - set(allowed)
        assert not forward, f"{path.relative_to(ROOT)} imports {forward}"


def test_the_rule_sees_what_breaks_it(tmp_path: Path) -> None:
    (tmp_path / "wrong.py").write_text("def f():\n    from ui.app import serve\n    import retrain.runs as r\n")
    assert set(imports_of(tmp_path / "wrong.py")) == {"ui", "retrain"}


def test_help_needs_neither_models_nor_gradio() -> None:
    probe = "import sys, ui.cli; print({'torch', 'gradio', 'transformers'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "set()"
