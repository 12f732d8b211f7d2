"""A trial adapter answers its share of the conversations, each of them for good, and never silences the assistant."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from assistant import records
from assistant.chat import Chat
from assistant.database import Database, new_id
from assistant.engine import Weights
from assistant.errors import AdapterRefused, ModelUnavailable, ThumbloopError
from assistant.fake_engine import FakeEngine
from assistant.knowledge import Passage
from assistant.knowledge.examples import Example
from assistant.tables import Assistant
from assistant.trial import adapters_for, takes_part

IDS = [f"{number:032x}" for number in range(4000)]


class NoKnowledge:
    def search(
        self, assistant_id: str, query: str, *, limit: int, min_score: float | None = None, document: str | None = None
    ) -> Sequence[Passage]:
        raise AssertionError(f"{assistant_id} asked for {limit} of {query} from {min_score} in {document}")

    sentences = search

    def locate(self, assistant_id: str, quote: str) -> Passage:
        raise AssertionError(f"{assistant_id} looked for {quote}")

    def has_documents(self, assistant_id: str) -> bool:
        return not assistant_id

    def examples(self, assistant_id: str, question: str, *, reader: str, limit: int, least: float) -> Sequence[Example]:
        assert assistant_id and question and reader and limit and least
        return []


class Refusing(FakeEngine):
    """Cannot load some adapters."""

    def __init__(self, refused: dict[str, ThumbloopError]) -> None:
        super().__init__()
        self._refused = refused

    def load(self, weights: Weights) -> None:
        if weights.adapter is not None and weights.adapter.name in self._refused:
            raise self._refused[weights.adapter.name]


def build(database: Database, engine: FakeEngine, folder: Path, *, share: float, trial: str | None = "v2") -> Chat:
    with database.write() as session:
        records.create_assistant(
            session,
            slug="default",
            name="Helper",
            system_prompt="Help.",
            passages=0,
            adapter="v1",
            trial_adapter=trial,
            trial_share=share,
        )
    return Chat(database=database, engine=engine, knowledge=NoKnowledge(), adapters_dir=folder)


def test_a_share_of_the_conversations_takes_part_and_always_the_same() -> None:
    drawn = [takes_part(id_, "v2", share=0.1) for id_ in IDS]
    assert 0.08 < sum(drawn) / len(drawn) < 0.12
    assert drawn == [takes_part(id_, "v2", share=0.1) for id_ in IDS]


def test_a_larger_share_keeps_those_of_a_smaller_one_and_another_adapter_draws_anew() -> None:
    few = {id_ for id_ in IDS if takes_part(id_, "v2", share=0.1)}
    more = {id_ for id_ in IDS if takes_part(id_, "v2", share=0.3)}
    others = {id_ for id_ in IDS if takes_part(id_, "v3", share=0.1)}
    assert few < more
    assert len(few & others) < len(few) / 4


@pytest.mark.parametrize(("share", "some"), [(0.0, False), (1.0, True)])
def test_none_of_them_and_all_of_them(share: float, some: bool) -> None:
    assert {takes_part(id_, "v2", share=share) for id_ in IDS} == {some}


def test_without_a_trial_what_serves_answers_and_else_the_base_model() -> None:
    asked = Assistant(slug="a", name="A", system_prompt="S", adapter="v1", trial_share=0.5)
    assert adapters_for(asked, IDS[0]) == ("v1",)
    asked.adapter = None
    assert adapters_for(asked, IDS[0]) == ()


def test_either_adapter_answers_its_conversations_to_the_end_retries_included(
    database: Database, tmp_path: Path
) -> None:
    engine = FakeEngine()
    chat = build(database, engine, tmp_path, share=0.5)
    answered = set()
    for _ in range(24):
        first = list(chat.ask("Hello?", owner="ann"))[-1]
        again = list(chat.ask("And now?", owner="ann", conversation=first.conversation))[-1]
        other = list(chat.retry(first.reply, owner="ann"))[-1]
        assert first.adapter == again.adapter == other.adapter
        with database.read() as session:
            assert records.reply(session, again.reply)[1].adapter == first.adapter
        assert {call.weights.adapter for call in engine.history[-3:]} == {tmp_path / str(first.adapter)}
        answered.add(first.adapter)
    assert answered == {"v1", "v2"}


@pytest.mark.parametrize("error", [AdapterRefused("It is damaged."), ModelUnavailable("There is no room.")])
def test_a_trial_adapter_that_cannot_be_loaded_leaves_the_answer_to_what_serves(
    database: Database, tmp_path: Path, error: ThumbloopError
) -> None:
    chat = build(database, Refusing({"v2": error}), tmp_path, share=0.999999)
    turn = list(chat.ask("Hello?", owner="ann"))[-1]
    assert turn.adapter == "v1" and turn.text


def test_with_both_damaged_the_base_model_answers(database: Database, tmp_path: Path) -> None:
    damaged = AdapterRefused("It is damaged.")
    chat = build(database, Refusing({"v1": damaged, "v2": damaged}), tmp_path, share=0.999999)
    assert list(chat.ask("Hello?", owner="ann"))[-1].adapter is None


def test_a_model_that_cannot_be_loaded_for_what_serves_is_told(database: Database, tmp_path: Path) -> None:
    chat = build(database, Refusing({"v1": ModelUnavailable("There is no room.")}), tmp_path, share=0.0, trial=None)
    with pytest.raises(ModelUnavailable, match="no room"):
        list(chat.ask("Hello?", owner="ann"))


def test_a_conversation_is_stored_under_the_id_that_was_drawn_for(database: Database, tmp_path: Path) -> None:
    chat = build(database, FakeEngine(), tmp_path, share=0.5)
    for _ in range(8):
        turn = list(chat.ask("Hello?", owner="ann"))[-1]
        assert (turn.adapter == "v2") is takes_part(turn.conversation, "v2", share=0.5)
    assert len(new_id()) == len(turn.conversation)
