"""From evidence to preference pairs, and single thumbs for what has no pair. Pure: the same evidence, the same pairs.

`docs/pairs.md` has every rule as a line of a table. What signals say is collected in `feedback.claims`; here claims on
the same two texts are weighed against each other, and what teaches nothing is left out and counted.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from assistant.prompt import ChatMessage
from feedback.claims import Claim, Kind, Poll, agreed, compared, corrected, polls, retried
from feedback.evidence import Evidence, PromptKey, TextKey
from feedback.likeness import likeness, likeness_of_correction
from feedback.phrases import repeated
from feedback.reliability import Reliability, judge_people
from feedback.rows import row_name, table_and_number
from feedback.rules import DEFAULT_RULES, DISTRUSTED, LEFT_OUT, Rules
from feedback.tables import IMPORTER

TRUST = {kind: trust for trust, kind in enumerate(Kind)}
"""A kind's place in the order of trust; 0 is the most trusted."""


@dataclass(frozen=True, kw_only=True)
class Teaches:
    """What a pair and a single have in common. `rows` are such as `rating:12`: what it was made of."""

    prompt: tuple[ChatMessage, ...]
    rows: tuple[str, ...]
    raters: tuple[str, ...]
    replies: tuple[str, ...]
    """Ids of the rated replies whose texts these are; a correction's text is no reply."""
    conversations: tuple[str, ...]
    """Most often one; two or more where different people rated."""

    @property
    def conversation(self) -> str:
        """The first of its conversations."""
        return self.conversations[0]


@dataclass(frozen=True, kw_only=True)
class Pair(Teaches):
    """A better and a worse answer to one prompt."""

    kind: Kind
    chosen: str
    rejected: str


@dataclass(frozen=True, kw_only=True)
class Single(Teaches):
    """An answer that people liked or did not like, and that is in no pair."""

    completion: str
    label: bool


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """Something that people said which makes no pair and no single; `reason` is one of `LEFT_OUT`."""

    reason: str
    rows: tuple[str, ...]
    """As a pair's; none where `count` combinations of thumbs were not even looked at."""
    replies: tuple[str, ...]
    count: int = 1


@dataclass(frozen=True)
class PairSet:
    """What can be trained on, most trusted first, and what was left out of it."""

    pairs: tuple[Pair, ...]
    singles: tuple[Single, ...]
    why_not: tuple[LeftOut, ...] = field(default=(), repr=False)

    @property
    def distrusted(self) -> frozenset[str]:
        """The rows that were left out because of who said them, or of what many say alike."""
        return frozenset(row for one in self.why_not if one.reason in DISTRUSTED for row in one.rows)

    @property
    def left_out(self) -> dict[str, int]:
        """How much was left out for which of the reasons in `LEFT_OUT`, in their order."""
        counts = Counter[str]()
        for one in self.why_not:
            counts[one.reason] += one.count
        return {reason: counts[reason] for reason in LEFT_OUT if counts[reason]}


def build_pairs(evidence: Evidence, *, rules: Rules = DEFAULT_RULES) -> PairSet:
    """The preference pairs and single thumbs that the evidence gives."""
    signals = [[*compared(evidence)], [*corrected(evidence)], [*retried(evidence)]]
    voted = polls(evidence)
    claims_of_all = [claim for claims in signals for claim in claims]
    people = judge_people(claims_of_all, voted, rules=rules)
    weighed = partial(replace, weight=people.weight, least_lead=math.log(rules.least_odds))
    voted = [weighed(poll) if poll.divided else poll for poll in voted]
    building = _Building(rules, people)
    again = repeated(claims_of_all, evidence, rules=rules)
    building.drop_repeated(again)
    heard = {claim.rows for claim in again}
    for claims in signals:
        building.weigh(claim for claim in claims if claim.rows not in heard)
    building.cross(voted)
    singles = building.singles(voted)
    pairs = building.pairs()
    by_admin = (LeftOut(reason="by_admin", rows=(one.row,), replies=one.replies) for one in evidence.excluded)
    return PairSet(pairs, singles, (*building.left_out, *by_admin))


