"""Cases for the rules, each a few answers and what was said of them in a small notation.

Answers are named by letters, `ANSWERS` says what each is, and `table` reads what was said of them. What is expected are
pairs such as `A > B by retry` and singles such as `A good`.
"""

import random
import re
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from feedback.claims import Kind
from feedback.evidence import Answer, Choice, CorrectedText, Evidence, Excluded, Thumb
from feedback.pairs import PairSet, build_pairs
from feedback.rules import LEFT_OUT, Rules
from feedback.tables import IMPORTER

PROMPT = ({"role": "system", "content": "You garden."}, {"role": "user", "content": "When do I prune roses?"})
OTHER_SOURCES = (PROMPT[0], {"role": "user", "content": "[1] Roses. Question: When do I prune roses?"})
LONG = " ".join(f"word{n}" for n in range(100))


def answer(id: str, text: str, *, question: str = "q1", conversation: str = "c1", **rest: object) -> Answer:
    return replace(Answer(id=id, question=question, conversation=conversation, prompt=PROMPT, text=text), **rest)  # type: ignore[arg-type]


ANSWERS = {
    found.id: found
    for found in (
        # Four answers to one question of ann's, that differ well.
        answer("A", "Late in the winter, before the buds open."),
        answer("B", "You should ask a gardener about that!"),
        answer("C", "Roses are red and violets are blue."),
        answer("D", "Any time at all; they will grow back."),
        # To the same question: as A, with other white space, longer, nearly the same, stopped, from other sources.
        answer("A2", "Late in the winter, before the buds open."),
        answer("Aspace", "Late in the winter,\n  before the buds open. "),
        answer("Along", "Late in the winter, before the buds open. Cut above an outward bud."),
        answer("L", LONG),
        answer("Lnear", LONG.replace("word50", "changed")),
        answer("Lfar", LONG.replace("word5", "changed")),
        answer("Lcase", LONG.upper()),
        answer("S", "Best done in late", finished=False),
        answer("S2", "One could say that", finished=False),
        answer("X", "In June, once they have flowered.", prompt=OTHER_SOURCES),
        # The same question of bob's and of cat's, with the same sources; A as bob saw it; and again ann, asking anew.
        answer("Bob", "In autumn, when the leaves fall.", question="q2", conversation="c2"),
        answer("BobA", "Late in the winter, before the buds open.", question="q2", conversation="c2"),
        answer("BobB", "You should ask a gardener about that!", question="q2", conversation="c2"),
        answer("Cat", "Whenever the moon is full.", question="q3", conversation="c3"),
        answer("BobX", "Not before May, says the book.", question="q2", conversation="c2", prompt=OTHER_SOURCES),
        answer("Anew", "In spring, I should think.", question="q4", conversation="c4"),
    )
}


def table(*said: str) -> Evidence:
    """Evidence from lines such as `A up ann`, `A > B ann`, `A = B ann`, `A -> text ann`; a line's number is its row."""
    thumbs, corrections, choices = [], [], []
    for row, line in enumerate(said, 1):
        if match := re.fullmatch(r"(\w+) (up|down) (\w+)", line):
            thumbs.append(Thumb(row, match[1], match[3], match[2] == "up"))
        elif match := re.fullmatch(r"(\w+) ([>=]) (\w+) (\w+)", line):
            choices.append(Choice(row, match[1], match[3], match[4], match[2] == "="))
        elif match := re.fullmatch(r"(\w+) -> (.+) (\w+)", line):
            known = ANSWERS.get(match[2])
            corrections.append(CorrectedText(row, match[1], match[3], known.text if known else match[2]))
        else:
            raise AssertionError(f"not understood: {line}")
    return Evidence(
        answers=tuple(ANSWERS.values()),
        thumbs=tuple(thumbs),
        corrections=tuple(corrections),
        choices=tuple(choices),
    )


def name(text: str) -> str:
    return next((known.id for known in ANSWERS.values() if known.text == text), text)


def told(built: PairSet) -> list[str]:
    return [f"{name(p.chosen)} > {name(p.rejected)} by {p.kind}" for p in built.pairs] + [
        f"{name(single.completion)} {'good' if single.label else 'bad'}" for single in built.singles
    ]


