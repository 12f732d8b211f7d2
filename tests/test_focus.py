"""Late interaction: sentences that meet more of a question's words come first, and a score means the same anywhere."""

import re
from collections.abc import Sequence

import numpy as np
import pytest

from assistant.knowledge import Passage
from assistant.knowledge.fake_embedder import HashEmbedder
from assistant.knowledge.focus import Tokens, best_sentences, sentences_of


def passage(text: str, *, title: str = "Pier", score: float = 0.5, start: int = 0, chunk: str = "c") -> Passage:
    return Passage(
        chunk=chunk,
        document="d",
        title=title,
        heading="",
        text=text,
        score=score,
        start=start,
        end=start + len(text),
    )


def sentences(*passages: Passage) -> list[Passage]:
    """All sentences of passages of which nothing else is around."""
    return [sentence for one in passages for sentence in sentences_of(one, one.text, one.start)]


def test_the_sentence_that_meets_the_question_comes_first_with_its_place() -> None:
    found = best_sentences(
        HashEmbedder(),
        "When does the green ferry leave?",
        sentences(passage("The pier is old. The green ferry does leave at nine. Tickets are sold.", start=100)),
    )
    assert found[0].text == "The green ferry does leave at nine."
    assert (found[0].start, found[0].end) == (117, 117 + len(found[0].text))
    assert {one.chunk for one in found} == {"c"}
    assert 0 <= found[-1].score < found[0].score <= 1


def test_rare_words_weigh_more_in_the_order_and_not_in_the_score() -> None:
    texts = ["The boat is red.", "The boat is blue.", "The boat is new.", "A heron nests here."]
    found = best_sentences(HashEmbedder(), "the boat heron", [passage(text, chunk=text) for text in texts])
    assert found[0].text == "A heron nests here."
    alone = best_sentences(HashEmbedder(), "the boat heron", [passage(texts[3])])
    assert found[0].score == pytest.approx(alone[0].score)


class Vocabulary(HashEmbedder):
    """Gives each word the id that it has in a vocabulary in order of frequency."""

    def __init__(self, **ids: int) -> None:
        super().__init__()
        self._ids = ids

    def embed_tokens(self, texts: Sequence[str]) -> list[Tokens]:
        read = super().embed_tokens(texts)
        words = (re.findall(r"\w+", text.lower()) for text in texts)
        return [
            Tokens(tuple(self._ids.get(word, 0) for word in found), tokens.vectors[: len(found)])
            for found, tokens in zip(words, read, strict=True)
        ]


def test_words_that_every_text_has_do_not_count_in_the_score() -> None:
    vocabulary = Vocabulary(what=200, did=300, the=100, heron=20_000, eat=5_000)
    question = "What did the heron eat"

    def score(text: str) -> float:
        return best_sentences(vocabulary, question, [passage(text, title="")])[0].score

    assert score("what did the") == pytest.approx(0)
    assert score("heron eat") == pytest.approx(1)
    assert score("heron") > score("eat") > 0


def test_a_question_of_common_words_alone_is_scored_by_all_of_them() -> None:
    vocabulary = Vocabulary(what=200, did=300)
    (found,) = best_sentences(vocabulary, "what did", [passage("did", title="")])
    assert found.score == pytest.approx(0.5)


def test_a_sentence_is_read_under_its_title() -> None:
    found = best_sentences(
        HashEmbedder(), "Skiff price", [passage("It costs 3."), passage("It costs 9.", title="Skiff price")]
    )
    assert found[0].text == "It costs 9."


def test_a_better_passage_decides_between_equal_sentences() -> None:
    found = best_sentences(
        HashEmbedder(), "key", [passage("No key.", score=0.1), passage("No key.", score=0.9, start=9)]
    )
    assert found[0].start == 9


def test_passages_without_sentences_and_sentences_that_are_too_long() -> None:
    assert best_sentences(HashEmbedder(), "key", []) == []
    assert best_sentences(HashEmbedder(), "key", sentences(passage("## Heading"))) == []
    endless = "key " * 500
    (one,) = best_sentences(HashEmbedder(), "key", [passage(endless.strip())])
    assert one.text == endless.strip() and np.isfinite(one.score)


def test_a_sentence_that_a_passage_has_only_a_part_of_is_whole() -> None:
    whole = "It rained. The winds at St. Augustine had barely diminished. It was 1964."
    cut = passage(whole[30:50], start=30)
    (one,) = sentences_of(cut, whole[5:], 5)
    assert one.text == "The winds at St. Augustine had barely diminished." == whole[one.start : one.end]
