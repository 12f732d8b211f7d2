"""One turn: what is streamed is what is stored, with all that training needs; stopping and failing lose nothing."""

from collections.abc import Generator, Iterable, Sequence
from itertools import pairwise, repeat
from pathlib import Path

import pytest

from assistant import records
from assistant.chat import MAX_MESSAGE_CHARS, RETRY_TEMPERATURE, Chat
from assistant.database import Database
from assistant.engine import Piece, Sampling, Weights
from assistant.errors import AdapterRefused, BadInput, ModelUnavailable, NotFound
from assistant.fake_engine import FakeEngine
from assistant.knowledge import Passage
from assistant.knowledge.examples import Example
from assistant.prompt import encode_messages
from assistant.tables import Message, Reply, ReplyState
from assistant.writing import Turn


def passage(text: str, *, chunk: str = "c1") -> Passage:
    return Passage(chunk=chunk, document="d1", title="Keys", heading="", text=text, score=0.5, start=0, end=len(text))


class FakeKnowledge:
    def __init__(self) -> None:
        self.passages = [passage("The key is under the mat."), passage("There are two doors.", chunk="c2")]

    def search(
        self, assistant_id: str, query: str, *, limit: int, min_score: float | None = None, document: str | None = None
    ) -> Sequence[Passage]:
        assert assistant_id and query and document is None
        return [passage for passage in self.passages[:limit] if passage.score >= (min_score or 0.0)]

    sentences = search

    def locate(self, assistant_id: str, quote: str) -> Passage:
        assert assistant_id
        return next(passage for passage in self.passages if quote in passage.text)

    def has_documents(self, assistant_id: str) -> bool:
        return bool(assistant_id and self.passages)

    def examples(self, assistant_id: str, question: str, *, reader: str, limit: int, least: float) -> Sequence[Example]:
        assert assistant_id and question and reader and limit and least
        return []


class FailingEngine(FakeEngine):
    """Writes two words, then dies; or refuses adapters."""

    def load(self, weights: Weights) -> None:
        if weights.adapter is not None:
            raise AdapterRefused("The adapter is damaged.")

    def stream(self, prompt: Sequence[int], *, weights: Weights, sampling: Sampling) -> Generator[Piece, None, None]:
        self.enqueue("Two words")
        for piece in super().stream(prompt, weights=weights, sampling=sampling):
            yield Piece(piece.text, piece.tokens)
        raise ModelUnavailable("The model died. Start again.")


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def chat(database: Database, engine: FakeEngine, tmp_path: Path) -> Chat:
    with database.write() as session:
        records.create_assistant(session, slug="default", name="Helper", system_prompt="Help.")
    return build(database, engine, tmp_path)


def build(database: Database, engine: FakeEngine, folder: Path, *, chances: Iterable[float] = repeat(1.0)) -> Chat:
    seeds = iter(range(1, 100))
    return Chat(
        database=database,
        engine=engine,
        knowledge=FakeKnowledge(),
        adapters_dir=folder,
        new_seed=lambda: next(seeds),
        chance=iter(chances).__next__,
    )


def stored(database: Database, turn: Turn) -> tuple[Message, Reply]:
    with database.read() as session:
        return records.reply(session, turn.reply)


def test_what_is_streamed_is_what_is_stored(chat: Chat, engine: FakeEngine, database: Database) -> None:
    engine.enqueue("It is under the mat [1].")
    turns = list(chat.ask("Where is the key?", owner="ann"))
    assert turns[0].text == "" and not turns[0].done
    assert [turn.done for turn in turns].count(True) == 1 and turns[-1].done
    assert all(after.text.startswith(before.text) for before, after in pairwise(turns))
    message, made = stored(database, turns[-1])
    assert message.text == turns[-1].text == "It is under the mat [1]."
    assert made.state is ReplyState.done
    assert [source["cited"] for source in made.sources] == [True, False]
    assert tuple(made.sources) == turns[-1].sources


def test_a_mark_that_its_source_does_not_bear_out_is_neither_shown_nor_stored(
    chat: Chat, engine: FakeEngine, database: Database
) -> None:
    engine.enqueue("The key costs 40 euros [1]. It is under the mat [1].")
    turns = list(chat.ask("Where is the key?", owner="ann"))
    right = "The key costs 40 euros. It is under the mat [1]."
    assert stored(database, turns[-1])[0].text == turns[-1].text == right
    assert not any("[1]." in turn.text for turn in turns if "mat" not in turn.text)


def test_a_reply_keeps_everything_that_training_on_it_needs(chat: Chat, engine: FakeEngine, database: Database) -> None:
    made = stored(database, list(chat.ask("Where is the key?", owner="ann"))[-1])[1]
    prompt, weights, sampling = engine.history[-1]
    assert encode_messages(engine.tokenizer("default"), made.prompt) == list(prompt)
    assert "under the mat" in made.prompt[-1]["content"]
    assert (made.model, made.adapter) == (weights.model, None)
    assert (made.temperature, made.top_p, made.max_new_tokens, made.seed) == (
        sampling.temperature,
        sampling.top_p,
        sampling.max_new_tokens,
        sampling.seed,
    )
    assert made.prompt_tokens == len(prompt) and made.reply_tokens > 0
    assert made.first_token_s is not None and made.total_s is not None
    assert {"n", "chunk", "document", "title", "heading", "text", "score", "start", "end"} <= set(made.sources[0])