CASES: dict[str, tuple[list[str], list[str], dict[str, int]]] = {
    "nothing was said": ([], [], {}),
    # Each signal by itself.
    "a comparison": (["A > B ann"], ["A > B by comparison"], {}),
    "a tie": (["A = B ann"], [], {"tie": 1}),
    "a correction": (["A -> In March. ann"], ["In March. > A by correction"], {}),
    "two corrections of one answer": (
        ["A -> In March. ann", "A -> In May. admin"],
        ["In March. > A by correction", "In May. > A by correction"],
        {},
    ),
    "a retry with opposite thumbs": (["A down ann", "B up ann"], ["B > A by retry"], {}),
    "a retry with the same thumbs": (["A up ann", "B up ann"], ["A good", "B good"], {}),
    "one liked and two disliked": (
        ["A up ann", "B down ann", "C down ann"],
        ["A > B by retry", "A > C by retry"],
        {},
    ),
    "opposite thumbs of two people on one question's answers": (
        ["A up ann", "B down admin"],
        ["A > B by same_prompt"],
        {},
    ),
    "opposite thumbs of two people on the same prompt": (["A up ann", "Bob down bob"], ["A > Bob by same_prompt"], {}),
    "opposite thumbs of one person who asked twice": (["A up ann", "Anew down ann"], ["A good", "Anew bad"], {}),
    "a lone thumb up": (["A up ann"], ["A good"], {}),
    "a lone thumb down": (["A down ann"], ["A bad"], {}),
    "a thumb down on a stopped answer": (["S down ann"], ["S bad"], {}),
    # Other sources are another prompt.
    "a comparison over different sources": (["A > X ann"], [], {"different_prompt": 1}),
    "a retry with different sources": (["A up ann", "X down ann"], ["A good", "X bad"], {"different_prompt": 1}),
    "two people with different sources": (["A up ann", "BobX down bob"], ["A good", "BobX bad"], {}),
    # The order of trust.
    "a comparison and thumbs agree": (
        ["A up ann", "B down ann", "A > B ann"],
        ["A > B by comparison"],
        {"duplicate": 1},
    ),
    "a comparison overrules thumbs": (
        ["A up ann", "B down ann", "B > A ann"],
        ["B > A by comparison"],
        {"overruled": 1},
    ),
    "a tie overrules thumbs": (
        ["A = B ann", "A up ann", "B down ann"],
        ["A good", "B bad"],
        {"tie": 1, "overruled": 1},
    ),
    "a correction overrules thumbs": (
        ["A -> B ann", "A up ann", "B down ann"],
        ["B > A by correction"],
        {"overruled": 1},
    ),
    "a comparison overrules a correction": (
        ["A -> B ann", "A > B ann"],
        ["A > B by comparison"],
        {"overruled": 1},
    ),
    "a correction agrees with a comparison": (
        ["A -> B ann", "B > A ann"],
        ["B > A by comparison"],
        {"duplicate": 1},
    ),
    "a retry overrules different people": (
        ["A up ann", "B down ann", "BobA down bob", "BobA down cat", "BobB up dan", "BobB up eve"],
        ["A > B by retry"],
        {"overruled": 1},
    ),
    "a corrected answer's thumb is no single": (
        ["A down ann", "A -> In March. ann"],
        ["In March. > A by correction"],
        {},
    ),
    "what is in no pair stays single beside a pair": (
        ["A > B ann", "A up ann", "C down ann"],
        ["A > B by comparison", "A > C by retry"],
        {},
    ),
    # People who agree, and who do not.
    "two people choose alike": (["A > B ann", "BobA > BobB bob"], ["A > B by comparison"], {"duplicate": 1}),
    "two people choose otherwise": (["A > B ann", "BobB > BobA bob"], [], {"contradicted": 1}),
    "one chooses, one calls it a tie": (["A > B ann", "BobA = BobB bob"], ["A > B by comparison"], {}),
    "contradicted choices settle it": (
        ["A > B ann", "B > A admin", "A up ann", "B down ann"],
        ["A good", "B bad"],
        {"contradicted": 1, "overruled": 1},
    ),
    "retries of two people contradict": (
        ["A up ann", "B down ann", "BobA down bob", "BobB up bob"],
        [],
        {"contradicted": 3},
    ),
    "most people like it": (["A up ann", "BobA up bob", "A down admin"], ["A good"], {}),
    "most people dislike it": (["A up ann", "BobA down bob", "A down admin"], ["A bad"], {}),
    "more people choose otherwise": (
        ["A > B ann", "BobB > BobA bob", "B > A admin"],
        ["B > A by comparison"],
        {"outweighed": 1, "duplicate": 1},
    ),
    "people are evenly split": (["A up ann", "BobA down bob"], [], {"contradicted": 1}),
    "a split answer pairs with none": (["A up ann", "BobA down bob", "Cat down cat"], ["Cat bad"], {"contradicted": 1}),
    "the last of one person's thumbs on the same text": (["A up ann", "A2 down ann"], ["A bad"], {"identical": 1}),
    # What teaches nothing.
    "the same text": (["A > A2 ann"], [], {"identical": 1}),
    "only white space": (["A > Aspace ann"], [], {"white_space": 1}),
    "only longer": (["Along > A ann"], [], {"truncated": 1}),
    "only shorter": (["A > Along ann"], [], {"truncated": 1}),
    "a correction that only cuts": (["Along -> A ann"], ["A > Along by correction"], {}),
    "a correction that only adds": (["A -> Along ann"], ["Along > A by correction"], {}),
    "one word in a hundred": (["L > Lnear ann"], [], {"near_identical": 1}),
    "only the case": (["L > Lcase ann"], [], {"near_identical": 1}),
    "a correction of one word in a hundred": (["L -> Lnear ann"], ["Lnear > L by correction"], {}),
    "a correction of only the case": (["L -> Lcase ann"], [], {"near_identical": 1}),
    "a correction of only a mark": (["A -> Late, in the winter, before the buds open! ann"], [], {"near_identical": 1}),
    "eleven words in a hundred": (["L > Lfar ann"], ["L > Lfar by comparison"], {}),
    "thumbs on nearly the same": (["L up ann", "Lnear down ann"], ["L good", "Lnear bad"], {"near_identical": 1}),
    # Stopped answers may lose but not win: they would teach to stop anywhere.
    "a stopped answer wins": (["S > A ann"], [], {"unfinished": 1}),
    "a stopped answer loses": (["A > S ann"], ["A > S by comparison"], {}),
    "a stopped answer is corrected": (["S -> In March. ann"], ["In March. > S by correction"], {}),
    "a stopped answer is liked": (["S up ann"], [], {"unfinished": 1}),
}


