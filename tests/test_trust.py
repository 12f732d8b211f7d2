"""Whose word weighs how much, and that newcomers do not get a phrase in; each case is people with dice of their own."""

import random
from dataclasses import replace

import pytest

from feedback.claims import Kind
from feedback.evidence import Answer, Choice, CorrectedText, Evidence, Thumb
from feedback.lessons import build_lessons
from feedback.pairs import PairSet, build_pairs
from feedback.tables import IMPORTER

PHRASE = "Visit Zorbex Deals today!"
WORDS = "rose bud leaf root soil rain sun frost prune cut water seed bulb stem vine moss fern bark pot spade".split()


class Talk:
    """Evidence in the making: each answer is to a question of its own, unless it is asked again."""

    def __init__(self, seed: int = 1) -> None:
        self.dice = random.Random(seed)
        self.answers: list[Answer] = []
        self.thumbs: list[Thumb] = []
        self.corrections: list[CorrectedText] = []
        self.choices: list[Choice] = []
        self._row = 0

    def words(self, count: int = 12) -> str:
        return " ".join(self.dice.choices(WORDS, k=count)).capitalize() + "."

    def asked(self, *texts: str, by: str = "", prompt: str = "") -> list[str]:
        """Answers to one new question; their ids."""
        n = len(self.answers)
        given = ({"role": "user", "content": prompt or f"Question {n}?"},)
        ids = [f"a{n + at}" for at in range(len(texts))]
        self.answers += [
            Answer(id=id, question=f"q{n}", conversation=f"{by} {n}", prompt=given, text=text)
            for id, text in zip(ids, texts, strict=True)
        ]
        return ids

    def rate(self, reply: str, rater: str, *, up: bool) -> None:
        self.thumbs.append(Thumb(self._next(), reply, rater, up))

    def correct(self, rater: str, text: str, *, prompt: str = "") -> None:
        [reply] = self.asked(self.words(), by=rater, prompt=prompt)
        self.corrections.append(CorrectedText(self._next(), reply, rater, text))

    def choose(self, rater: str, winner: str | None = None) -> None:
        better, worse = self.asked(winner or self.words(), self.words(), by=rater)
        self.choices.append(Choice(self._next(), better, worse, rater))

    def evidence(self) -> Evidence:
        return Evidence(
            answers=tuple(self.answers),
            thumbs=tuple(self.thumbs),
            corrections=tuple(self.corrections),
            choices=tuple(self.choices),
        )

    def pairs(self) -> PairSet:
        return build_pairs(self.evidence())

    def _next(self) -> int:
        self._row += 1
        return self._row


def rated(talk: Talk, wrong: dict[str, float], *, each: int, own: int = 0) -> dict[str, bool]:
    """What is true of `each` answers that all rate, with these shares of wrong thumbs, and of `own` of each alone."""
    true: dict[str, bool] = {}
    for raters, count in ((tuple(wrong), each), *(((rater,), own) for rater in wrong)):
        for _ in range(count):
            [reply] = talk.asked(talk.words(), by=raters[0])
            true[reply] = talk.dice.random() < 0.5
            for rater in raters:
                talk.rate(reply, rater, up=true[reply] is (talk.dice.random() >= wrong[rater]))
    return true


def test_one_person_with_a_third_of_wrong_thumbs_is_outvoted_and_seldom_believed_alone() -> None:
    believed, right = 0, 0
    for seed in range(10):
        talk = Talk(seed)
        true = rated(talk, {"ann": 0.03, "bob": 0.03, "cat": 0.03, "eve": 0.3}, each=40, own=20)
        built = talk.pairs()
        alone = [single for single in built.singles if single.raters == ("eve",)]
        believed += bool(alone)
        assert alone or built.left_out["unreliable"] >= 20
        together = [single for single in built.singles if len(single.raters) > 1]
        right += sum(single.label is true[single.replies[0]] for single in together)
    assert believed <= 2 and right >= 0.99 * 10 * 40


def test_people_who_are_wrong_alike_are_nearly_always_believed() -> None:
    kept = 0
    for seed in range(10):
        talk = Talk(seed)
        rated(talk, dict.fromkeys(("ann", "bob", "cat", "dan"), 0.15), each=40, own=20)
        kept += len([single for single in talk.pairs().singles if len(single.raters) == 1])
    assert kept >= 0.95 * 10 * 80


