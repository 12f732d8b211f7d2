"""The detokenizer: pieces of text that join to the whole, with whole characters and no special token."""

from assistant.detokenizer import Detokenizer
from tests.tiny import tiny_tokenizer

TEXT = "Grüße 🙂 the answer, as 日本 wrote:  two  spaces\n"


def test_pieces_join_to_the_text_and_none_has_half_a_character() -> None:
    tokenizer = tiny_tokenizer()
    text = Detokenizer(tokenizer)
    pieces = [text.add([token]) for token in tokenizer(TEXT)["input_ids"]]
    assert len(pieces) > len(TEXT) / 2 and "" in pieces
    assert not any("\ufffd" in piece for piece in pieces)
    assert "".join(pieces) + text.finish() == TEXT


def test_several_tokens_at_once_are_the_same_text() -> None:
    tokenizer = tiny_tokenizer()
    ids = tokenizer(TEXT)["input_ids"]
    text = Detokenizer(tokenizer)
    assert "".join(text.add(ids[at : at + 5]) for at in range(0, len(ids), 5)) + text.finish() == TEXT


def test_special_tokens_are_not_text() -> None:
    tokenizer = tiny_tokenizer()
    text = Detokenizer(tokenizer)
    assert text.add([*tokenizer("the")["input_ids"], tokenizer.eos_token_id, tokenizer.bos_token_id]) == "the"
    assert text.finish() == ""


def test_a_character_that_never_ends_is_shown_as_broken_at_the_end() -> None:
    tokenizer = tiny_tokenizer()
    text = Detokenizer(tokenizer)
    assert text.add(tokenizer("the 🙂")["input_ids"][:-1]) == ""
    assert text.finish() == "the \ufffd"
