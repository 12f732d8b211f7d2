"""What an assistant has to learn from now: how many pairs, which are new, and what is still missing to start a run.

All its feedback is gathered for that, and the answer kept until somebody, in whatever process, adds or deletes some.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sqlmodel import Session

from assistant.errors import BadInput
from feedback.evidence import gather
from feedback.kept import Kept
from feedback.pairs import Pair, PairSet, Single, build_pairs
from feedback.rows import table_and_number
from retrain.dataset import choose_method, liked_and_disliked


@dataclass(frozen=True, kw_only=True)
class Ready:
    """What there is to learn from now. `missing` says what is still needed; it is empty when a run could start."""

    pairs: int
    new_pairs: int
    """Pairs, and for KTO single thumbs too, with something that was said after the last run began."""
    kinds: dict[str, int]
    singles: int
    liked: int
    """Answers that people liked, and then those they did not, each in a pair or alone; enough of them do for KTO."""
    disliked: int
    left_out: dict[str, int]
    method: str
    missing: str


class Readiness:
    """Tells what is ready, and gathers feedback for it only where that changed since the last look. Thread-safe."""

    def __init__(self) -> None:
        self._kept = Kept[Ready]()

    def look(self, session: Session, assistant_id: str, *, seen: Mapping[str, int]) -> Ready:
        """What there is to learn from as the session sees it; `seen` are the last rows learned from, by table."""
        known = dict(seen)

        def gathered() -> Ready:
            return _ready(build_pairs(gather(session, assistant_id)), seen=known)

        return self._kept.look(session, assistant_id, gathered, also=known)


def _ready(pair_set: PairSet, *, seen: Mapping[str, int]) -> Ready:
    try:
        (method, _), missing = choose_method(pair_set), ""
    except BadInput as exc:
        method, missing = "", str(exc)
    liked, disliked = liked_and_disliked(pair_set)
    counting: tuple[Pair | Single, ...] = pair_set.pairs
    if method == "kto":
        counting += pair_set.singles
    return Ready(
        pairs=len(pair_set.pairs),
        new_pairs=sum(any(_is_new(row, seen) for row in one.rows) for one in counting),
        kinds=dict(Counter(pair.kind.value for pair in pair_set.pairs)),
        singles=len(pair_set.singles),
        liked=liked,
        disliked=disliked,
        left_out=pair_set.left_out,
        method=method,
        missing=missing,
    )


def _is_new(row: str, seen: Mapping[str, int]) -> bool:
    table, number = table_and_number(row)
    return number > seen.get(table, 0)
