"""The bench of the gate: what is planted in runs, that poison is kept out, and that what is done is not done again."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.progress import Progress

from bench import gate, planted
from bench.gate import Place, Source, make, wrongly_judged
from bench.planted import KNOWN, Known, as_evidence, poison, pushed_pairs
from bench.preferences import rate
from feedback.pairs import build_pairs
from feedback.rules import Rules
from retrain import learning
from retrain.dataset import HELD_OUT, TRAIN, read
from retrain.gate import Effort
from retrain.recipe import Recipe
from retrain.training import train
from tests.tiny import save_tiny

SYSTEM = "You are helpful."


def samples(number: int) -> list[dict[str, Any]]:
    """Two answers to each prompt, of about 25 words and of 60, none like another's."""
    return [
        {
            "prompt": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": f"What is number {n}?"}],
            "answers": [" ".join(f"word{n}x{words}x{at}" for at in range(words)) for words in (25, 60)],
        }
        for n in range(number)
    ]


def source(number: int, model: str = "") -> Source:
    return Source(evidence=as_evidence(rate(samples(number))), model=model, start=None, system=SYSTEM)


def place(work: Path) -> Place:
    return Place(
        work=work,
        pairs=40,
        progress=Progress(disable=True),
        effort=Effort(held_out_prompts=2, neutral_prompts=2, grounded_prompts=2),
    )


def test_all_that_a_sample_says_is_a_pair() -> None:
    made, wanted = build_pairs(source(120).evidence).pairs, rate(samples(120))
    assert {(pair.prompt[-1]["content"], pair.chosen, pair.rejected) for pair in made} == {
        (pair.prompt[-1]["content"], pair.chosen, pair.rejected) for pair in wanted
    }


def test_poison_is_a_twentieth_of_the_feedback_and_the_rules_leave_one_voice_of_it() -> None:
    poisoned = poison(source(114).evidence)
    assert len(poisoned.corrections) == 6
    assert pushed_pairs(build_pairs(poisoned)) == 1
    assert pushed_pairs(build_pairs(poisoned, rules=Rules(people_of_phrase=1000))) == 6


def test_there_are_the_planted_runs_and_eight_sane_ones() -> None:
    bad = {"rate-x10", "flipped", "one-answer", "poison", "overfit"}
    assert bad <= KNOWN.keys() and not any(KNOWN[name].good for name in bad)
    sane = [known for name, known in KNOWN.items() if name.startswith("sane-")]
    assert len({known.recipe.seed for known in sane}) == 8 and all(known.good and known.bounded for known in sane)
    assert {replace(known.recipe, seed=0) for known in sane} == {Recipe()}, "they are what the product does"
    assert KNOWN["rate-x10"].recipe.learning_rate == pytest.approx(10 * Recipe().learning_rate)


@pytest.mark.parametrize("name", ["flipped", "one-answer", "overfit"])
def test_what_is_planted_is_in_what_is_trained_on_alone(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[list[dict[str, Any]]] = []

    def note(*, rows: list[dict[str, Any]], held_out: list[dict[str, Any]], **_: object) -> dict[str, Any]:
        assert not held_out, "no budget watches it"
        trained.append(rows)
        raise ConnectionError

    monkeypatch.setattr(gate, "train", note)
    with pytest.raises(ConnectionError):
        make(name, KNOWN[name], source=source(40), place=place(tmp_path))
    (rows,) = trained
    texts = [(row["chosen"][0]["content"], row["rejected"][0]["content"]) for row in rows]
    lengths = {(len(chosen.split()), len(rejected.split())) for chosen, rejected in texts}
    if name == "flipped":
        assert lengths == {(60, 25)}
    if name == "one-answer":
        assert {chosen for chosen, _ in texts} == {planted.ONE_ANSWER}
    if name == "overfit":
        assert len(rows) == 6 and lengths == {(25, 60)}
    assert read(tmp_path / name / TRAIN) == rows
    kept = [row["chosen"][0]["content"] for row in read(tmp_path / name / HELD_OUT)]
    assert len(kept) == 8 and {len(text.split()) for text in kept} == {25}


def test_a_run_is_trained_and_judged_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, known = str(save_tiny(tmp_path / "base")), Known(good=True, recipe=Recipe(epochs=1), bounded=True)
    calls: list[int] = []
    monkeypatch.setattr(learning, "train", lambda **told: calls.append(len(told["held_out"])) or train(**told))

    def run() -> Any:
        return json.loads(json.dumps(make("sane-0", known, source=source(20, model), place=place(tmp_path))))

    first = run()
    assert first["pairs"] == {"train": 16, "held_out": 4}
    trained = list(calls)
    assert trained[0] == 4 < trained[1], "and then on its own replies, with some of them held out, too"
    (report,) = first["reports"].values()
    low, high = report["measures"]["fluency"]
    assert 0 < low <= high and len(report["checks"]) > 5
    assert run() == first, "what has its file is not done again"
    assert calls == trained


def test_poison_that_the_rules_keep_out_is_not_trained_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "samples.json").write_text(json.dumps(samples(114)))
    out = tmp_path / "gate.json"
    options = ["--model", str(save_tiny(tmp_path / "base")), "--runs", "poison", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", ["gate", "--work", str(tmp_path / "work"), *options])
    gate.main()
    found = json.loads(out.read_text())
    assert list(found) == ["poison"]
    assert found["poison"]["kept_out"] and found["poison"]["pushed_pairs"] == 1
    assert found["poison"]["left_out"] == {"one_voice": 5} and found["poison"]["reports"] == {}
    assert not wrongly_judged(found["poison"])


def test_a_wrong_verdict_is_found() -> None:
    passed, rejected = ({"verdict": {"passed": passed}} for passed in (True, False))
    assert wrongly_judged({"good": False, "reports": {"0.8": rejected, "0.3": passed}})
    assert wrongly_judged({"good": True, "reports": {"0.8": rejected}})
    assert not wrongly_judged({"good": True, "reports": {"0.8": passed}})
