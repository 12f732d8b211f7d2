"""A model's own replies to rated prompts, set against each other by what people like."""

from pathlib import Path
from typing import Any

import pytest

from assistant.batching import BatchingEngine
from assistant.prompt import SOURCES_HEADER
from retrain import on_policy
from retrain.on_policy import own_preferences
from retrain.replies import Probe, Written
from retrain.taste import Taste
from tests.planted import preferences
from tests.tiny import save_tiny, save_tiny_adapter

ROWS = preferences("about 25 words", 12)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_tiny(tmp_path_factory.mktemp("base")))


@pytest.fixture(scope="module")
def taste() -> Taste:
    return Taste.learn(ROWS, embedding=None)


@pytest.fixture(autouse=True)
def no_more_than_rated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prompts that nobody rated are asked only where a test wants them."""
    monkeypatch.setattr(on_policy, "LEAST_PROMPTS", 0)


def own(
    base: str,
    folder: Path,
    taste: Taste,
    *,
    number: int = 4,
    seed: int = 1,
    turn: int = 0,
    of: int = 1,
    sourced: bool = False,
) -> list[dict[str, Any]]:
    engine = BatchingEngine(folder)
    adapter = folder / "adapter"
    if not adapter.exists():
        save_tiny_adapter(adapter, base, seed=1)
    rows = [row | {"rows": [f"rating:{at}"]} for at, row in enumerate([*ROWS, ROWS[0]])]
    if sourced:
        rows = [row | {"prompt": [{"role": "user", "content": f"{SOURCES_HEADER}\nOne."}]} for row in rows]
    try:
        found = own_preferences(
            engine,
            rows,
            taste=taste,
            model=base,
            adapter=adapter,
            serves=None,
            system="Be kind.",
            quotes=True,
            number=number,
            seed=seed,
            turn=turn,
            of=of,
        )
    finally:
        engine.close()
    assert found.surprise > 0
    return found.preferences


def test_most_prompts_give_a_preference_that_names_the_ratings_behind_it(
    base: str, tmp_path: Path, taste: Taste
) -> None:
    found = own(base, tmp_path, taste)
    assert len(found) == 9, "of twelve prompts those whose replies differ most"
    behind = {tuple(row["rows"]) for row in found}
    assert behind < {("rating:0", "rating:12"), *((f"rating:{at}",) for at in range(1, 12))}
    asked = [row["prompt"] for row in ROWS]
    assert all(row["prompt"] in asked and row["chosen"] != row["rejected"] for row in found)


def test_the_same_seed_gives_the_same_and_another_one_others(base: str, tmp_path: Path, taste: Taste) -> None:
    first = own(base, tmp_path, taste)
    assert own(base, tmp_path, taste) == first != own(base, tmp_path, taste, seed=2)


def test_each_turn_is_about_other_prompts(base: str, tmp_path: Path, taste: Taste) -> None:
    asked = [{str(row["prompt"]) for row in own(base, tmp_path, taste, turn=turn, of=2)} for turn in (0, 1)]
    assert asked[0] and asked[1] and not asked[0] & asked[1]


def test_the_better_liked_reply_is_preferred(
    base: str, tmp_path: Path, taste: Taste, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_policy, "FLUENCY", (0.0,))
    gains = taste.gains(
        [(row["prompt"], _text(row, "rejected"), _text(row, "chosen")) for row in own(base, tmp_path, taste)]
    )
    assert len(gains) == 9 and min(gains) > 0


def test_of_replies_that_are_liked_alike_the_less_surprising_is_preferred(
    base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    indifferent = Taste.learn([], embedding=None)
    surprising = own(base, tmp_path, indifferent)
    monkeypatch.setattr(on_policy, "FLUENCY", (-2.0,))
    turned = {str(row["prompt"]): row for row in own(base, tmp_path, indifferent)}
    both = [(row, turned[str(row["prompt"])]) for row in surprising]
    assert both and all((one["chosen"], one["rejected"]) == (other["rejected"], other["chosen"]) for one, other in both)


def test_fluency_weighs_more_where_what_is_liked_surprises(
    base: str, tmp_path: Path, taste: Taste, monkeypatch: pytest.MonkeyPatch
) -> None:
    def preferred(fluency: tuple[float, ...], *, plain: float) -> list[dict[str, Any]]:
        monkeypatch.setattr(on_policy, "FLUENCY", fluency)
        monkeypatch.setattr(on_policy, "PLAIN", plain)
        return own(base, tmp_path, taste)

    little, much = preferred((0.0,), plain=9.0), preferred((50.0,), plain=9.0)
    assert little != much
    assert preferred((0.0, 50.0), plain=9.0) == little, "plain enough as it is"
    assert preferred((0.0, 50.0), plain=0.0) == much, "nothing is, so the last"


def test_a_reply_that_goes_round_in_circles_is_never_preferred_but_one_that_quotes_itself_may_be(
    base: str, tmp_path: Path, taste: Taste, monkeypatch: pytest.MonkeyPatch
) -> None:
    sentence = "The ferry leaves at nine in the morning"
    said = ["It is so. " * 8, f'{sentence}. "{sentence}." [1]', "On some days.", "No."]

    def write(_engine: object, probes: list[Probe], **_: object) -> list[Written]:
        return [Written(text=said[at % 4], tokens=9, ended=True) for at in range(len(probes))]

    monkeypatch.setattr(on_policy, "write_replies", write)
    monkeypatch.setattr(on_policy, "FLUENCY", (0.0,))
    monkeypatch.setattr(taste, "score", lambda _prompt, replies: [-said.index(reply) for reply in replies])
    assert {_text(row, "chosen") for row in own(base, tmp_path, taste)} == {said[1]}
    said[1] = said[0] + "Or not."
    assert {_text(row, "chosen") for row in own(base, tmp_path, taste)} == {said[2]}
    said[2:] = said[:2]
    assert own(base, tmp_path, taste) == [], "where all go round in circles, none is better"


def test_no_more_prompts_are_answered_than_there_is_time_for(
    base: str, tmp_path: Path, taste: Taste, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_policy, "PROMPTS", 4)
    assert len(own(base, tmp_path, taste)) == 3


def test_where_few_prompts_were_rated_everyday_ones_come_to_them_which_nothing_else_asks(
    base: str, tmp_path: Path, taste: Taste, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_policy, "LEAST_PROMPTS", 20)
    monkeypatch.setattr(on_policy, "TOLD_APART", 1.0)
    rated = [row["prompt"] for row in ROWS]
    unrated = [row for row in own(base, tmp_path, taste) if row["prompt"] not in rated]
    asked = [row["prompt"][-1]["content"] for row in unrated]
    assert len(asked) == 8 and set(asked) <= set(on_policy.UNRATED.read_text().splitlines())
    assert all(row["rows"] == [] and row["prompt"][0]["content"] == "Be kind." for row in unrated)
    assert len(own(base, tmp_path, taste, sourced=True)) == 1, "of documents nobody asks everyday things"


@pytest.mark.parametrize(("number", "header"), [(16, ""), (32, SOURCES_HEADER)])
def test_a_few_prompts_are_not_enough(number: int, header: str) -> None:
    rows = [
        row | {"prompt": [{"role": "user", "content": f"{header}\n{at}"}]}
        for at, row in enumerate(preferences("long", number))
    ]
    assert on_policy.enough(rows)
    assert not on_policy.enough([*rows[1:], *rows[1:]]), "each counts once"


def _text(row: dict[str, Any], side: str) -> str:
    return str(row[side][0]["content"])