@pytest.mark.parametrize(("said", "expected", "left_out"), CASES.values(), ids=CASES.keys())
def test_the_rules(said: list[str], expected: list[str], left_out: dict[str, int]) -> None:
    built = build_pairs(table(*said))
    assert (told(built), built.left_out) == (expected, left_out)


@pytest.mark.parametrize("said", [case[0] for case in CASES.values()], ids=CASES.keys())
def test_the_order_of_the_evidence_makes_no_difference(said: list[str]) -> None:
    evidence = table(*said)
    built = build_pairs(evidence)
    for seed in range(5):
        mixed = random.Random(seed)
        shuffled = {
            field: tuple(mixed.sample(getattr(evidence, field), len(getattr(evidence, field))))
            for field in ("answers", "thumbs", "corrections", "choices")
        }
        assert build_pairs(Evidence(**shuffled)) == built


@pytest.mark.parametrize("said", [case[0] for case in CASES.values()], ids=CASES.keys())
def test_every_pair_goes_when_its_rows_go(said: list[str]) -> None:
    """Undo reaches training: without the rows that a pair names, no pair or single names them."""
    evidence = table(*said)
    for made in (*build_pairs(evidence).pairs, *build_pairs(evidence).singles):
        gone = {tuple(row.split(":")) for row in made.rows}
        less = Evidence(
            answers=evidence.answers,
            thumbs=tuple(t for t in evidence.thumbs if ("rating", str(t.row)) not in gone),
            corrections=tuple(c for c in evidence.corrections if ("correction", str(c.row)) not in gone),
            choices=tuple(c for c in evidence.choices if ("comparison", str(c.row)) not in gone),
        )
        assert len(less.thumbs) + len(less.corrections) + len(less.choices) == len(said) - len(gone)
        built = build_pairs(less)
        assert not {row for other in (*built.pairs, *built.singles) for row in other.rows} & set(made.rows)
        assert made not in (*built.pairs, *built.singles)


