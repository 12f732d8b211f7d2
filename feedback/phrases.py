"""Finds phrases that several newcomers push, so that they count as one voice. Pure.

A phrase is a run of words, whatever case and signs, that the better text of several people's claims has and neither the
worse text nor the prompt. It is pushed if the assistant says it in no other conversation of its own accord, hardly
anybody wants it who has judged much else, and it is no great part of all that people say. Who words it anew each time
is not found.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence, Set
from functools import cache
from itertools import chain

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
        self._question = {answer.id: answer.question for answer in evidence.answers}
        self._judged: dict[str, set[str]] = defaultdict(set)
        """The questions to which each person judged an answer."""
        for thumb in evidence.thumbs:
            self._judged[thumb.rater].add(self._question[thumb.reply])
        for claim in claims:
            for rater in claim.raters:
                self._judged[rater].update(self._question[reply] for reply in claim.replies)

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
        """Phrases that several better texts have and their worse ones have not, each with the claims."""
        letters, least = self._rules.letters_of_phrase, self._rules.people_of_phrase
        texts = [set() if claim.tie else _phrases(claim.chosen, letters) for claim in self._claims]
        often = {phrase for phrase, times in Counter(chain(*texts)).items() if times >= least}
        said: dict[str, list[int]] = defaultdict(list)
        for at, claim in enumerate(self._claims):
            for phrase in texts[at] & often:
                if f" {phrase} " not in self._normal(claim.rejected):
                    said[phrase].append(at)
        return said

    def _of_newcomers(self, among: Sequence[int]) -> bool:
        """Whether these claims are few of all, by several people, and hardly any of those judges much else.

        What several say of the same two texts is said once.
        """
        rules, claims = self._rules, [self._claims[at] for at in among]
        if len(claims) > len(self._claims) * rules.max_share_of_phrase:
            return False
        if len({(claim.better, claim.worse) for claim in claims}) < rules.people_of_phrase:
            return False
        here: dict[str, set[str]] = defaultdict(set)
        for claim in claims:
            for rater in claim.raters:
                here[rater].update(self._question[reply] for reply in claim.replies)
        here.pop(IMPORTER, None)
        settled = sum(len(self._judged[rater] - asked) >= rules.other_questions for rater, asked in here.items())
        return len(here) >= rules.people_of_phrase and settled < len(here) * rules.no_newcomers

    def _said_elsewhere(self, suspect: Mapping[str, Sequence[int]]) -> set[str]:
        """Those that the assistant says in other conversations too, without being given them."""
        where = {
            phrase: {held for at in among for held in self._claims[at].conversations}
            for phrase, among in suspect.items()
        }
        begins = {phrase.partition(" ")[0] for phrase in suspect}
        return {
            phrase
            for answer in self._answers
            for phrase in suspect.keys() & _phrases(answer.text, self._rules.letters_of_phrase, begins=begins)
            if answer.conversation not in where[phrase] and not self._is_given(phrase, answer.prompt)
        }

    def _is_given(self, phrase: str, prompt: tuple[ChatMessage, ...]) -> bool:
        return any(f" {phrase} " in self._normal(message["content"]) for message in prompt)


def _normal(text: str) -> str:
    return f" {' '.join(WORD.findall(text.casefold()))} "


def _phrases(text: str, letters: int, *, begins: Set[str] | None = None) -> set[str]:
    """From each word on, or each of those that begin one, the shortest run of words with so many letters."""
    words = WORD.findall(text.casefold())
    found: set[str] = set()
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
