"""What the default's adapter is taught: enough, each quotation within one sentence of its document, none held out."""

import json
from pathlib import Path

from assistant.knowledge import Upload
from assistant.knowledge.sentences import split_sentences
from assistant.prompt import REFUSAL
from retrain.examples import read_examples

TEACHING = Path(__file__).parents[1] / "teaching"


def lines_of(name: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (TEACHING / name).read_text(encoding="utf-8").splitlines()]


def test_there_are_enough_documents_and_questions_and_none_is_in_both_files() -> None:
    examples, held_out = lines_of("examples.jsonl"), lines_of("held_out.jsonl")
    assert len(list((TEACHING / "documents").glob("*.md"))) >= 40
    assert len(examples) >= 500
    kinds = {str(line["kind"]) for line in examples}
    assert kinds == {"fact", "number", "list", "two", "disagree", "follow", "near", "none", "talk"}
    taught = {(line["question"], line.get("document")) for line in examples}
    assert not taught & {(line["question"], line.get("document")) for line in held_out}


def test_both_files_are_what_teach_reads() -> None:
    for name in ("examples.jsonl", "held_out.jsonl"):
        read = read_examples([Upload(name, (TEACHING / name).read_bytes())])
        assert len(read) == len(lines_of(name))


def test_each_quotation_is_within_one_sentence_of_its_document() -> None:
    texts = {file.name: file.read_text(encoding="utf-8") for file in (TEACHING / "documents").glob("*.md")}
    sentences = {name: {sentence.text for sentence in split_sentences(text)} for name, text in texts.items()}
    everywhere = set().union(*sentences.values())
    for line in (*lines_of("examples.jsonl"), *lines_of("held_out.jsonl")):
        own = everywhere if line["kind"] == "disagree" else sentences.get(str(line.get("document")), set())
        for quote in line.get("quotes", []):  # type: ignore[attr-defined]
            assert any(quote in sentence for sentence in own), f"{line['question']}: {quote}"


def test_what_has_no_answer_is_refused_in_the_words_of_the_prompt() -> None:
    for line in lines_of("examples.jsonl"):
        assert (line["kind"] in ("near", "none")) == (line["answer"] == REFUSAL), line["question"]
