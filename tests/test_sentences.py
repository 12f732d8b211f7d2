"""Sentences keep their places; headings, rulers and bullets are left out; lists and tables go by the line."""

import random
import string
from itertools import pairwise

import pytest

from assistant.knowledge.sentences import split_sentences


def texts(whole: str) -> list[str]:
    return [sentence.text for sentence in split_sentences(whole)]


def test_sentences_of_prose_end_where_a_reader_would_end_them() -> None:
    prose = (
        'Dr. Ruhl sold No. 5 for 3.50 crowns. "Is it dear?" she asked. It was,\nhe said, e.g. for him!\n\nNew paragraph'
    )
    assert texts(prose) == [
        "Dr. Ruhl sold No. 5 for 3.50 crowns.",
        '"Is it dear?" she asked.',
        "It was,\nhe said, e.g. for him!",
        "New paragraph",
    ]


def test_headings_rulers_and_bullets_are_no_sentences() -> None:
    page = (
        "# Prices\n\n## Boats\nA day costs 40 crowns.\n\n"
        "- a rope: 3 crowns\n- an oar. It is new.\n\n1. Pay.\n2) Row.\n\n"
        "---\n\n| Boat | Price |\n|---|---|\n| Skiff | 12 |\n"
    )
    assert texts(page) == [
        "A day costs 40 crowns.",
        "a rope: 3 crowns",
        "an oar.",
        "It is new.",
        "Pay.",
        "Row.",
        "| Boat | Price |",
        "| Skiff | 12 |",
    ]


@pytest.mark.parametrize("seed", range(40))
def test_places_are_exact_in_order_and_leave_no_word_of_prose_out(seed: int) -> None:
    dice = random.Random(seed)
    alphabet = string.ascii_letters + ".!? \n\t-*|1)\"'é中…\r\u2028\U0001f600"
    whole = "".join(dice.choices(alphabet, k=dice.randint(0, 300)))
    found = split_sentences(whole)
    for sentence in found:
        assert whole[sentence.start : sentence.end] == sentence.text == sentence.text.strip() != ""
    assert all(one.end <= other.start for one, other in pairwise(found))
    letters = [character for character in whole if character.isalpha()]
    assert [character for one in found for character in one.text if character.isalpha()] == letters
