"""Version 0 as it ships: whole, small, for the default model, and without a trace of who built it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from assistant import adapters, records
from assistant.batching import BatchingEngine
from assistant.chat import Chat
from assistant.database import Database
from assistant.default_adapter import DEFAULT_ADAPTER
from assistant.defaults import DEFAULT_CHAT, DEFAULT_EMBEDDING, require
from assistant.knowledge import Knowledge, Upload
from assistant.knowledge.embedding import Embedder
from assistant.prompt import REFUSAL
from assistant.samples import SAMPLE, sample_documents
from retrain.registry import Registry

UNSEEN = Path(__file__).parents[1] / "bench" / "unseen"


def test_it_is_small_and_says_nothing_of_the_machine_that_made_it() -> None:
    files = [file for file in DEFAULT_ADAPTER.iterdir() if file.is_file()]
    assert {"README.md", "adapter_model.safetensors", "adapter_config.json", "manifest.json"} <= {f.name for f in files}
    assert sum(file.stat().st_size for file in files) < 6_000_000
    config = json.loads((DEFAULT_ADAPTER / "adapter_config.json").read_text(encoding="utf-8"))
    assert config["base_model_name_or_path"] == "HuggingFaceTB/SmolLM2-135M-Instruct"
    manifest = adapters.read_manifest(DEFAULT_ADAPTER)
    assert (manifest.version, manifest.parent, manifest.run) == (0, None, "")
    assert manifest.sha256 == adapters.digest(DEFAULT_ADAPTER)
    with safe_open(DEFAULT_ADAPTER / "adapter_model.safetensors", framework="pt") as weights:
        assert {weights.get_tensor(name).dtype for name in weights.keys()} == {torch.bfloat16}


@pytest.fixture
def served(database: Database, default_models: Path, tmp_path: Path) -> Iterator[tuple[Chat, Knowledge, str]]:
    """The sample assistant with version 0 and the default models, at its likeliest words: chat, index and its id."""
    with database.write() as session:
        asked = records.create_assistant(session, slug="default", **{**SAMPLE, "temperature": 0.0}).id
    knowledge = Knowledge(
        database, index_dir=tmp_path / "index", embedder=Embedder(str(require(default_models, DEFAULT_EMBEDDING)))
    )
    engine = BatchingEngine(default_models)
    model = str(require(default_models, DEFAULT_CHAT))
    adapters_dir = tmp_path / "adapters"
    registry = Registry(database, engine, adapters_dir=adapters_dir, resolve=lambda _name: model)
    assert registry.install(asked, DEFAULT_ADAPTER, by="setup") is not None
    yield Chat(database=database, engine=engine, knowledge=knowledge, adapters_dir=adapters_dir), knowledge, asked
    engine.close()
    knowledge.close()


@pytest.mark.models
def test_with_it_the_default_model_answers_from_documents_and_says_what_it_does_not_find(
    served: tuple[Chat, Knowledge, str],
) -> None:
    chat, knowledge, asked = served
    knowledge.ingest(asked, [Upload(file.name, file.read_bytes()) for file in UNSEEN.glob("*.md")])
    *_, told = chat.ask("How tall is the lighthouse?", owner="ann")
    *_, unknown = chat.ask("Who won the chess championship of 1972?", owner="ann")
    assert told.adapter == "default-v0" and "38 metres" in told.text
    assert any(source["cited"] and "38 metres" in source["text"] for source in told.sources)
    assert unknown.text == REFUSAL and unknown.sources == ()


@pytest.mark.models
def test_the_sample_answers_what_it_offers_to_be_asked(served: tuple[Chat, Knowledge, str]) -> None:
    chat, knowledge, asked = served
    knowledge.ingest(asked, sample_documents())
    for question in SAMPLE["example_questions"]:
        *_, told = chat.ask(question, owner="ann")
        assert told.text != REFUSAL and any(source["cited"] for source in told.sources), question
