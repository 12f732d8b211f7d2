"""Turns a growing list of token ids into text piece by piece, never half a character and never a special token."""

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase

HALF_A_CHARACTER = "\ufffd"


class Detokenizer:
    """The text of one reply as it grows. Joined, the pieces are what decoding all ids at once gives."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        self._ids: list[int] = []
        self._context = 0
        """Ids from here on are decoded along, because what a token looks like depends on the ones before it."""
        self._told = 0
        """Ids up to here are in pieces already given."""

    def add(self, ids: Sequence[int]) -> str:
        """Append ids; the text that is now certain. An incomplete character waits for its other half."""
        self._ids += ids
        fresh = self._fresh()
        if fresh.endswith(HALF_A_CHARACTER):
            return ""
        self._context, self._told = self._told, len(self._ids)
        return fresh

    def finish(self) -> str:
        """What is left at the end, a broken last character as the replacement character."""
        return self._fresh()

    def _fresh(self) -> str:
        known = self._decode(self._ids[self._context : self._told])
        return self._decode(self._ids[self._context :])[len(known) :]

    def _decode(self, ids: Sequence[int]) -> str:
        return str(self._tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))
