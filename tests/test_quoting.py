"""Quotations come from the sources: the one that bears the answer out, whole, numbered, and each once."""

from itertools import pairwise
from typing import Any

import pytest

from assistant.engine import Piece, Sampling, Weights
from assistant.fake_engine import FakeEngine
from assistant.prompt import REFUSAL, encode_text
from assistant.quoting import HELD_CHARS, borne_out, choose, stream_quoting, write_quoting

SOURCES: list[dict[str, Any]] = [
    {"n": 1, "text": "The ferry leaves\nat nine."},
    {"n": 2, "text": "The mill was built in 1871 by Anna Ruhl."},
    {"n": 3, "text": "Tickets cost 4 crowns."},
]


def pieces_of(engine: FakeEngine, *, limit: int = 200, sources: list[dict[str, Any]] = SOURCES) -> list[Piece]:
    weights, sampling = Weights(model="default"), Sampling(max_new_tokens=limit)
    return list(stream_quoting(engine, [5, 6, 7], weights=weights, sampling=sampling, sources=sources))


def text_of(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


def test_what_bears_the_answer_out_is_quoted_and_then_what_matches_the_question() -> None:
    engine = FakeEngine()
    engine.enqueue('Anna Ruhl. "The mill was bilt by the ferry')
    engine.enqueue("")
    pieces = pieces_of(engine)
    assert text_of(pieces) == (
        'Anna Ruhl. "The mill was built in 1871 by Anna Ruhl." [2] "The ferry leaves at nine." [1]'
    )
    assert pieces[-1].finish == "stop"
    told = encode_text(engine.tokenizer(""), text_of(pieces))
    assert list(engine.history[1].prompt) == [5, 6, 7, *told]
    assert pieces[-1].tokens == len(told)


@pytest.mark.parametrize("answer", ["Blue.", "At 9 in June.", "Eight."])
def test_where_no_source_bears_the_answer_out_the_best_match_is_quoted_alone_on_one_line(answer: str) -> None:
    engine = FakeEngine()
    engine.enqueue(f'{answer} "Nonsense')
    engine.enqueue("")
    pieces = pieces_of(engine)
    assert text_of(pieces) == '"The ferry leaves at nine." [1]'
    assert list(engine.history[1].prompt) == [5, 6, 7, *encode_text(engine.tokenizer(""), text_of(pieces))]


@pytest.mark.parametrize("answer", ["At nine.", "At 9.", "It leaves at nine.", "The ferry."])
def test_an_answer_in_the_words_of_what_is_quoted_stands(answer: str) -> None:
    engine = FakeEngine()
    engine.enqueue(f'{answer} "Nonsense')
    engine.enqueue("")
    assert text_of(pieces_of(engine)) == f'{answer} "The ferry leaves at nine." [1]'


def test_an_answer_is_held_back_until_it_quotes_and_a_long_one_is_not() -> None:
    engine = FakeEngine()
    engine.enqueue("Hello there, how are you?")
    assert [piece.text for piece in pieces_of(engine) if piece.text] == ["Hello there, how are you?"]
    tale = "Once upon a time " + "and another time " * 20 + "it was."
    engine.enqueue(f'{tale} "Nonsense')
    engine.enqueue("")
    pieces = pieces_of(engine)
    assert len([piece for piece in pieces if piece.text]) > 10
    assert len(next(piece.text for piece in pieces if piece.text)) > HELD_CHARS
    assert text_of(pieces) == f'{tale} "The ferry leaves at nine." [1]'


def test_what_is_held_back_goes_along_so_that_whoever_stops_has_it() -> None:
    engine = FakeEngine()
    engine.enqueue('Anna Ruhl. "The mill')
    engine.enqueue("")
    pieces = pieces_of(engine)
    assert [(piece.text, piece.held) for piece in pieces[:2]] == [("", "Anna"), ("", "Anna Ruhl.")]
    assert {piece.held for piece in pieces[2:]} == {""}


def test_an_answer_that_goes_on_without_a_quotation_is_held_back_no_longer() -> None:
    engine = FakeEngine()
    engine.enqueue("Eight. Or so it is said by many who were there.")
    shown = [piece.text for piece in pieces_of(engine) if piece.text]
    assert shown[0].startswith("Eight. ") and len(shown[0]) < 12 and len(shown) > 3


def test_yes_and_no_stand_by_themselves() -> None:
    assert borne_out("Yes.", SOURCES[:1]) and borne_out("No.", SOURCES[:1])


@pytest.mark.parametrize("answer", ["Anna Ruhl.", "In 1871", "By Anna Ruhl in 1871."])
def test_a_brief_answer_that_ends_without_quoting_what_bears_it_out_quotes_it_all_the_same(answer: str) -> None:
    engine = FakeEngine()
    engine.enqueue(answer)
    pieces = pieces_of(engine)
    assert text_of(pieces).startswith(f'{answer} "The mill was built in 1871 by Anna Ruhl." [2]')
    assert len(engine.history) == 1 and pieces[-1].finish == "stop"
    assert pieces[-1].tokens > len(encode_text(engine.tokenizer(""), answer)) + 10


@pytest.mark.parametrize(
    "answer",
    ["Hello!", "Yes.", "By Berta Ruhl.", "Anna Ruhl [2].", REFUSAL, " ".join(["The mill was built by Anna Ruhl."] * 6)],
)
def test_what_no_source_bears_out_or_cites_already_gets_no_quotation(answer: str) -> None:
    sources = [*SOURCES, {"n": 4, "text": "I don't find that in the documents, she said."}]
    engine = FakeEngine()
    engine.enqueue(answer)
    assert text_of(pieces_of(engine, sources=sources)) == answer


def test_an_answer_that_was_cut_off_gets_no_quotation() -> None:
    engine = FakeEngine()
    engine.enqueue("By Anna Ruhl in 1871.")
    assert '"' not in text_of(pieces_of(engine, limit=2))


def test_each_source_is_quoted_once_and_then_the_model_goes_on_alone() -> None:
    engine = FakeEngine()
    for reply in ('Nine. "x', ' "x', ' "x', ' "left alone"'):
        engine.enqueue(reply)
    text = text_of(pieces_of(engine))
    assert [text.count(f"[{source['n']}]") for source in SOURCES] == [1, 1, 1]
    assert len(engine.history) == 4


def test_quotation_marks_within_an_answer_are_the_models_own() -> None:
    engine = FakeEngine()
    engine.enqueue('The "old mill" is the name.')
    assert text_of(pieces_of(engine)) == 'The "old mill" is the name.'
    assert len(engine.history) == 1


@pytest.mark.parametrize("limit", [1, 5, 20])
def test_what_is_filled_in_counts_towards_the_longest_answer(limit: int) -> None:
    engine = FakeEngine()
    engine.enqueue('Nine. "x')
    engine.enqueue("")
    pieces = pieces_of(engine, limit=limit)
    assert pieces[-1].finish in ("length", "stop")
    assert all(one.tokens <= other.tokens for one, other in pairwise(pieces))


def test_another_source_is_quoted_before_the_best_match_where_it_says_much_more_of_the_answer() -> None:
    assert [source["n"] for source in choose("In 1871.", SOURCES)] == [2, 1]
    assert [source["n"] for source in choose("The ferry leaves in 1871.", SOURCES)] == [1]
    assert [source["n"] for source in choose("", SOURCES)] == [1]
    assert [source["n"] for source in choose("Nine.", SOURCES[1:])] == [2]


@pytest.mark.parametrize("limit", [1, 5, 20, 200])
@pytest.mark.parametrize(
    "written",
    [
        ['Anna Ruhl. "The mill was bilt', ""],
        ['Blue. "Nonsense', '"Nonsense', "And so on."],
        ["In 1871"],
        ["Tell me more about it, please."],
        [f'{"It is said that much is said. " * 8}"Nonsense', ""],
        [f"By {REFUSAL}"],
    ],
)
def test_many_replies_at_once_are_what_the_chat_would_say(written: list[str], limit: int) -> None:
    engine = FakeEngine()
    for text in written:
        engine.enqueue(text)
    streamed = pieces_of(engine, limit=limit)
    weights, sampling = Weights(model="default"), Sampling(max_new_tokens=limit)
    engine = FakeEngine()
    for text in written:
        engine.enqueue(text)
    told: list[None] = []
    (one,) = write_quoting(
        engine,
        [[5, 6, 7]],
        weights=weights,
        samplings=[sampling],
        sources=[SOURCES],
        on_reply=lambda: told.append(None),
    )
    assert one.text == text_of(streamed)
    assert (one.tokens, one.finish) == (streamed[-1].tokens, streamed[-1].finish)
    assert len(told) == 1


def test_of_many_replies_each_is_from_its_own_sources() -> None:
    engine = FakeEngine()
    for text in ('Anna Ruhl. "', 'Nine. "', 'Four. "', "", ""):
        engine.enqueue(text)
    weights, samplings = Weights(model="default"), [Sampling(max_new_tokens=99)] * 3
    sources = [SOURCES[1:2], SOURCES[:1], []]
    prompts = [[5], [6], [7]]
    written = write_quoting(
        engine, prompts, weights=weights, samplings=samplings, sources=sources, on_reply=lambda: None
    )
    assert [piece.text for piece in written] == [
        'Anna Ruhl. "The mill was built in 1871 by Anna Ruhl." [2]',
        'Nine. "The ferry leaves at nine." [1]',
        'Four. "',
    ]
    assert [call.prompt[0] for call in engine.history] == [5, 6, 7, 5, 6]
