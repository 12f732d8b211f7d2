import pytest

from retrain.measures import (
    at_equal_length,
    contains_any,
    distinct_2,
    loops,
    repetition,
    self_similarity,
    split_words,
    word_entropy,
)

VARIED = [
    "The cat sleeps on a warm stone.",
    "Bread rises because yeast makes gas.",
    "Nobody knew where the old road led.",
]


def test_words_are_lower_case_and_punctuation_counts() -> None:
    assert split_words("Well, WELL!?") == ["well", ",", "well", "!", "?"]


def test_replies_are_compared_at_the_length_of_the_shorter() -> None:
    before, after = at_equal_length(["a b c d", "x"], ["e f", "y z"])
    assert (before, after) == ([["a", "b"], ["x"]], [["e", "f"], ["y"]])


@pytest.mark.parametrize(
    ("replies", "bits"),
    [([["a", "b", "c", "d"]], 2.0), ([["a", "a"], ["a", "a"]], 0.0), ([["a", "a", "b", "b"]], 1.0), ([], 0.0)],
)
def test_entropy_counts_bits(replies: list[list[str]], bits: float) -> None:
    assert word_entropy(replies) == pytest.approx(bits)


def test_the_same_reply_to_everything_is_wholly_alike() -> None:
    assert self_similarity(["I cannot help with that."] * 3) == pytest.approx(1.0)
    assert self_similarity(VARIED) < 0.2
    assert self_similarity(["alone"]) == 0.0


def test_a_reply_that_repeats_itself_shows_in_both_figures() -> None:
    stuck = "I am here to help. " * 8
    assert distinct_2([stuck]) < 0.2 < 0.9 < distinct_2(VARIED)
    assert repetition([stuck]) > 0.8 > 0.01 > repetition(VARIED)


@pytest.mark.parametrize(
    ("reply", "looping"),
    [
        ("Sure. " + "and so it goes on " * 5, True),
        ("!" * 40, True),
        ("One two three four. One two three four. Then something new.", False),
        (VARIED[0], False),
        ("", False),
    ],
)
def test_a_loop_is_words_that_a_reply_ends_in_again_and_again(reply: str, looping: bool) -> None:
    assert loops(reply) is looping


@pytest.mark.parametrize(
    ("reply", "held"),
    [
        ("It takes 25 minutes.", True),
        ("It takes Twenty-Five minutes.", True),
        ("It takes 125 minutes.", False),
        ("", False),
    ],
)
def test_an_answer_is_whole_words(reply: str, held: bool) -> None:
    assert contains_any(reply, ["25", "twenty-five"]) is held
