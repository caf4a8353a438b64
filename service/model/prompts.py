"""Prompts: the labels that a model reads before a text, in groups that leave the text room."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from service.model.errors import TooLong
from service.model.subtokens import Subtokens
from service.model.windows import Group

log = logging.getLogger(__name__)

LABEL_SETS_KEPT = 64
"""Number of label sets whose groups are kept: most requests use one of a few."""


class Prompts:
    """The prompts of one model. A bi-encoder has none, since it reads labels apart from texts."""

    def __init__(self, gliner: Any, subtokens: Subtokens, max_tokens: int) -> None:
        """`max_tokens` is the most sub-tokens of a window, of which a prompt may take half."""
        self._subtokens = subtokens
        self._processor = gliner.data_processor
        self._embeds_marker: bool = gliner.config.embed_ent_token
        self._prompted = getattr(gliner.config, "labels_encoder", None) is None
        self._max_types: int = gliner.config.max_types
        self._most = max_tokens // 2
        self._known: dict[tuple[str, ...], list[Group]] = {}
        """Groups by label set."""
        self._unknown: dict[tuple[str, ...], list[str]] = {}
        """What `unknown` says, by label set."""

    def groups(self, labels: Sequence[str]) -> list[tuple[str, ...]]:
        """Split a label set into groups of nearly equal size that leave the text at least half of the window.

        The labels are sorted because their order changes GLiNER's scores: training, evaluation and serving must use
        one order. A bi-encoder has one group. Raises TooLong if one label alone takes more than half.
        """
        unique = sorted(set(labels))
        if not self._prompted:
            return [tuple(unique)] if unique else []
        for label in unique:
            if self.tokens([label]) > self._most:
                raise TooLong(f"The label wording {label[:60]!r}… is too long for the model: shorten its hint.")
        parts = max(1, math.ceil(len(unique) / self._max_types))
        while True:
            groups = [unique[i * len(unique) // parts : (i + 1) * len(unique) // parts] for i in range(parts)]
            if all(self.tokens(group) <= self._most for group in groups):
                return [tuple(group) for group in groups if group]
            parts += 1

    def tokens(self, labels: Sequence[str]) -> int:
        """Sub-tokens that a group of labels takes from a window, with the special tokens."""
        return len(self._group(tuple(labels)).prompt) + len(self._subtokens.closing)

    def of(self, labels: Sequence[str]) -> list[Group]:
        """The groups of a label set with their prompts. Raises TooLong."""
        key = tuple(labels)
        groups = self._known.get(key)
        if groups is None:
            groups = [self._group(group) for group in self.groups(key)]
            if len(self._known) >= LABEL_SETS_KEPT:
                self._known.clear()
            self._known[key] = groups
        return groups

    def _group(self, labels: tuple[str, ...]) -> Group:
        opening = self._subtokens.opening
        if not self._prompted:
            return Group(labels, tuple(opening), ())
        processor = self._processor
        words = [word for label in labels for word in (processor.ent_token, label)]
        ids, counts = self._subtokens.of([*words, processor.sep_token])
        places = [len(opening) + place for place in accumulate(counts, initial=0)]
        # GLiNER reads a label's embedding at the label's marker token, or at the token after it.
        after = 0 if self._embeds_marker else 1
        return Group(labels, (*opening, *ids), tuple(place + after for place in places[: 2 * len(labels) : 2]))

    def unknown(self, labels: Sequence[str]) -> list[str]:
        """The labels of whose words the tokenizer knows nothing, sorted: the model sees them as one and the same.

        A bi-encoder has another tokenizer for labels, which is not asked.
        """
        key = tuple(labels)
        found = self._unknown.get(key)
        if found is None:
            ids = {label: self._subtokens.of([label])[0] for label in key if self._prompted}
            found = sorted(label for label in ids if self._subtokens.knows_nothing(ids[label]))
            if found:
                log.warning("the model's tokenizer does not know the words of the labels %s: they find nothing", found)
            if len(self._unknown) >= LABEL_SETS_KEPT:
                self._unknown.clear()
            self._unknown[key] = found
        return found
