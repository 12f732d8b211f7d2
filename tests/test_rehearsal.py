"""Answers of what serves, for mixing into training."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from assistant.engine import Weights
from assistant.fake_engine import FakeEngine
from assistant.prompt import SOURCES_HEADER, encode_start
from retrain.rehearsal import MAX_NEW_TOKENS, SYSTEMS, TEMPERATURE, rehearse, stay
from retrain.training import encode_rows
from tests.tiny import tiny_tokenizer

RETRAIN = Path(__file__).parents[1] / "retrain"
PROMPTS = (RETRAIN / "everyday.txt").read_text().splitlines()


def test_what_serves_answers_everyday_prompts_under_several_instructions() -> None:
    engine = FakeEngine()
    rows = rehearse(engine, weights=Weights(model="m", adapter=Path("a1")), system="Own.", number=40, seed=3)
    assert len(rows) == 40 and len({row["prompt"][1]["content"] for row in rows}) == 40
    systems = [row["prompt"][0]["content"] for row in rows]
    assert set(systems) == {"Own.", *SYSTEMS} and systems.count("Own.") == 20
    assert all(row["completion"][0]["content"] and row["label"] is False for row in rows)
    asked = engine.history[0]
    assert asked.weights.adapter == Path("a1")
    assert (asked.sampling.temperature, asked.sampling.max_new_tokens) == (TEMPERATURE, MAX_NEW_TOKENS)
    assert len({call.sampling.seed for call in engine.history}) == 40


def test_the_same_seed_asks_the_same_and_every_prompt_comes_before_one_comes_twice() -> None:
    def asked(seed: int, number: int) -> list[str]:
        rows = rehearse(FakeEngine(), weights=Weights(model="m"), system="Own.", number=number, seed=seed)
        return [row["prompt"][1]["content"] for row in rows]

    assert asked(1, 9) == asked(1, 9) != asked(2, 9)
    assert sorted(asked(1, len(PROMPTS))) == sorted(PROMPTS)
    assert len(asked(1, len(PROMPTS) + 5)) == len(PROMPTS) + 5


@pytest.mark.parametrize("sourced", [False, True])
def test_a_model_is_taught_to_stay_as_it_is_with_passages_and_in_everyday_chat_that_nobody_rated(sourced: bool) -> None:
    about = f"{SOURCES_HEADER} ..." if sourced else "Why is the sky blue?"
    rated = [{"prompt": [{"role": "user", "content": about}]}] * 3
    engine = FakeEngine()
    rows = stay(engine, weights=Weights(model="m", adapter=Path("a1")), system="Own.", rows=rated, number=8)
    assert all(row["chosen"] == row["rejected"] for row in rows)
    paragraphs = len((RETRAIN / "prose.txt").read_text().splitlines())
    passages, everyday, prose = rows[:8], rows[8:-paragraphs], rows[-paragraphs:]
    assert all(row["prompt"][-1]["content"].startswith(SOURCES_HEADER) for row in passages)
    assert len(everyday) == (8 if sourced else 0)
    assert not any(row["prompt"][-1]["content"].startswith(SOURCES_HEADER) for row in everyday)
    assert not any(row["prompt"] or row["finished"] for row in prose)
    assert {call.weights.adapter for call in engine.history} == {Path("a1")}
    tokenizer = tiny_tokenizer()
    encoded, too_long = encode_rows(tokenizer, rows, method="dpo", max_length=4096)
    assert len(encoded) == len(rows) and not too_long
    assert encoded[-1]["prompt_ids"] == encode_start(tokenizer)
    assert tokenizer.decode(encoded[-1]["chosen_ids"]) == prose[-1]["chosen"][0]["content"]


def test_no_prompt_is_one_that_the_gate_or_a_benchmark_asks() -> None:
    def prompts(*files: Path) -> Counter[str]:
        return Counter(_words(line) for file in files for line in file.read_text().splitlines())

    bench = RETRAIN.parent / "bench"
    neutral = [json.loads(line)["prompt"] for line in (RETRAIN / "neutral.jsonl").read_text().splitlines()]
    ours = prompts(RETRAIN / "everyday.txt", RETRAIN / "unrated.txt")
    assert len(ours) > 220 and max(ours.values()) == 1
    assert not ours & (
        prompts(bench / "prompts.txt", bench / "loop_gain" / "held_out.txt") | Counter(map(_words, neutral))
    )
    passages, grounded = (
        {json.loads(line)["passage"] for line in (RETRAIN / name).read_text().splitlines()}
        for name in ("passages.jsonl", "grounded.jsonl")
    )
    assert len(passages) >= 16 and not passages & grounded
    neutral_text = (RETRAIN.parent / "bench" / "loop_gain" / "neutral.txt").read_text().splitlines()
    prose = (RETRAIN / "prose.txt").read_text().splitlines()
    assert len(set(prose)) >= 48 and not set(prose) & set(neutral_text)


def _words(prompt: str) -> str:
    return " ".join(re.findall(r"\w+", prompt.lower()))
