"""The sub-tokens that a model's tokenizer makes of words.

GLiNER gives its tokenizer words that are already split, so the sub-tokens of a word do not depend on its neighbours.
The sub-tokens of each word therefore fit into every window and every prompt.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

BLANK_PIECES = "\u2581\u0120"
"""How vocabularies write a blank: SentencePiece and byte-level BPE."""


class Subtokens:
    """A private copy of a tokenizer: other threads may set truncation and padding on the original."""

    def __init__(self, tokenizer: Any) -> None:
        """`tokenizer` is a fast tokenizer of transformers."""
        self._backend = copy.deepcopy(tokenizer.backend_tokenizer)
        self._backend.no_truncation()
        self._backend.no_padding()
        self.unknown: int | None = tokenizer.unk_token_id
        """The sub-token of what the tokenizer does not know; None for a tokenizer that knows everything."""
        vocabulary = self._backend.get_vocab()
        self.nothing = frozenset(vocabulary[piece] for piece in vocabulary if not piece.strip(BLANK_PIECES))
        """Sub-tokens that stand for blanks alone, such as the one that marks the beginning of a word."""
        self.opening, self.closing = self._special()
        """The special tokens with which every text begins and ends."""

    def of(self, words: Sequence[str]) -> tuple[list[int], list[int]]:
        """The sub-tokens of all words in order, and the number for each word: 0 if the tokenizer drops the word."""
        encoding = self._backend.encode(words, is_pretokenized=True, add_special_tokens=False)
        counts = [0] * len(words)
        for word in encoding.word_ids:
            counts[word] += 1
        return encoding.ids, counts

    def knows_nothing(self, ids: Sequence[int]) -> bool:
        """Whether the sub-tokens of a word say nothing of it: that it is unknown, and at most where it begins."""
        return self.unknown in ids and self.nothing.issuperset(one for one in ids if one != self.unknown)

    def cuts(self, word: str) -> list[int]:
        """The code points inside a word at which the tokenizer cuts it."""
        encoding = self._backend.encode([word], is_pretokenized=True, add_special_tokens=False)
        return sorted({start for start, _ in encoding.offsets if 0 < start < len(word)})

    def _special(self) -> tuple[list[int], list[int]]:
        encoding = self._backend.encode(["a"], is_pretokenized=True)
        places = [place for place, special in enumerate(encoding.special_tokens_mask) if not special]
        if not places:
            return encoding.ids, []
        return encoding.ids[: places[0]], encoding.ids[places[-1] + 1 :]
