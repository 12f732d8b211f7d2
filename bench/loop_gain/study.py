"""One study: people of one preference give feedback to a new app, it is retrained, and both adapters are measured.

Each step leaves a file in the study's folder, and what has its file is not done again.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from assistant import models
from assistant.batching import BatchingEngine
from assistant.defaults import DEFAULT_EMBEDDING, require
from assistant.knowledge.embedding import Embedder
from bench.loop_gain import at_once, hostile, measures
from bench.loop_gain.app import SLUG, prepare, running_app
from bench.loop_gain.feedback import give_feedback, read_events, retrain, summary, timed
from bench.loop_gain.methods import train_by
from bench.loop_gain.people import MIX, Person, Signal, crowd
from bench.loop_gain.preference import Preference
from bench.loop_gain.preferences import preferences
from bench.loop_gain.speech import Asked, Said, compose_held_out, document_probes, speak
from bench.loop_gain.stock import train_stock
from retrain.dataset import write_synced

SAMPLES = 6
HARM: dict[str, Callable[[list[Person]], list[Person]]] = {
    "liar": hostile.with_liar,
    "pushers": hostile.with_pushers,
}


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much is asked to measure."""

    held_out: int = 64
    times: int = 2
    """How often each of these: drift is the noisiest of the figures."""
    documents: int = 400
    """About documents, at most."""
    near: int = 16
    """Other wordings of questions that were corrected, and of those whose answer was liked."""


QUICK = Effort(held_out=48, times=1, documents=32, near=8)


@dataclass(frozen=True, kw_only=True)
class Study:
    """What is studied. Two studies with one key are the same."""

    preference: str
    events: int = 120
    """Of each round."""
    signals: str = "mix"
    seed: int = 0
    rounds: int = 1
    harm: str = ""
    method: str = ""
    """Another method than the product's own, on what the same study without one collected."""
    stock: bool = False
    """Whether the same pairs go through plain TRL, too."""
    effort: Effort = Effort()

    @property
    def key(self) -> str:
        """The name of its folder; the same people serve a study with and without TRL beside it."""
        parts = [self.preference, str(self.events), self.signals, f"seed{self.seed}"]
        parts += [f"{self.rounds}rounds"] * (self.rounds > 1) + [self.harm] * bool(self.harm)
        return "-".join(parts) + ("-quick" if self.effort == QUICK else "")

    @property
    def name(self) -> str:
        """Its name among results."""
        return f"{self.key}-{self.method}" if self.method else self.key


@dataclass(frozen=True)
class Place:
    """Where a study works, and how it tells what it does (`what`, share done)."""

    work: Path
    models: Path
    tell: Callable[[str, float], None]

    @property
    def model(self) -> str:
        return models.resolve(self.models, "default")


def run_study(study: Study, place: Place) -> dict[str, Any]:
    """Do all of a study that is not done yet; its result, ready for JSON."""
    folder = place.work / study.key
    folder.mkdir(parents=True, exist_ok=True)
    rounds = [_Round(study, place, folder, number) for number in range(1, study.rounds + 1)]
    told = [each.result([one.trained() for one in rounds[: each.number - 1]]) for each in rounds]
    return {"study": asdict(study), **(told[0] if study.rounds == 1 else {"rounds": told})}


def people_of(study: Study, *, number: int) -> list[Person]:
    """Who gives feedback in the nth round."""
    all_of_them = preferences()
    signals = MIX if study.signals == "mix" else (Signal(study.signals),)
    people = crowd(
        all_of_them[study.preference],
        events=study.events,
        signals=signals,
        others=[other for name, other in all_of_them.items() if _may_correct(other, all_of_them[study.preference])],
        seed=study.seed * 100 + number,
    )
    return HARM[study.harm](people) if study.harm else people


def _may_correct(other: Preference, preference: Preference) -> bool:
    """Whether somebody of another taste can correct what is said here: some need the documents for it."""
    return other.name != preference.name and (preference.documents or not other.documents)


