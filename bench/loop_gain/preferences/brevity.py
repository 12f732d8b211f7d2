"""Somebody who likes answers of about 25 words."""

from bench.loop_gain.preference import Answer, Preference, split_sentences

WORDS = 25


def score(answer: Answer) -> float:
    """1 at 25 words; half of it at twice or half as many."""
    words = len(answer.text.split())
    return min(words, WORDS) / max(words, WORDS)


def correct(answer: Answer) -> str:
    """The first sentences, up to about 25 words."""
    kept: list[str] = []
    for sentence in split_sentences(answer.text):
        if kept and len(" ".join([*kept, sentence]).split()) > WORDS:
            break
        kept.append(sentence)
    words = " ".join(kept).split()
    return " ".join(words) if len(words) <= 2 * WORDS else f"{' '.join(words[:WORDS]).rstrip(',;:')}."


PREFERENCE = Preference(name="brevity", wish="About 25 words, please.", score=score, correct=correct)
