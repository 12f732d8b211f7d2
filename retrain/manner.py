"""How a reply is written, in a handful of figures that people have words for: its length, its lists, its courtesy.

Pure functions of text. Each figure is scaled so that a difference of 1 is plain to see. What people like of it is
`retrain.taste`. Some figures know words of English; of another language the rest tells.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from assistant.prompt import ChatMessage

BULLET = re.compile(r"\s*[-*•–]\s+\S")
NUMBER = re.compile(r"\s*\d+[.)]\s+\S")
TITLE = re.compile(r"^\[\d+\] (.+)$", re.MULTILINE)
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
ENDED = re.compile(r"[.!?…:][\"'”’)\]*]*$")
COURTESIES = tuple(
    re.compile(rf"\b(?:{words})\b", re.IGNORECASE)
    for words in (
        r"thanks|thank you|grateful|appreciate",
        r"please|kindly",
        r"(?:happy|glad|pleased|delighted) to|a pleasure|my pleasure",
        r"hope|wish you|good luck|all the best|enjoy|take care",
        r"feel free|let me know|welcome",
        r"sorry|apolog\w+|excuse|pardon",
        r"certainly|of course|gladly|absolutely",
        r"hello|hi|dear|greetings|good (?:morning|day|evening)",
    )
)
NOT_KNOWN = re.compile(
    r"(?:\b(?:not|cannot|unable to)|n['’]t)\b[^.!?]{0,30}"
    r"\b(?:know|find|say|tell|mention\w*|stated?|sure|certain|answer)\b"
    r"|\bno (?:information|answer|mention|idea)\b|\bunknown\b|\bunclear\b",
    re.IGNORECASE,
)
ENOUGH_COURTESIES = 3


@dataclass(frozen=True)
class Reading:
    """A reply as it is read, with the prompt that it answers."""

    prompt: Sequence[ChatMessage]
    text: str

    @cached_property
    def words(self) -> list[str]:
        return [word.lower() for word in WORD.findall(self.text)]

    @cached_property
    def lines(self) -> list[str]:
        return [line for line in self.text.splitlines() if line.strip()] or [""]

    @cached_property
    def sentences(self) -> list[str]:
        parts = re.split(r"(?<=[.!?])[\"'”’)\]]*\s+|\n+", self.text)
        return [part.strip() for part in parts if part.strip()] or [""]

    @cached_property
    def length(self) -> float:
        """In doublings of a word."""
        return math.log2(max(1, len(self.text.split())))

    @cached_property
    def titles(self) -> list[str]:
        """Of the sources in its prompt, in lower case."""
        found = (title for message in self.prompt for title in TITLE.findall(message["content"]))
        return [title.split(" › ")[0].strip().casefold() for title in found]

    @cached_property
    def names(self) -> set[str]:
        """Names in the instructions, of which the assistant's own is most often one, in lower case."""
        system = [message["content"] for message in self.prompt[:1] if message["role"] == "system"]
        return {name.lower() for text in system for name in re.findall(r"(?<=[a-z,] )[A-Z][a-z]+", text)}

    def share(self, kind: Callable[[str], bool]) -> float:
        """Of its words."""
        return sum(map(kind, self.words)) / max(1, len(self.words))


@dataclass(frozen=True)
class Trait:
    """One figure, and how people say that answers have more or less of it; "they" stands before either."""

    more: str
    less: str
    measure: Callable[[Reading], float]


def syllables(word: str) -> int:
    """About how many a word has."""
    groups = re.findall(r"[aeiouy]+", word)
    return max(1, len(groups) - (word.endswith("e") and not word.endswith("le")))


def _listed(kind: re.Pattern[str]) -> Callable[[Reading], float]:
    """Twice the share of lines that are items of a list, but for a line that leads to it; one item is no list."""

    def measure(read: Reading) -> float:
        items = sum(bool(kind.match(line)) for line in read.lines)
        return 2 * items / max(items, len(read.lines) - 1) if items > 1 else 0.0

    return measure


def _beyond(doublings: int) -> Callable[[Reading], float]:
    """What a length has beyond a point: with a few of these, a length between two others can be the best liked."""
    return lambda read: max(0.0, read.length - doublings)


def _count(pattern: str) -> Callable[[Reading], float]:
    found = re.compile(pattern, re.MULTILINE)
    return lambda read: math.log2(1 + len(found.findall(read.text)))


def _words(*words: str) -> Callable[[Reading], float]:
    return lambda read: min(2.0, read.share(words.__contains__) / 0.03)


def _syllables(read: Reading) -> float:
    mean = sum(map(syllables, read.words)) / max(1, len(read.words))
    return max(-3.0, min(3.0, (mean - 1.5) / 0.2))


def _sentence(read: Reading) -> float:
    """The length of a sentence, from about 16 words in halves of doublings."""
    mean = max(1.0, len(read.words) / len(read.sentences))
    return max(-6.0, min(6.0, 2 * (math.log2(mean) - 4)))


