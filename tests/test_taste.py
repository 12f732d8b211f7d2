"""What people like is learned from few and partly wrong ratings, so that replies which nobody rated can be scored."""

from random import Random

import pytest

from assistant.knowledge.fake_embedder import HashEmbedder
from retrain.taste import CHOSEN_WORDS, Hits, Taste
from tests.planted import TASTES, preferences, prompt, reply, said, thumbs, turned

PAIRS = 50
UNSEEN = 100


def unseen(taste: str) -> list[dict[str, object]]:
    return preferences(taste, UNSEEN, wrong=0.0, seed=1, first=1000)


@pytest.mark.parametrize("taste", TASTES)
def test_a_taste_is_learned_from_fifty_preferences_of_which_some_are_wrong(taste: str) -> None:
    learned = Taste.learn(preferences(taste, PAIRS), embedding=HashEmbedder())
    assert learned.test(unseen(taste)).right >= 0.75 * UNSEEN
    assert learned.tested.of == PAIRS and learned.tested.low > 0.5


def test_what_it_knows_of_itself_is_what_it_is_worth_on_what_it_has_not_seen() -> None:
    told, true = 0, 0
    tastes = list(TASTES)[:4]
    for taste in tastes:
        learned = Taste.learn(preferences(taste, PAIRS, wrong=0.0), embedding=None)
        told += learned.tested.right * UNSEEN // PAIRS
        true += learned.test(unseen(taste)).right
    assert abs(told - true) < 0.05 * UNSEEN * len(tastes)


def test_ratings_without_any_taste_in_them_are_not_taken_for_one() -> None:
    trusted = 0
    for seed in range(10):
        rows = preferences("a list", PAIRS, wrong=0.5, seed=seed)
        trusted += Taste.learn(rows, embedding=HashEmbedder()).tested.low > 0.5
    assert trusted <= 1


def test_ratings_the_wrong_way_round_teach_the_contrary() -> None:
    rows = preferences("a question at the end", PAIRS)
    right, wrong = (
        Taste.learn(each, embedding=None).test(unseen("a question at the end")).right for each in (rows, turned(rows))
    )
    assert right >= 90 and wrong <= 10


def test_single_thumbs_teach_too_and_help_where_preferences_are_few() -> None:
    few, alone = preferences("about 25 words", 8), thumbs("about 25 words", 80)
    right = {
        name: Taste.learn(rows, embedding=None).test(unseen("about 25 words")).right
        for name, rows in {"few": few, "thumbs": alone, "both": [*few, *alone]}.items()
    }
    assert right["thumbs"] >= 75 and right["both"] > right["few"]
    assert Taste.learn(alone, embedding=None).tested == Hits(0, 0)  # a thumb compares nothing


@pytest.mark.parametrize("wrong", [0.15, 0.5])
def test_it_knows_of_thumbs_too_whether_it_can_foretell_them(wrong: float) -> None:
    told = Hits(0, 0)
    for seed in range(5):
        rows = thumbs("a list", 60, wrong=wrong, seed=seed)
        found = Taste.learn(rows, embedding=None).thumbs
        liked = sum(row["label"] for row in rows)
        assert found.of == min(liked, 60 - liked)
        told += found
    assert (told.low > 0.5) is (wrong < 0.5)
    assert Taste.learn([row for row in rows if row["label"]], embedding=None).thumbs == Hits(0, 0)


def test_replies_are_ranked_by_what_is_liked_of_them() -> None:
    learned = Taste.learn(preferences("courtesy", PAIRS), embedding=HashEmbedder())
    plain = "The road is by the house."
    polite = f"{plain} Look again, please."
    scores = learned.score(prompt(1), [plain, polite, plain])
    assert scores[1] > scores[0] == pytest.approx(scores[2])
    gain = learned.gains([(prompt(1), plain, polite)])[0]
    assert gain == pytest.approx(scores[1] - scores[0]) and gain > 0
    named = [words for words, _ in learned.reasons([(prompt(1), plain, polite)]) if words not in CHOSEN_WORDS]
    assert named[0] == "are more courteous"


def test_reasons_add_up_to_the_gain_and_say_which_way_it_went() -> None:
    chance = Random(0)
    answers = [(prompt(n), reply(chance), reply(chance)) for n in range(20)]
    learned = Taste.learn(preferences("about 25 words", PAIRS), embedding=HashEmbedder())
    reasons = dict(learned.reasons(answers))
    assert sum(reasons.values()) == pytest.approx(sum(learned.gains(answers)) / 20)
    longer, shorter = "The dog is on the road. " * 12, "The dog is on the road. " * 4
    assert learned.reasons([(prompt(1), longer, shorter)])[0][0] == "are shorter"
    assert learned.reasons([(prompt(1), shorter, longer)])[-1][0] == "are longer"


def test_the_same_ratings_give_the_same_taste_whatever_is_too_long_to_embed() -> None:
    rows = preferences("long", 20)
    rows[0]["chosen"][0]["content"] += " word" * 1000
    one, two = (Taste.learn(rows, embedding=HashEmbedder(max_tokens=64)) for _ in range(2))
    texts = ["Short.", "Not so short. " * 100]
    assert one.score(prompt(1), texts) == two.score(prompt(1), texts)


def test_without_ratings_all_is_alike() -> None:
    nothing = Taste.learn([], embedding=HashEmbedder())
    assert nothing.score(prompt(1), ["One.", "Two?"]) == [0.0, 0.0]
    assert (nothing.tested, nothing.tested.low, nothing.test([])) == (Hits(0, 0), 0.0, Hits(0, 0))


@pytest.mark.parametrize(
    ("right", "of", "sure"), [(9, 9, True), (8, 9, True), (7, 9, False), (30, 45, True), (26, 45, False)]
)
def test_it_is_trusted_only_where_chance_would_hardly_do_as_well(right: int, of: int, sure: bool) -> None:
    assert (Hits(of, right).low > 0.5) is sure


def test_what_is_too_short_is_known_from_what_people_write_though_nothing_rated_was_too_short() -> None:
    chance = Random(0)
    words = "the a road rain boat harbour is was by near early late".split()

    def text(number: int) -> str:
        return " ".join(chance.choices(words, k=number)).capitalize() + "."

    rows = [
        {"prompt": prompt(n), "chosen": said(text(25)), "rejected": said(text(70)), "rows": [], "kind": "correction"}
        for n in range(20)
    ]
    corrected = Taste.learn(rows, embedding=None)
    compared = [row | {"kind": "comparison"} for row in rows]  # what won may be the lesser evil
    chosen = Taste.learn(compared, embedding=None)
    long, right, short = text(70), text(25), text(5)
    scores = corrected.score(prompt(1), [long, right, short])
    assert scores[1] > max(scores[0], scores[2])
    scores = chosen.score(prompt(1), [long, right, short])
    assert scores[2] > scores[1] > scores[0]
