"""The sub-tokens of words, as a model's tokenizer makes them.

GLiNER asks its tokenizer for words that are split already, so that each word's sub-tokens do not depend on its
neighbours: what was made for words can be put together for any window and any prompt.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any


class Subtokens:
    """A tokenizer of one's own: others may set truncation and padding on theirs, from any thread."""

    def __init__(self, tokenizer: Any) -> None:
        """Of a fast tokenizer of transformers."""
        self._backend = copy.deepcopy(tokenizer.backend_tokenizer)
        self._backend.no_truncation()
        self._backend.no_padding()
        self.opening, self.closing = self._around()
        """What every text begins and ends with."""

    def of(self, words: Sequence[str]) -> tuple[list[int], list[int]]:
        """The sub-tokens of all words one behind another, and how many each has; 0 for a word that is dropped."""
        encoding = self._backend.encode(words, is_pretokenized=True, add_special_tokens=False)
        counts = [0] * len(words)
        for word in encoding.word_ids:
            counts[word] += 1
        return encoding.ids, counts

    def _around(self) -> tuple[list[int], list[int]]:
        encoding = self._backend.encode(["a"], is_pretokenized=True)
        places = [place for place, special in enumerate(encoding.special_tokens_mask) if not special]
        if not places:
            return encoding.ids, []
        return encoding.ids[: places[0]], encoding.ids[places[-1] + 1 :]
