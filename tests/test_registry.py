import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from assistant.adapters import read_manifest, write_manifest
from assistant.database import Database
from assistant.engine import Weights
from assistant.errors import AdapterRefused, BadInput, Conflict, ModelUnavailable, NotFound
from assistant.fake_engine import FakeEngine
from assistant.tables import Assistant
from retrain.registry import Registry
from retrain.tables import Adapter, AdapterState
from tests.house import FAILED, PASSED, House
from tests.tiny import save_tiny, save_tiny_adapter


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_tiny(tmp_path_factory.mktemp("base")))


@pytest.fixture
def house(database: Database, tmp_path: Path, base: str) -> House:
    return House(database, tmp_path, base)


def test_a_run_becomes_a_candidate_with_files_manifest_and_row(house: House) -> None:
    run_id = house.finish_run(parent=None)
    adapter = house.registry.register(run_id, house.run_folder(run_id))
    assert (adapter.id, adapter.version, adapter.state, adapter.run_id) == (
        "default-v1",
        1,
        AdapterState.candidate,
        run_id,
    )
    assert adapter.metrics == {**PASSED, "checks": {"fluency": 1.02}}
    manifest = read_manifest(house.adapters_dir / "default-v1")
    assert (manifest.id, manifest.run, manifest.sha256) == ("default-v1", run_id, adapter.sha256)
    assert {path.name for path in (house.adapters_dir / "default-v1").iterdir()} == {
        "adapter_model.safetensors",
        "adapter_config.json",
        "manifest.json",
        "rows.json",
    }
    assert house.serves is None
    assert house.registry.report("default-v1") == {"verdict": PASSED}


def test_the_same_run_twice_is_one_adapter_and_versions_go_on(house: House) -> None:
    run_id = house.finish_run()
    first = house.registry.register(run_id, house.run_folder(run_id))
    again = house.registry.register(run_id, house.run_folder(run_id))
    assert (again.id, again.sha256) == (first.id, first.sha256)
    assert house.add() == "default-v2"
    assert list(house.states) == ["default-v2", "default-v1"]


def test_a_run_without_whole_weights_is_refused_and_leaves_nothing(house: House) -> None:
    run_id = house.finish_run()
    (house.run_folder(run_id) / "adapter" / "adapter_model.safetensors").unlink()
    with pytest.raises(AdapterRefused):
        house.registry.register(run_id, house.run_folder(run_id))
    assert house.states == {}
    assert house.registry.sweep() == []


def test_promotion_switches_what_serves_and_loads_it_before(house: House) -> None:
    first, second = house.add(), house.add()
    assert house.registry.promote(first, by="ann").state == AdapterState.active
    house.registry.promote(second, by="ann")
    assert house.serves == second
    assert house.states == {second: "active", first: "archived"}
    assert house.history == [("promote", None, first), ("promote", first, second)]
    assert house.engine.loaded[-1] == Weights(model="default", adapter=house.adapters_dir / second)


def test_promoting_what_serves_changes_nothing(house: House) -> None:
    first = house.add()
    house.registry.promote(first, by="ann")
    house.registry.promote(first, by="ann")
    assert house.history == [("promote", None, first)]


def test_what_the_gate_or_a_person_rejected_cannot_serve(house: House) -> None:
    by_gate, by_person = house.add(verdict=FAILED), house.add()
    house.registry.reject(by_person, by="ann")
    assert house.states == {by_gate: "rejected", by_person: "rejected"}
    for adapter_id in (by_gate, by_person):
        with pytest.raises(Conflict, match="was rejected"):
            house.registry.promote(adapter_id, by="ann")
    assert house.serves is None


def test_what_serves_or_served_cannot_be_rejected(house: House) -> None:
    first, second = house.add(), house.add()
    house.registry.promote(first, by="ann")
    house.registry.promote(second, by="ann")
    for adapter_id in (first, second):
        with pytest.raises(Conflict, match="cannot be rejected"):
            house.registry.reject(adapter_id, by="ann")


def test_rolling_back_again_and_again_walks_to_the_base_model_and_stops(house: House) -> None:
    first, second = house.add(), house.add()
    house.registry.promote(first, by="ann")
    house.registry.promote(second, by="ann")
    assert getattr(house.registry.rollback(house.assistant_id, by="ann"), "id", None) == first
    assert house.registry.rollback(house.assistant_id, by="ann") is None
    assert house.serves is None
    assert house.engine.loaded[-1] == Weights(model="default")
    with pytest.raises(Conflict, match="nothing to roll back to"):
        house.registry.rollback(house.assistant_id, by="ann")
    assert house.states == {second: "archived", first: "archived"}


