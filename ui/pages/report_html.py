"""The gate's report on a candidate as HTML: the verdict first, then each check, then answers before and after."""

from collections.abc import Mapping, Sequence
from typing import Any

from ui.pages import diff
from ui.pages.markup import escape, lines
from ui.pages.tables import badge, figures, table, version

NAMES = {
    "fluency": "Fluent language",
    "variety": "Varied words",
    "sameness": "Different answers to different questions",
    "repetition": "Little repetition",
    "loops": "No endless loops",
    "not too short": "Not too short",
    "not too long": "Not too long",
    "empty replies": "No empty answers",
    "unfinished replies": "Answers come to an end",
    "answers from sources": "Right answers from documents",
    "liking": "Answers that people like better",
    "preference": "Learned what people prefer",
    "teaching": "Learned what it was taught",
}
"""The checks as people read them."""
CHECK_HEAD = ("Check", "Result", "What was measured", "Figure and limit")
SECTIONS = (
    ("held_out", "Questions kept out of training", "What it learned must show on these, too."),
    ("grounded", "Questions about a given passage", "Whether it still answers from documents."),
    ("neutral", "Everyday questions", "Nobody rated these: they should stay as good as they were."),
)


def report(found: Mapping[str, Any], *, adapter: str | None, pulled: str = "") -> str:
    """The whole report on an adapter; `pulled` is the part on the ratings that moved it most."""
    passed = bool(found["verdict"]["passed"])
    against = version(found.get("method", {}).get("against"))
    heading = "Passed" if passed else "Not good enough"
    legend = (
        '<p class="tl-quiet">Before and after: <del>struck through</del> is gone, <ins>underlined</ins> is new.</p>'
        if any(found.get("examples", {}).values())
        else ""
    )
    rows = [_check(check) for check in found.get("checks", ())]
    return (
        f'<section class="tl-report"><div class="tl-verdict {"tl-passed" if passed else "tl-failed"}">'
        f"<h3>{escape(version(adapter)) if adapter else 'New version'}: {heading}</h3>"
        f"<p>{escape(found['verdict']['sentence'])}</p></div>"
        f"{table(CHECK_HEAD, rows, label='Checks', empty='No checks.')}{pulled}{legend}"
        f"{''.join(_section(found.get('examples', {}), *section, against=against) for section in SECTIONS)}</section>"
    )


def kept_out(counts: Mapping[str, Any], *, why: Mapping[str, str]) -> str:
    """What a count of left out feedback says, a line a reason."""
    said = [f"<li>{int(count)}: {escape(why.get(reason, reason))}</li>" for reason, count in counts.items() if count]
    return f'<ul class="tl-reasons-list">{"".join(said)}</ul>' if said else ""


def training(counts: Mapping[str, Any], trained: Mapping[str, Any]) -> str:
    """What a run is trained on, as figures."""
    names = {
        "lessons": "Examples to teach",
        "rehearsed": "Answers mixed in so that the rest stays",
        "train": "Preferences to train on",
        "held_out": "Kept for the test",
        "own_preferences": "Preferences between its own answers, by the taste that ratings show",
        "too_long": "Too long to train on",
        "steps": "Steps trained",
        "kept_step": "The best step, which was kept",
        "kept_percent": "Percent of the change that stayed (the rest cost too much)",
    }
    known = {**counts, **trained}
    return figures([(label, str(known[name])) for name, label in names.items() if name in known])


def _check(check: Mapping[str, Any]) -> list[str]:
    passed = bool(check["passed"])
    return [
        f"<b>{escape(NAMES.get(check['name'], check['name']))}</b>",
        badge("passed" if passed else "failed", kind="good" if passed else "bad"),
        escape(check["sentence"]),
        _gauge(check["figure"], check["limit"], at_least=bool(check["at_least"]), passed=passed),
    ]


def _gauge(figure: float, limit: float, *, at_least: bool, passed: bool) -> str:
    """A figure and its limit, as a bar with a mark and in words."""
    end = max(figure, limit, 1e-9) * 1.2
    at, mark = (100 * min(max(value / end, 0.0), 1.0) for value in (figure, limit))
    words = f"{figure:.3g}, {'at least' if at_least else 'at most'} {limit:.3g}"
    return (
        f'<span class="tl-gauge{"" if passed else " tl-over"}" aria-hidden="true"><i style="width:{at:.1f}%"></i>'
        f'<b style="left:{mark:.1f}%"></b></span><span class="tl-limit">{words}</span>'
    )


def _section(examples: Mapping[str, Any], key: str, title: str, note: str, *, against: str) -> str:
    found: Sequence[Mapping[str, Any]] = examples.get(key, ())
    if not found:
        return ""
    shown = "".join(_example(example, against=against) for example in found)
    opened = " open" if key == "held_out" else ""
    return (
        f'<details class="tl-fold tl-examples-of"{opened}><summary><b>{escape(title)}</b> ({len(found)})'
        f' <span class="tl-quiet">{escape(note)}</span></summary>{shown}</details>'
    )


def _example(example: Mapping[str, Any], *, against: str) -> str:
    preferred = "".join(
        f'<p class="tl-quiet"><b>{label}:</b> {lines(example[key])}</p>'
        for key, label in (("chosen", "People preferred"), ("taught", "Taught"))
        if key in example
    )
    before, after, marked = diff.sides(example["before"], example["after"])
    same = example["before"].strip() == example["after"].strip()
    note = badge("the same answer") if same else "" if marked else badge("another answer altogether")
    sides = _side(f"Before ({against})", example, "before", before) + _side("After", example, "after", after)
    prompt = f"<p><b>{lines(example['prompt'])}</b> {note}</p>"
    return f'<div class="tl-example-pair">{prompt}<div class="tl-sides">{sides}</div>{preferred}</div>'


def _side(title: str, example: Mapping[str, Any], key: str, html: str) -> str:
    mark = ""
    if f"{key}_right" in example:
        right = bool(example[f"{key}_right"])
        mark = badge("right" if right else "wrong", kind="good" if right else "bad")
    return f"<div><p class='tl-nth'>{escape(title)} {mark}</p><div>{html or '(nothing)'}</div></div>"
