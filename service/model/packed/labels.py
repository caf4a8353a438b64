"""The embeddings of labels against which spans are scored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch

from service.model.packed.head import Projection
from service.model.packed.linear import PackedLinear
from service.model.packed.shapes import filled_rows, rounded
from service.model.windows import Group

LABEL_SETS_KEPT = 64
"""Number of label sets whose embeddings a bi-encoder keeps."""


class Labels(Protocol):
    """Gives the label embeddings [labels, size] of each window's group.

    `states` [labels, size] are the encoder's states at the places of all labels.
    """

    def __call__(self, states: torch.Tensor, groups: Sequence[Group]) -> Sequence[torch.Tensor]: ...


class ReadLabels:
    """The labels of a uni-encoder, which reads them together with each text."""

    def __init__(self, gliner: Any, linear: type[PackedLinear]) -> None:
        self._project = Projection(gliner.model.prompt_rep_layer, linear)

    def __call__(self, states: torch.Tensor, groups: Sequence[Group]) -> Sequence[torch.Tensor]:
        counts = [len(group.labels) for group in groups]
        projected = self._project(filled_rows(states, rounded(len(states))))
        return torch.split(projected[: len(states)], counts)


class EncodedLabels:
    """The labels of a bi-encoder, which encodes them separately, once per label set."""

    def __init__(self, gliner: Any) -> None:
        self._encoder = gliner.model.token_rep_layer
        self._tokenizer = gliner.data_processor.labels_tokenizer
        self._project = gliner.model.prompt_rep_layer
        self._known: dict[tuple[str, ...], torch.Tensor] = {}

    def __call__(self, states: torch.Tensor, groups: Sequence[Group]) -> Sequence[torch.Tensor]:
        return [self._of(group.labels, states.dtype) for group in groups]

    def _of(self, labels: tuple[str, ...], dtype: torch.dtype) -> torch.Tensor:
        embeddings = self._known.get(labels)
        if embeddings is None:
            if len(self._known) >= LABEL_SETS_KEPT:
                self._known.clear()
            tokens = self._tokenizer(list(labels), return_tensors="pt", truncation=True, padding="longest")
            self._known[labels] = embeddings = self._project(self._encoder.encode_labels(**tokens).to(dtype))
        return embeddings