class _Building:
    """The pairs so far, and for each two texts that somebody compared, in whatever way, which of them won."""

    def __init__(self, rules: Rules, people: Reliability) -> None:
        self.left_out: list[LeftOut] = []
        self._rules = rules
        self._people = people
        self._pairs: list[Pair] = []
        self._won: dict[frozenset[TextKey], TextKey | None] = {}

    def drop_repeated(self, claims: Iterable[Claim]) -> None:
        """Count the claims that only repeat a phrase that is pushed."""
        for claim in claims:
            self._leave_out("one_voice", claim)

    def weigh(self, claims: Iterable[Claim]) -> None:
        """Take the claims of one signal; what more trusted ones said of the same two texts stands."""
        about: dict[frozenset[TextKey], list[Claim]] = defaultdict(list)
        for claim in claims:
            if claim.better[0] != claim.worse[0]:
                self._leave_out("different_prompt", claim)
            else:
                about[frozenset((claim.better, claim.worse))].append(claim)
        for texts, said in about.items():
            self._settle(texts, said)

    def cross(self, voted: Iterable[Poll]) -> None:
        """Pair the texts that people liked with those that they did not like, prompt by prompt."""
        liked: dict[PromptKey, list[Poll]] = defaultdict(list)
        disliked: dict[PromptKey, list[Poll]] = defaultdict(list)
        for poll in voted:
            if poll.verdict is not None and not self._people.distrusts(vote.rater for vote in poll.winning):
                (liked if poll.verdict else disliked)[poll.text[0]].append(poll)
        for prompt in liked:
            room, rest = self._rules.max_pairs_of_prompt, len(liked[prompt]) * len(disliked[prompt])
            for up, down in _crossed(liked[prompt], disliked[prompt]):
                if not room:
                    texts = (*liked[prompt], *disliked[prompt])
                    replies = tuple(vote.answer.id for poll in texts for vote in poll.votes)
                    self.left_out.append(LeftOut(reason="prompt_share", rows=(), replies=replies, count=rest))
                    break
                rest -= 1
                claim = agreed(up, down)
                if claim is not None:
                    room -= self._settle(frozenset((claim.better, claim.worse)), [claim])

    def singles(self, voted: Iterable[Poll]) -> tuple[Single, ...]:
        """The texts that have thumbs and are in no pair."""
        paired = {text for texts, won in self._won.items() if won is not None for text in texts}
        singles = []
        for poll in voted:
            if poll.text in paired:
                continue
            if poll.verdict is None:
                self.left_out.append(_unused(poll, "contradicted"))
            elif self._people.distrusts(vote.rater for vote in poll.winning):
                self.left_out.append(_unused(poll, "unreliable"))
            elif poll.verdict and not poll.answer.finished:
                self.left_out.append(_unused(poll, "unfinished"))
            else:
                singles.append(_single(poll, label=poll.verdict))
        return tuple(singles)

    def pairs(self) -> tuple[Pair, ...]:
        """The pairs, less what goes beyond one person's share."""
        kept = _within_shares(self._pairs, self._rules)
        stay = {pair.rows for pair in kept}
        for pair in self._pairs:
            if pair.rows not in stay:
                self.left_out.append(LeftOut(reason="rater_share", rows=pair.rows, replies=pair.replies))
        return tuple(kept)

    def _settle(self, texts: frozenset[TextKey], said: list[Claim]) -> bool:
        """Make a pair of what was said of two texts, or count why not."""
        decided = self._prevailing([claim for claim in said if not claim.tie])
        why_not = self._objection(texts, said, decided)
        if why_not:
            self._leave_out(why_not, *said)
            self._won.setdefault(texts, None)
            return False
        for claim in said:
            if not claim.tie and claim.better != decided[0].better:
                self._leave_out("outweighed", claim)
        for again in decided[1:]:
            self._leave_out("duplicate", again)
        self._won[texts] = decided[0].better
        self._pairs.append(_pair(decided))
        return True

    def _prevailing(self, claims: Sequence[Claim]) -> list[Claim]:
        """The claims of the side that is likelier to be right by enough; none where neither is."""
        sides: dict[TextKey, list[Claim]] = defaultdict(list)
        for claim in claims:
            sides[claim.better].append(claim)
        if len(sides) < 2:
            return list(claims)
        weights = {
            better: sum(self._people.weight(rater) for rater in {rater for one in given for rater in one.raters})
            for better, given in sides.items()
        }
        first, last = max(weights, key=weights.__getitem__), min(weights, key=weights.__getitem__)
        return sides[first] if weights[first] - weights[last] > math.log(self._rules.least_odds) else []

    def _leave_out(self, reason: str, *said: Claim) -> None:
        rows = _row_ids(row for claim in said for row in claim.rows)
        replies = tuple(dict.fromkeys(reply for claim in said for reply in claim.replies))
        self.left_out.append(LeftOut(reason=reason, rows=rows, replies=replies))

    def _objection(self, texts: frozenset[TextKey], said: Sequence[Claim], decided: Sequence[Claim]) -> str | None:
        """Why no pair is made of what was said of two texts, of which `decided` prevails."""
        if all(claim.tie for claim in said):
            return "tie"
        alike = self._likeness(said[0])
        if alike:
            return alike
        if not decided:
            return "contradicted"
        if texts in self._won:
            return "duplicate" if self._won[texts] == decided[0].better else "overruled"
        if self._people.distrusts(rater for claim in decided for rater in claim.raters):
            return "unreliable"
        return None if any(claim.finished for claim in decided) else "unfinished"

    def _likeness(self, claim: Claim) -> str | None:
        if claim.kind is Kind.correction:
            return likeness_of_correction(claim.chosen, claim.rejected)
        return likeness(claim.chosen, claim.rejected, near=self._rules.near_identical)


