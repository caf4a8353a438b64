"""The labels' embeddings that spans are scored against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch

from service.model.packed.head import Projection
from service.model.packed.linear import PackedLinear
from service.model.packed.shapes import filled_rows, rounded
from service.model.windows import Group

LABEL_SETS_KEPT = 64
"""Label sets whose embeddings are kept."""


class Labels(Protocol):
    """For each window's group its labels' embeddings [labels, size], of the encoder's states at all label places."""

    def __call__(self, states: torch.Tensor, groups: Sequence[Group]) -> Sequence[torch.Tensor]: ...


class ReadLabels:
    """A uni-encoder's: labels are read together with each text."""

    def __init__(self, gliner: Any, linear: type[PackedLinear]) -> None:
        self._project = Projection(gliner.model.prompt_rep_layer, linear)

    def __call__(self, states: torch.Tensor, groups: Sequence[Group]) -> Sequence[torch.Tensor]:
        counts = [len(group.labels) for group in groups]
        projected = self._project(filled_rows(states, rounded(len(states))))
        return torch.split(projected[: len(states)], counts)


class EncodedLabels:
    """A bi-encoder's: labels are encoded on their own, once a set."""

    def __init__(self, gliner: Any) -> None:
        self._encoder = gliner.model.token_rep_layer
        self._tokenizer = gliner.data_processor.labels_tokenizer
        self._project = gliner.model.prompt_rep_layer
        self._known: dict[tuple[str, ...], torch.Tensor] = {}

    def __call__(self, states: torch.Tensor, groups: Sequence[Group]) -> Sequence[torch.Tensor]:
        return [self._of(group.labels, states.dtype) for group in groups]

    def _of(self, labels: tuple[str, ...], dtype: torch.dtype) -> torch.Tensor:
        found = self._known.get(labels)
        if found is None:
            if len(self._known) >= LABEL_SETS_KEPT:
                self._known.clear()
            tokens = self._tokenizer(list(labels), return_tensors="pt", truncation=True, padding="longest")
            self._known[labels] = found = self._project(self._encoder.encode_labels(**tokens).to(dtype))
        return found
