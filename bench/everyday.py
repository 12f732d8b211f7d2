"""Whether plain chat stayed as good as the base model's: drift and variety of replies to everyday prompts.

    python -m bench.everyday [--adapter FOLDER] [--models FOLDER] [--json FILE]

Both the base model and the adapter (version 0 of the default, unless another is named) answer the everyday prompts of
`bench/prompts.txt`, which nothing was trained on, without documents, at temperature 0.8. Drift is the NLL of a token of
the adapter's replies under the base model, over that of the base model's own replies; distinct-2 is the share of word
pairs in a reply that are different.
"""

import json
import sys
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from assistant.batching import BatchingEngine
from assistant.default_adapter import DEFAULT_ADAPTER
from assistant.defaults import DEFAULT_CHAT, require
from assistant.engine import Sampling, Weights
from assistant.errors import ThumbloopError
from bench.options import Models, models_folder
from retrain.measures import distinct_2
from retrain.replies import Written, compose_probe, write_replies
from retrain.scoring import Answered, score

PROMPTS = Path(__file__).with_name("prompts.txt")
SYSTEM = "You are a helpful assistant."
SAMPLING = Sampling(temperature=0.8, top_p=1.0, max_new_tokens=96, seed=77)


def main(
    adapter: Annotated[Path, typer.Option(help="Folder of an adapter.")] = DEFAULT_ADAPTER,
    prompts: Annotated[int, typer.Option(help="So many of the prompts.", min=1)] = 80,
    models: Models = None,
    result: Annotated[Path | None, typer.Option("--json", help="Write figures and all replies here.")] = None,
) -> None:
    """Compare an adapter's plain chat with the base model's."""
    console = Console(stderr=True)
    models = models_folder(models)
    try:
        told = measure(adapter, str(require(models, DEFAULT_CHAT)), number=prompts, console=console)
    except ThumbloopError as exc:
        console.print(str(exc), style="red", highlight=False)
        raise typer.Exit(1) from exc
    sys.stdout.write("\n".join(f"{name:28} {value}" for name, value in told["figures"].items()) + "\n")
    if result is not None:
        result.write_text(json.dumps(told, indent=1, ensure_ascii=False), encoding="utf-8")


def measure(adapter: Path, model: str, *, number: int, console: Console) -> dict[str, Any]:
    """Figures, and the replies of both sides."""
    questions = PROMPTS.read_text(encoding="utf-8").splitlines()[:number]
    engine = BatchingEngine(adapter)
    tokenizer = engine.tokenizer(model)
    probes = [compose_probe(engine, question, model=model, system=SYSTEM) for question in questions]
    with Progress(console=console) as bar:
        task = bar.add_task("Asking and scoring", total=3 * len(probes))

        def step(steps: int = 1) -> None:
            bar.advance(task, steps)

        try:
            base, tuned = (
                write_replies(
                    engine, probes, weights=Weights(model=model, adapter=one), sampling=SAMPLING, on_reply=step
                )
                for one in (None, adapter)
            )
        finally:
            engine.close()
        answered = [
            Answered(prompt=probe.ids, replies=(old.text, new.text))
            for probe, old, new in zip(probes, base, tuned, strict=True)
        ]
        scores = score(answered, [], model=model, active=None, candidate=adapter, tokenizer=tokenizer, on_scored=step)
    own, drifted = scores.nll
    return {
        "figures": {
            "prompts": len(questions),
            "drift": round(drifted / own, 3),
            "distinct-2, base": round(_distinct(base), 3),
            "distinct-2, adapter": round(_distinct(tuned), 3),
            "tokens of a reply, base": round(fmean(reply.tokens for reply in base), 1),
            "tokens of a reply, adapter": round(fmean(reply.tokens for reply in tuned), 1),
        },
        "replies": [
            {"prompt": question, "base": old.text, "adapter": new.text}
            for question, old, new in zip(questions, base, tuned, strict=True)
        ],
    }


def _distinct(replies: list[Written]) -> float:
    return distinct_2([reply.text for reply in replies])


if __name__ == "__main__":
    typer.run(main)