def test_after_a_roll_back_the_next_promotion_counts_from_there(house: House) -> None:
    first, second, third = house.add(), house.add(), house.add()
    house.registry.promote(first, by="ann")
    house.registry.promote(second, by="ann")
    house.registry.rollback(house.assistant_id, by="ann")
    house.registry.promote(third, by="ann")
    house.registry.rollback(house.assistant_id, by="ann")
    assert house.serves == first, "it served before the third; the second was taken back"
    house.registry.promote(second, by="ann")
    assert house.states == {third: "archived", second: "active", first: "archived"}


def damage(folder: Path) -> None:
    weights = folder / "adapter_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)


def swap(folder: Path) -> None:
    """Another whole adapter in its place, manifest and all."""
    other = next(path for path in folder.parent.iterdir() if path.is_dir() and path != folder)
    shutil.rmtree(folder)
    shutil.copytree(other, folder)


@pytest.mark.parametrize("harm", [damage, swap, shutil.rmtree, lambda folder: (folder / "manifest.json").unlink()])
def test_a_damaged_adapter_is_refused_and_the_old_one_serves_on(house: House, harm: Callable[[Path], None]) -> None:
    first, second = house.add(), house.add()
    house.registry.promote(first, by="ann")
    harm(house.adapters_dir / second)
    with pytest.raises(AdapterRefused, match=second):
        house.registry.promote(second, by="ann")
    assert house.serves == first
    assert house.states == {second: "candidate", first: "active"}


def test_a_damaged_adapter_is_not_rolled_back_to_either(house: House) -> None:
    first, second = house.add(), house.add()
    house.registry.promote(first, by="ann")
    house.registry.promote(second, by="ann")
    damage(house.adapters_dir / first)
    with pytest.raises(AdapterRefused):
        house.registry.rollback(house.assistant_id, by="ann")
    assert house.serves == second


def test_an_adapter_of_another_model_is_refused(house: House, tmp_path: Path) -> None:
    first = house.add()
    other = str(save_tiny(tmp_path / "other-base", seed=9))
    registry = Registry(house.database, house.engine, adapters_dir=house.adapters_dir, resolve=lambda _name: other)
    with pytest.raises(AdapterRefused, match="another model"):
        registry.promote(first, by="ann")
    assert house.serves is None


class Refusing(FakeEngine):
    """An engine that has no room for more weights."""

    def load(self, weights: Weights) -> None:
        raise ModelUnavailable(f"There is no room for {weights.model}.")


def test_weights_that_do_not_load_are_not_promoted(house: House, base: str) -> None:
    first = house.add()
    registry = Registry(house.database, Refusing(), adapters_dir=house.adapters_dir, resolve=lambda _name: base)
    with pytest.raises(ModelUnavailable):
        registry.promote(first, by="ann")
    assert (house.serves, house.states, house.history) == (None, {first: "candidate"}, [])


class Meddling(FakeEngine):
    """An engine that does something else while it loads, as a second admin might."""

    def __init__(self, meddle: Callable[[], object]) -> None:
        super().__init__()
        self._meddle = meddle

    def load(self, weights: Weights) -> None:
        super().load(weights)
        self._meddle()


def test_what_changed_while_the_weights_were_loading_is_not_overrun(house: House, base: str) -> None:
    first, second = house.add(), house.add()
    engine = Meddling(lambda: house.registry.promote(second, by="bob"))
    slow = Registry(house.database, engine, adapters_dir=house.adapters_dir, resolve=lambda _name: base)
    with pytest.raises(Conflict, match="same moment"):
        slow.promote(first, by="ann")
    assert house.states == {second: "active", first: "candidate"}


def test_an_adapter_rejected_while_it_was_loading_does_not_serve(house: House, base: str) -> None:
    first = house.add()
    engine = Meddling(lambda: house.registry.reject(first, by="bob"))
    slow = Registry(house.database, engine, adapters_dir=house.adapters_dir, resolve=lambda _name: base)
    with pytest.raises(Conflict, match="was rejected"):
        slow.promote(first, by="ann")
    assert house.serves is None


