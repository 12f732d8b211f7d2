"""Whether people would like what a candidate wrote better than what the active adapter wrote, going by the ratings.

A run's own rows teach the taste (`retrain.taste`), and its held-out ones test it. What the figures mean is
`retrain.verdict`; generating is the gate's.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy

from assistant.prompt import ChatMessage
from retrain.bootstrap import Sums, interval
from retrain.dataset import HELD_OUT, THUMBS, TRAIN, TRAIN_SINGLES, read
from retrain.replies import mostly_sourced
from retrain.taste import CHOSEN_WORDS, Embedding, Taste
from retrain.verdict import Liking

REASONS = 2
WORTH_SAYING = 0.2
"""A reason has at least this share of the weight of the strongest."""
ALIKE = 1e-9

Both = tuple[Sequence[ChatMessage], str, str]
"""A prompt, and what either side replied to it, the active one first."""


def rated(folder: Path) -> list[dict[str, Any]]:
    """The preferences and single thumbs of a run but for its held-out ones; none where it teaches."""
    files = (folder / name for name in (TRAIN, TRAIN_SINGLES, THUMBS))
    return [row for file in files if file.is_file() for row in read(file)]


def liking(
    folder: Path,
    *,
    asked: Sequence[Both],
    everyday: Sequence[Both],
    sourced: Sequence[Both],
    embedding: Embedding | None,
) -> Liking | None:
    """How the replies of both sides are liked; none without ratings.

    Beside what was asked for a test, prompts count that are of the kind of most rated ones, with sources or without.
    """
    rows = rated(folder)
    if not rows:
        return None
    taste = Taste.learn(rows, embedding=embedding)
    answers = [*asked, *(sourced if mostly_sourced(rows) else everyday)]
    if not answers:
        return None
    held_out = [row for row in read(folder / HELD_OUT) if "rejected" in row]
    kept = taste.test(held_out)
    tested = taste.tested + kept
    gains = [gain if abs(gain) > ALIKE else 0.0 for gain in taste.gains(answers)]
    wins = [(numpy.sign(gain) + 1) / 2 for gain in gains]
    low, high = interval([(won, 1.0) for won in wins], _share)
    gain = float(sum(wins) / len(wins))
    return Liking(
        tested=tested.of,
        right=tested.right,
        sure=tested.low,
        confirmed=2 * kept.right >= kept.of,
        prompts=len(answers),
        gain=gain,
        low=low,
        high=high,
        because=_because(taste, answers, better=gain >= 0.5),
    )


def _share(won: Sums, of: Sums) -> Sums:
    return won / of


def _because(taste: Taste, answers: Sequence[Both], *, better: bool) -> tuple[str, ...]:
    """The strongest reasons for what the whole comes to; words, which name nothing, only for want of others."""
    reasons = [(words, gain if better else -gain) for words, gain in taste.reasons(answers)]
    least = max(ALIKE, WORTH_SAYING * max(gain for _, gain in reasons))
    strong = sorted((each for each in reasons if each[1] >= least), key=lambda each: -each[1])
    named = [words for words, _ in strong if words not in CHOSEN_WORDS]
    return tuple(named[:REASONS] or [words for words, _ in strong])
