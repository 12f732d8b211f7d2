"""Replies of an adapter to prompts: as it writes them, or with quotations from the prompt's sources, as in the chat."""

import pytest

from assistant.engine import Sampling, Weights
from assistant.fake_engine import FakeEngine
from assistant.prompt import SOURCES_HEADER, ChatMessage, encode_messages
from retrain.replies import Probe, write_replies

SOURCED = f"{SOURCES_HEADER}\n\n[1] Timetable\nThe ferry leaves at nine.\n\nQuestion: When does it leave?"


@pytest.mark.parametrize(
    ("quotes", "expected"), [(True, 'At nine. "The ferry leaves at nine." [1]'), (False, 'At nine. "The fery lefs')]
)
def test_quotations_come_from_the_sources_of_a_prompt_where_the_chat_takes_them_there(
    expected: str, *, quotes: bool
) -> None:
    engine = FakeEngine()
    for text in ('At nine. "The fery lefs', 'He said: "No.', ""):
        engine.enqueue(text)
    prompts: list[list[ChatMessage]] = [[{"role": "user", "content": asked}] for asked in (SOURCED, "Hello?")]
    tokenizer = engine.tokenizer("default")
    probes = [Probe(messages=messages, ids=encode_messages(tokenizer, messages)) for messages in prompts]
    told: list[None] = []
    written = write_replies(
        engine,
        probes,
        weights=Weights(model="default"),
        sampling=Sampling(seed=7),
        on_reply=lambda: told.append(None),
        quotes=quotes,
    )
    assert [reply.text for reply in written] == [expected, 'He said: "No.']
    assert all(reply.ended for reply in written) and len(told) == 2
    assert [call.sampling.seed for call in engine.history[:2]] == [7, 8]
