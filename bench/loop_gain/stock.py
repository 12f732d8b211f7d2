"""The same pairs through TRL as it comes: its own trainer with its own defaults, from the adapter that served.

Only what has no default is chosen here: where files go, and that nothing is reported anywhere.
"""

import json
import time
from pathlib import Path
from typing import Any

from datasets import Dataset
from peft import PeftModel
from trl import DPOConfig, DPOTrainer

from assistant import adapters, models
from retrain.dataset import CONFIG, TRAIN, read
from retrain.recipe import Recipe
from retrain.training import load_trainable


def train_stock(run: Path, folder: Path) -> dict[str, Any]:
    """Train on the frozen pairs of a run's folder into `folder`, which the engine can load then; what it took."""
    config = json.loads((run / CONFIG).read_text(encoding="utf-8"))
    rows = [{name: row[name] for name in ("prompt", "chosen", "rejected")} for row in read(run / TRAIN)]
    parent = Path(config["start"]) if config["start"] else None
    model: PeftModel = load_trainable(config["model"], parent, Recipe())
    settings = DPOConfig(
        output_dir=str(folder),
        report_to=[],
        save_strategy="no",
        disable_tqdm=True,
        use_cpu=models.device().type == "cpu",
    )
    started = time.monotonic()
    tokenizer = models.load_tokenizer(config["model"])
    trainer = DPOTrainer(model=model, args=settings, train_dataset=Dataset.from_list(rows), processing_class=tokenizer)
    trainer.train()
    took = time.monotonic() - started
    model.save_pretrained(str(folder), selected_adapters=["default"], safe_serialization=True)
    adapters.name_weights(
        folder,
        id=f"stock-{config['run'][:8]}",
        parent=config["parent"],
        model=config["model"],
        model_name=config["model_name"],
        run="",
    )
    return {"pairs": len(rows), "train_s": round(took, 1), "steps": trainer.state.global_step}
