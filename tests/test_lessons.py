"""Lessons from feedback: corrections, and liked answers to which nobody objected."""

from feedback.evidence import Answer, Choice, CorrectedText, Evidence, Thumb
from feedback.lessons import build_lessons


def answer(name: str, *, question: str = "", text: str = "", finished: bool = True) -> Answer:
    prompt = ({"role": "user", "content": question or f"What is {name}?"},)
    return Answer(
        id=name, question=f"q-{name}", conversation=f"c-{name}", prompt=prompt, text=text or name, finished=finished
    )


def test_the_last_correction_of_an_answer_is_learned() -> None:
    evidence = Evidence(
        answers=(answer("a"),),
        corrections=(CorrectedText(1, "a", "ann", "Better."), CorrectedText(2, "a", "bob", "Best.")),
    )
    (lesson,) = build_lessons(evidence)
    assert (lesson.answer, lesson.rows, lesson.conversations) == ("Best.", ("correction:2",), ("c-a",))
    assert lesson.prompt == ({"role": "user", "content": "What is a?"},)


def test_a_liked_answer_is_learned_unless_anything_was_said_against_it() -> None:
    names = ("liked", "mixed", "lost", "won", "fixed", "cut", "disliked", "tied")
    evidence = Evidence(
        answers=(*(answer(name, finished=name != "cut") for name in names),),
        thumbs=(
            *(Thumb(at, name, "ann", name != "disliked") for at, name in enumerate(names, 1)),
            Thumb(20, "mixed", "bob", False),
            Thumb(21, "liked", "bob", True),
        ),
        corrections=(CorrectedText(1, "fixed", "bob", "Mended."),),
        choices=(Choice(1, "won", "lost", "bob"), Choice(2, "liked", "tied", "bob", tie=True)),
    )
    lessons = build_lessons(evidence)
    assert [lesson.answer for lesson in lessons] == ["Mended.", "liked", "won", "tied"]
    assert lessons[1].rows == ("rating:1", "rating:21")


def test_another_answer_to_a_corrected_prompt_is_no_lesson() -> None:
    evidence = Evidence(
        answers=(answer("a", question="Same?"), answer("b", question="Same?")),
        thumbs=(Thumb(1, "b", "ann", True),),
        corrections=(CorrectedText(1, "a", "ann", "So it is."),),
    )
    assert [lesson.answer for lesson in build_lessons(evidence)] == ["So it is."]
