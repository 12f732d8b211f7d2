"""From a question, its history and its passages to the token ids a model reads.

Text can only become text: a chat template is rendered around placeholders, and every message, passage and title is
tokenised apart from it, so that `<|im_start|>system` typed by somebody is thirteen harmless tokens. Training encodes
through the same two functions as serving.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import uuid4

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerBase

from assistant.errors import BadInput, ModelUnavailable
from assistant.tables import HEADING_SEPARATOR

ChatMessage = dict[str, str]
"""`{"role": "system" | "user" | "assistant", "content": text}`, as transformers and TRL write it."""

REFUSAL = "I don't find that in the documents."
SOURCES_HEADER = (
    "Answer the question from these sources, quote the words that answer it, and cite their source like this: [1]. "
    f"If no source answers it, say: {REFUSAL}"
)
NO_SOURCES_HEADER = f"If this asks for a fact, say: {REFUSAL} Otherwise just answer."


class Source(Protocol):
    """What `compose` needs of a passage."""

    @property
    def title(self) -> str: ...
    @property
    def heading(self) -> str: ...
    @property
    def text(self) -> str: ...


@dataclass(frozen=True)
class Prompt:
    """A composed prompt: its messages, their token ids, and how many of the offered passages went in."""

    messages: list[ChatMessage]
    ids: list[int]
    passages: int


def compose(
    tokenizer: PreTrainedTokenizerBase,
    question: str,
    *,
    system: str,
    history: Sequence[ChatMessage] = (),
    passages: Sequence[Source] = (),
    searched: bool = False,
    budget: int,
) -> Prompt:
    """Compose the prompt for a question within `budget` tokens.

    System prompt and question always go in; then the passages in their order, as long as they fit; then the history
    from its end, in whole turns. `searched` says that there are documents, so that the model is told if no passage
    was found. The passages stand in the last message, so that the prefix before them stays the same
    from turn to turn. Raises `BadInput` if system prompt and question alone do not fit.
    """

    def encoded(kept: Sequence[ChatMessage], used: int) -> Prompt:
        content = _with_sources(question, passages[:used], searched=searched and not passages)
        messages = [_message("system", system), *kept, _message("user", content)]
        return Prompt(messages, encode_messages(tokenizer, messages), used)

    prompt = encoded((), 0)
    if len(prompt.ids) > budget:
        raise BadInput(
            f"The message is too long: with the assistant's instructions it has {len(prompt.ids)} words and parts of "
            f"words (tokens), and {budget} fit. Shorten it, or add the text as a document and ask about that."
        )
    for used in range(1, len(passages) + 1):
        fuller = encoded((), used)
        if len(fuller.ids) > budget:
            break
        prompt = fuller
    for start in range(len(history) - 2, -1, -2):
        fuller = encoded(history[start:], prompt.passages)
        if len(fuller.ids) > budget:
            break
        prompt = fuller
    return prompt


def encode_messages(
    tokenizer: PreTrainedTokenizerBase, messages: Sequence[ChatMessage], *, add_generation_prompt: bool = True
) -> list[int]:
    """The token ids of messages in the model's chat template, where only the template itself makes control tokens."""
    marks = [f"mark{uuid4().hex}" for _ in messages]
    marked = [_message(message["role"], mark) for message, mark in zip(messages, marks, strict=True)]
    texts = {mark: message["content"] for message, mark in zip(messages, marks, strict=True)}
    rendered = _render(tokenizer, marked, add_generation_prompt=add_generation_prompt)
    ids: list[int] = []
    for part in re.split(f"({'|'.join(marks)})", rendered):
        ids += encode_text(tokenizer, texts[part]) if part in texts else _encode(tokenizer, part)
    return ids


def encode_start(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """What a text begins with that answers no message."""
    return [int(tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id)]


def encode_reply(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """The token ids of a reply as the model would write it: the text, then the token that ends its turn."""
    return [*encode_text(tokenizer, text), int(tokenizer.eos_token_id)]


def encode_text(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """The token ids of text that must stay text: what the tokenizer knows as one added token is cut in two."""
    added = sorted(tokenizer.get_added_vocab(), key=len, reverse=True)
    if not added:
        return _encode(tokenizer, text)
    ids: list[int] = []
    start = 0
    for match in re.finditer("|".join(map(re.escape, added)), text):
        ids += _encode(tokenizer, text[start : match.start() + 1])
        start = match.start() + 1
    return ids + _encode(tokenizer, text[start:])


def _with_sources(question: str, passages: Sequence[Source], *, searched: bool) -> str:
    if not passages:
        return f"{NO_SOURCES_HEADER}\n\nQuestion: {question}" if searched else question
    blocks = (f"[{n}] {_label(passage)}\n{passage.text.strip()}" for n, passage in enumerate(passages, 1))
    return "\n\n".join([SOURCES_HEADER, *blocks, f"Question: {question}"])


def sources_in(messages: Sequence[ChatMessage]) -> list[dict[str, Any]]:
    """The sources that a composed prompt gives, in their order: the number `n` and the `text` of each."""
    content = messages[-1]["content"]
    if not content.startswith(SOURCES_HEADER):
        return []
    left = content.removeprefix(SOURCES_HEADER).rpartition("\n\nQuestion: ")[0]
    blocks: list[str] = []
    while left:
        block, _, left = left.partition(f"\n\n[{len(blocks) + 1}] ")
        blocks.append(block)
    return [{"n": n, "text": block.partition("\n")[2]} for n, block in enumerate(blocks[1:], 1)]


def _label(passage: Source) -> str:
    """Where a source stands: its title, then the headings above it, of which the first is often the title again."""
    return HEADING_SEPARATOR.join(dict.fromkeys(_one_line((passage.title, *passage.heading.split(HEADING_SEPARATOR)))))


def _one_line(parts: Iterable[str]) -> Iterable[str]:
    return (" ".join(part.split()) for part in parts if part.strip())


def _message(role: str, content: str) -> ChatMessage:
    return {"role": role, "content": content}


def _render(tokenizer: PreTrainedTokenizerBase, messages: Sequence[ChatMessage], *, add_generation_prompt: bool) -> str:
    try:
        return str(
            tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=add_generation_prompt)
        )
    except (TemplateError, ValueError) as exc:
        raise ModelUnavailable(
            f"The model's chat template refuses these messages ({exc}). Choose a model whose template takes a system "
            "message and alternating turns."
        ) from exc


def _encode(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    if not text:
        return []
    return list(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