def _numbers(read: Reading) -> float:
    plain = re.sub(r"\[\d+\]|^\s*\d+[.)]", "", read.text, flags=re.MULTILINE)
    return math.log2(1 + len(re.findall(r"\d+(?:[.,:]\d+)*", plain)))


def _titled(read: Reading) -> float:
    said = re.sub(r'"[^"]*"', " ", read.text).casefold()
    return 2.0 * any(title and title in said for title in read.titles)


def _quoted(read: Reading) -> float:
    quoted = " ".join(re.findall(r'["“]([^"”]*)["”]', read.text)).split()
    return 2 * len(quoted) / max(1, len(read.text.split()))


def _echo(read: Reading) -> float:
    """The share of the question's longer words that it says again."""
    asked = read.prompt[-1]["content"].rpartition("Question: ")[2] if read.prompt else ""
    words = {word for word in WORD.findall(asked.lower()) if len(word) > 3}
    return 2 * len(words & set(read.words)) / max(1, len(words))


def _repeated(read: Reading) -> float:
    grams = [tuple(read.words[at : at + 3]) for at in range(len(read.words) - 2)]
    return 4 * (1 - len(set(grams)) / len(grams)) if grams else 0.0


LONGER, SHORTER = "are longer", "are shorter"
I_WORDS = ("i", "i'm", "i'd", "i'll", "i've", "me", "my", "we", "our")
YOU_WORDS = ("you", "your", "you're", "you'll", "yours")
TRAITS: tuple[Trait, ...] = (
    Trait(LONGER, SHORTER, lambda read: read.length),
    *(Trait(LONGER, SHORTER, _beyond(doublings)) for doublings in (4, 5, 6)),
    Trait("have more bulleted lists", "have fewer bulleted lists", _listed(BULLET)),
    Trait("have more numbered lists", "have fewer numbered lists", _listed(NUMBER)),
    Trait("have more lines", "have fewer lines", lambda read: math.log2(len(read.lines))),
    Trait(
        "end with a question more often",
        "end with a question less often",
        lambda read: 2.0 * read.sentences[-1].rstrip("\"'”’)").endswith("?"),
    ),
    Trait("ask more questions", "ask fewer questions", _count(r"\?")),
    Trait("have more exclamation marks", "have fewer exclamation marks", _count("!")),
    Trait("use longer words", "use shorter words", _syllables),
    Trait("use longer words", "use shorter words", lambda read: read.share(lambda word: len(word) > 7) / 0.1),
    Trait("have longer sentences", "have shorter sentences", _sentence),
    Trait(
        "are more courteous",
        "are less courteous",
        lambda read: float(min(ENOUGH_COURTESIES, sum(bool(kind.search(read.text)) for kind in COURTESIES))),
    ),
    Trait("have more numbers", "have fewer numbers", _numbers),
    Trait(
        "cite by number more often",
        "cite by number less often",
        lambda read: 2.0 * bool(re.search(r"\[\d+\]", read.text)),
    ),
    Trait("name their source more often", "name their source less often", _titled),
    Trait("quote more", "quote less", _quoted),
    Trait(
        "say more often that something is not known",
        "say less often that something is not known",
        lambda read: 2.0 * bool(NOT_KNOWN.search(read.text)),
    ),
    Trait("speak more of themselves", "speak less of themselves", _words(*I_WORDS)),
    Trait("address people more", "address people less", _words(*YOU_WORDS)),
    Trait("have more emoji", "have fewer emoji", _count("[\U0001f300-\U0001faff\u2600-\u27bf]")),
    Trait("have more bold words and headings", "have fewer bold words and headings", _count(r"\*\*|__|^#+ |`+")),
    Trait("have more asides in brackets", "have fewer asides in brackets", _count(r"\(")),
    Trait("have more colons", "have fewer colons", _count("[:;]")),
    Trait("take up more of the question's words", "take up fewer of the question's words", _echo),
    Trait(
        "break off more often", "break off less often", lambda read: 2.0 * (not ENDED.search(read.text.strip()))
    ),
    Trait("repeat themselves more", "repeat themselves less", _repeated),
    Trait(
        "say the assistant's name more often",
        "say the assistant's name less often",
        lambda read: 2.0 * (not read.names.isdisjoint(read.words)),
    ),
)  # fmt: skip


def traits(prompt: Sequence[ChatMessage], text: str) -> list[float]:
    """The figures of a reply, in the order of `TRAITS`."""
    read = Reading(prompt, text)
    return [trait.measure(read) for trait in TRAITS]


def wording(text: str) -> set[str]:
    """The words and marks of a reply in lower case, and with a sign those that it begins and ends with."""
    found = re.findall(rf"{WORD.pattern}|[^\w\s]", text.lower())
    edges = {f"^{found[0]}", f"^{' '.join(found[:2])}", f"{found[-1]}$"} if found else set()
    return {*found, *edges}
