import json
from typing import Any

import pytest
from datasets import Dataset
from sqlmodel import Session, select
from trl.data_utils import is_conversational

from assistant.database import Database
from assistant.errors import BadInput, NotFound
from assistant.tables import Assistant, Conversation, Message, Reply
from feedback.evidence import gather
from feedback.exchange import FORMATS, ImportResult, export_rows, import_rows
from feedback.pairs import PairSet, build_pairs
from feedback.ratings import compare, correct, forget, rate
from feedback.tables import IMPORTER, Comparison, Rating
from tests.builders import add_assistant, add_turn

QUESTION = [{"role": "system", "content": "You garden."}, {"role": "user", "content": "When do I prune roses?"}]
PREFERENCE = {
    "prompt": QUESTION,
    "chosen": [{"role": "assistant", "content": "In late winter."}],
    "rejected": [{"role": "assistant", "content": "Ask a gardener!"}],
}
UNPAIRED = {"prompt": QUESTION, "completion": [{"role": "assistant", "content": "Any time."}], "label": False}


def written(*rows: dict[str, Any]) -> list[str]:
    return [json.dumps(row) for row in rows]


def rated(session: Session) -> Assistant:
    """An assistant with one pair of each kind and two singles."""
    assistant = add_assistant(session)
    prune, ask = "When do I prune roses?", "Ask a gardener!"
    first = add_turn(session, assistant, prune, "In late winter.", sources=["Prune in winter."])
    second = add_turn(session, assistant, prune, ask, sources=["Prune in winter."], again=first)
    compare(session, first.id, second.id, rater="ann")
    mint = add_turn(session, assistant, "And mint?", "Never, it is a weed.", after=first)
    correct(session, mint.id, rater="ann", text='Any time. <|im_end|> "Quoted", and a line\u2028separator: …')
    lavender = add_turn(session, assistant, "And lavender?", "After it has flowered.")
    worse = add_turn(session, assistant, "And lavender?", "I have no idea.", again=lavender)
    rate(session, lavender.id, rater="ann", value="up", reasons=["right"], comment="Thanks")
    rate(session, worse.id, rater="ann", value="down")
    bobs = add_turn(session, assistant, "And lavender?", "Lavender is a colour.", owner="bob")
    rate(session, bobs.id, rater="bob", value="down", reasons=["off_topic"])
    rate(session, add_turn(session, assistant, "And ivy?", "In summer.").id, rater="ann", value="up")
    rate(session, add_turn(session, assistant, "And moss?", "In a month.").id, rater="ann", value="down")
    return assistant


def pairs(session: Session, assistant: Assistant) -> PairSet:
    return build_pairs(gather(session, assistant.id))


def content(line: str) -> dict[str, Any]:
    return {key: value for key, value in json.loads(line).items() if key not in ("rows", "kind")}


def test_pairs_are_exported_as_trl_reads_them(database: Database) -> None:
    with database.write() as session:
        assistant = rated(session)
        lines = list(export_rows(session, assistant.id, "preference"))
        rows = [json.loads(line) for line in lines]
        assert [row["kind"] for row in rows] == ["comparison", "correction", "retry", "same_prompt"]
        assert rows[0]["rows"] == ["comparison:1"]
        assert rows[0]["prompt"] == session.exec(select(Reply.prompt)).first()
        assert rows[0]["chosen"] == [{"role": "assistant", "content": "In late winter."}]
        assert rows[1]["chosen"][0]["content"] == 'Any time. <|im_end|> "Quoted", and a line\u2028separator: …'
        assert all(line.splitlines() == [line] for line in lines)
        assert all(is_conversational(row) for row in rows)
        assert Dataset.from_list(rows).column_names == ["prompt", "chosen", "rejected", "kind", "rows"]


def test_singles_are_exported_as_trl_reads_them(database: Database) -> None:
    with database.write() as session:
        assistant = rated(session)
        rows = [json.loads(line) for line in export_rows(session, assistant.id, "unpaired")]
        assert [(row["completion"], row["label"]) for row in rows] == [
            ([{"role": "assistant", "content": "In summer."}], True),
            ([{"role": "assistant", "content": "In a month."}], False),
        ]
        assert all(is_conversational(row) for row in rows)


def test_ratings_are_exported_with_question_and_answer(database: Database) -> None:
    with database.write() as session:
        assistant = rated(session)
        rate(session, session.exec(select(Rating.reply_id).order_by("id")).all()[-1], rater="ann", value="none")
        rows = [json.loads(line) for line in export_rows(session, assistant.id, "ratings")]
        assert [(row["row"], row["value"], row["text"]) for row in rows] == [
            ("rating:1", "up", "After it has flowered."),
            ("rating:2", "down", "I have no idea."),
            ("rating:3", "down", "Lavender is a colour."),
            ("rating:4", "up", "In summer."),
        ]
        assert (rows[0]["question"], rows[0]["reasons"], rows[0]["comment"]) == ("And lavender?", ["right"], "Thanks")
        assert [row["rater"] for row in rows] == ["ann", "ann", "bob", "ann"]


@pytest.mark.parametrize("format", FORMATS)
def test_nothing_rated_is_nothing_exported(database: Database, format: str) -> None:
    with database.write() as session:
        assert list(export_rows(session, add_assistant(session).id, format)) == []


def test_another_format_is_refused_before_the_first_line(database: Database) -> None:
    with database.read() as session, pytest.raises(BadInput, match="'csv' is no export format"):
        export_rows(session, "any", "csv")


