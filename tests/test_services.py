"""Opening and closing an app's services: one process a home, what a kill left, and what the first start makes."""

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from assistant import records
from assistant.defaults import DEFAULT_EMBEDDING, MARKER
from assistant.errors import Conflict, ModelUnavailable
from assistant.fake_engine import FakeEngine
from assistant.knowledge.fake_embedder import HashEmbedder
from assistant.tables import ReplyState
from tests.serving import eventually, open_services
from ui import endpoints
from ui.home import prepare_home
from ui.process import start_logging
from ui.services import Services, embedding_path
from ui.sessions import Caller
from ui.settings import load_settings

GUEST = Caller("guest-1", "guest", "guest")


def test_one_process_serves_a_home_and_gives_it_back(home: Path) -> None:
    with open_services(home):
        with pytest.raises(Conflict, match=r"already runs .* \(process \d+\)\. Open its page, stop it, or"):
            Services.open(load_settings(home=home), engine=FakeEngine(), embedder=HashEmbedder())
    with open_services(home) as services:
        assert services.accounts.all()[0].name == "admin"


def test_a_start_that_fails_gives_the_home_back(home: Path) -> None:
    with pytest.raises(ModelUnavailable, match="not installed"):
        Services.open(load_settings(home=home), engine=FakeEngine())
    with open_services(home):
        pass


def test_the_gate_is_told_where_the_embedding_model_is_if_it_is_there(home: Path) -> None:
    settings = load_settings(home=home)
    assert embedding_path(settings) is None
    folder = settings.models_dir / DEFAULT_EMBEDDING.folder
    folder.mkdir(parents=True)
    (folder / MARKER).write_text(json.dumps({"wheel": DEFAULT_EMBEDDING.sha256}))
    assert embedding_path(settings) == str(folder.resolve())
    assert embedding_path(load_settings(home=home, embedding_model="another")) == "another"


def test_a_reply_that_a_kill_cut_off_is_stopped_with_what_it_had(home: Path) -> None:
    with open_services(home) as services:
        stream = endpoints.chat(services, GUEST, "Where are my documents?")
        reply = next(stream)["reply"]
        with services.database.write() as session:
            records.reply(session, reply)[0].text = "They are"
        database = prepare_home(services.settings)
        services.close()
        with open_services(home) as again, again.database.read() as session:
            message, made = records.reply(session, reply)
            assert (message.text, made.state) == ("They are", ReplyState.stopped)
        database.close()


def test_the_model_gets_ready_in_the_background_or_says_why_not(home: Path, tmp_path: Path) -> None:
    with open_services(home) as services:
        eventually(lambda: services.readiness == "ready")
    with open_services(tmp_path / "other") as services:
        with services.database.write() as session:
            records.assistant_by_slug(session, "default").adapter = "gone-v1"

        class Refusing(FakeEngine):
            def load(self, weights: object) -> None:  # type: ignore[override]
                raise ModelUnavailable(f"There is no {weights}.")

        services.engine = Refusing()
        services._warm_up()
        assert services.readiness.startswith("There is no ")


@contextmanager
def logging_of(home: Path) -> Iterator[Path]:
    """The log of a home that is logged to; all is as it was afterwards."""
    handlers, level = logging.root.handlers[:], logging.root.level
    logging.root.handlers[:] = []
    try:
        start_logging(load_settings(home=home))
        yield home / "logs" / "thumbloop.log"
    finally:
        logging.captureWarnings(False)
        for handler in logging.root.handlers:
            handler.close()
        logging.root.handlers[:] = handlers
        logging.root.setLevel(level)


def test_the_log_turns_over_and_holds_ids_only(home: Path) -> None:
    with logging_of(home) as log, open_services(home) as services:
        *_, last = endpoints.chat(services, GUEST, "A question about tulips?")
        endpoints.rate(services, GUEST, last["reply"], "down", comment="No roses!")
    assert "tulips" not in log.read_text() and "roses" not in log.read_text()


def test_what_libraries_warn_of_is_logged_and_not_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings(), logging_of(home) as log:
        warnings.simplefilter("always")
        warnings.warn("An old name was used.", FutureWarning, stacklevel=1)
    assert "An old name was used." in log.read_text()
    assert "old name" not in capsys.readouterr().err
