"""The learning itself: one LoRA update of a model by TRL's DPO, KTO or SFT, from the adapter that serves.

The adapter is always called `default` in a `PeftModel`: fresh, and so equal to the base model, in the first round, and
loaded from then on. For DPO and KTO, TRL copies it to an adapter `ref` before the first step, so that the reference is
exactly what training goes on from. Rows are encoded by `assistant.prompt`, as serving does, and not by TRL.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig, PeftModel, get_peft_model
from peft.helpers import disable_input_dtype_casting
from transformers import PreTrainedModel, PreTrainedTokenizerBase, PrinterCallback, TrainerCallback
from trl import DPOConfig, KTOConfig, KTOTrainer

from assistant import attention, models
from assistant.errors import BadInput, ThumbloopError
from assistant.prompt import encode_messages, encode_reply, encode_start, encode_text
from feedback.claims import Kind
from retrain.batches import by_length
from retrain.budget import Budget, Check, Probe
from retrain.dataset import OWN_KIND
from retrain.dpo import TRAINED, PreferenceTrainer
from retrain.log_probs import in_trl
from retrain.recipe import Recipe
from retrain.sft import build_sft_trainer

TOKENS_AT_ONCE = 2048
"""What is computed at once; each token costs about 2 MB of memory on the default model. A batch is done in parts."""
SERVES = "serves"
"""The name of the adapter that serves, where training goes on from another."""
REHEARSED = 8
"""Answers that a run of teaching is watched on."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """How far training is. `kl` is in nats a token, of replies of the reference; none where it was not measured.

    For teaching there is no margin, and `accuracy` is the share of tokens that the model would have written itself.
    """

    step: int
    of: int
    loss: float
    margin: float | None
    accuracy: float | None
    kl: float | None
    seconds_left: float


def train(
    *,
    method: str,
    model: str,
    parent: Path | None,
    serves: Path | None,
    origin: Path | None,
    rows: Sequence[Mapping[str, Any]],
    held_out: Sequence[Mapping[str, Any]] = (),
    recipe: Recipe,
    folder: Path,
    on_step: Callable[[Step], None],
) -> dict[str, Any]:
    """Train an adapter on rows in TRL's formats and save it, as PEFT does, to `folder`; what was dropped, and figures.

    `model` is resolved, `parent` the folder of the adapter to go on from, if any, `serves` of that which serves, to
    which the model is held and by which the step to keep is found, and `origin` of that from which preferences began to
    move the model. Preferences among the rows that are `held_out` say when to end, and which step to keep. Runs on the
    GPU if there is one. Raises `BadInput` if no row fits, `ModelUnavailable`, and `ThumbloopError` if preferences have
    moved the model as far as they may, or if training ended in no numbers.
    """
    tokenizer = models.load_tokenizer(model)
    encoded, too_long = encode_rows(tokenizer, rows, method=method, max_length=recipe.max_length)
    if len(encoded) < 2:
        raise BadInput(
            f"Nothing is left to train on: {too_long} of {len(rows)} rows are longer than {recipe.max_length} tokens. "
            "Rate shorter answers, or give the assistant fewer passages for a question."
        )
    peft_model = load_trainable(model, parent, recipe)
    budget = Budget(
        peft_model,
        _rehearsed(encoded) if method == "sft" else _preferred(tokenizer, held_out, recipe),
        kl=None if method == "sft" else recipe.kl,
        total=recipe.total_kl,
        beta=recipe.beta,
    )
    if serves != parent:
        budget.compare_with(serves)
    if origin != serves:
        budget.count_from(origin)
    held_to = TRAINED if serves == parent else _load_beside(peft_model, serves)
    trainer = build_trainer(
        peft_model, tokenizer, encoded, method=method, recipe=recipe, folder=folder, held_to=held_to
    )
    started = time.monotonic()
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(budget)
    trainer.add_callback(_Telling(budget, on_step))
    with disable_input_dtype_casting(peft_model, active=recipe.fast):  # to float32 and, by autocast, back
        trainer.train()
    peft_model.save_pretrained(str(folder), selected_adapters=[TRAINED], safe_serialization=True)
    _require_numbers(peft_model)
    return {
        "rows": len(encoded),
        "too_long": too_long,
        "steps": trainer.state.global_step,
        "steps_planned": trainer.state.max_steps,
        "train_s": round(time.monotonic() - started, 1),
    } | ({} if budget.kept is None else _kept(budget.kept))


def _kept(check: Check) -> dict[str, Any]:
    return {"kept_step": check.step, "kl": round(check.kl, 4), "total_kl": round(check.total, 4)}


def encode_rows(
    tokenizer: PreTrainedTokenizerBase, rows: Sequence[Mapping[str, Any]], *, method: str, max_length: int
) -> tuple[list[dict[str, Any]], int]:
    """The token ids of rows under the names that TRL's collators read, and how many rows were too long.

    A row without a prompt is plain text. A reply that was cut off (`finished` is false) teaches no end. Of SFT,
    `label` is false where the model rehearses what it wrote itself.
    """
    encoded: list[dict[str, Any]] = []
    for row in rows:
        prompt = encode_messages(tokenizer, row["prompt"]) if row["prompt"] else encode_start(tokenizer)
        ids: dict[str, Any] = {"prompt_ids": prompt}
        encode = encode_reply if row.get("finished", True) else encode_text
        for name in ("chosen", "rejected") if method == "dpo" else ("completion",):
            ids[f"{name}_ids"] = encode(tokenizer, row[name][-1]["content"])
        replies = [value for name, value in ids.items() if name != "prompt_ids"]
        if len(prompt) + max(map(len, replies)) <= max_length:
            encoded.append(ids if method == "dpo" else {**ids, "label": row.get("label", True)})
    return encoded, len(rows) - len(encoded)


def _rehearsed(encoded: Sequence[Mapping[str, Any]]) -> list[Probe]:
    """Of rows for teaching some that what serves wrote itself: they end nothing, and only tell how far a run moved."""
    own = [row for row in encoded if not row["label"]]
    return [
        Probe(prompts=(row["prompt_ids"],), replies=(row["completion_ids"],), own=(True,)) for row in own[:REHEARSED]
    ]


def _preferred(
    tokenizer: PreTrainedTokenizerBase, held_out: Sequence[Mapping[str, Any]], recipe: Recipe
) -> list[Probe]:
    """Held-out preferences that fit. People wrote what is chosen of corrections; of other pairs the reference wrote
    both, but where `kind` says that the model in training did.
    """
    probes = [
        Probe(
            prompts=tuple(
                encode_messages(tokenizer, row.get(name, row["prompt"])) for name in ("prompt", "rejected_prompt")
            ),
            replies=tuple(encode_reply(tokenizer, row[name][-1]["content"]) for name in ("chosen", "rejected")),
            own=(row.get("kind") not in (Kind.correction, OWN_KIND), row.get("kind") != OWN_KIND),
        )
        for row in held_out
        if "rejected" in row
    ]
    return [probe for probe in probes if probe.tokens <= 2 * recipe.max_length]


def load_trainable(model: str, parent: Path | None, recipe: Recipe) -> PeftModel:
    """The model with a trainable adapter `default`: the parent's, or a fresh one that changes nothing yet."""
    base: PreTrainedModel = models.load_model(model, dtype=torch.float32, device=models.device())
    if recipe.fast:
        attention.use(base)
    if parent is not None:
        return PeftModel.from_pretrained(base, str(parent), is_trainable=True)
    lora = LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        use_dora=recipe.variant == "dora",
        use_rslora=recipe.variant == "rslora",
        target_modules="all-linear",
        exclude_modules=_lower_layers(base, depth=recipe.depth),
        task_type="CAUSAL_LM",
    )
    torch.manual_seed(recipe.seed)
    return get_peft_model(base, lora)