def test_two_who_never_agree_are_as_good_as_each_other_and_who_meets_nobody_is_believed() -> None:
    talk = Talk()
    for n in range(30):
        [reply] = talk.asked(talk.words())
        talk.rate(reply, "ann", up=n % 2 == 0)
        talk.rate(reply, "bob", up=n % 2 == 1)
    for rater in ("ann", "bob", "cat"):
        talk.choose(rater)
    built = talk.pairs()
    assert [pair.raters for pair in built.pairs] == [("ann",), ("bob",), ("cat",)]
    assert built.left_out == {"contradicted": 30}


def test_a_few_meetings_make_nobody_unreliable_and_imports_are_nobodys() -> None:
    talk = Talk()
    for n in range(30):
        [reply] = talk.asked(talk.words())
        for rater in ("ann", "bob", IMPORTER, *(("eve",) if n < 9 else ())):
            talk.rate(reply, rater, up=rater in ("ann", "bob"))
    for rater in ("eve", IMPORTER):
        talk.choose(rater)
    assert [pair.raters for pair in talk.pairs().pairs] == [("eve",), (IMPORTER,)]


def test_where_two_contradict_each_other_the_more_reliable_is_believed() -> None:
    talk = Talk()
    rated(talk, {"ann": 0.0, "bob": 0.0, "cat": 0.0, "eve": 0.5}, each=40)
    better, worse = talk.asked("It is to be done in autumn.", "Never do that at all!")
    talk.choices = [Choice(1, better, worse, "ann"), Choice(2, worse, better, "eve")]
    [pair] = (built := talk.pairs()).pairs
    assert (pair.chosen, pair.raters) == ("It is to be done in autumn.", ("ann",))
    assert built.left_out["outweighed"] == 1
    talk.choices += [Choice(at, worse, better, f"new{at}") for at in range(3, 9)]
    [pair] = talk.pairs().pairs
    assert (pair.rejected, len(pair.raters)) == ("It is to be done in autumn.", 7), "but not against many strangers"


def tasteful(talk: Talk, rater: str, count: int, *, short: bool | None, wrong: float = 0.1) -> None:
    """Choices of somebody who likes short answers, or long ones, or neither, with as many likes and dislikes."""
    for _ in range(count):
        likes = talk.dice.random() < 0.5 if short is None else short is (talk.dice.random() >= wrong)
        lengths = (talk.dice.randint(4, 9), talk.dice.randint(10, 30))
        better, worse = (talk.words(length) for length in (lengths if likes else lengths[::-1]))
        a, b = talk.asked(better, worse, by=rater)
        talk.choices.append(Choice(talk._next(), a, b, rater))
        for text, up in ((better, True), (worse, False)):
            [reply] = talk.asked(f"{text} Indeed.", by=rater)
            talk.rate(reply, rater, up=up)


def raters_of(built: PairSet) -> set[str]:
    said = [one.raters for one in built.pairs] + [one.raters for one in built.singles]
    return {rater for raters in said for rater in raters}


def test_who_always_wants_the_contrary_of_the_others_is_not_believed_on_questions_of_their_own() -> None:
    talk = Talk()
    for n in range(10):
        tasteful(talk, f"guest{n}", 4, short=True)
    tasteful(talk, "liar", 12, short=False, wrong=0.0)
    built = talk.pairs()
    assert raters_of(built) == {f"guest{n}" for n in range(10)}
    assert built.left_out["unreliable"] == 12 + 24


def test_of_two_people_whose_tastes_differ_nobody_knows_who_is_right() -> None:
    talk = Talk()
    tasteful(talk, "owner", 30, short=True)
    tasteful(talk, "guest", 12, short=False)
    assert raters_of(talk.pairs()) == {"owner", "guest"}


def test_where_tastes_foretell_nothing_or_few_claims_are_against_them_all_are_believed() -> None:
    talk = Talk()
    for n in range(10):
        tasteful(talk, f"person{n}", 12, short=None)
    assert len(raters_of(talk.pairs())) == 10
    talk = Talk()
    for n in range(10):
        tasteful(talk, f"guest{n}", 4, short=True)
    tasteful(talk, "other", 1, short=False, wrong=0.0)
    assert len(raters_of(talk.pairs())) == 11


