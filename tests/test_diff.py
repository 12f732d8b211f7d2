"""Changes between two texts are marked word by word, and only where the texts are alike."""

import pytest

from ui.pages.diff import sides


def test_changed_words_are_marked_on_their_side() -> None:
    assert sides("It costs one euro a day.", "It costs three euros a day.") == (
        "It costs <del>one euro</del> a day.",
        "It costs <ins>three euros</ins> a day.",
        True,
    )


@pytest.mark.parametrize(
    ("before", "after", "old", "new"),
    [
        ("In June.", "In June. Late.", "In June. ", "In June. <ins>Late.</ins>"),
        ("Well, in June it is.", "in June it is.", "<del>Well,</del> in June it is.", "in June it is."),
        ("Line one\nline two", "Line one line two", "Line one<br>line two", "Line one line two"),
        ("", "", "", ""),
    ],
)
def test_words_that_came_or_went_and_white_space(before: str, after: str, old: str, new: str) -> None:
    gone, come, marked = sides(before, after)
    assert (gone.rstrip(), come.rstrip(), marked) == (old.rstrip(), new.rstrip(), True)


def test_another_text_altogether_is_not_marked() -> None:
    before, after, marked = sides("Apples and pears.", "I do not know anything about fruit in this house.")
    assert not marked and "<del>" not in before and "<ins>" not in after


def test_text_can_only_show() -> None:
    before, after, _ = sides("a <b> c d", "a <i> c d")
    assert before == "a <del>&lt;b&gt;</del> c d" and after == "a <ins>&lt;i&gt;</ins> c d"
