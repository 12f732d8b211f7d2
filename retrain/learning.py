"""The training of one run, from its frozen rows to its adapter: each method in turn, with what the model is to keep.

What was drawn by chance or measured on the way (rehearsed replies, the model's own preferences, how much of an update
stays) is left in the run's folder and taken from there when it is done again, so that it gives the same adapter.
"""

import json
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from assistant import adapters
from assistant.batching import BatchingEngine
from assistant.engine import Engine, Weights
from assistant.grounding import focus_of
from assistant.knowledge.embedding import Embedder
from assistant.tables import Focus
from retrain.dataset import (
    ADAPTER,
    HELD_OUT,
    HELD_OUT_SHARE,
    KEPT,
    OWN,
    REHEARSAL,
    ROWS_OF,
    STAYING,
    read,
    write,
    write_synced,
)
from retrain.interpolation import Cost, share_to_keep, share_within, take_back
from retrain.liking import rated
from retrain.masking import Masking
from retrain.on_policy import enough, own_preferences
from retrain.recipe import Recipe
from retrain.rehearsal import rehearse, stay
from retrain.taste import Taste
from retrain.training import Step, train

TAUGHT, LEARNED = "taught", ("learned", "learned-again")
"""Adapters on the way: between two methods, and each time before a model learns from its own replies."""
OF_EPOCHS = 1 / 3
"""How often rows are read beside own replies, of how often without."""
GOES_ON = 0.05
"""A model goes on from where its replies are about so much more surprising than before, as a share; that grows with the
square of how far it went."""
OF_ALL_STAGES = ("steps", "steps_planned", "train_s")
"""Figures that stages sum up; of the others the last one's tell of all."""
Tell = Callable[[Step, float, float | None], None]
"""Told each step, the share of the training that is done, and the budget of KL, none while lessons are taught."""


@dataclass(frozen=True, kw_only=True)
class _Stage:
    """One training: from which adapter, on which rows, into which folder."""

    method: str
    recipe: Recipe
    rows: Sequence[Mapping[str, Any]]
    parent: Path | None
    serves: Path | None
    """What the model is held to, and measured against: the parent, but where it learns in stages."""
    origin: Path | None
    target: Path


