"""Real Chroma and BM25 over a handful of sentences, with the hashing embedder; and the index folder's one owner."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from assistant.errors import Conflict, ModelUnavailable
from assistant.knowledge.embedding import Embedder
from assistant.knowledge.fake_embedder import HashEmbedder
from assistant.knowledge.index import Entry, Index, fuse
from assistant.knowledge.vectors import VectorStore
from assistant.knowledge.words import WordIndex, tokenise

SENTENCES = {
    "bees": "Bees gather nectar from clover in early summer.",
    "bread": "Sourdough bread needs flour, water and patience.",
    "tide": "High tide floods the causeway twice a day.",
    "kiln": "The kiln fires pots at a thousand degrees.",
}
ENTRIES = [Entry(id_, "doc", text) for id_, text in SENTENCES.items()]


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    opened = Index(tmp_path / "index", embedder=HashEmbedder())
    yield opened
    opened.close()


def ids(index: Index, query: str, key: str = "a") -> list[str]:
    return [hit.id for hit in index.search(key, query)]


def test_both_rankings_and_their_fusion_find_the_sentence(index: Index) -> None:
    index.update("a", ENTRIES)

    assert index.by_words("a", "when does the tide flood it?")[0] == "tide"
    assert index.by_meaning("a", "flour and water for bread")[0].id == "bread"
    assert ids(index, "thousand degrees in the kiln")[0] == "kiln"


def test_scores_are_cosines_also_of_what_only_the_words_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.knowledge.index.CANDIDATES", 1)
    embedder = HashEmbedder()
    index = Index(tmp_path / "index", embedder=embedder)
    query = "and and and water in a day causeway"
    index.update("a", ENTRIES)
    vector = embedder.embed([query])[0]
    hits = index.search("a", query)

    assert len(hits) == 2
    for hit in hits:
        assert hit.score == pytest.approx(float(embedder.embed([SENTENCES[hit.id]])[0] @ vector), abs=1e-5)
    index.close()


def test_update_embeds_what_is_new_and_deletes_what_is_gone(tmp_path: Path) -> None:
    embedder = HashEmbedder()
    index = Index(tmp_path / "index", embedder=embedder)
    index.update("a", ENTRIES[:3])
    assert embedder.embedded == list(SENTENCES.values())[:3]

    index.update("a", ENTRIES[1:])
    assert embedder.embedded == list(SENTENCES.values())
    assert set(ids(index, "bees bread tide kiln")) == {"bread", "tide", "kiln"}
    index.close()


def test_assistants_do_not_see_each_others_chunks(index: Index) -> None:
    index.update("a", ENTRIES[:2])
    index.update("b", ENTRIES[2:])

    assert set(ids(index, "bees bread tide kiln", "a")) == {"bees", "bread"}
    assert set(ids(index, "bees bread tide kiln", "b")) == {"tide", "kiln"}


@pytest.mark.parametrize("query", ["???", "the of and", "zzz", "🐝", "\0", "word " * 2000])
def test_any_question_is_answered_without_an_error(index: Index, query: str) -> None:
    index.update("a", ENTRIES)
    assert set(ids(index, query)) == set(SENTENCES)

    index.update("a", [])
    assert ids(index, query) == []


def test_vectors_outlive_the_process_that_made_them(tmp_path: Path) -> None:
    first = Index(tmp_path / "index", embedder=HashEmbedder())
    first.update("a", ENTRIES)
    first.close()
    embedder = HashEmbedder()
    second = Index(tmp_path / "index", embedder=embedder)
    second.update("a", ENTRIES)

    assert embedder.embedded == []
    assert ids(second, "nectar from clover")[0] == "bees"
    second.close()


def test_another_embedding_model_embeds_all_anew(tmp_path: Path) -> None:
    first = Index(tmp_path / "index", embedder=HashEmbedder())
    first.update("a", ENTRIES)
    first.close()
    embedder = HashEmbedder(name="other", dimensions=64)
    second = Index(tmp_path / "index", embedder=embedder)
    second.update("a", ENTRIES)

    assert embedder.embedded == list(SENTENCES.values())
    assert ids(second, "nectar from clover")[0] == "bees"
    second.close()


def test_a_damaged_database_is_started_afresh(tmp_path: Path) -> None:
    Index(tmp_path / "index", embedder=HashEmbedder()).close()
    (tmp_path / "index/chroma/chroma.sqlite3").write_bytes(b"not a database" * 100)
    index = Index(tmp_path / "index", embedder=HashEmbedder())
    index.update("a", ENTRIES)

    assert ids(index, "nectar from clover")[0] == "bees"
    index.close()


def test_damaged_vectors_are_made_anew(tmp_path: Path) -> None:
    store = VectorStore(tmp_path / "index", model="hash")
    store.add("a", [f"v{number}" for number in range(1001)], HashEmbedder().embed(["some words"] * 1001))
    store.close()
    files = list((tmp_path / "index/chroma").glob("*/*"))
    assert files, "Chroma writes its graph to files from 1,000 vectors on"
    for file in files:
        file.write_bytes(b"garbage")
    index = Index(tmp_path / "index", embedder=HashEmbedder())
    index.update("a", ENTRIES)

    assert ids(index, "nectar from clover")[0] == "bees"
    index.close()


def test_a_second_owner_is_refused_until_the_first_one_closes(tmp_path: Path) -> None:
    store = VectorStore(tmp_path, model="m")
    with pytest.raises(Conflict, match="Another Thumbloop process is using the search index"):
        VectorStore(tmp_path, model="m")
    store.close()
    VectorStore(tmp_path, model="m").close()


def test_an_owner_that_is_killed_leaves_no_lock(tmp_path: Path) -> None:
    program = (
        "import os, sys, pathlib; from assistant.knowledge.vectors import VectorStore;"
        "store = VectorStore(pathlib.Path(sys.argv[1]), model='m'); print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        with pytest.raises(Conflict):
            VectorStore(tmp_path, model="m")
        other.kill()
    VectorStore(tmp_path, model="m").close()


def test_many_vectors_go_in_by_batches(tmp_path: Path) -> None:
    store = VectorStore(tmp_path, model="m")
    vectors = np.eye(8, dtype=np.float32)[np.arange(6000) % 8]
    names = [f"v{number}" for number in range(len(vectors))]
    store.add("a", names, vectors)
    assert len(store.ids("a")) == 6000

    store.delete("a", names[:5990])
    assert store.ids("a") == set(names[5990:])
    store.close()


def test_fusion_adds_reciprocal_ranks() -> None:
    assert fuse([["a", "b", "c"], ["c", "d"]], neighbours=lambda _: []) == ["c", "a", "b", "d"]


def test_fusion_lifts_a_chunk_between_two_good_ones() -> None:
    beside = {"middle": ["left", "right"], "left": ["middle"], "right": ["middle"]}
    ranking = ["left", "right", "lone", "middle"]

    assert fuse([ranking], neighbours=lambda _: []) == ranking
    assert fuse([ranking], neighbours=lambda id_: beside.get(id_, [])) == ["left", "middle", "right", "lone"]


def test_neighbours_end_at_the_document(index: Index) -> None:
    index.update("a", [Entry("x1", "x", "one"), Entry("x2", "x", "two"), Entry("y1", "y", "three")])
    view = index._views["a"]

    assert [view.neighbours(id_) for id_ in ("x1", "x2", "y1")] == [["x2"], ["x1"], []]


def test_words_are_lower_case_stems_without_stop_words() -> None:
    assert tokenise("The Ferries are FLOODING piers") == ["ferri", "flood", "pier"]
    assert tokenise("灯塔 tower") == ["灯", "塔", "tower"]


def test_word_scores_follow_shared_words_and_survive_texts_without_any() -> None:
    words = WordIndex(["", "???", "the tower of the castle", "a castle"])

    assert (words.scores("towers") > 0).tolist() == [False, False, True, False]
    assert words.scores("...").tolist() == [0, 0, 0, 0]
    assert WordIndex(["...", ""]).scores("tower").tolist() == [0, 0]
    assert WordIndex([]).scores("tower").tolist() == []


@pytest.mark.models
def test_the_real_model_gives_unit_vectors_and_refuses_what_it_cannot_read_whole(default_models: Path) -> None:
    embedder = Embedder(str(default_models / "all-minilm-l6-v2"))
    vectors = embedder.embed(["A boat crosses the bay.", "The ferry sails over the water.", "Tax forms are due."])

    assert (vectors.shape, vectors.dtype) == ((3, 384), np.float32)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1, 1], abs=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2
    assert embedder.embed([]).shape[0] == 0
    assert embedder.name.startswith("all-minilm-l6-v2-")
    with pytest.raises(ValueError, match="302 tokens"):
        embedder.embed(["boat " * 300])


@pytest.mark.models
def test_the_real_model_reads_the_tokens_of_a_text_once(default_models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embedder = Embedder(str(default_models / "all-minilm-l6-v2"))
    texts = ["When does it leave?", "The ferry leaves at nine.", "It is green.", "The ferry leaves at nine."]
    first = embedder.embed_tokens(texts)
    assert [len(tokens.ids) for tokens in first] == [5, 6, 4, 6] == [len(tokens.vectors) for tokens in first]
    assert np.linalg.norm(first[1].vectors, axis=1) == pytest.approx(1, abs=1e-5)

    read: list[str] = []
    encode = embedder._model.encode
    monkeypatch.setattr(embedder._model, "encode", lambda batch, **kw: (read.extend(batch), encode(batch, **kw))[1])
    again = embedder.embed_tokens([*texts, "It is late."])
    assert read == ["It is late."]
    assert again[:4] == first
    with pytest.raises(ValueError, match="302 tokens"):
        embedder.embed_tokens(["boat " * 300])


def test_a_folder_that_holds_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=str(tmp_path)):
        Embedder(str(tmp_path))