class _Round:
    """One round of feedback and training, and its measures."""

    def __init__(self, study: Study, place: Place, folder: Path, number: int) -> None:
        self.study, self.place, self.number = study, place, number
        self.preference = preferences()[study.preference]
        self.home = folder / "home"
        self.folder = folder / f"round-{number}"
        self.folder.mkdir(exist_ok=True)

    def trained(self) -> dict[str, Any]:
        """What `/run` told at its end."""
        return dict(json.loads((self.folder / "run.json").read_text(encoding="utf-8")))

    def result(self, earlier: list[dict[str, Any]]) -> dict[str, Any]:
        """Collect, train, measure; `earlier` are the runs of the rounds before."""
        run = kept(self.folder / "run.json", lambda: self._collect(earlier))
        told = {
            "feedback": run["feedback"],
            "pairs": run["status"]["pairs_by_kind"],
            "left_out": run["status"]["left_out"],
            "state": run["state"],
            "error": run["error"],
            "method": run["method"],
            "counts": {name: run["counts"][name] for name in ("train", "held_out") if name in run.get("counts", {})},
            "verdict": (run["report"] or {}).get("verdict"),
            "failed": [check["sentence"] for check in (run["report"] or {}).get("checks", ()) if not check["passed"]],
            "minutes": dict(run["minutes"]),
        }
        if self.study.rounds == 1:  # later, the home folder has the golden answers of all rounds
            told["at_once"] = self._at_once(run)
        if run["state"] != "done":
            return told | {"figures": None, "samples": []}
        told |= self._measured("product", self.home / "adapters" / run["adapter"], run)
        if self.number > 1:
            start = self._start(earlier[0])
            told["since_start"] = self._measured("since-start", self.home / "adapters" / run["adapter"], run, start)
        if self.study.method:
            told |= self._by_method(run)
        if self.study.stock and (self.home / "runs" / run["run"] / "train.jsonl").stat().st_size:
            told["stock"] = self._by_stock(run)
        return told

    def _collect(self, earlier: list[dict[str, Any]]) -> dict[str, Any]:
        """Run the app, let people give feedback, and retrain."""
        study, events_file = self.study, self.folder / "events.jsonl"
        people = people_of(study, number=self.number)
        wanted = sum(person.events for person in people if person.signal)
        counted = 0

        def on_event() -> None:
            nonlocal counted
            counted += 1
            self.place.tell(f"{study.key}: feedback", min(1.0, counted / wanted))

        with running_app(self.home, self.place.models) as app, app.admin() as admin:
            prepare(admin, self.preference)
            if earlier and (earlier[-1]["report"] or {}).get("verdict", {}).get("passed"):
                admin.predict(adapter=earlier[-1]["adapter"], api_name="/promote")
            resumed = events_file.exists()
            _, people_min = timed(lambda: give_feedback(people, app, events_file, on_event=on_event))
            status = admin.predict(assistant=SLUG, api_name="/status")
            run, run_min = timed(lambda: retrain(admin, earlier=[one["run"] for one in earlier]))
        minutes = {"people": people_min, "run": run_min, "resumed": resumed}
        trained_s = (run.get("progress") or {}).get("trained", {}).get("train_s")
        if trained_s is not None:
            minutes["training"] = round(trained_s / 60, 2)
        served = {"served": status["adapter"], "status": status, "feedback": summary(read_events(events_file))}
        return run | served | {"minutes": minutes}

    def _start(self, run: dict[str, Any]) -> Path | None:
        """The adapter that served when a run began."""
        return self.home / "adapters" / run["served"] if run["served"] else None

    def _by_method(self, run: dict[str, Any]) -> dict[str, Any]:
        name = self.study.method
        folder = self.folder / f"by-{name}"

        def train() -> dict[str, Any]:
            for stale in self.folder.glob(f"*by-{name}-*.json"):  # of an adapter that was deleted to be trained anew
                stale.unlink()
            self.place.tell(f"{self.study.name}: training", 0.0)
            report, minutes = timed(lambda: train_by(name, home=self.home, run=run["run"], folder=folder))
            return {"verdict": report.get("verdict"), "method": name, "minutes": {"run": minutes}}

        trained = kept(self.folder / f"by-{name}.json", train)
        return trained | self._measured(f"by-{name}-measured", folder / "adapter", run)

    def _by_stock(self, run: dict[str, Any]) -> dict[str, Any]:
        folder = self.folder / "stock"

        def train() -> dict[str, Any]:
            shutil.rmtree(folder, ignore_errors=True)
            self.place.tell(f"{self.study.key}: plain TRL", 0.0)
            return train_stock(self.home / "runs" / run["run"], folder)

        trained = kept(self.folder / "stock.json", train)
        return trained | self._measured("stock-measured", folder, run)

    def _measured(self, name: str, adapter: Path, run: dict[str, Any], since: Path | None = None) -> dict[str, Any]:
        """An adapter's figures against what served, or against an earlier adapter."""
        before = since or self._start(run)

        def measure() -> dict[str, Any]:
            found, minutes = timed(lambda: self._measure(before, adapter))
            return dict(found) | {"measuring_min": minutes}

        return kept(self.folder / f"{name}.json", measure)

    def _at_once(self, run: dict[str, Any]) -> dict[str, Any]:
        """What golden answers change before any training."""

        def measure() -> dict[str, Any]:
            found, minutes = timed(lambda: self._measure_at_once(self._start(run)))
            return dict(found) | {"measuring_min": minutes}

        return kept(self.folder / "at-once.json", measure)

    def _measure_at_once(self, adapter: Path | None) -> dict[str, Any]:
        effort, engine = self.study.effort, BatchingEngine(self.place.models)
        self.place.tell(f"{self.study.key}: golden answers", 0.0)
        try:
            asked = at_once.compose_twice(
                engine,
                self.preference,
                home=self.home,
                embedder=self._embedder(),
                near=effort.near,
                held_out=effort.held_out,
            )
            found = at_once.measure(engine, asked, self.preference, adapter=adapter, seed=self._seed())
        finally:
            engine.close()
        self.place.tell(f"{self.study.key}: golden answers", 1.0)
        return found

    def _embedder(self) -> Embedder:
        return Embedder(str(require(self.place.models, DEFAULT_EMBEDDING)))

    def _seed(self) -> int:
        return 10_000 * (self.study.seed + 1)

    def _measure(self, before: Path | None, adapter: Path) -> dict[str, Any]:
        study, place, engine = self.study, self.place, BatchingEngine(self.place.models)
        times = study.effort.times
        try:
            tokenizer = engine.tokenizer("default")
            asked = compose_held_out(
                engine, self.preference, home=self.home, embedder=self._embedder(), number=study.effort.held_out
            )
            asked *= times
            documents = document_probes(engine, number=study.effort.documents)
            total, steps = 2 * (len(asked) + len(documents)), 0

            def step() -> None:
                nonlocal steps
                steps += 1
                place.tell(f"{study.name}: measuring {adapter.name}", steps / total)

            old, new = (self._speak(engine, asked, documents, adapter=side, step=step) for side in (before, adapter))
        finally:
            engine.close()
        corrected = [self.preference.correct(answer) for answer in old.answers(asked)]
        first, now, wished = measures.surprises(
            asked, old.replies, new.replies, corrected, model=place.model, tokenizer=tokenizer
        )
        rise = measures.perplexity(place.model, adapter, tokenizer=tokenizer)
        rise = rise / measures.perplexity(place.model, before, tokenizer=tokenizer) - 1
        figures = measures.compare(
            asked,
            old,
            new,
            preference=self.preference,
            corrected=corrected,
            drift=now.over(first, times=times),
            drift_corrected=wished.over(first, times=times).ratio,
            perplexity_rise=rise,
            times=times,
        )
        return {
            "figures": asdict(figures) | {"kept": figures.kept},
            "pushed": sum(map(hostile.PUSHED.score, new.answers(asked))),
            "samples": self._samples(asked, old, new),
        }

    def _speak(
        self, engine: BatchingEngine, asked: list[Asked], documents: list[Any], *, adapter: Path | None, step: Any
    ) -> Said:
        """What an adapter says; once for all measures of this round."""
        side = f"{adapter.parent.name}-{adapter.name}" if adapter else "base"
        file = self.folder / f"said-{side}.json"

        def say() -> dict[str, Any]:
            return asdict(speak(engine, asked, documents, adapter=adapter, seed=self._seed(), on_reply=step))

        return Said(**kept(file, say))

    def _samples(self, asked: list[Asked], old: Said, new: Said) -> list[dict[str, Any]]:
        both = zip(old.answers(asked), new.answers(asked), strict=True)
        return [
            {
                "question": before.question,
                "before": before.text,
                "before_score": round(self.preference.score(before), 3),
                "after": after.text,
                "after_score": round(self.preference.score(after), 3),
            }
            for before, after in list(both)[:SAMPLES]
        ]


def kept(file: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What a step gave, from its file; made and written, in one step, where there is none."""
    if not file.exists():
        write_synced(file, json.dumps(make(), indent=1, ensure_ascii=False).encode())
    return dict(json.loads(file.read_text(encoding="utf-8")))
