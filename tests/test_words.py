"""What people read on the pages is free of jargon: a term stands in brackets after plain words, if at all."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assistant.samples import SAMPLE
from assistant.starting_points import STARTING_POINTS
from feedback.pairs import LEFT_OUT
from feedback.ratings import LABELS
from retrain.manner import TRAITS
from retrain.verdict import judge
from tests.serving import open_services
from tests.test_verdict import LIKING, measures
from ui import pages
from ui.pages import assistant_handlers, feedback_handlers, report_html, run_html, taught_html, versions_html
from ui.services import Services

JARGON = re.compile(
    r"\b(adapters?|LoRA|KL|epochs?|beta|top.p|temperature|base model|golden|candidates?|gate|tokens?|embeddings?|"
    r"chunks?|DPO|KTO|SFT|JSONL?|cron|slug|loss|margin|accuracy|learning rate|seed|logits?|nats|held.out)\b",
    re.IGNORECASE,
)
ASIDE = re.compile(r"\([^()]*\)|<code>.*?</code>|`[^`]*`|<[^>]*>")
"""Where a term may stand: in brackets, and as code."""
SHOWN = ("label", "info", "placeholder", "title", "submit_btn", "stop_btn", "x_title", "y_title")
SPEAKING = ("html", "button", "uploadbutton")
"""Kinds of components whose value is said to people."""


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    with open_services(tmp_path_factory.mktemp("words")) as opened:
        yield opened


def jargon(text: str) -> list[str]:
    return [found.group() for found in JARGON.finditer(ASIDE.sub(" ", text))]


def texts_of(component: dict[str, Any]) -> Iterator[str]:
    props = component["props"]
    for name in (*SHOWN, "value") if component["type"] in SPEAKING else SHOWN:
        if isinstance(props.get(name), str):
            yield props[name]
    for choice in props.get("choices") or ():
        yield str(choice[0] if isinstance(choice, list | tuple) else choice)


def test_a_term_is_found_unless_it_is_an_aside() -> None:
    assert jargon("The KL of an Adapter") == ["KL", "Adapter"]
    assert jargon("How far it moved (KL), by <code>top_p</code>") == []


def test_no_label_hint_or_choice_of_a_page_is_jargon(services: Services) -> None:
    told = pages.build(services).config["components"]
    seen = [text for one in told for text in texts_of(one)]
    assert "How it answers" in " ".join(seen) and "Retrain by itself" in seen
    assert {text: jargon(text) for text in seen if jargon(text)} == {}


@pytest.mark.parametrize(
    "words",
    [
        run_html.CURVES, run_html.STATES, run_html.KINDS, report_html.NAMES, LEFT_OUT, LABELS, taught_html.MEANINGS,
        {n: trait.more for n, trait in enumerate(TRAITS)}, {n: trait.less for n, trait in enumerate(TRAITS)},
        versions_html.STATES, assistant_handlers.FIELDS, dict(feedback_handlers.FORMATS), feedback_handlers.DONE,
    ],
)  # fmt: skip
def test_no_name_on_a_page_is_jargon(words: dict[Any, Any]) -> None:
    names = words if words == dict(feedback_handlers.FORMATS) else words.values()
    for name in names:
        assert jargon(name if isinstance(name, str) else name[0]) == [], name


def test_a_verdict_is_free_of_jargon() -> None:
    likings = (LIKING, replace(LIKING, low=0.4), replace(LIKING, high=0.4), replace(LIKING, confirmed=False))
    told = [judge(measures(liking=liking)) for liking in likings]
    for verdict in (*told, judge(measures(nll=1.76)), judge(measures(held_out={"pairs": 2}))):
        for sentence in (verdict.sentence, *(check.sentence for check in verdict.checks)):
            assert jargon(sentence) == [], sentence


def test_what_a_newcomer_meets_first_is_free_of_jargon() -> None:
    for settings in (SAMPLE, *(point.settings for point in STARTING_POINTS)):
        for text in (settings["greeting"], *settings["example_questions"]):
            assert jargon(text) == [], text


def test_the_scripts_of_the_pages_say_nothing_in_jargon() -> None:
    for script in Path(pages.__file__).parent.glob("*.js"):
        for text in re.findall(r'textContent = "([^"]*)"', script.read_text(encoding="utf-8")):
            assert jargon(text) == [], f"{script.name}: {text}"
