"""What the gate's figures mean: each is held against its limit, and all must pass.

Pure. The limits come from real runs, `bench/gate.py`, whose figures and replies are in `docs/benchmarks/gate.json`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeGuard

from retrain.manner import LONGER, SHORTER

MAX_FLUENCY_RATIO = 1.10
MAX_FLUENCY_FEARED = 1.25
"""What the ratio may be at worst, with 95% certainty."""
MIN_ENTROPY_RATIO = 0.6
MAX_SELF_SIMILARITY = 0.85
MAX_SELF_SIMILARITY_RISE = 0.25
MAX_REPETITION_RISE = 0.10
MAX_LOOPS_RISE = 0.10
MAX_EMPTY_RISE = 0.05
MAX_CUT_OFF_RISE = 0.20
MIN_LENGTH_SHARE = 0.25
"""Whom people like brief may be half as long as what they liked; what was wrecked had an eighth of the length."""
MAX_LENGTH_FACTOR = 2.0
GROUNDED_LOSS = 4
"""Greedy answers of the same weights differ by one or two of sixteen from batch to batch."""
HALF = 0.5
MAX_CHANCE = 0.2
"""Rarer than this, a share of preferred pairs is not taken for the toss of a coin. Runs may have as few as three."""
GAINS = ("liking", "preference", "teaching")
"""Checks of whether a candidate is better; the others tell of harm."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """What one of the two adapters wrote, in figures. Shares are 0 to 1."""

    replies: int
    tokens: float
    """Mean length of a reply."""
    nll: float
    """Mean negative log-likelihood of a token of the replies under the base model, in nats."""
    entropy: float
    """Of the words, in bits, each reply cut to the length of the other side's."""
    self_similarity: float
    distinct_2: float
    repetition: float
    loops: float
    empty: float
    cut_off: float
    """Share of replies that did not come to an end within the room they had."""
    grounded: int
    """Questions about a passage that were answered right."""


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """How the candidate, compared with the active adapter, sees pairs that were not trained on.

    Where answers were taught, the rejected reply of a pair is what the active adapter writes itself.
    """

    pairs: int
    preferred: int
    """Pairs whose chosen reply gained more likelihood than the rejected one."""
    preferred_per_token: int
    """The same with the likelihoods divided by the length, so that length alone gains nothing."""
    margin: float
    """Mean gain in nats."""
    chosen_tokens: float
    rejected_tokens: float
    taught: bool = False


@dataclass(frozen=True, kw_only=True)
class Liking:
    """How people would like what the two wrote, going by a taste learned from their ratings (`retrain.taste`)."""

    tested: int
    """Preferences that the taste was tested on and had not learned from."""
    right: int
    sure: float
    """The share that it is right about at least, with 97.5% certainty."""
    confirmed: bool
    """Whether it is right about at least half of the held-out pairs, which may contradict what was trained on."""
    prompts: int
    gain: float
    """Share of prompts on which the candidate's reply is liked better; equally liked ones count half."""
    low: float
    high: float
    """Between what the gain lies, with 95% certainty."""
    because: tuple[str, ...]
    """In what the candidate's replies differ that the gain comes from, each to follow "they"."""

    @property
    def trusted(self) -> bool:
        """Whether the taste is known to be better than chance, and the held-out pairs do not contradict it."""
        return self.sure > HALF and self.confirmed


@dataclass(frozen=True, kw_only=True)
class Measures:
    """All that a verdict rests on."""

    active: Side
    candidate: Side
    held_out: HeldOut
    grounded_questions: int
    fluency: tuple[float, float] | None = None
    """Between what the ratio of the two sides' `nll` lies, with 95% certainty; none where only the means were kept."""
    liking: Liking | None = None
    """None where nobody rated, but answers were taught."""

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Measures":
        """The measures of a report, as `asdict` stored them."""
        liking = stored.get("liking")
        return cls(
            active=Side(**stored["active"]),
            candidate=Side(**stored["candidate"]),
            held_out=HeldOut(**stored["held_out"]),
            grounded_questions=stored["grounded_questions"],
            fluency=tuple(stored["fluency"]) if stored.get("fluency") else None,
            liking=Liking(**{**liking, "because": tuple(liking["because"])}) if liking else None,
        )