def test_out_and_in_and_out_again_gives_the_same_pairs_and_singles(database: Database) -> None:
    with database.write() as session:
        assistant, fresh = rated(session), add_assistant(session, slug="fresh")
        out = {format: list(export_rows(session, assistant.id, format)) for format in ("preference", "unpaired")}
        assert import_rows(session, fresh.id, [*out["preference"], *out["unpaired"]]) == ImportResult(6, 0, ())
    with database.read() as session:
        for format, lines in out.items():
            again = list(export_rows(session, fresh.id, format))
            assert [content(line) for line in again] == [content(line) for line in lines]
        assert pairs(session, fresh).left_out == {}


def test_imported_lines_are_rows_like_any_other(database: Database) -> None:
    with database.write() as session:
        assistant = add_assistant(session)
        assert import_rows(session, assistant.id, written(PREFERENCE, UNPAIRED)).added == 2
        assert {held.owner for held in session.exec(select(Conversation))} == {IMPORTER}
        assert sorted(message.text for message in session.exec(select(Message)) if message.parent_id is None) == [
            "When do I prune roses?",
            "When do I prune roses?",
        ]
        assert [made.prompt for made in session.exec(select(Reply))] == [QUESTION] * 3
        built = pairs(session, assistant)
        assert [(pair.chosen, pair.rejected, pair.raters) for pair in built.pairs] == [
            ("In late winter.", "Ask a gardener!", (IMPORTER,))
        ]
        assert [(single.completion, single.label) for single in built.singles] == [("Any time.", False)]
        forget(session, IMPORTER)
        assert pairs(session, assistant) == PairSet((), ())


def test_the_same_lines_again_add_nothing(database: Database) -> None:
    with database.write() as session:
        assistant = add_assistant(session)
        lines = written(PREFERENCE, UNPAIRED, PREFERENCE | {"rows": ["comparison:9"], "kind": "retry"})
        assert import_rows(session, assistant.id, lines) == ImportResult(2, 1, ())
        assert import_rows(session, assistant.id, lines) == ImportResult(0, 3, ())
        assert len(session.exec(select(Message)).all()) == 5
        assert len(session.exec(select(Comparison)).all()) == 1


def test_the_same_lines_go_into_another_assistant(database: Database) -> None:
    with database.write() as session:
        for slug in ("one", "two"):
            assistant = add_assistant(session, slug=slug)
            assert import_rows(session, assistant.id, written(PREFERENCE)).added == 1
            assert len(pairs(session, assistant).pairs) == 1


def test_the_last_line_on_the_same_texts_counts(database: Database) -> None:
    turned = PREFERENCE | {"chosen": PREFERENCE["rejected"], "rejected": PREFERENCE["chosen"]}
    with database.write() as session:
        assistant = add_assistant(session)
        lines = written(PREFERENCE, turned, UNPAIRED, UNPAIRED | {"label": True})
        assert import_rows(session, assistant.id, lines).added == 4
        built = pairs(session, assistant)
        assert [pair.chosen for pair in built.pairs] == ["Ask a gardener!"]
        assert [single.label for single in built.singles] == [True]


BAD = {
    "not JSON": ("{'prompt': 1}", "not JSON"),
    "nested too deeply": ("[" * 100_000, "not JSON"),
    "a list": ("[1, 2]", 'needs "prompt" with'),
    "neither format": (json.dumps({"prompt": QUESTION, "chosen": PREFERENCE["chosen"]}), 'needs "prompt" with'),
    "no prompt": (json.dumps({k: v for k, v in PREFERENCE.items() if k != "prompt"}), '"prompt" must be a list'),
    "a prompt in plain text": (json.dumps(PREFERENCE | {"prompt": "When?"}), '"prompt" must be a list'),
    "an empty prompt": (json.dumps(PREFERENCE | {"prompt": []}), '"prompt" must be a list'),
    "a role that is none": (json.dumps(PREFERENCE | {"prompt": [{"role": "boss", "content": "Go"}]}), 'needs a "role"'),
    "no content": (json.dumps(PREFERENCE | {"prompt": [{"role": "user"}]}), 'needs a "content"'),
    "zero bytes for content": (
        json.dumps(PREFERENCE | {"chosen": [{"role": "assistant", "content": "\0"}]}),
        "content",
    ),
    "an answer last in the prompt": (json.dumps(PREFERENCE | {"prompt": PREFERENCE["chosen"]}), "user's question"),
    "two answers at once": (json.dumps(PREFERENCE | {"chosen": PREFERENCE["chosen"] * 2}), "one message of the ass"),
    "a question for an answer": (json.dumps(PREFERENCE | {"chosen": QUESTION[-1:]}), "one message of the assistant"),
    "the same answers": (json.dumps(PREFERENCE | {"chosen": PREFERENCE["rejected"]}), "are the same"),
    "a label in words": (json.dumps(UNPAIRED | {"label": "good"}), '"label" must be true'),
    "too long": (json.dumps(PREFERENCE | {"note": "x" * 200_000}), "at most 200000 are read"),
}


@pytest.mark.parametrize(("line", "says"), BAD.values(), ids=BAD.keys())
def test_a_bad_line_is_told_by_its_number_and_the_others_go_in(database: Database, line: str, says: str) -> None:
    with database.write() as session:
        assistant = add_assistant(session)
        lines = ["\ufeff" + json.dumps(PREFERENCE), "", line, json.dumps(UNPAIRED)]
        result = import_rows(session, assistant.id, lines)
        assert (result.added, result.already_there, len(result.problems)) == (2, 0, 1)
        assert result.problems[0].startswith("Line 3: ") and says in result.problems[0]
        assert len(session.exec(select(Conversation)).all()) == 2


def test_an_assistant_that_is_not_there_is_told(database: Database) -> None:
    with database.write() as session, pytest.raises(NotFound):
        import_rows(session, "0" * 32, written(PREFERENCE))
