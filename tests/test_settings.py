"""Settings: where they come from, what is refused and how that is said, and the README's table of them."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from assistant.errors import BadInput
from ui.settings import MARKERS, Settings, load_settings, settings_table

README = Path(__file__).parents[1] / "README.md"


def test_defaults_are_the_ones_promised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("THUMBLOOP_HOME")
    monkeypatch.chdir(tmp_path)
    settings = load_settings()
    assert (settings.home, settings.host, settings.port) == (tmp_path / "data", "127.0.0.1", 7860)
    assert settings.database == f"sqlite:///{tmp_path}/data/thumbloop.db"
    assert settings.guests and settings.admin_password is None


def test_variables_are_read_and_flags_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THUMBLOOP_PORT", "8001")
    monkeypatch.setenv("THUMBLOOP_GUESTS", "false")
    monkeypatch.setenv("THUMBLOOP_THREADS", "")
    assert (load_settings().port, load_settings().guests, load_settings().threads) == (8001, False, None)
    assert load_settings(port=8002, host=None).port == 8002


def test_an_unknown_variable_is_named_with_its_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THUMBLOOP_ADMIN_PASWORD", "x")
    with pytest.raises(BadInput, match=r"no setting THUMBLOOP_ADMIN_PASWORD\. Did you mean THUMBLOOP_ADMIN_PASSWORD\?"):
        load_settings()


@pytest.mark.parametrize(("name", "value"), [("PORT", "http"), ("PORT", "0"), ("THREADS", "-1"), ("GUESTS", "perhaps")])
def test_a_bad_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"THUMBLOOP_{name}", value)
    with pytest.raises(BadInput, match=rf"THUMBLOOP_{name} = '{value}' cannot be used: "):
        load_settings()


def test_the_password_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THUMBLOOP_ADMIN_PASSWORD", "tulip-harbour")
    assert "tulip" not in repr(load_settings())


def test_a_space_listens_to_all_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "someone/thumbloop")
    assert load_settings().host == "0.0.0.0" and load_settings().space_id
    monkeypatch.setenv("THUMBLOOP_HOST", "127.0.0.1")
    assert load_settings().host == "127.0.0.1"


def test_settings_are_frozen_and_unknown_flags_refused() -> None:
    with pytest.raises(ValidationError):
        load_settings().port = 1  # type: ignore[misc]
    with pytest.raises(ValidationError):
        Settings(prot=1)


def test_the_readme_has_the_table_as_generated() -> None:
    start, end = MARKERS
    shown = README.read_text(encoding="utf-8").split(start)[1].split(end)[0]
    assert shown.strip() == settings_table()