def test_a_follow_up_sees_the_turn_before_it_without_its_sources(chat: Chat, engine: FakeEngine) -> None:
    engine.enqueue("Under the mat.")
    first = list(chat.ask("Where is the key?", owner="ann"))[-1]
    list(chat.ask("Which mat?", owner="ann", conversation=first.conversation))
    text = engine.tokenizer("default").decode(engine.history[-1][0])
    said = 'Under the mat. "The key is under the mat." [1]'
    assert "user\nWhere is the key?<|im_end|>" in text and f"assistant\n{said}<|im_end|>" in text
    assert text.count("[1] Keys") == 1


def test_a_retry_answers_the_same_prompt_anew_and_keeps_the_first(
    chat: Chat, engine: FakeEngine, database: Database
) -> None:
    first = list(chat.ask("Where is the key?", owner="ann"))[-1]
    second = list(chat.retry(first.reply, owner="ann"))[-1]
    assert second.conversation == first.conversation and second.reply != first.reply
    (old_message, old), (new_message, new) = stored(database, first), stored(database, second)
    assert old.prompt == new.prompt and engine.history[0][0] == engine.history[1][0]
    assert old_message.parent_id == new_message.parent_id
    assert new.seed != old.seed and new.temperature > 0


def test_leaving_stops_the_reply_and_keeps_what_was_written(chat: Chat, engine: FakeEngine, database: Database) -> None:
    engine.enqueue("one two three four five six")
    turns = chat.ask("Count.", owner="ann")
    turn = next(turn for turn in turns if turn.text)
    turns.close()
    message, made = stored(database, turn)
    assert made.state is ReplyState.stopped
    assert message.text == turn.text != ""


def test_leaving_while_an_answer_is_held_back_until_it_quotes_keeps_its_words(
    chat: Chat, engine: FakeEngine, database: Database
) -> None:
    engine.enqueue("Under the mat behind the door, I think")
    turns = chat.ask("Where is the key?", owner="ann")
    seen = [next(turns) for _ in range(4)]
    assert seen[-1].sources and not any(turn.text for turn in seen)
    turns.close()  # type: ignore[attr-defined]
    message, made = stored(database, seen[-1])
    assert (message.text, made.state, made.reply_tokens) == ("Under the mat", ReplyState.stopped, 3)


@pytest.mark.usefixtures("chat")
def test_a_failing_engine_is_told_and_the_written_words_stay(database: Database, tmp_path: Path) -> None:
    turns = []
    with pytest.raises(ModelUnavailable, match="Start again"):
        for turn in build(database, FailingEngine(), tmp_path).ask("Hello?", owner="ann"):
            turns.append(turn)
    message, made = stored(database, turns[-1])
    assert (made.state, message.text) == (ReplyState.failed, "Two words")
    assert "Start again" in made.error


@pytest.mark.usefixtures("chat")
def test_a_damaged_adapter_does_not_silence_the_assistant(database: Database, tmp_path: Path) -> None:
    with database.write() as session:
        asked = records.assistant_by_slug(session, "default")
        records.update_assistant(session, asked.id, adapter="default-v1")
    turns = []
    with pytest.raises(ModelUnavailable):
        for turn in build(database, FailingEngine(), tmp_path).ask("Hello?", owner="ann"):
            turns.append(turn)
    assert turns[-1].text == "Two words" and turns[-1].adapter is None


def test_the_adapter_of_the_assistant_answers(
    chat: Chat, engine: FakeEngine, database: Database, tmp_path: Path
) -> None:
    with database.write() as session:
        asked = records.assistant_by_slug(session, "default")
        records.update_assistant(session, asked.id, adapter="default-v1")
    turn = list(chat.ask("Hello?", owner="ann"))[-1]
    assert turn.adapter == "default-v1"
    assert engine.history[-1][1].adapter == tmp_path / "default-v1"


@pytest.mark.parametrize("message", ["", "  \n", "x" * (MAX_MESSAGE_CHARS + 1), None])
def test_a_message_that_cannot_be_answered_is_refused_and_stores_nothing(
    chat: Chat, database: Database, message: str
) -> None:
    with pytest.raises(BadInput):
        next(chat.ask(message, owner="ann"))
    with database.read() as session:
        assert not records.conversations(
            session, owner="ann", assistant_id=records.assistant_by_slug(session, "default").id
        )


def test_another_persons_conversation_and_reply_do_not_exist(chat: Chat) -> None:
    turn = list(chat.ask("Hello?", owner="ann"))[-1]
    with pytest.raises(NotFound):
        next(chat.ask("And me?", owner="bob", conversation=turn.conversation))
    with pytest.raises(NotFound):
        next(chat.retry(turn.reply, owner="bob"))


