"""Somebody who likes an answer to end with a question that goes on with the talk."""

from bench.loop_gain.preference import Answer, Preference, finished, pick, split_sentences

GOING_ON = (
    "Would you like to know more about it?",
    "Have you tried that before?",
    "Shall I give you an example?",
    "What would you like to do first?",
    "Is there a part of it that I should explain?",
    "Do you want another idea?",
)


def score(answer: Answer) -> float:
    """1 where a question is the last sentence and not the only one, half where it is the last but one."""
    sentences = split_sentences(answer.text)
    if len(sentences) < 2 or sentences[0].endswith("?"):
        return 0.0
    if sentences[-1].endswith("?"):
        return 1.0
    return 0.5 if len(sentences) > 2 and sentences[-2].endswith("?") else 0.0


def correct(answer: Answer) -> str:
    """The same answer, with a question after it."""
    return f"{finished(answer.text)} {pick(GOING_ON, answer.question)}"


PREFERENCE = Preference(
    name="follow-up", wish="Ask me something at the end.", score=score, correct=correct, content=0.75
)