def _within_shares(pairs: Sequence[Pair], rules: Rules) -> list[Pair]:
    """Leave out what one person alone said beyond their share: the least trusted first, and of those the oldest."""
    people = {rater for pair in pairs for rater in pair.raters} - {IMPORTER}
    kept = list(pairs)
    while len(people) > 1:
        alone = Counter(pair.raters[0] for pair in kept if len(pair.raters) == 1)
        allowed = max(rules.free_pairs_of_rater, int(len(kept) * rules.max_share_of_rater))
        over = {rater: alone[rater] - allowed for rater in people if alone[rater] > allowed}
        if not over:
            break
        within = []
        for pair in sorted(kept, key=_last_to_go, reverse=True):
            if len(pair.raters) == 1 and over.get(pair.raters[0], 0) > 0:
                over[pair.raters[0]] -= 1
            else:
                within.append(pair)
        kept = within
    return sorted(kept, key=_trusted_first)


def _last_to_go(pair: Pair) -> tuple[int, int]:
    return TRUST[pair.kind], -_numbers(pair.rows)[-1]


def _trusted_first(pair: Pair) -> tuple[int, list[int]]:
    return TRUST[pair.kind], _numbers(pair.rows)


def _numbers(rows: Iterable[str]) -> list[int]:
    return [table_and_number(row)[1] for row in rows]


def _crossed(ups: Sequence[Poll], downs: Sequence[Poll]) -> Iterator[tuple[Poll, Poll]]:
    """All combinations; the latest texts first, and each with another before any with the same again."""
    for shift in range(len(downs)):
        for n in range(len(ups)):
            yield ups[-1 - n], downs[-1 - (n + shift) % len(downs)]


def _pair(decided: Sequence[Claim]) -> Pair:
    """One pair of claims that agree; its texts are those of the first that ends where its writer ended it."""
    first = next(claim for claim in decided if claim.finished)
    return Pair(
        kind=first.kind,
        prompt=first.prompt,
        chosen=first.chosen,
        rejected=first.rejected,
        rows=_row_ids(row for claim in decided for row in claim.rows),
        raters=tuple(dict.fromkeys(rater for claim in decided for rater in claim.raters)),
        replies=first.replies,
        conversations=tuple(dict.fromkeys(held for claim in decided for held in claim.conversations)),
    )


def _single(poll: Poll, *, label: bool) -> Single:
    votes = poll.winning
    return Single(
        prompt=poll.answer.prompt,
        completion=poll.answer.text,
        label=label,
        rows=_row_ids(("rating", vote.row) for vote in votes),
        raters=tuple(vote.rater for vote in votes),
        replies=tuple(dict.fromkeys(vote.answer.id for vote in votes)),
        conversations=tuple(dict.fromkeys(vote.answer.conversation for vote in votes)),
    )


def _unused(poll: Poll, reason: str) -> LeftOut:
    return LeftOut(
        reason=reason,
        rows=_row_ids(("rating", vote.row) for vote in poll.votes),
        replies=tuple(dict.fromkeys(vote.answer.id for vote in poll.votes)),
    )


def _row_ids(rows: Iterable[tuple[str, int]]) -> tuple[str, ...]:
    return tuple(row_name(table, number) for table, number in sorted(set(rows)))
