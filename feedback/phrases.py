"""Finds phrases that several newcomers push, so that they count as one voice. Pure.

A phrase is a run of words, whatever case and signs, that the better text of several people's claims has and neither the
worse text nor the prompt. It is pushed if the assistant says it in no other conversation of its own accord, hardly
anybody wants it who has judged much else, and it is no great part of all that people say. Who words it anew each time
is not found.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from functools import cache

from assistant.prompt import ChatMessage
from feedback.claims import Claim
from feedback.evidence import Evidence
from feedback.rules import Rules
from feedback.tables import IMPORTER

WORD = re.compile(r"\w+")


def repeated(claims: Sequence[Claim], evidence: Evidence, *, rules: Rules) -> list[Claim]:
    """The claims that push a phrase which an earlier one pushes already; the claims come the most trusted first."""
    pushed = _Search(claims, evidence, rules).pushed()
    spoken: set[str] = set()
    again: list[Claim] = []
    for at, claim in enumerate(claims):
        pushes = pushed.get(at, set())
        if not spoken.isdisjoint(pushes):
            again.append(claim)
        spoken |= pushes
    return again


class _Search:
    """The search for phrases in some claims; texts are looked at as words in small letters."""

    def __init__(self, claims: Sequence[Claim], evidence: Evidence, rules: Rules) -> None:
        self._claims = claims
        self._answers = evidence.answers
        self._rules = rules
        self._normal = cache(_normal)
        question = {answer.id: answer.question for answer in evidence.answers}
        self._asked = [frozenset(question[reply] for reply in claim.replies) for claim in claims]
        """The questions that each claim is about."""
        self._of = self._by_rater(range(len(claims)))
        judged: dict[str, set[str]] = defaultdict(set)
        for thumb in evidence.thumbs:
            judged[thumb.rater].add(question[thumb.reply])
        for rater, own in self._of.items():
            judged[rater].update(*(self._asked[at] for at in own))
        self._judged = {rater: len(asked) for rater, asked in judged.items()}
        """To how many questions each person judged an answer."""

    def pushed(self) -> Mapping[int, Set[str]]:
        """The phrases that are pushed, by the position of each claim that does."""
        suspect = {phrase: among for phrase, among in self._new_words().items() if self._of_newcomers(among)}
        for phrase in self._said_elsewhere(suspect):
            del suspect[phrase]
        pushed: dict[int, set[str]] = defaultdict(set)
        for phrase, among in suspect.items():
            unasked = [at for at in among if not self._is_given(phrase, self._claims[at].prompt)]
            if self._of_newcomers(unasked):
                for at in unasked:
                    pushed[at].add(phrase)
        return pushed

    def _new_words(self) -> Mapping[str, Sequence[int]]:
        """Phrases that enough newcomers' better texts have and their worse ones have not, each with all such claims."""
        found_in = self._finder(self._spoken_by_newcomers())
        said: dict[str, list[int]] = defaultdict(list)
        for at, claim in enumerate(self._claims):
            if not claim.tie:
                for phrase in found_in(claim.chosen):
                    if f" {phrase} " not in self._normal(claim.rejected):
                        said[phrase].append(at)
        return said

    def _spoken_by_newcomers(self) -> set[str]:
        """Phrases in better texts of so many who may be newcomers that not too few of all who say them can be."""
        rules, people = self._rules, Counter[str]()
        for rater, own in self._of.items():
            if not self._is_settled(rater, own):
                texts = (self._claims[at].chosen for at in own if not self._claims[at].tie)
                people.update(set[str]().union(*(_phrases(text, rules.letters_of_phrase) for text in texts)))
        least = rules.people_of_phrase * (1 - rules.no_newcomers)
        return {phrase for phrase, count in people.items() if count > least}

    def _by_rater(self, among: Iterable[int]) -> dict[str, list[int]]:
        """Some claims by who says so; imports are nobody's."""
        found: dict[str, list[int]] = defaultdict(list)
        for at in among:
            for rater in self._claims[at].raters:
                found[rater].append(at)
        found.pop(IMPORTER, None)
        return found

    def _is_settled(self, rater: str, among: Iterable[int]) -> bool:
        """Whether a person has judged enough besides these claims of theirs."""
        asked = set[str]().union(*(self._asked[at] for at in among))
        return self._judged[rater] - len(asked) >= self._rules.other_questions

    def _of_newcomers(self, among: Sequence[int]) -> bool:
        """Whether these claims are few of all, by several people, and hardly any of those judges much else.

        What several say of the same two texts is said once.
        """
        rules, claims = self._rules, [self._claims[at] for at in among]
        if len(claims) > len(self._claims) * rules.max_share_of_phrase:
            return False
        if len({(claim.better, claim.worse) for claim in claims}) < rules.people_of_phrase:
            return False
        here = self._by_rater(among)
        settled = sum(self._is_settled(rater, own) for rater, own in here.items())
        return len(here) >= rules.people_of_phrase and settled < len(here) * rules.no_newcomers

    def _said_elsewhere(self, suspect: Mapping[str, Sequence[int]]) -> set[str]:
        """Those that the assistant says in other conversations too, without being given them."""
        where = {
            phrase: {held for at in among for held in self._claims[at].conversations}
            for phrase, among in suspect.items()
        }
        found_in = self._finder(suspect.keys())
        return {
            phrase
            for answer in self._answers
            for phrase in found_in(answer.text)
            if answer.conversation not in where[phrase] and not self._is_given(phrase, answer.prompt)
        }

    def _finder(self, phrases: Set[str]) -> Callable[[str], Set[str]]:
        """What finds these phrases in texts."""
        letters, begins = self._rules.letters_of_phrase, {phrase.partition(" ")[0] for phrase in phrases}
        return lambda text: phrases & _phrases(text, letters, begins=begins) if phrases else phrases

    def _is_given(self, phrase: str, prompt: tuple[ChatMessage, ...]) -> bool:
        return any(f" {phrase} " in self._normal(message["content"]) for message in prompt)


def _normal(text: str) -> str:
    return f" {' '.join(WORD.findall(text.casefold()))} "


def _phrases(text: str, letters: int, *, begins: Set[str] | None = None) -> set[str]:
    """From each word on, or each of those that begin one, the shortest run of words with so many letters."""
    words = WORD.findall(text.casefold())
    found: set[str] = set()
    if begins is not None and begins.isdisjoint(words):
        return found
    last, length = 0, -1
    for first, word in enumerate(words):
        while length < letters and last < len(words):
            length += len(words[last]) + 1
            last += 1
        if length < letters:
            break
        if begins is None or word in begins:
            found.add(" ".join(words[first:last]))
        length -= len(word) + 1
    return found