class Learning:
    """A run at its training. `config` is the run's."""

    def __init__(self, folder: Path, config: Mapping[str, Any], *, tell: Tell) -> None:
        self._folder, self._config, self._tell = folder, config, tell
        self._methods: list[str] = config["method"].split("+")
        self._taste = self._trusted_taste() if "dpo" in self._methods else None
        self._stages = len(self._methods) + len(OWN) * (self._taste is not None)
        self._done = 0
        self._figures: Counter[str] = Counter()

    def run(self, start: Path | None) -> dict[str, Any]:
        """Train into the adapter's folder, on from the adapter `start`, if any; what was trained on, in figures."""
        parent = start
        origin = Path(self._config["origin"]) if self._config["origin"] else None
        for method in self._methods:
            target = self._folder / (ADAPTER if method == self._methods[-1] else TAUGHT)
            recipe, rows = Recipe.of(self._config["recipes"][method]), read(self._folder / ROWS_OF[method])
            if method != "kto" and recipe.rehearsal:
                rehearsed = self._rehearse(recipe, parent, rated_rows=rows if method == "dpo" else ())
                rows += rehearsed
                self._figures["rehearsed"] += len(rehearsed)
            stage = _Stage(
                method=method, recipe=recipe, rows=rows, parent=parent, serves=parent, origin=origin, target=target
            )
            if method == "dpo" and self._taste is not None:
                self._learn_on(stage, self._taste)
            else:
                self._figures.update(self._train(stage))
            if method != "sft" and recipe.drift is not None:
                self._figures["kept_percent"] = self._keep_within(
                    target, parent, Cost(replies=recipe.drift, prose=recipe.perplexity)
                )
            parent = target
            origin = target if method == "sft" else origin
        return dict(self._figures)

    def _learn_on(self, stage: _Stage, taste: Taste) -> None:
        """Learn from people's preferences; then, from part of the way there, from the model's own replies as well.

        It writes the first of those having gone all the way: so what people want is among them, and what their own
        words did to it beside that is not chosen. Prose is read with them, for that is where most is learned.
        """
        rows = [row for row in stage.rows if row["prompt"]]
        self._count(self._train(replace(stage, target=self._folder / LEARNED[0], rows=rows)))
        weights = stage.recipe.loss_weights
        recipe = replace(
            stage.recipe,
            epochs=max(1, round(stage.recipe.epochs * OF_EPOCHS)),
            loss_weights=tuple(weight / sum(weights) for weight in weights),
        )
        every = round(1 / HELD_OUT_SHARE)
        targets = [*(self._folder / name for name in LEARNED[1:]), stage.target]
        for turn, (name, target) in enumerate(zip(LEARNED, targets, strict=True)):
            learned = self._folder / name
            own = self._own_preferences(stage, learned, taste, turn=turn)
            if turn == 0:
                self._take_back(learned, stage.parent, share=self._shares()[LEARNED[0]])
            rows = [*stage.rows, *(row for at, row in enumerate(own) if at % every)]
            again = replace(stage, recipe=recipe, rows=rows, parent=learned, target=target)
            trained = self._train(again, own[::every])
            self._count(trained)
            self._figures["own_preferences"] += len(own)
            shutil.rmtree(learned)
        self._figures.update({name: value for name, value in trained.items() if name not in OF_ALL_STAGES})

    def _count(self, trained: Mapping[str, Any]) -> None:
        self._figures.update({name: trained[name] for name in OF_ALL_STAGES})

    def _train(self, stage: _Stage, tests: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
        """Do a stage; what came of it. `tests` are held out beside those of the run."""
        before = self._figures["steps"]

        def tell_step(step: Step) -> None:
            share = (self._done + step.step / step.of) / self._stages
            counted = replace(step, step=before + step.step, of=before + step.of)
            self._tell(counted, share, None if stage.method == "sft" else stage.recipe.kl)

        trained = train(
            method=stage.method,
            model=self._config["model"],
            parent=stage.parent,
            serves=stage.serves,
            origin=stage.origin,
            rows=stage.rows,
            held_out=[*read(self._folder / HELD_OUT), *tests],
            recipe=stage.recipe,
            folder=stage.target,
            on_step=tell_step,
        )
        self._done += 1
        sign(stage.target, self._config)
        return trained

    def _trusted_taste(self) -> Taste | None:
        """What people like, if enough ratings tell it with some certainty and the recipe asks for it."""
        rows = rated(self._folder)
        if not enough(rows) or not Recipe.of(self._config["recipes"]["dpo"]).own_replies:
            return None
        embedding = self._config["embedding"]
        taste = Taste.learn(rows, embedding=Embedder(embedding) if embedding else None)
        return taste if (taste.tested + taste.thumbs).low > 0.5 else None

    def _own_preferences(self, stage: _Stage, adapter: Path, taste: Taste, *, turn: int) -> list[dict[str, Any]]:
        """Let the model write replies and compare them, unless it has; the first time, say how much of it stays."""
        file = self._folder / OWN[turn]
        if not file.is_file():
            with self._engine() as engine:
                own = own_preferences(
                    engine,
                    rated(self._folder),
                    taste=taste,
                    model=self._config["model"],
                    adapter=adapter,
                    serves=stage.serves,
                    system=self._config["system"],
                    quotes=self._quotes(engine),
                    number=stage.recipe.own_replies,
                    seed=stage.recipe.seed,
                    turn=turn,
                    of=len(OWN),
                )
            if turn == 0:
                more = own.surprise - 1
                share = share_within(GOES_ON, half=more / 4, whole=more) if more > GOES_ON else 1.0
                self._keep_share(LEARNED[0], round(share, 2))
            write(file, Masking().rows(own.preferences))
        return read(file)

    def _rehearse(
        self, recipe: Recipe, adapter: Path | None, *, rated_rows: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        """Let what serves answer what it is to stay with, unless it has.

        Beside preferences that is what they do not speak of, beside lessons everyday chat.
        """
        file = self._folder / (STAYING if rated_rows else REHEARSAL)
        if not file.is_file():
            own: dict[str, Any] = {
                "weights": Weights(model=self._config["model"], adapter=adapter),
                "system": self._config["system"],
                "number": recipe.rehearsal,
            }
            with self._engine() as engine:
                rows = stay(engine, rows=rated_rows, **own) if rated_rows else rehearse(engine, seed=recipe.seed, **own)
            write(file, rows)
        return read(file)

    def _keep_within(self, adapter: Path, start: Path | None, limits: Cost) -> int:
        """Take back of an update what costs too much, as much as was found before if it was; what stays, in percent."""
        if ADAPTER not in self._shares():
            config = self._config
            with self._engine() as engine:
                share = share_to_keep(
                    adapter,
                    start,
                    asked=[row["prompt"] for row in rated(self._folder)],
                    limits=limits,
                    engine=engine,
                    model=config["model"],
                    system=config["system"],
                    temperature=config["temperature"],
                    top_p=config["top_p"],
                )
            self._keep_share(ADAPTER, share)
        share = self._shares()[ADAPTER]
        self._take_back(adapter, start, share=share)
        return round(100 * share)

    def _take_back(self, adapter: Path, start: Path | None, *, share: float) -> None:
        if share < 1:
            take_back(adapter, start, share=share)
            sign(adapter, self._config)

    def _shares(self) -> dict[str, float]:
        """By adapter, how much of it stayed."""
        file = self._folder / KEPT
        return dict(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else {}

    def _keep_share(self, adapter: str, share: float) -> None:
        write_synced(self._folder / KEPT, json.dumps(self._shares() | {adapter: share}).encode())

    def _quotes(self, engine: Engine) -> bool:
        """Whether quotations are filled in where the assistant answers."""
        return focus_of(Focus(self._config["focus"]), self._config["model"], engine=engine) is Focus.sentences

    def _engine(self) -> AbstractContextManager[BatchingEngine]:
        return closing(BatchingEngine(self._folder, threads=self._config["threads"]))


def sign(adapter: Path, config: Mapping[str, Any]) -> None:
    """Write the manifest of an adapter that a run trained."""
    names = {"parent": config["parent"], "model": config["model"], "model_name": config["model_name"]}
    adapters.name_weights(adapter, id=config["run"], run=config["run"], **names)