def test_an_interrupted_reply_is_closed_at_the_next_start(chat: Chat, engine: FakeEngine, database: Database) -> None:
    engine.enqueue("one two three")
    turns = chat.ask("Count.", owner="ann")
    turn = next(turns)
    with database.write() as session:
        assert records.end_interrupted_replies(session) == 1
    assert stored(database, turn)[1].state is ReplyState.stopped
    turns.close()


def texts(database: Database, conversation: str) -> list[str]:
    with database.read() as session:
        return [message.text for message in records.thread(session, conversation)]


def test_a_question_in_other_words_branches_and_both_branches_are_kept(
    chat: Chat, engine: FakeEngine, database: Database
) -> None:
    for answer in ("Hello.", "Somewhere.", "Many.", "On the hook."):
        engine.enqueue(answer)
    first = list(chat.ask("Hi?", owner="ann"))[-1]
    second = list(chat.ask("Where is the key?", owner="ann", conversation=first.conversation))[-1]
    list(chat.ask("How many doors?", owner="ann", conversation=first.conversation))
    (edited,) = list(chat.edit(second.reply, "Where is the other key?", owner="ann"))[-1]
    assert edited.conversation == first.conversation
    assert texts(database, first.conversation) == ["Hi?", "Hello.", "Where is the other key?", "On the hook."]
    prompt = stored(database, edited)[1].prompt
    assert [message["content"] for message in prompt[1:3]] == ["Hi?", "Hello."], "what came before it, and no more"
    assert "Where is the key?" not in str(prompt) and "How many doors?" not in str(prompt)
    with database.write() as session:
        records.turn_to(session, second.reply, owner="ann")
    assert texts(database, first.conversation)[2:] == ["Where is the key?", "Somewhere.", "How many doors?", "Many."]


def test_the_first_question_can_be_edited_and_nobody_edits_anothers(chat: Chat, database: Database) -> None:
    turn = list(chat.ask("Hi?", owner="ann"))[-1]
    with pytest.raises(NotFound):
        next(chat.edit(turn.reply, "Mine?", owner="bob"))
    with pytest.raises(BadInput):
        next(chat.edit(turn.reply, "  ", owner="ann"))
    list(chat.edit(turn.reply, "Hello?", owner="ann"))
    with database.read() as session:
        asked = [message for message in records.messages(session, turn.conversation) if message.parent_id is None]
    assert [message.text for message in asked] == ["Hi?", "Hello?"]


@pytest.mark.parametrize(("coin", "order"), [(0.4, ("usual", "freer")), (0.6, ("freer", "usual"))])
def test_a_share_of_the_turns_gets_two_answers_in_random_order(
    chat: Chat, engine: FakeEngine, database: Database, tmp_path: Path, coin: float, order: tuple[str, str]
) -> None:
    assert chat, "made the assistant"
    with database.write() as session:
        asked = records.assistant_by_slug(session, "default")
        records.update_assistant(session, asked.id, compare_share=0.25, temperature=0.1)
    sometimes = build(database, engine, tmp_path, chances=(0.25, 0.24, coin))
    assert len(list(sometimes.converse("Hi?", owner="ann"))[-1]) == 1
    engine.enqueue("One.")
    engine.enqueue("Two, which is longer.")
    steps = list(sometimes.converse("Where is the key?", owner="ann"))
    assert [turn.text for turn in steps[-1]] == ["One.", "Two, which is longer."]
    assert any(turns[0].done and not turns[1].done for turns in steps), "both at once, the shorter is done before"
    (one, made), (two, other) = (stored(database, turn) for turn in steps[-1])
    assert one.parent_id == two.parent_id and made.prompt == other.prompt and made.seed != other.seed
    assert {made.state, other.state} == {ReplyState.done}
    temperatures = {"usual": 0.1, "freer": RETRY_TEMPERATURE}
    assert (made.temperature, other.temperature) == tuple(temperatures[name] for name in order)


def test_stopping_two_answers_keeps_the_finished_one_as_finished(
    chat: Chat, engine: FakeEngine, database: Database, tmp_path: Path
) -> None:
    assert chat, "made the assistant"
    with database.write() as session:
        asked = records.assistant_by_slug(session, "default")
        records.update_assistant(session, asked.id, compare_share=1.0)
    engine.enqueue("One.")
    engine.enqueue("Two is much longer than that.")
    steps = build(database, engine, tmp_path, chances=(0.0, 0.0)).converse("Count.", owner="ann")
    turns = next(turns for turns in steps if turns[0].done)
    steps.close()  # type: ignore[attr-defined]
    assert [stored(database, turn)[1].state for turn in turns] == [ReplyState.done, ReplyState.stopped]


def test_an_api_answer_is_always_one(chat: Chat, database: Database) -> None:
    with database.write() as session:
        asked = records.assistant_by_slug(session, "default")
        records.update_assistant(session, asked.id, compare_share=1.0)
    turn = list(chat.ask("Hi?", owner="ann"))[-1]
    with database.read() as session:
        assert len(records.replies(session, turn.conversation)) == 1
