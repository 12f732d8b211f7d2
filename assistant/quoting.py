"""Quotations are taken from the sources and not generated: a small model copies badly, and often from the wrong line.

A model that answers from sentences is taught to answer briefly and then to quote. Where it opens the quotation, the
sentence that bears its answer out is put there with its number, and the model goes on behind it. This costs the reader
less time, too: a sentence is read by the model many times faster than it is written. Its own words stand only if the
quoted sentences have them: of answers that they do not bear out, four of five are wrong where the sentence is right.
"""

import re
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

from assistant.claims import content, spell_numbers
from assistant.engine import Engine, Piece, Sampling, Weights
from assistant.knowledge.words import tokenise
from assistant.prompt import encode_text

_OPENING = re.compile(r'(?<=[.!?)\]"])\s+["“]')
"""A quotation begins behind a finished sentence or another quotation; elsewhere quotation marks are the model's own."""
NEW_PARAGRAPH = "\n\n"
"""Behind the end of a block of code nothing else may stand."""
_GOES_ON = re.compile(r'[.!?)\]"]\s+[^\s"“]')
"""A finished sentence, and behind it no quotation."""
HELD_CHARS = 160
"""So much of an answer is held back until it quotes; one that is longer, or goes on without, is shown as it is."""
DEFECTION = 0.5
"""Another source than the best match is quoted, too, if it has so much more of the answer's words (a share of them)."""


def stream_quoting(
    engine: Engine,
    prompt: Sequence[int],
    *,
    weights: Weights,
    sampling: Sampling,
    sources: Sequence[Mapping[str, Any]],
) -> Generator[Piece, None, None]:
    """Generate a reply as `Engine.stream` does, its quotations filled in from `sources`, each of which is quoted once.

    Raises as `Engine.stream` does. `tokens` of a piece counts what was filled in, too.
    """
    tokenizer = engine.tokenizer(weights.model)
    unquoted = list(sources)
    told, ids, shown = "", list[int](), 0
    while True:
        left = replace(sampling, max_new_tokens=sampling.max_new_tokens - len(ids))
        text, quoted = told, ""
        with closing(engine.stream([*prompt, *ids], weights=weights, sampling=left)) as pieces:
            try:
                for piece in pieces:
                    text += piece.text
                    opening = _OPENING.search(text, len(told)) if unquoted else None
                    if opening is not None:
                        chosen = choose(text[: opening.start()], unquoted)
                        unquoted = [source for source in unquoted if source not in chosen]
                        stands = shown or borne_out(text[: opening.start()], chosen)
                        quoted = (text[: opening.end() - 1] if stands else "") + " ".join(map(_quotation, chosen))
                        break
                    ready = len(text) if told or piece.finish or _is_no_brief_answer(text) else shown
                    yield Piece(text[shown:ready], len(ids) + piece.tokens, piece.finish)
                    shown = ready
            except Exception:
                yield Piece(text[shown:], len(encode_text(tokenizer, text)))
                raise
        if not quoted:
            return
        told, ids = quoted, encode_text(tokenizer, quoted)
        full = len(ids) >= sampling.max_new_tokens
        yield Piece(told[shown:], len(ids), "length" if full else None)
        shown = len(told)
        if full:
            return


def _is_no_brief_answer(text: str) -> bool:
    return len(text) > HELD_CHARS or _GOES_ON.search(text) is not None


def repeat(engine: Engine, source: Mapping[str, Any], *, weights: Weights) -> Generator[Piece, None, None]:
    """A reply that says what a source says, word for word, and cites it."""
    text = f"{source['text']}{NEW_PARAGRAPH if source['text'].endswith('`') else ' '}[{source['n']}]"
    yield Piece(text, len(encode_text(engine.tokenizer(weights.model), text)), "stop")


def choose(answer: str, sources: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The sources to quote for an answer, given best match of the question first.

    That is the best match; where another one bears the answer out much better, it comes first, and both are quoted.
    `answer` is all that was said so far; what earlier quotations say does not count.
    """
    words = set(tokenise(answer.split(' "')[0]))
    shares = [len(words & set(tokenise(source["text"]))) / max(1, len(words)) for source in sources]
    best = shares.index(max(shares))
    return [sources[best], sources[0]] if shares[best] - shares[0] >= DEFECTION else [sources[0]]


def borne_out(answer: str, sources: Sequence[Mapping[str, Any]]) -> bool:
    """Whether all words and numbers of an answer that carry a meaning stand in the sources."""
    said = content(answer)
    known = spell_numbers(content(" ".join(source["text"] for source in sources)))
    return said.terms <= known.terms and said.numbers <= known.numbers


def _quotation(source: Mapping[str, Any]) -> str:
    words = " ".join(source["text"].split()).replace('"', "'")
    return f'"{words}" [{source["n"]}]'
