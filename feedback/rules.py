"""The numbers in the rules by which feedback becomes pairs, and why something becomes none (`docs/pairs.md`)."""

from dataclasses import dataclass

LEFT_OUT = {
    "one_voice": "several newcomers push the same words, which count once",
    "tie": "both answers were called equally good",
    "contradicted": "people contradict each other",
    "outweighed": "those who agree with others more often say otherwise",
    "overruled": "something that counts more says otherwise",
    "duplicate": "the same preference is already there",
    "different_prompt": "the two answers were given different sources",
    "identical": "both texts are the same",
    "white_space": "the texts differ only in spaces and line breaks",
    "truncated": "the texts differ only in length",
    "near_identical": "the texts are nearly the same",
    "unfinished": "the better answer was stopped before its end",
    "unreliable": "only people say so who disagree with the others unusually often",
    "prompt_share": "one question has enough preferences",
    "rater_share": "one person has given their share of the preferences",
    "by_admin": "an admin leaves it out of training",
}
"""Why something that people said makes no pair, and no single."""
DISTRUSTED = ("one_voice", "unreliable")
"""For which of these reasons nothing is taught from it either."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The numbers in the rules."""

    near_identical: float = 0.97
    """From this share of equal words on, two answers teach nothing."""
    max_pairs_of_prompt: int = 20
    """Pairs that different people's thumbs on one prompt may give."""
    max_share_of_rater: float = 0.5
    """Of all pairs, for one person's alone, where there are several people."""
    free_pairs_of_rater: int = 50
    """Pairs that a person may always give, so that one guest's click does not cost the owner theirs."""
    usual_reliability: float = 0.85
    """How often somebody is taken to be right whom nothing is known of."""
    weight_of_usual: int = 8
    """As many meetings with others this counts for."""
    least_odds: float = 2.0
    """So much likelier one side must be right than the other, where people contradict each other."""
    least_met: int = 10
    """Who has met others less often than this is not called unreliable."""
    unreliable_by: float = 0.12
    """So much below the middle of all a person is unreliable."""
    contrary: float = 0.01
    """Who says so seldom what others' claims foretell that chance would do it less often is unreliable,"""
    foretold: float = 0.65
    """if those foretell this share of each other,"""
    least_told: int = 4
    """and theirs are so many that can be foretold."""
    letters_of_phrase: int = 16
    """Words that people share are a phrase from so many letters on."""
    people_of_phrase: int = 4
    """From so many people on, a phrase may be pushed."""
    other_questions: int = 2
    """Who judges answers to so many questions without the phrase is no newcomer."""
    no_newcomers: float = 0.25
    """This share of those who want a phrase must be none, for each of them to count."""
    max_share_of_phrase: float = 0.25
    """A phrase in a larger share of all that people say is what they want here."""


DEFAULT_RULES = Rules()