def test_two_promotions_at_once_leave_one_active(house: House) -> None:
    names = [house.add() for _ in range(4)]
    ready = threading.Barrier(len(names))
    errors: list[Exception] = []

    def promote(name: str) -> None:
        ready.wait(timeout=10)
        try:
            house.registry.promote(name, by="ann")
        except Conflict as exc:
            errors.append(exc)

    threads = [threading.Thread(target=promote, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    active = [name for name, state in house.states.items() if state == "active"]
    assert active == [house.serves]
    assert len(house.history) + len(errors) == len(names)


def test_an_adapter_says_which_feedback_made_it_and_its_ancestors(house: House) -> None:
    first = house.add(rows=("rating:1", "comparison:2"))
    second = house.add(parent=first, rows=("rating:3",))
    assert house.registry.made_from(first) == {"rating:1", "comparison:2"}
    assert house.registry.made_from(second) == {"rating:1", "comparison:2", "rating:3"}


@pytest.mark.parametrize("ask", ["promote", "reject"])
def test_an_adapter_that_is_none_is_not_found(house: House, ask: str) -> None:
    with pytest.raises(NotFound, match="nobody-v1"):
        getattr(house.registry, ask)("nobody-v1", by="ann")


KILLED_BEFORE_ITS_ROW = """
import os, signal, sys
from pathlib import Path
import retrain.registry as registry
from assistant.database import open_database
from assistant.fake_engine import FakeEngine
import ui.tables

url, adapters_dir, base, run_id, run_folder = sys.argv[1:]
registry._row = lambda *args, **kwargs: os.kill(os.getpid(), signal.SIGKILL)
place = registry.Registry(open_database(url), FakeEngine(), adapters_dir=Path(adapters_dir), resolve=lambda name: base)
place.register(run_id, Path(run_folder))
"""


@pytest.mark.process
def test_killed_between_files_and_row_the_next_start_cleans_up_and_goes_on(house: House, base: str) -> None:
    run_id = house.finish_run()
    arguments = [str(house.database.engine.url), str(house.adapters_dir), base, run_id, str(house.run_folder(run_id))]
    child = subprocess.run(
        [sys.executable, "-c", KILLED_BEFORE_ITS_ROW, *arguments],
        cwd=Path(__file__).parents[1],
        env=os.environ | {"PYTHONPATH": "."},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert child.returncode == -signal.SIGKILL, child.stderr.decode()
    assert (house.adapters_dir / "default-v1" / "manifest.json").exists()
    assert house.states == {}
    assert house.registry.sweep() == ["default-v1"]
    assert house.registry.register(run_id, house.run_folder(run_id)).id == "default-v1"
    assert house.registry.sweep() == []
    assert house.registry.promote("default-v1", by="ann").state == AdapterState.active


def test_files_left_by_a_killed_process_are_replaced_even_without_a_sweep(house: House) -> None:
    for name in ("default-v1", ".incoming-default-v1"):
        (house.adapters_dir / name).mkdir()
        (house.adapters_dir / name / "half").write_text("x", encoding="utf-8")
    first = house.add()
    assert not (house.adapters_dir / first / "half").exists()
    house.registry.promote(first, by="ann")


FULL_DISK = "CREATE TRIGGER full BEFORE INSERT ON promotion BEGIN SELECT RAISE(ABORT, 'disk trouble'); END"


def test_a_transaction_that_fails_leaves_the_old_state(house: House) -> None:
    first = house.add()
    with house.database.write() as session:
        session.connection().execute(text(FULL_DISK))
    with pytest.raises(IntegrityError, match="disk trouble"):
        house.registry.promote(first, by="ann")
    assert (house.serves, house.states) == (None, {first: "candidate"})


def test_rows_of_adapters_survive_only_with_their_assistant(house: House) -> None:
    first = house.add()
    with house.database.write() as session:
        session.delete(session.get_one(Assistant, house.assistant_id))
    with house.database.read() as session:
        assert session.get(Adapter, first) is None
    assert house.registry.sweep() == [first]


def ship(house: House, *, seed: int = 7) -> Path:
    """A finished adapter that no run of this home made."""
    folder = house.folder / "shipped"
    save_tiny_adapter(folder, house.base, seed=seed)
    manifest = read_manifest(folder).model_copy(update={"id": "version-0", "version": 0, "run": ""})
    write_manifest(folder, manifest)
    return folder


def test_an_assistant_without_adapters_begins_with_a_shipped_one(house: House) -> None:
    shipped = ship(house)
    adapter = house.registry.install(house.assistant_id, shipped, by="setup")
    assert adapter is not None
    assert (adapter.id, adapter.version, adapter.state) == ("default-v0", 0, AdapterState.active)
    assert (house.adapters_dir / "default-v0" / "adapter_model.safetensors").is_file()
    assert house.registry.made_from("default-v0") == frozenset()
    assert house.registry.sweep() == []
    assert house.history == [("promote", None, "default-v0")]
    assert house.add(parent="default-v0") == "default-v1"


def test_a_shipped_adapter_comes_once_and_not_back_after_a_roll_back(house: House) -> None:
    shipped = ship(house)
    house.registry.install(house.assistant_id, shipped, by="setup")
    assert house.registry.install(house.assistant_id, shipped, by="setup") is None
    assert house.registry.rollback(house.assistant_id, by="ann") is None
    assert house.registry.install(house.assistant_id, shipped, by="setup") is None
    assert house.serves is None


def test_a_shipped_adapter_for_another_model_or_damaged_is_not_installed(house: House, tmp_path: Path) -> None:
    shipped = ship(house)
    other = Registry(
        house.database,
        house.engine,
        adapters_dir=house.adapters_dir,
        resolve=lambda _name: str(save_tiny(tmp_path / "other", seed=5)),
    )
    assert other.install(house.assistant_id, shipped, by="setup") is None
    (shipped / "adapter_model.safetensors").write_bytes(b"nothing")
    with pytest.raises(AdapterRefused, match="changed or damaged"):
        house.registry.install(house.assistant_id, shipped, by="setup")
    assert house.serves is None


def trial(house: House) -> tuple[str | None, float]:
    with house.database.read() as session:
        asked = session.get_one(Assistant, house.assistant_id)
        return asked.trial_adapter, asked.trial_share


def test_a_trial_loads_the_adapter_first_and_leaves_what_serves(house: House) -> None:
    first, second = house.add(), house.add()
    house.registry.promote(first, by="ann")
    house.registry.try_out(second, share=0.1, by="ann")
    assert trial(house) == (second, 0.1)
    assert (house.serves, house.states) == (first, {second: "candidate", first: "active"})
    assert house.engine.loaded[-1] == Weights(model="default", adapter=house.adapters_dir / second)
    assert house.history[-1] == ("trial", first, second)


def test_a_trial_is_over_with_its_end_a_promotion_a_roll_back_or_a_rejection(house: House) -> None:
    first, second, third = house.add(), house.add(), house.add()
    house.registry.promote(first, by="ann")
    ends: list[Callable[[], object]] = [
        lambda: house.registry.end_trial(house.assistant_id, by="ann"),
        lambda: house.registry.promote(second, by="ann"),
        lambda: house.registry.rollback(house.assistant_id, by="ann"),
        lambda: house.registry.reject(third, by="ann"),
    ]
    for end in ends:
        house.registry.try_out(third, share=0.25, by="ann")
        assert trial(house) == (third, 0.25)
        end()
        assert trial(house) == (None, 0.0)
    assert house.serves == first, "the roll back went to what served before the promotion, and counted no trial"


def test_rejecting_another_version_leaves_the_trial(house: House) -> None:
    first, second = house.add(), house.add()
    house.registry.try_out(second, share=0.1, by="ann")
    house.registry.reject(first, by="ann")
    assert trial(house) == (second, 0.1)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 10.0, float("nan")])
def test_what_is_no_share_is_refused(house: House, share: float) -> None:
    first = house.add()
    with pytest.raises(BadInput, match="no share"):
        house.registry.try_out(first, share=share, by="ann")
    assert trial(house) == (None, 0.0)


def test_what_was_rejected_answers_already_or_is_damaged_is_not_tried(house: House) -> None:
    first, second, third = house.add(), house.add(), house.add()
    house.registry.promote(first, by="ann")
    house.registry.reject(second, by="ann")
    damage(house.adapters_dir / third)
    for adapter_id, error in ((first, Conflict), (second, Conflict), (third, AdapterRefused), ("x-v9", NotFound)):
        with pytest.raises(error):
            house.registry.try_out(adapter_id, share=0.1, by="ann")
    assert trial(house) == (None, 0.0)


def test_a_promotion_while_a_trial_was_loading_is_not_overrun(house: House, base: str) -> None:
    first, second = house.add(), house.add()
    engine = Meddling(lambda: house.registry.promote(second, by="bob"))
    slow = Registry(house.database, engine, adapters_dir=house.adapters_dir, resolve=lambda _name: base)
    with pytest.raises(Conflict, match="same moment"):
        slow.try_out(first, share=0.1, by="ann")
    assert trial(house) == (None, 0.0)


def test_an_adapter_says_what_taught_it_alone(house: House) -> None:
    first = house.add(rows=("rating:1",))
    second = house.add(parent=first, rows=("rating:3", "correction:2"))
    assert house.registry.taught_by(second) == ("correction:2", "rating:3")
    with pytest.raises(NotFound):
        house.registry.taught_by("x-v9")