@pytest.mark.parametrize("said", [case[0] for case in CASES.values()], ids=CASES.keys())
def test_what_is_left_out_names_its_rows_and_replies(said: list[str]) -> None:
    evidence = table(*said)
    replies = {f"rating:{t.row}": {t.reply} for t in evidence.thumbs}
    replies |= {f"correction:{c.row}": {c.reply} for c in evidence.corrections}
    replies |= {f"comparison:{c.row}": {c.winner, c.loser} for c in evidence.choices}
    for one in build_pairs(evidence).why_not:
        assert one.rows and set(one.replies) <= set().union(*(replies[row] for row in one.rows))


def test_what_an_admin_leaves_out_is_counted() -> None:
    excluded = (Excluded("rating:7", ("A",)), Excluded("comparison:8", ("A", "B")))
    built = build_pairs(Evidence(answers=tuple(ANSWERS.values()), excluded=excluded))
    assert (built.pairs, built.singles, built.left_out) == ((), (), {"by_admin": 2})
    assert [(one.rows, one.replies) for one in built.why_not] == [
        (("rating:7",), ("A",)),
        (("comparison:8",), ("A", "B")),
    ]


def test_a_pair_names_its_rows_its_raters_and_its_replies() -> None:
    [pair] = build_pairs(table("C up ann", "A up ann", "A up admin", "Bob down bob")).pairs[:1]
    assert (name(pair.chosen), name(pair.rejected)) == ("C", "Bob")
    [pair] = build_pairs(table("A > B ann", "BobA > BobB bob")).pairs
    assert pair.rows == ("comparison:1", "comparison:2")
    assert (pair.raters, pair.replies, pair.conversations) == (("ann", "bob"), ("A", "B"), ("c1", "c2"))
    assert (pair.prompt, pair.conversation) == (PROMPT, "c1")
    [pair] = build_pairs(table("B down admin", "A up ann", "B down bob", "A up cat")).pairs
    assert pair.rows == ("rating:1", "rating:2", "rating:3", "rating:4")


def test_a_single_names_the_thumbs_that_made_it() -> None:
    [single] = build_pairs(table("A up ann", "BobA up bob", "A down admin")).singles
    assert (single.rows, single.raters) == (("rating:1", "rating:2"), ("ann", "bob"))
    assert (single.replies, single.conversations) == (("A", "BobA"), ("c1", "c2"))


def many(rater: str, n: int, *, first: int = 0) -> tuple[tuple[Answer, ...], tuple[Choice, ...]]:
    """`n` comparisons of one person, each on a question of its own."""
    answers: list[Answer] = []
    choices = []
    for i in range(first, first + n):
        prompt = ({"role": "user", "content": f"{rater} asks {i}"},)
        good = answer(f"{rater}{i}+", "A good answer.", prompt=prompt, conversation=f"{rater}{i}")
        bad = answer(f"{rater}{i}-", "What a bad one!", prompt=prompt, conversation=f"{rater}{i}")
        answers += [good, bad]
        choices.append(Choice(i + 1, good.id, bad.id, rater))
    return tuple(answers), tuple(choices)