def _load_beside(model: PeftModel, adapter: Path | None) -> str | None:
    """The name by which a model has an adapter beside the one that learns, none for the base model."""
    if adapter is None:
        return None
    model.load_adapter(str(adapter), SERVES)
    return SERVES


def _lower_layers(model: PreTrainedModel, *, depth: float) -> str | None:
    """A pattern of the modules in the layers that do not learn, by the names that decoders give their layers."""
    layers = int(model.config.get_text_config().num_hidden_layers)
    lower = range(layers - max(1, round(layers * depth)))
    return rf".*\.layers\.({'|'.join(map(str, lower))})\..*" if lower else None


class _KTO(KTOTrainer):  # type: ignore[misc]
    def _prepare_dataset(self, dataset: Dataset, _processing: object, args: KTOConfig, _name: str) -> Dataset:
        """Add what KTO's estimate of the distance needs: each prompt with the next row's completion."""
        completions = dataset["completion_ids"]
        size = args.per_device_train_batch_size
        mismatched: list[list[int]] = []
        for start in range(0, len(completions), size):
            batch = list(completions[start : start + size])
            mismatched += [batch[-1], *batch[:-1]]
        return dataset.add_column("KL_completion_ids", mismatched)


def build_trainer(
    model: PeftModel,
    tokenizer: PreTrainedTokenizerBase,
    encoded: Sequence[Mapping[str, Any]],
    *,
    method: str,
    recipe: Recipe,
    folder: Path,
    held_to: str | None = TRAINED,
) -> Any:
    """TRL's trainer for encoded rows; `held_to` is as in `retrain.dpo`.

    It patches the model's forward, so the model must serve nobody.
    """
    longest = max(map(_tokens, encoded))
    # A row of DPO is two sequences, and KTO compares the rows that are computed together.
    least, sequences = {"dpo": (1, 2), "kto": (2, 1), "sft": (1, 1)}[method]
    rows_at_once = _rows_at_once(recipe.batch_size, tokens=longest * sequences, least=least)
    large = rows_at_once * longest * sequences > TOKENS_AT_ONCE
    common: dict[str, Any] = {
        "output_dir": str(folder),
        "per_device_train_batch_size": rows_at_once,
        "gradient_accumulation_steps": max(1, recipe.batch_size // rows_at_once),
        "num_train_epochs": recipe.epochs,
        "learning_rate": recipe.learning_rate,
        "lr_scheduler_type": "cosine",
        "warmup_steps": 0.1,
        "seed": recipe.seed,
        "train_sampling_strategy": "sequential",
        "use_cpu": models.device().type == "cpu",
        "bf16": models.compute_dtype() is torch.bfloat16,
        "activation_checkpointing": large or models.device().type != "cpu",
        "dataloader_pin_memory": False,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
    }
    edit, hold = (recipe.edit, recipe.hold) if recipe.fast else (0.0, 0.0)
    with in_trl() if recipe.fast else nullcontext():
        if method == "sft":
            return build_sft_trainer(model, tokenizer, encoded, hold=hold, settings=common)
        common |= {"beta": recipe.beta, "max_length": recipe.max_length, "precompute_ref_log_probs": recipe.fast}
        if method == "dpo":
            parts = by_length(encoded, length=_tokens, at_once=rows_at_once, seed=recipe.seed)
            dataset = Dataset.from_list([dict(row) for part in parts for row in part])
            mix = {"loss_type": list(recipe.loss_types), "loss_weights": list(recipe.loss_weights)}
            args = DPOConfig(**common, **mix, label_smoothing=recipe.label_smoothing)
            own = {"model": model, "args": args, "train_dataset": dataset, "processing_class": tokenizer}
            return PreferenceTrainer(edit=edit, hold=hold, held_to=held_to, **own)
        dataset = Dataset.from_list([dict(row) for row in encoded]).shuffle(recipe.seed)
        args = KTOConfig(**common, **kto_weights([row["label"] for row in encoded]))
        return _KTO(model=model, args=args, train_dataset=dataset, processing_class=tokenizer)


def kto_weights(labels: Sequence[bool]) -> dict[str, float]:
    """Weights that let liked and disliked answers count for as much, however many there are of each.

    Equation 8 of the KTO paper, https://huggingface.co/papers/2402.01306, at its lower bound.
    """
    liked = sum(labels)
    disliked = len(labels) - liked
    if not liked or not disliked:
        return {}
    return {"desirable_weight": max(1.0, disliked / liked), "undesirable_weight": max(1.0, liked / disliked)}


def _tokens(row: Mapping[str, Any]) -> int:
    """Of the prompt with the longer of its replies."""
    replies = [row[name] for name in ("chosen_ids", "rejected_ids", "completion_ids") if name in row]
    return len(row["prompt_ids"]) + max(map(len, replies))


def _rows_at_once(batch_size: int, *, tokens: int, least: int) -> int:
    """Rows of so many tokens that are computed at once: the most that divide a batch and keep within the limit."""
    divisors = [size for size in range(least, batch_size + 1) if batch_size % size == 0]
    return max((size for size in divisors if size * tokens <= TOKENS_AT_ONCE), default=min(divisors, default=least))


class _Telling(TrainerCallback):  # type: ignore[misc]
    """Tells of each step, and of what the budget found at some."""

    def __init__(self, budget: Budget, on_step: Callable[[Step], None]) -> None:
        self._budget = budget
        self._on_step = on_step
        self._started = 0.0

    def on_train_begin(self, *_: object, **__: object) -> None:
        self._started = time.monotonic()

    def on_log(self, _args: object, state: Any, _control: object, logs: Mapping[str, float], **__: object) -> None:
        if "loss" not in logs:
            return
        left = (time.monotonic() - self._started) / state.global_step * (state.max_steps - state.global_step)
        self._on_step(
            Step(
                step=state.global_step,
                of=state.max_steps,
                loss=logs["loss"],
                margin=logs.get("rewards/margins"),
                accuracy=logs.get("rewards/accuracies", logs.get("mean_token_accuracy")),
                kl=next((each.kl for each in self._budget.checks if each.step == state.global_step), None),
                seconds_left=round(left, 1),
            )
        )


def _require_numbers(model: PeftModel) -> None:
    trained = (parameter for name, parameter in model.named_parameters() if ".default." in name)
    if not all(bool(torch.isfinite(parameter).all()) for parameter in trained):
        raise ThumbloopError(
            "Training diverged: the adapter's weights are no numbers any more. Lower the learning rate and start again."
        )