@dataclass(frozen=True, kw_only=True)
class Check:
    """One figure of the candidate against its limit, and what it says in words."""

    name: str
    figure: float
    limit: float
    at_least: bool
    """Whether the figure must reach the limit, and not stay within it."""
    passed: bool
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a candidate may go live, and why."""

    passed: bool
    sentence: str
    checks: tuple[Check, ...]


def judge(measures: Measures) -> Verdict:
    """Judge a candidate: it passes if no figure tells of harm and its gain is more than chance.

    The gain is that on held-out pairs and, where people's taste is known, that of what it writes.
    """
    checks = (
        _fluency(measures),
        *_variety(measures),
        *_form(measures),
        _grounded(measures),
        *((_liked(measures.liking),) if measures.liking else ()),
        _preference(measures.held_out),
    )
    failed = [check for check in checks if not check.passed]
    if not failed:
        learned = "what it was taught" if measures.held_out.taught else "what people preferred"
        sentence = f"The new version passed every check: it learned {learned}, and writes as well as before."
    elif all(check.name in GAINS for check in failed) and not _disliked(measures.liking):
        why = " ".join(check.sentence for check in failed)
        sentence = f"The new version does no harm, but is no better than the one before: {why}"
    else:
        sentence = "The new version must not go live: " + " ".join(check.sentence for check in failed)
    return Verdict(passed=not failed, sentence=sentence, checks=checks)


def _better(liking: Liking | None) -> TypeGuard[Liking]:
    return liking is not None and liking.trusted and liking.low > HALF


def _disliked(liking: Liking | None) -> bool:
    return liking is not None and liking.trusted and liking.high < HALF


def _fluency(measures: Measures) -> Check:
    active, candidate = measures.active, measures.candidate
    ratio = candidate.nll / max(active.nll, 1e-6)
    low, high = measures.fluency or (ratio, ratio)
    sure = f", between {low:.2f} and {high:.2f} with 95% certainty" if measures.fluency else ""
    said = (
        f"To the original model its answers are {ratio:.2f} times as surprising as those of the version before{sure} "
        f"({candidate.nll:.2f} against {active.nll:.2f}; likelihood in nats a token)."
    )
    check = _at_most("fluency", ratio, MAX_FLUENCY_RATIO, said)
    if not check.passed or high <= MAX_FLUENCY_FEARED:
        return check
    return replace(check, passed=False, sentence=f"{said} That is too uncertain to rule out harm.")


def _variety(measures: Measures) -> tuple[Check, ...]:
    active, candidate = measures.active, measures.candidate
    ratio = candidate.entropy / max(active.entropy, 1e-6)
    alike = candidate.self_similarity
    return (
        _at_least("variety", ratio, MIN_ENTROPY_RATIO, f"Its words are {ratio:.0%} as varied as before."),
        _at_most(
            "sameness",
            alike,
            min(MAX_SELF_SIMILARITY, active.self_similarity + MAX_SELF_SIMILARITY_RISE),
            f"Its answers to different questions are {alike:.0%} alike (before: {active.self_similarity:.0%}).",
        ),
        _at_most(
            "repetition",
            candidate.repetition,
            active.repetition + MAX_REPETITION_RISE,
            f"{candidate.repetition:.0%} of an answer repeats itself (before: {active.repetition:.0%}).",
        ),
        _at_most(
            "loops",
            candidate.loops,
            active.loops + MAX_LOOPS_RISE,
            f"{candidate.loops:.0%} of its answers end in a loop (before: {active.loops:.0%}).",
        ),
    )


def _form(measures: Measures) -> tuple[Check, ...]:
    active, candidate, held_out = measures.active, measures.candidate, measures.held_out
    known = [length for length in (active.tokens, held_out.chosen_tokens) if length > 0] or [candidate.tokens]
    least, most = min(known) * MIN_LENGTH_SHARE, max(known) * MAX_LENGTH_FACTOR
    said = (
        f"Its answers have {candidate.tokens:.0f} words or parts of words (tokens) on average (before: "
        f"{active.tokens:.0f}; {'taught' if held_out.taught else 'preferred'} answers: {held_out.chosen_tokens:.0f})."
    )
    if (
        _better(measures.liking)
        and (LONGER if candidate.tokens > active.tokens else SHORTER) in measures.liking.because
    ):
        said += " That is what people like."
    return (
        _at_least("not too short", candidate.tokens, least, said),
        _at_most("not too long", candidate.tokens, most, said),
        _at_most(
            "empty replies",
            candidate.empty,
            active.empty + MAX_EMPTY_RISE,
            f"{candidate.empty:.0%} of its answers are empty (before: {active.empty:.0%}).",
        ),
        _at_most(
            "unfinished replies",
            candidate.cut_off,
            active.cut_off + MAX_CUT_OFF_RISE,
            f"{candidate.cut_off:.0%} of its answers came to no end in time (before: {active.cut_off:.0%}).",
        ),
    )


def _grounded(measures: Measures) -> Check:
    right, before, all_of_them = measures.candidate.grounded, measures.active.grounded, measures.grounded_questions
    return _at_least(
        "answers from sources",
        right,
        max(0, before - GROUNDED_LOSS),
        f"It answers {right} of {all_of_them} questions about a given passage right (before: {before}).",
    )


def _liked(liking: Liking) -> Check:
    known = f"right about {liking.right} of {liking.tested} preferences that were kept from it"
    if not liking.trusted:
        doubt = "which may be chance" if liking.confirmed else "but about few of those that the test is made of"
        said = (
            "Too little is known of what people like to tell how they would like its answers: a taste learned from "
            f"the ratings was {known}, {doubt}. So this decides nothing."
        )
        return _at_least("liking", liking.gain, 0.0, said)
    why = f", most of all because they {' and '.join(liking.because)}" if liking.because else ""
    said = (
        f"Going by a taste learned from the ratings ({known}), people would like {liking.gain:.0%} of its answers "
        f"better than those of the version before, between {liking.low:.0%} and {liking.high:.0%} with 95% certainty"
    )
    if _disliked(liking):
        return replace(_at_least("liking", liking.low, HALF, f"{said}: they are liked less{why}."), passed=False)
    if liking.low <= HALF:
        too_little = "That is too little to tell whether they would like it better."
        return replace(_at_least("liking", liking.low, HALF, f"{said}. {too_little}"), passed=False)
    return _at_least("liking", liking.low, HALF, f"{said}{why}.")


def _preference(held_out: HeldOut) -> Check:
    name, what, towards = "preference", "preferences", "leans towards the answer that people preferred"
    if held_out.taught:
        name, what, towards = "teaching", "answers that differ from its own", "moved towards the taught one"
    needed = needed_to_beat_chance(held_out.pairs)
    if needed is None:
        said = (
            f"{held_out.pairs} {what} kept for the test are too few to tell whether anything was learned; "
            "3 are needed at least."
        )
        return Check(name=name, figure=held_out.preferred, limit=3, at_least=True, passed=False, sentence=said)
    return _at_least(
        name,
        held_out.preferred,
        needed,
        f"On {held_out.preferred} of {held_out.pairs} {what} kept for the test it {towards}; "
        f"{needed} are needed to be more than chance.",
    )


def needed_to_beat_chance(pairs: int) -> int | None:
    """How many of so many coins must show heads to be rarer than `MAX_CHANCE`; none if even all would not be."""
    at_least = 0.0
    needed = None
    for heads in range(pairs, -1, -1):
        at_least += math.comb(pairs, heads) / 2**pairs
        if at_least > MAX_CHANCE:
            break
        needed = heads
    return needed


def _at_most(name: str, figure: float, limit: float, sentence: str) -> Check:
    return Check(name=name, figure=figure, limit=limit, at_least=False, passed=figure <= limit, sentence=sentence)


def _at_least(name: str, figure: float, limit: float, sentence: str) -> Check:
    return Check(name=name, figure=figure, limit=limit, at_least=True, passed=figure >= limit, sentence=sentence)
