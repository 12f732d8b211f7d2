"""Making, changing, duplicating, deleting, exporting and importing assistants; and the handlers of the builder."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from assistant import persona, records
from assistant.adapters import read_manifest, write_manifest
from assistant.errors import BadInput, Conflict, ModelUnavailable, NotAllowed, NotFound
from assistant.fake_engine import FakeEngine
from assistant.knowledge import Upload
from assistant.starting_points import STARTING_POINTS
from assistant.tables import Conversation, Document, Message, Reply
from feedback.tables import Rating
from retrain.tables import Adapter, Run
from tests.pages import a_run_elsewhere
from tests.serving import open_services
from tests.tiny import save_tiny, save_tiny_adapter
from ui import endpoints
from ui.pages import assistant_handlers as handlers
from ui.pages import preview_handlers as previews
from ui.pages.preview_handlers import Talk
from ui.services import Services
from ui.sessions import Caller

ADMIN = Caller("a1", "admin", "admin")
GUEST = Caller("guest-1", "guest", "guest")
MEMBER = Caller("m1", "mia", "member")
HOSTILE = '<img src=x onerror="alert(1)">'


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("base"))


@pytest.fixture
def services(home: Path, base: Path) -> Iterator[Services]:
    with open_services(home, model=str(base)) as opened:
        yield opened


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """For tests that make assistants of other names, or none."""
    with open_services(tmp_path_factory.mktemp("home")) as opened:
        yield opened


def listed(services: Services) -> dict[str, dict[str, Any]]:
    return {one["assistant"]: one for one in endpoints.assistants(services, ADMIN)["assistants"]}


def rows(services: Services, table: Any) -> int:
    with services.database.read() as session:
        return len(session.exec(select(table)).all())


def form(services: Services, **changes: Any) -> dict[str, Any]:
    return handlers.load(services, ADMIN, assistant="default") | changes


def shipped(folder: Path, base: Path) -> Path:
    """An adapter that no run of this database made."""
    save_tiny_adapter(folder, str(base))
    write_manifest(folder, read_manifest(folder).model_copy(update={"run": ""}))
    return folder


def engine(services: Services) -> FakeEngine:
    assert isinstance(services.engine, FakeEngine)
    return services.engine


@pytest.mark.parametrize("point", STARTING_POINTS, ids=lambda point: point.key)
def test_an_assistant_is_made_from_each_starting_point_and_answers(shared: Services, point: Any) -> None:
    made = endpoints.create_assistant(shared, ADMIN, f"My {point.title}", start=point.key)
    assert made["assistant"] == persona.slug_from(f"My {point.title}")
    for name, value in point.settings.items():
        assert made["settings"][name] == value or name == "name"
    *_, last = endpoints.chat(shared, GUEST, "Hello?", made["assistant"])
    assert last["done"] and last["text"]


def test_guests_are_told_what_they_may_use_and_no_settings(shared: Services) -> None:
    made = endpoints.create_assistant(shared, ADMIN, "Hidden", settings={"access": "admins"})
    told = endpoints.assistants(shared, GUEST)["assistants"]
    assert made["assistant"] not in [one["assistant"] for one in told]
    assert told[0].keys() == {"assistant", "name", "avatar", "greeting", "example_questions"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"name": "Default", "assistant": "default"}, "already an assistant"),
        ({"name": "X", "assistant": "../x"}, "short name"),
        ({"name": " "}, "The name is empty"),
        ({"name": "X", "start": "other"}, "must be one of help-desk"),
        ({"name": "X", "settings": {"adapter": "../x"}}, "There is no setting 'adapter'"),
        ({"name": "X", "settings": ["x"]}, "must be an object"),
        ({"name": "X", "settings": {"temperature": 9}}, "Temperature"),
    ],
)
def test_what_cannot_be_made_is_a_sentence_and_leaves_nothing(
    shared: Services, arguments: dict[str, Any], sentence: str
) -> None:
    before = listed(shared)
    with pytest.raises((BadInput, Conflict), match=sentence):
        endpoints.create_assistant(shared, ADMIN, **arguments)
    with pytest.raises(ModelUnavailable, match="There is no model"):
        endpoints.create_assistant(shared, ADMIN, "X", settings={"model": "/nowhere/at all"})
    assert listed(shared) == before


def test_settings_are_changed_and_what_cannot_be_changes_nothing(shared: Services) -> None:
    made = endpoints.create_assistant(shared, ADMIN, "Changing")["assistant"]
    told = endpoints.update_assistant(shared, ADMIN, made, {"greeting": "Hi!", "passages": 2.0})
    assert (told["settings"]["greeting"], told["settings"]["passages"]) == ("Hi!", 2)
    with pytest.raises(BadInput, match="Top p"):
        endpoints.update_assistant(shared, ADMIN, made, {"greeting": "No", "top_p": 0})
    assert listed(shared)[made] == told


def test_a_duplicate_has_settings_and_documents_but_nobodys_words(services: Services) -> None:
    *_, last = endpoints.chat(services, GUEST, "Where are my documents?")
    endpoints.rate(services, GUEST, last["reply"], "up")
    made = endpoints.duplicate_assistant(services, ADMIN, "default")
    first = listed(services)["default"]
    assert made["name"] == "Copy of Thumbloop guide" and made["assistant"] == "copy-of-thumbloop-guide"
    assert made["settings"] == first["settings"] | {"name": made["name"]}
    assert (made["documents"], made["conversations"], made["feedback"]) == (first["documents"], 0, 0)
    *_, answer = endpoints.chat(services, GUEST, "Where are my documents?", made["assistant"])
    assert [one["text"] for one in answer["sources"]] == [one["text"] for one in last["sources"]]
    assert endpoints.duplicate_assistant(services, ADMIN, "default")["assistant"].endswith("-2")


def test_deleting_takes_everything_with_it_and_leaves_the_others(services: Services, base: Path) -> None:
    made = endpoints.create_assistant(services, ADMIN, "Bees")["assistant"]
    endpoints.ingest(services, ADMIN, made, [Upload(name="b.md", data=b"# Bees\n\nThey fly.")])
    *_, last = endpoints.chat(services, GUEST, "Do they fly?", made)
    endpoints.rate(services, GUEST, last["reply"], "up")
    folder = shipped(services.settings.home / "bees-v1", base)
    with services.database.read() as session:
        assistant_id = records.assistant_by_slug(session, made).id
    assert services.registry.install(assistant_id, folder, by="a1")
    *_, kept = endpoints.chat(services, GUEST, "Where are my documents?")
    assert handlers.cards(services, ADMIN).count("1 document, 1 conversation, 1 piece of feedback, 1 trained version")
    assert list(listed(services)) == ["default", "bees"]
    told = endpoints.delete_assistant(services, ADMIN, made)
    assert [one["assistant"] for one in told["assistants"]] == ["default"]
    assert rows(services, Conversation) == 1 and rows(services, Message) == 2 and rows(services, Reply) == 1
    assert rows(services, Rating) == rows(services, Adapter) == rows(services, Run) == 0
    assert not list(services.settings.adapters_dir.glob("bees*"))
    assert [*endpoints.retry(services, GUEST, kept["reply"])][-1]["done"]
    with pytest.raises(NotFound):
        next(endpoints.chat(services, GUEST, "Do they fly?", made))


def test_the_last_assistant_and_one_being_retrained_stay(services: Services) -> None:
    with pytest.raises(Conflict, match="only assistant"):
        endpoints.delete_assistant(services, ADMIN, "default")
    assert 'data-do="delete"' not in handlers.cards(services, ADMIN)
    made = endpoints.create_assistant(services, ADMIN, "Bees")["assistant"]
    a_run_elsewhere(services)
    with pytest.raises(Conflict, match="being retrained"):
        endpoints.delete_assistant(services, ADMIN, "default")
    assert rows(services, Document) > 0
    endpoints.delete_assistant(services, ADMIN, made)


def test_a_round_trip_gives_the_same_assistant(services: Services, base: Path) -> None:
    settings = {"avatar": "🐝", "access": "members", "min_score": 0.3, "example_questions": ["How many?"]}
    made = endpoints.create_assistant(services, ADMIN, "Bees", settings=settings)["assistant"]
    endpoints.ingest(services, ADMIN, made, [Upload(name="b.md", data="# Bees\n\nThey fly. ❤️".encode())])
    with services.database.read() as session:
        first_id = records.assistant_by_slug(session, made).id
    folder = shipped(services.settings.home / "bees-v7", base)
    services.registry.install(first_id, folder, by="a1")
    *_, said = endpoints.chat(services, ADMIN, "How many bees are there?", made)
    endpoints.correct(services, ADMIN, said["reply"], "Fifty thousand in June.")
    path = endpoints.export_assistant(services, ADMIN, made, with_adapter=True)
    before = listed(services)[made] | {"conversations": 0, "feedback": 0}
    endpoints.delete_assistant(services, ADMIN, made)
    again = endpoints.import_assistant(services, ADMIN, path, path.name)
    assert again.pop("notes") == []
    assert again == before | {"adapter": "bees-v1"}
    with services.database.read() as session:
        document = session.exec(select(Document).where(Document.name == "b.md")).one()
    assert (document.title, document.text) == ("Bees", "# Bees\n\nThey fly. ❤️")
    kept = read_manifest(services.settings.adapters_dir / "bees-v1")
    assert kept.sha256 == read_manifest(folder).sha256 and kept.run == "" and kept.metrics == {}
    *_, last = endpoints.chat(services, ADMIN, "Do bees fly?", again["assistant"])
    assert last["adapter"] == "bees-v1" and "They fly" in last["sources"][0]["text"]
    *_, told = endpoints.chat(services, MEMBER, "How many bees are there?", again["assistant"])
    assert "Fifty thousand in June." in [source["text"] for source in told["sources"]], "a golden answer came along"
    assert endpoints.import_assistant(services, ADMIN, path, path.name)["assistant"] == "bees-2"


def test_an_adapter_for_another_model_is_left_out_and_said(services: Services, tmp_path: Path) -> None:
    other = save_tiny(tmp_path / "other", seed=1)
    made = endpoints.create_assistant(services, ADMIN, "Bees", settings={"model": str(other)})["assistant"]
    with services.database.read() as session:
        first_id = records.assistant_by_slug(session, made).id
    services.registry.install(first_id, shipped(tmp_path / "x", other), by="a1")
    endpoints.update_assistant(services, ADMIN, made, {"model": "default"})
    path = endpoints.export_assistant(services, ADMIN, made, with_adapter=True)
    again = endpoints.import_assistant(services, ADMIN, path, path.name)
    assert "made for another model" in again["notes"][0] and again["adapter"] is None


def test_an_import_that_fails_midway_leaves_nothing(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    path = endpoints.export_assistant(services, ADMIN, "default")
    before = listed(services)

    def full(*_: object) -> None:
        raise OSError("disk is full")

    monkeypatch.setattr(services.knowledge, "give", full)
    with pytest.raises(OSError, match="full"):
        endpoints.import_assistant(services, ADMIN, path, path.name)
    assert listed(services) == before


def test_a_base_model_has_no_adapter_to_export(shared: Services) -> None:
    with pytest.raises(BadInput, match="no trained version"):
        endpoints.export_assistant(shared, ADMIN, "default", with_adapter=True)


@pytest.mark.parametrize("caller", [GUEST, Caller("m", "member", "member")])
def test_only_admins_manage_assistants(shared: Services, caller: Caller, tmp_path: Path) -> None:
    for call in (
        lambda: endpoints.create_assistant(shared, caller, "X"),
        lambda: endpoints.update_assistant(shared, caller, "default", {"name": "X"}),
        lambda: endpoints.duplicate_assistant(shared, caller, "default"),
        lambda: endpoints.delete_assistant(shared, caller, "default"),
        lambda: endpoints.export_assistant(shared, caller, "default"),
        lambda: endpoints.import_assistant(shared, caller, tmp_path / "x.zip", "x.zip"),
    ):
        with pytest.raises(NotAllowed):
            call()


def test_the_form_keeps_what_it_was_given_or_says_why_not(services: Services) -> None:
    changed = form(services, greeting="Good day.", example_questions="One?\n\n Two? ", passages=2.0, min_score=0.4)
    assert handlers.save(services, ADMIN, changed, assistant="default").startswith("Saved")
    kept = listed(services)["default"]["settings"]
    assert (kept["greeting"], kept["example_questions"], kept["passages"]) == ("Good day.", ["One?", "Two?"], 2)
    assert form(services)["example_questions"] == "One?\nTwo?"
    handlers.save(services, ADMIN, form(services, grounded=False, min_score=None), assistant="default")
    assert listed(services)["default"]["settings"]["passages"] == 0
    off = form(services)
    assert (off["grounded"], off["passages"], off["min_score"]) == (False, handlers.SOURCES, None)
    for name, value, sentence in (
        ("temperature", 9, "The freedom must be"),
        ("name", " ", "The name must have at least a word"),
        ("focus", "words", "What the model is given must be one of"),
        ("max_new_tokens", None, "The longest answer must be a whole number"),
        ("model", "no such/model/here", "There is no model"),
    ):
        wrong = form(services) | {name: value}
        assert list(handlers.problems(services, ADMIN, wrong)) == [name]
        with pytest.raises(BadInput, match=sentence):
            handlers.save(services, ADMIN, wrong, assistant="default")


def test_a_new_assistant_is_made_from_the_form(services: Services) -> None:
    values = handlers.load(services, ADMIN, assistant="", start="tutor")
    assert values["name"] == "Tutor" and handlers.suggest(services, ADMIN, name="Tutor") == "tutor"
    assert handlers.make(services, ADMIN, values, slug="tutor") == "tutor"
    assert handlers.suggest(services, ADMIN, name="Tutor") == "tutor-2"
    assert "already" in handlers.slug_problem(services, ADMIN, slug="tutor")
    with pytest.raises(BadInput, match="already"):
        handlers.make(services, ADMIN, values, slug="tutor")
    with pytest.raises(BadInput, match="starting point"):
        handlers.load(services, ADMIN, assistant="", start="nothing")


def test_tone_and_numbers_say_the_same(services: Services) -> None:
    for tone, numbers in handlers.TONES.items():
        assert handlers.tone_of(*numbers) == tone
    assert handlers.tone_of(0.33, 0.9) == handlers.tone_of(None, 0.9) == handlers.OWN
    assert handlers.tone_of(form(services)["temperature"], form(services)["top_p"]) == "Precise"


def test_what_is_known_of_a_model_is_said(shared: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    told = handlers.about_model(shared, ADMIN, model="default")
    assert "135 million" in told and "best sentences" in told
    assert "hub" in handlers.about_model(shared, ADMIN, model="someone/some-model")
    assert "cannot be loaded" in handlers.about_model(shared, ADMIN, model="/nowhere/at all")
    monkeypatch.setattr(shared.engine, "parameters", lambda model: 1_500_000_000)  # noqa: ARG005
    assert "whole passages" in handlers.about_model(shared, ADMIN, model="default")


def test_what_people_wrote_shows_as_text(shared: Services) -> None:
    made = endpoints.create_assistant(shared, ADMIN, HOSTILE, settings={"greeting": HOSTILE})["assistant"]
    values = handlers.load(shared, ADMIN, assistant=made)
    page = handlers.cards(shared, ADMIN) + handlers.head(shared, ADMIN, assistant=made)
    page += previews.at_rest(values, Talk()).html
    assert "<img" not in page and "&lt;img" in page


def preview(services: Services, values: dict[str, Any], message: str, **more: Any) -> list[previews.Preview]:
    more = {"assistant": "default", "talk": Talk()} | more
    return list(previews.ask(services, ADMIN, values, message=message, clock=iter(range(999)).__next__, **more))


def test_the_preview_uses_the_form_and_stores_nothing(services: Services) -> None:
    values = form(services, system_prompt="You are a pirate.", temperature=1.5)
    engine(services).enqueue("In one folder [1].")
    views = preview(services, values, "Where are my documents kept?")
    assert views[0].busy and "Thinking" in views[0].html and not views[-1].busy
    assert "In one folder" in views[-1].html and "tl-source" in views[-1].html
    asked = engine(services).history[-1]
    text = engine(services).tokenizer("default").decode(asked.prompt)
    assert "You are a pirate." in text and asked.sampling.temperature == 1.5
    preview(services, values, "And then?", talk=views[-1].talk)
    text = engine(services).tokenizer("default").decode(engine(services).history[-1].prompt)
    assert "In one folder" in text, "it remembers what was said before"
    assert rows(services, Conversation) == rows(services, Message) == rows(services, Reply) == 0
    assert listed(services)["default"]["settings"]["system_prompt"] != "You are a pirate."


def test_the_preview_says_what_is_wrong_and_goes_on(services: Services) -> None:
    assert "first" in preview(services, form(services), "  ")[-1].warning
    assert "The name" in preview(services, form(services, name=""), "Hello?")[-1].warning
    engine(services).enqueue(RuntimeError("secret detail"))
    failed = preview(services, form(services), "Hello?")[-1]
    assert failed.warning == previews.FAILED and not failed.busy and "secret" not in str(failed)


def test_the_preview_of_one_that_is_not_made_yet_asks_no_documents(services: Services) -> None:
    values = handlers.load(services, ADMIN, assistant="", start="help-desk")
    views = preview(services, values, "Where are my documents kept?", assistant="")
    assert views[-1].talk.turns[0][2] == () and not views[-1].warning
    assert previews.example(values, n="0") == "What are the most important rules?"
    assert previews.example(values, n="99") == previews.example(values, n="x") == ""


def test_a_file_is_imported_and_told_of(services: Services) -> None:
    path = handlers.export(services, ADMIN, assistant="default", with_adapter=False)
    assert "Imported Thumbloop guide." in handlers.bring_in(services, ADMIN, path=str(path))
    assert "Made Copy of" in handlers.act(services, ADMIN, do="duplicate", assistant="default")
    assert "Deleted" in handlers.act(services, ADMIN, do="delete", assistant="default-2")
    with pytest.raises(BadInput, match="unknown"):
        handlers.act(services, ADMIN, do="explode", assistant="default")
    told = json.loads(json.dumps(endpoints.assistants(services, ADMIN)))
    assert [one["assistant"] for one in told["assistants"]] == ["default", "copy-of-thumbloop-guide"]
