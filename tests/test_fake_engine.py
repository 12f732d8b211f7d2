"""The fake engine: it does what the protocol says, by script."""

import pytest

from assistant.engine import Engine, Sampling, Weights
from assistant.errors import BadInput, ModelUnavailable
from assistant.fake_engine import FakeEngine
from assistant.prompt import encode_messages

WEIGHTS = Weights(model="default")


def ask(engine: FakeEngine, question: str, sampling: Sampling | None = None) -> tuple[str, str | None]:
    prompt = encode_messages(engine.tokenizer("default"), [{"role": "user", "content": question}])
    pieces = list(engine.stream(prompt, weights=WEIGHTS, sampling=sampling or Sampling()))
    assert all(piece.finish is None for piece in pieces[:-1])
    return "".join(piece.text for piece in pieces), pieces[-1].finish


def test_it_is_an_engine() -> None:
    engine: Engine = FakeEngine()
    assert engine.context_tokens("default") > 1000
    engine.close()


def test_scripted_replies_come_in_order_and_then_the_question_comes_back() -> None:
    engine = FakeEngine()
    engine.enqueue("One  two\nthree. ")
    assert ask(engine, "First?") == ("One  two\nthree. ", "stop")
    assert ask(engine, "Where is   the key?") == ("You asked: Where is the key?", "stop")
    assert ask(engine, "Why?", Sampling(temperature=1.0, seed=7)) == ("You asked: Why? (take 7)", "stop")
    assert [call.sampling.seed for call in engine.history] == [0, 0, 7]


def test_a_reply_is_cut_at_its_length() -> None:
    engine = FakeEngine()
    engine.enqueue("one two three")
    assert ask(engine, "Count.", Sampling(max_new_tokens=2)) == ("one two", "length")


def test_an_error_comes_after_some_text() -> None:
    engine = FakeEngine()
    engine.enqueue(ModelUnavailable("It is gone."))
    seen = []
    with pytest.raises(ModelUnavailable, match="It is gone"):
        for piece in engine.stream([1, 2], weights=WEIGHTS, sampling=Sampling()):
            seen.append(piece.text)
    assert "".join(seen)


def test_a_prompt_that_does_not_fit_is_refused() -> None:
    with pytest.raises(BadInput, match="9000 tokens"):
        next(FakeEngine().stream([1] * 9000, weights=WEIGHTS, sampling=Sampling()))
