"""Quotations are taken from the sources and not generated: a small model copies badly, and often from the wrong line.

A model that answers from sentences is taught to answer briefly and then to quote. Where it opens the quotation, the
sentence that bears its answer out is put there with its number, and the model goes on behind it. This costs the reader
less time, too: a sentence is read by the model many times faster than it is written. Its own words stand only if the
quoted sentences have them: of answers that they do not bear out, four of five are wrong where the sentence is right.
"""

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import wraps
from typing import Any, ParamSpec

from assistant.claims import MARKS, content, spell_numbers
from assistant.engine import Engine, Piece, Sampling, Weights
from assistant.knowledge.words import tokenise
from assistant.prompt import REFUSAL, encode_text

_OPENING = re.compile(r'(?<=[.!?)\]"])\s+["“]')
"""A quotation begins behind a finished sentence or another quotation; elsewhere quotation marks are the model's own."""
NEW_PARAGRAPH = "\n\n"
"""Behind the end of a block of code nothing else may stand."""
_QUOTATION = re.compile(r'"[^"]*" \[\d+\]')
"""As it is filled in."""
_GOES_ON = re.compile(r'[.!?)\]"]\s+[^\s"“]')
"""A finished sentence, and behind it no quotation."""
HELD_CHARS = 160
"""So much of an answer is held back until it quotes; one that is longer, goes on without, or is stopped, is shown."""
DEFECTION = 0.5
"""Another source than the best match is quoted, too, if it has so much more of the answer's words (a share of them)."""


Asked = ParamSpec("Asked")
Pieces = Generator[Piece, None, None]


def _with_last_words(stream: Callable[Asked, Pieces]) -> Callable[Asked, Pieces]:
    """Where the stream fails, what it holds back is shown first."""

    @wraps(stream)
    def told(*args: Asked.args, **kwargs: Asked.kwargs) -> Pieces:
        piece = Piece("", 0)
        with closing(stream(*args, **kwargs)) as pieces:
            try:
                for piece in pieces:
                    yield piece
            except Exception:
                yield Piece(piece.held, piece.tokens)
                raise

    return told


@_with_last_words
def stream_quoting(
    engine: Engine,
    prompt: Sequence[int],
    *,
    weights: Weights,
    sampling: Sampling,
    sources: Sequence[Mapping[str, Any]],
) -> Pieces:
    """Generate a reply as `Engine.stream` does, its quotations filled in from `sources`, each of which is quoted once.

    Raises as `Engine.stream` does. `tokens` of a piece counts what was filled in, too, and what is held back.
    """
    tokenizer = engine.tokenizer(weights.model)
    unquoted = list(sources)
    told, ids, shown = "", list[int](), 0
    while len(ids) < sampling.max_new_tokens:
        left = replace(sampling, max_new_tokens=sampling.max_new_tokens - len(ids))
        text, opening = told, None
        with closing(engine.stream([*prompt, *ids], weights=weights, sampling=left)) as pieces:
            for piece in pieces:
                text += piece.text
                opening = _OPENING.search(text, len(told)) if unquoted else None
                if opening is not None:
                    break
                tokens = len(ids) + piece.tokens
                if piece.finish == "stop" and not told and not shown:
                    added = _left_unquoted(text, unquoted)
                    text, tokens = text + added, tokens + len(encode_text(tokenizer, added))
                ready = len(text) if told or piece.finish or _is_no_brief_answer(text) else shown
                yield Piece(text[shown:ready], tokens, piece.finish, held=text[ready:])
                shown = ready
        if opening is None:
            return
        told, unquoted = _filled_in(opening, unquoted, is_shown=shown > 0)
        ids = encode_text(tokenizer, told)
        yield Piece(told[shown:], len(ids), "length" if len(ids) >= sampling.max_new_tokens else None)
        shown = len(told)


def write_quoting(
    engine: Engine,
    prompts: Sequence[Sequence[int]],
    *,
    weights: Weights,
    samplings: Sequence[Sampling],
    sources: Sequence[Sequence[Mapping[str, Any]]],
    on_reply: Callable[[], None],
) -> list[Piece]:
    """Whole replies as `stream_quoting` gives them, each from its own sources, for nobody who waits.

    One without sources is as the model writes it. `on_reply` is called for each, once it is begun. Raises as
    `Engine.write` does.
    """
    tokenizer = engine.tokenizer(weights.model)
    unquoted = [list(each) for each in sources]
    told, ids = [""] * len(prompts), [list[int]() for _ in prompts]
    written: dict[int, Piece] = {}
    while going := [at for at in range(len(prompts)) if at not in written]:
        pieces = engine.write(
            [[*prompts[at], *ids[at]] for at in going],
            weights=weights,
            samplings=[
                replace(samplings[at], max_new_tokens=samplings[at].max_new_tokens - len(ids[at])) for at in going
            ],
            on_reply=(lambda: None) if any(ids) else on_reply,
        )
        for at, piece in zip(going, pieces, strict=True):
            text = told[at] + piece.text
            opening = _OPENING.search(text, len(told[at])) if unquoted[at] else None
            if opening is not None:
                is_shown = bool(told[at]) or _is_no_brief_answer(text[: opening.start()])
                told[at], unquoted[at] = _filled_in(opening, unquoted[at], is_shown=is_shown)
                ids[at] = encode_text(tokenizer, told[at])
                if len(ids[at]) >= samplings[at].max_new_tokens:
                    written[at] = Piece(told[at], len(ids[at]), "length")
            else:
                brief = piece.finish == "stop" and unquoted[at] and not told[at]
                added = _left_unquoted(text, unquoted[at]) if brief else ""
                tokens = len(ids[at]) + piece.tokens + len(encode_text(tokenizer, added))
                written[at] = Piece(text + added, tokens, piece.finish)
    return [written[at] for at in range(len(prompts))]


def _filled_in(
    opening: re.Match[str], unquoted: list[Mapping[str, Any]], *, is_shown: bool
) -> tuple[str, list[Mapping[str, Any]]]:
    """The answer with what is quoted where a quotation opens, and what is left to quote.

    Its own words go, if they are not shown yet, where what is quoted does not bear them out.
    """
    said = opening.string[: opening.start()]
    chosen = choose(said, unquoted)
    own = opening.string[: opening.end() - 1] if is_shown or borne_out(said, chosen) else ""
    return own + " ".join(map(_quotation, chosen)), [source for source in unquoted if source not in chosen]


def _left_unquoted(answer: str, sources: Sequence[Mapping[str, Any]]) -> str:
    """The quotations for a brief answer that ended without one, if sources bear it out; empty if not."""
    if REFUSAL in answer or MARKS.search(answer) or _is_no_brief_answer(answer) or not content(answer):
        return ""
    chosen = choose(answer, sources)
    return " " + " ".join(map(_quotation, chosen)) if borne_out(answer, chosen) else ""


def _is_no_brief_answer(text: str) -> bool:
    return len(text) > HELD_CHARS or _GOES_ON.search(text) is not None


def repeat(engine: Engine, source: Mapping[str, Any], *, weights: Weights) -> Pieces:
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


def own_words(answer: str) -> str:
    """An answer without the quotations that were filled in."""
    return _QUOTATION.sub(" ", answer)


def _quotation(source: Mapping[str, Any]) -> str:
    words = " ".join(source["text"].split()).replace('"', "'")
    return f'"{words}" [{source["n"]}]'