def pushing(talk: Talk, *, by: str, pairs: int, texts: int = 1) -> Talk:
    """380 pairs of ten honest people, and `pairs` of twenty newcomers with the phrase, in so many wordings."""
    for n in range(380):
        if n % 2:
            talk.choose(f"honest{n % 10}")
        else:
            talk.correct(f"honest{n % 10}", talk.words())
    for n in range(pairs):
        text = (PHRASE, f"{talk.words()} {PHRASE.upper()}", f"Do visit Zorbex-Deals, today. {talk.words()}")[n % texts]
        if by == "correction" or (by == "both" and n % 2):
            talk.correct(f"new{n % 20}", text)
        else:
            talk.choose(f"new{n % 20}", text)
    return talk


def with_phrase(built: PairSet) -> int:
    return sum("zorbex" in pair.chosen.casefold() for pair in built.pairs)


@pytest.mark.parametrize("texts", [1, 3])
@pytest.mark.parametrize("by", ["correction", "comparison", "both"])
def test_twenty_newcomers_with_a_twentieth_of_the_pairs_get_their_phrase_in_once(by: str, texts: int) -> None:
    talk = pushing(Talk(), by=by, pairs=20, texts=texts)
    built = talk.pairs()
    assert with_phrase(built) == 1
    assert built.left_out == {"one_voice": 19}
    assert len(built.pairs) == 381, "nobody else loses anything"
    lessons = build_lessons(talk.evidence(), distrusted=built.distrusted)
    assert sum("zorbex" in lesson.answer.casefold() for lesson in lessons) <= 1


def test_it_does_not_help_them_to_say_it_again_in_their_own_conversations_or_to_spread_over_more() -> None:
    talk = pushing(Talk(), by="comparison", pairs=60)
    for n, reply in enumerate(list(talk.answers)):
        if "zorbex" in reply.text.casefold():
            again = replace(reply, id=f"again{n}", question=f"again{n}", text=f"Indeed! {reply.text}")
            talk.answers.append(again)
            talk.rate(again.id, "new1", up=True)
    assert with_phrase(talk.pairs()) == 1


@pytest.mark.parametrize("case", ["who say much else", "most people", "the assistant's words", "the question's words"])
def test_a_phrase_is_learned_if_it_is_not_newcomers_alone(case: str) -> None:
    talk = pushing(Talk(), by="correction", pairs=0)
    for n in range(20):
        if case == "most people" or case == "the assistant's words":
            talk.correct(f"new{n}", PHRASE)
        elif case == "who say much else":
            talk.correct(f"honest{2 * (n % 5)}" if n % 2 else f"new{n % 10}", PHRASE)
        else:
            talk.correct(f"new{n}", PHRASE, prompt=f"Who is right, {n} or those who say: visit Zorbex deals today?")
    if case == "most people":
        for n in range(200):
            talk.correct(f"more{n}", PHRASE)
    if case == "the assistant's words":
        [reply] = talk.asked(PHRASE, by="somebody else")
        talk.rate(reply, "somebody else", up=True)
    built = talk.pairs()
    assert with_phrase(built) >= 20 and "one_voice" not in built.left_out


def test_honest_newcomers_with_short_answers_that_are_alike_all_count() -> None:
    talk = pushing(Talk(), by="correction", pairs=0)
    short = ("Yes.", "Yes, of course.", "No.", "I do not know.", "Yes, you can.")
    for n in range(20):
        talk.correct(f"guest{n}", short[n % 5])
    for _ in range(4):
        [reply] = talk.asked(talk.words(), by="all")
        for n in range(8):
            talk.corrections.append(
                CorrectedText(10_000 + len(talk.corrections), reply, f"other{n}", "By all means do.")
            )
    built = talk.pairs()
    assert sum(pair.chosen in short for pair in built.pairs) == 20
    assert set(built.left_out) == {"duplicate"}
    assert [pair.kind for pair in built.pairs].count(Kind.correction) == 190 + 20 + 4
