"""Teaching on a tiny random model: the weights move towards the answer, and nothing but the answer is learned."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from torch.nn.functional import kl_div

from assistant.models import load_model, load_tokenizer
from assistant.prompt import encode_messages, encode_reply
from retrain.batches import by_length
from retrain.recipe import Recipe
from retrain.scoring import log_likelihoods
from retrain.sft import IGNORED, labelled
from retrain.training import Step, build_trainer, encode_rows, load_trainable, train
from tests.tiny import save_tiny

RECIPE = Recipe.of({"learning_rate": 1e-2, "epochs": 3, "batch_size": 4, "rank": 4, "alpha": 8}, method="sft")


def lesson(number: int, *, answer: str = "Brief.", question: str = "", **marks: bool) -> dict[str, Any]:
    prompt = [{"role": "system", "content": "Help."}, {"role": "user", "content": question or f"Question {number}?"}]
    completion = [{"role": "assistant", "content": answer}]
    return {"prompt": prompt, "completion": completion, "rows": [f"example:{number}"], **marks}


ROWS = [lesson(n, question=f"Question {n}{' please' * (n % 5)}?") for n in range(10)]
OWN = [lesson(n, answer="I said so myself.", label=False) for n in range(10, 13)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_tiny(tmp_path_factory.mktemp("tiny")))


def teach(
    model: str, folder: Path, rows: Sequence[dict[str, Any]] = ROWS, *, parent: Path | None = None, **changes: Any
) -> tuple[list[Step], dict[str, Any]]:
    steps: list[Step] = []
    recipe = Recipe.of({"learning_rate": 1e-2, "epochs": 3, "batch_size": 4, "rank": 4, **changes}, method="sft")
    figures = train(
        method="sft",
        model=model,
        parent=parent,
        serves=parent,
        origin=parent,
        rows=rows,
        recipe=recipe,
        folder=folder,
        on_step=steps.append,
    )
    return steps, figures


@pytest.mark.parametrize("variant", ["lora", "dora", "rslora"])
def test_each_variant_learns_the_answer(model: str, tmp_path: Path, variant: str) -> None:
    steps, figures = teach(model, tmp_path, variant=variant)
    assert figures["rows"] == 10 and figures["steps"] == len(steps) == 9
    names = load_file(tmp_path / "adapter_model.safetensors").keys()
    assert any("magnitude" in name for name in names) is (variant == "dora")
    trained = PeftModel.from_pretrained(load_model(model, dtype=torch.float32, device=torch.device("cpu")), tmp_path)
    assert trained.peft_config["default"].use_rslora is (variant == "rslora")
    tokenizer = load_tokenizer(model)
    ids, reply = encode_messages(tokenizer, ROWS[0]["prompt"]), encode_reply(tokenizer, "Brief.")
    (after,) = log_likelihoods(trained.eval(), [ids], [reply])
    with trained.disable_adapter():
        (before,) = log_likelihoods(trained, [ids], [reply])
    assert sum(after) > sum(before) + 1
    assert steps[-1].accuracy is not None and steps[-1].margin is None


def test_the_loss_is_on_the_answer_and_its_end_alone(model: str, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(model)
    encoded, _ = encode_rows(tokenizer, ROWS, method="sft", max_length=1024)
    trainer = build_trainer(
        load_trainable(model, None, RECIPE), tokenizer, encoded, method="sft", recipe=RECIPE, folder=tmp_path
    )
    batch = next(iter(trainer.get_train_dataloader()))
    reply = encode_reply(tokenizer, "Brief.")
    assert len(batch["labels"]) == 4
    for ids, labels in zip(batch["input_ids"].tolist(), batch["labels"].tolist(), strict=True):
        learned = [at for at, label in enumerate(labels) if label != IGNORED]
        assert [labels[at] for at in learned] == [ids[at] for at in learned] == reply
        assert reply[-1] == tokenizer.eos_token_id and learned == list(range(learned[0], learned[0] + len(reply)))


def test_what_is_learned_from_is_final_and_neither_cut_nor_packed(model: str, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(model)
    rows = [*ROWS, lesson(99, answer="word " * 700)]
    encoded, too_long = encode_rows(tokenizer, rows, method="sft", max_length=4096)
    trainer = build_trainer(
        load_trainable(model, None, RECIPE), tokenizer, encoded, method="sft", recipe=RECIPE, folder=tmp_path
    )
    seen = [(row["input_ids"], row["labels"]) for row in map(without_padding, trainer.train_dataset)]
    expected = [(row["input_ids"], row["labels"]) for row in map(labelled, encoded)]
    assert too_long == 0 and sorted(seen) == sorted(expected)
    assert max(len(ids) for ids, _ in seen) > 1024


def test_an_answer_that_was_cut_off_teaches_no_end(model: str) -> None:
    tokenizer = load_tokenizer(model)
    (whole, part), _ = encode_rows(tokenizer, [lesson(1), lesson(1, finished=False)], method="sft", max_length=99)
    assert whole["completion_ids"] == [*part["completion_ids"], tokenizer.eos_token_id]


def test_rehearsed_answers_tell_how_far_the_model_moved(model: str, tmp_path: Path) -> None:
    without, figures = teach(model, tmp_path / "without")
    assert all(step.kl is None for step in without) and figures["rows"] == 10
    steps, figures = teach(model, tmp_path / "with", [*ROWS, *OWN])
    assert figures["rows"] == 13
    assert [step.kl for step in steps if step.kl is not None][-1] > 0


def loss_of(trainer: Any) -> float:
    batch = trainer._prepare_inputs(next(iter(trainer.get_train_dataloader())))
    return float(trainer.compute_loss(trainer.model, batch).detach())


def test_what_the_model_wrote_itself_is_held_to_all_that_it_might_have_written(model: str, tmp_path: Path) -> None:
    tokenizer, trainable = load_tokenizer(model), load_trainable(model, None, RECIPE)
    encoded, _ = encode_rows(tokenizer, OWN, method="sft", max_length=1024)
    make = partial(build_trainer, trainable, tokenizer, encoded, method="sft", folder=tmp_path)
    held, learned = make(recipe=RECIPE), make(recipe=replace(RECIPE, hold=0.0))
    assert loss_of(held) == pytest.approx(0, abs=0.01) and loss_of(learned) > 1

    before = chosen_by(trainable, held)
    with torch.no_grad():
        for name, parameter in trainable.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.1)
    expected = kl_div(chosen_by(trainable, held), before, log_target=True, reduction="batchmean")
    assert loss_of(held) == pytest.approx(RECIPE.hold * float(expected), rel=0.05) and expected > 0.01


def chosen_by(model: Any, trainer: Any) -> torch.Tensor:
    """The log-probabilities of all words at each labelled token of the rows that a trainer has, (tokens, words)."""
    rows = torch.tensor(trainer.train_dataset["input_ids"]), torch.tensor(trainer.train_dataset["labels"])
    with torch.no_grad():
        return torch.log_softmax(model(rows[0]).logits[:, :-1][rows[1][:, 1:] != IGNORED].float(), -1)


def test_beside_its_own_replies_lessons_are_learned_as_ever(model: str, tmp_path: Path) -> None:
    tokenizer, trainable = load_tokenizer(model), load_trainable(model, None, RECIPE)
    encoded, _ = encode_rows(tokenizer, [*ROWS[:2], *OWN[:2]], method="sft", max_length=1024)
    held = build_trainer(trainable, tokenizer, encoded, method="sft", recipe=RECIPE, folder=tmp_path)
    lessons = log_likelihoods(
        trainable.eval(), *([row[name] for row in encoded[:2]] for name in ("prompt_ids", "completion_ids"))
    )
    tokens = sum(len(row["completion_ids"]) for row in encoded)
    assert loss_of(held) == pytest.approx(-sum(map(sum, lessons)) / tokens, rel=0.01)


def test_the_parent_keeps_its_rank(model: str, tmp_path: Path) -> None:
    teach(model, tmp_path / "first")
    teach(model, tmp_path / "second", parent=tmp_path / "first", rank=16, learning_rate=0.0)
    first, second = (load_file(tmp_path / name / "adapter_model.safetensors") for name in ("first", "second"))
    assert first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def without_padding(row: dict[str, list[int]]) -> dict[str, list[int]]:
    end = max(at for at, label in enumerate(row["labels"]) if label != IGNORED) + 1
    return {name: ids[:end] for name, ids in row.items()}


def test_rows_computed_at_once_are_of_one_length_and_come_in_any_order() -> None:
    rows = [[0] * length for length in (*range(40), 99)]
    parts = by_length(rows, length=len, at_once=4, seed=1)
    lengths = [[len(row) for row in part] for part in parts]
    assert sorted(chain(*lengths)) == [*range(40), 99] and lengths != sorted(lengths) and lengths[-1] == [99]
    assert all(max(part) - min(part) == 3 for part in lengths[:-1])
    assert parts == by_length(rows, length=len, at_once=4, seed=1) != by_length(rows, length=len, at_once=4, seed=2)


def test_padding_needs_no_mask_and_changes_nothing(model: str, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(model)
    encoded, _ = encode_rows(tokenizer, ROWS, method="sft", max_length=1024)
    trainable = load_trainable(model, None, RECIPE)
    trainer = build_trainer(trainable, tokenizer, encoded, method="sft", recipe=RECIPE, folder=tmp_path)
    batch = next(iter(trainer.get_train_dataloader()))
    assert bool(batch["attention_mask"].all())
    together = trainable(**batch, fused_lm_head=True).log_probs.sum(dim=1)
    for row, log_prob in zip(trainer.train_dataset, together.tolist(), strict=False):
        ids = without_padding(row)
        alone = trainable(**{name: torch.tensor([value]) for name, value in ids.items()}, fused_lm_head=True)
        assert alone.log_probs.sum().item() == pytest.approx(log_prob, abs=1e-3)