def shares(rules: Rules, **given: int) -> tuple[dict[str, int], int]:
    answers: tuple[Answer, ...] = ()
    choices: tuple[Choice, ...] = ()
    for rater, n in given.items():
        more = many(rater, n, first=len(choices))
        answers, choices = answers + more[0], choices + more[1]
    built = build_pairs(Evidence(answers=answers, choices=choices), rules=rules)
    kept = {rater: sum(pair.raters == (rater,) for pair in built.pairs) for rater in given}
    return kept, built.left_out.get("rater_share", 0)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"ann": 10}, {"ann": 10}),
        ({"ann": 10, "bob": 3}, {"ann": 3, "bob": 3}),
        ({"ann": 10, "bob": 3, "cat": 2}, {"ann": 5, "bob": 3, "cat": 2}),
        ({"ann": 4, "bob": 4}, {"ann": 4, "bob": 4}),
        ({IMPORTER: 10, "bob": 3}, {IMPORTER: 10, "bob": 3}),
        ({IMPORTER: 2, "ann": 9, "bob": 3}, {IMPORTER: 2, "ann": 5, "bob": 3}),
    ],
)
def test_one_person_gives_at_most_their_share(given: dict[str, int], kept: dict[str, int]) -> None:
    rules = Rules(free_pairs_of_rater=1, max_share_of_rater=0.5)
    assert shares(rules, **given) == (kept, sum(given.values()) - sum(kept.values()))


def test_a_guests_click_does_not_cost_the_owner_their_pairs() -> None:
    assert shares(Rules(), ann=60, bob=1) == ({"ann": 50, "bob": 1}, 10)
    assert shares(Rules(), ann=40, bob=1) == ({"ann": 40, "bob": 1}, 0)


def test_beyond_a_share_the_oldest_pairs_go_and_are_no_singles_either() -> None:
    ann, bob = many("ann", 4), many("bob", 2, first=4)
    thumbs = tuple(Thumb(n + 1, f"ann{n}+", "ann", True) for n in range(4))
    evidence = Evidence(answers=ann[0] + bob[0], choices=ann[1] + bob[1], thumbs=thumbs)
    built = build_pairs(evidence, rules=Rules(free_pairs_of_rater=1))
    assert [pair.conversation for pair in built.pairs] == ["ann2", "ann3", "bob4", "bob5"]
    assert built.singles == ()


def test_one_popular_prompt_gives_a_few_pairs_of_many_texts() -> None:
    answers = tuple(
        answer(f"{side}{n}", f"{side} {'x' * n} answer {n} of many", question=f"{side}{n}", conversation=f"{side}{n}")
        for side in ("good", "bad")
        for n in range(1, 101)
    )
    thumbs = tuple(Thumb(n, a.id, a.id, a.id.startswith("good")) for n, a in enumerate(answers, 1))
    built = build_pairs(Evidence(answers=answers, thumbs=thumbs))
    assert len(built.pairs) == 20
    assert built.left_out == {"prompt_share": 100 * 100 - 20}
    assert len({pair.chosen for pair in built.pairs}) == len({pair.rejected for pair in built.pairs}) == 20
    assert len(built.singles) == 200 - 40


@pytest.mark.parametrize(
    "correction",
    [
        f"Juno here! {LONG}",
        f"{LONG} Is that all right?",
        "- " + LONG.replace(" word50 ", "\n- word50 "),
        LONG.replace("word50", "50 €"),
        LONG.replace("word50", "word50 [1]"),
    ],
)
def test_a_correction_counts_however_little_it_changes_and_two_answers_so_alike_do_not(correction: str) -> None:
    long = answer("L", LONG)
    corrected = Evidence(answers=(long,), corrections=(CorrectedText(1, "L", "ann", correction),))
    [pair] = build_pairs(corrected).pairs
    assert (pair.chosen, pair.kind) == (correction, Kind.correction)
    compared = Evidence(answers=(long, answer("new", correction)), choices=(Choice(1, "new", "L", "ann"),))
    assert set(build_pairs(compared).left_out) <= {"near_identical", "truncated"} and not build_pairs(compared).pairs


def test_every_rule_is_a_line_in_the_docs() -> None:
    page = (Path(__file__).parent.parent / "docs" / "pairs.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert [line.split("`")[1] for line in rows] == [*Kind, *LEFT_OUT]
    numbers = [str(number) for number in asdict(Rules()).values()]
    assert len(numbers) > 10
    assert not [number for number in numbers if not re.search(rf"\b{re.escape(number)}\b", page)]
