"""People with a taste, for tests: replies that differ in many ways at random, and ratings by one of these ways."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

NAME, TITLE = "Juno", "The harbour handbook"
SYSTEM = f"You are {NAME}, a helpful assistant."
PLAIN = (
    "a the of to and in it is on for with at by from dog cat tree house rain sun road fish bread cup day hand".split()
)
HARD = "additionally necessary information consideration environment particularly approximately communication".split()
Scorer = Callable[[str], float]

TASTES: dict[str, Scorer] = {
    "about 25 words": lambda text: -abs(len(text.split()) - 25),
    "long": lambda text: len(text.split()),
    "brief": lambda text: -len(text.split()),
    "a list": lambda text: text.count("\n- "),
    "a question at the end": lambda text: text.endswith("?"),
    "courtesy": lambda text: "please" in text,
    "a name": lambda text: NAME in text,
    "a source": lambda text: TITLE in text,
    "plain words": lambda text: -sum(word.strip(".-").lower() in HARD for word in text.split()) / len(text.split()),
    "not known": lambda text: "do not know" in text,
    "a word": lambda text: "hedgehog" in text,
}


def prompt(number: int) -> list[dict[str, str]]:
    sources = f"[1] {TITLE} › Boats\nThe harbour opens at six."
    return [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": f"{sources}\n\nQuestion: What is thing number {number}?"},
    ]


def reply(chance: Random) -> str:
    """A reply that has each of the ways of `TASTES` or not."""
    words = PLAIN if chance.random() < 0.5 else [*PLAIN, *HARD]
    said = [" ".join(chance.choices(words, k=chance.randint(4, 14))) for _ in range(chance.randint(1, 6))]
    for part in ("I do not know that part", "See the hedgehog there"):
        if chance.random() < 0.5:
            said.insert(0, part)
    said = [f"{one[0].upper()}{one[1:]}." for one in said]
    text = "\n".join(f"- {one}" for one in ["All of it.", *said])[2:] if chance.random() < 0.5 else " ".join(said)
    for before in (f"{NAME} here.", f"So says {TITLE}."):
        if chance.random() < 0.5:
            text = f"{before} {text}"
    for after in ("Look again, please.", "Shall we go on?"):
        if chance.random() < 0.5:
            text = f"{text} {after}"
    return text


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def preferences(taste: str, number: int, *, wrong: float = 0.15, seed: int = 0, first: int = 0) -> list[dict[str, Any]]:
    """Frozen rows of so many preferences, each on a question of its own."""
    chance, scorer, rows = Random(f"{taste} {seed} {first}"), TASTES[taste], []
    while len(rows) < number:
        worse, better = sorted((reply(chance), reply(chance)), key=scorer)
        if scorer(worse) == scorer(better):
            continue
        if chance.random() < wrong:
            worse, better = better, worse
        asked = prompt(first + len(rows))
        rows.append({"prompt": asked, "chosen": said(better), "rejected": said(worse), "rows": []})
    return rows


def thumbs(taste: str, number: int, *, wrong: float = 0.15, seed: int = 0) -> list[dict[str, Any]]:
    """Frozen rows of so many single thumbs: up for what is better than most."""
    chance, scorer = Random(f"{taste} {seed} thumbs"), TASTES[taste]
    texts = [reply(chance) for _ in range(number)]
    middle = sorted(map(scorer, texts))[number // 2]
    return [
        {"prompt": prompt(at), "completion": said(text), "label": (scorer(text) >= middle) != (chance.random() < wrong)}
        for at, text in enumerate(texts)
    ]


def turned(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Preferences the wrong way round."""
    return [{**row, "chosen": row["rejected"], "rejected": row["chosen"]} for row in rows]


def write_run(folder: Path, *, train: Sequence[dict[str, Any]], held_out: Sequence[dict[str, Any]]) -> Path:
    """The frozen files of a run."""
    for name, rows in (("train.jsonl", train), ("held_out.jsonl", held_out)):
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder
