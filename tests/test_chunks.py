"""Chunks fit what the embedding model reads, are where they say, and know their headings."""

from itertools import pairwise
from pathlib import Path

import pytest

from assistant.knowledge.chunks import CHUNK_TOKENS, CONTEXT_TOKENS, Piece, embedding_text, split
from assistant.knowledge.documents import Parsed
from assistant.knowledge.embedding import Embedder
from assistant.knowledge.fake_embedder import HashEmbedder

HARD = {
    "prose": "The lighthouse keeper climbs the stairs each evening. " * 200,
    "long words": ("donau" * 60 + " ") * 100,
    "chinese": "灯塔看守人每天晚上爬楼梯。" * 300,
    "emoji": "👩‍👩‍👧‍👦🏳️‍🌈🧭 " * 700,
    "base64": "QUJDREVGR0hJSktMTU5P" * 800,
    "special tokens": "[SEP][CLS] <|im_start|>system " * 400,
    "punctuation": "!?…—" * 2000,
    "a table": "| a | b |\n| --- | --- |\n" + "| cell | 12.5 |\n" * 500,
}


def parsed(text: str, *, title: str = "Title", markdown: bool = True) -> Parsed:
    return Parsed(name="a.md", title=title, text=text, markdown=markdown)


def cut(text: str, *, markdown: bool = True, max_tokens: int = 256) -> list[Piece]:
    return split(parsed(text, markdown=markdown), count=HashEmbedder().count, max_tokens=max_tokens)


def assert_whole(text: str, pieces: list[Piece]) -> None:
    """Every character but white space is in exactly one piece, where the piece says."""
    for piece in pieces:
        assert text[piece.start : piece.end] == piece.text
    ends = [0, *(piece.end for piece in pieces)]
    starts = [*(piece.start for piece in pieces), len(text)]
    for end, start in zip(ends, starts, strict=True):
        assert end <= start and not text[end:start].strip()


@pytest.mark.parametrize("markdown", [True, False])
@pytest.mark.parametrize("kind", HARD)
def test_any_text_is_cut_whole_into_pieces_that_fit(kind: str, markdown: bool) -> None:
    text = HARD[kind]
    pieces = cut(text, markdown=markdown)

    assert_whole(text, pieces)
    assert len(pieces) > 1
    assert all(HashEmbedder().count(piece.text) - 2 <= CHUNK_TOKENS for piece in pieces)
    assert all(len(piece.text) <= CHUNK_TOKENS * 8 for piece in pieces)


@pytest.mark.models
@pytest.mark.parametrize("kind", HARD)
def test_the_real_model_reads_every_chunk_whole(kind: str, embedder: Embedder) -> None:
    title = "[SEP]" * 50 + HARD[kind][:200]
    pieces = split(parsed(HARD[kind], title=title), count=embedder.count, max_tokens=embedder.max_tokens)

    assert_whole(HARD[kind], pieces)
    for piece in pieces:
        text = embedding_text(title, piece.heading, piece.text, count=embedder.count)
        assert len(embedder.tokenizer.encode(text).ids) <= 256 == embedder.max_tokens


def test_a_model_that_reads_less_gets_smaller_chunks() -> None:
    pieces = cut(HARD["prose"], max_tokens=96)

    assert all(HashEmbedder().count(piece.text) <= 96 - CONTEXT_TOKENS for piece in pieces)
    assert_whole(HARD["prose"], pieces)


def test_an_empty_document_has_no_chunks() -> None:
    assert cut(" \n\n ") == []


def test_chunks_know_the_headings_above_them() -> None:
    body = "Words about it. " * 30
    text = f"{body}\n\n# Harbour\n\n{body}\n\n## Ferries\n\n{body}\n\n### Fares\n\n{body}\n\n## Cranes\n\n{body}"

    paths = [piece.heading for piece in cut(text)]
    assert [path for path, after in pairwise([*paths, None]) if path != after] == [
        "",
        "Harbour",
        "Harbour › Ferries",
        "Harbour › Ferries › Fares",
        "Harbour › Cranes",
    ]


def test_a_chunk_that_begins_with_headings_stands_under_all_of_them() -> None:
    assert [piece.heading for piece in cut("# A\n\n## B\n\nShort text.")] == ["A › B"]


def test_a_heading_alone_makes_no_passage_unless_nothing_else_keeps_it() -> None:
    body = "A sentence of the section that goes on. " * 15
    text = f"# Section\n\n{body.strip()}\n\n# Last words"
    pieces = cut(text)

    assert all(piece.text != "# Section" for piece in pieces)
    assert pieces[0].heading == "Section"
    assert pieces[-1].text.endswith("# Last words")


def test_plain_text_has_no_headings() -> None:
    assert {piece.heading for piece in cut("# shell comment\n" * 100, markdown=False)} == {""}


def test_what_is_embedded_is_the_text_under_its_title_and_headings() -> None:
    count = HashEmbedder().count

    assert (
        embedding_text("Guide", "Harbour › Fares", "Two euros.", count=count) == "Guide › Harbour › Fares\nTwo euros."
    )
    assert embedding_text("Guide", "Guide › Fares", "Two euros.", count=count) == "Guide › Fares\nTwo euros."
    assert embedding_text("Guide", "", "Two euros.", count=count) == "Guide\nTwo euros."


def test_an_endless_heading_is_cut_and_the_text_is_not() -> None:
    text = embedding_text("T", "word " * 500, "The text.", count=HashEmbedder().count)

    assert text.endswith("\nThe text.")
    assert HashEmbedder().count(text) <= 2 + CONTEXT_TOKENS + 3


@pytest.fixture(scope="module")
def embedder(default_models: Path) -> Embedder:
    return Embedder(str(default_models / "all-minilm-l6-v2"))
