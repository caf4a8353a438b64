"""A span model's head over the words of many concatenated texts: the score of every span for every label.

It combines two exact rewrites of `service.model.rewrites`: the first wide layer runs once per word for span starts and
once for span ends, and the last layer is applied to the labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from service.model.packed.linear import PackedLinear
from service.model.packed.sequences import parts
from service.model.packed.shapes import filled_rows, rounded

BLOCK = 16
"""Number of words whose spans are scored at once. Their features stay in a CPU's cache."""


class Projection:
    """GLiNER's projection layer: a linear layer, a ReLU and another linear layer. Its dropout is for training only."""

    def __init__(self, layer: Any, linear: type[PackedLinear], activation: str | None = None) -> None:
        """`activation` is applied to the result."""
        self._wide = linear.of(layer[0], activation="relu")
        self._narrow = linear.of(layer[-1], activation=activation)

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        return self._narrow(self._wide(rows))


class SpanHead:
    """The weights of a SpanMarkerV0 head, laid out for inference on a CPU."""

    def __init__(self, head: Any, linear: type[PackedLinear]) -> None:
        self._width = head.max_width
        self._project_start = Projection(head.project_start, linear, activation="relu")
        self._project_end = Projection(head.project_end, linear, activation="relu")
        wide, last = head.out_project[0], head.out_project[-1]
        of_start, of_end = wide.weight.chunk(2, dim=1)
        self._start, self._end = linear(of_start, wide.bias), linear(of_end, None)
        self._fold, self._bias = linear(last.weight.t(), None), last.bias.detach()

    def __call__(
        self, words: torch.Tensor, texts: Sequence[slice], labels: Sequence[torch.Tensor]
    ) -> list[torch.Tensor]:
        """Logits [words, width, labels] of each text.

        `words` are the words of all texts [words, size], `texts` their slices, `labels` [labels, size] of each text.
        Spans that end after their text have meaningless logits.
        """
        words = filled_rows(words, rounded(len(words) + BLOCK))
        starts = self._start(self._project_start(words))
        ends = self._end(self._project_end(words))
        ends = filled_rows(ends, len(ends) + self._width - 1)
        # [words, width, size]: the ends of a word's spans, a view
        ends = ends.unfold(0, self._width, 1).transpose(1, 2)
        together = torch.cat(list(labels))
        folded = self._fold(filled_rows(together, rounded(len(together))))
        biases = together @ self._bias
        return [
            self._text(starts, ends, text, folded[part], biases[part])
            for text, part in zip(texts, parts(map(len, labels)), strict=True)
        ]

    def _text(
        self, starts: torch.Tensor, ends: torch.Tensor, text: slice, weight: torch.Tensor, bias: torch.Tensor
    ) -> torch.Tensor:
        """Logits [words, width, labels] of one text, in blocks. The last block may reach into the next text."""
        count = text.stop - text.start
        blocks = [slice(at, at + BLOCK) for at in range(text.start, text.stop, BLOCK)]
        return torch.cat([self._scores(starts[block], ends[block], weight, bias) for block in blocks])[:count]

    def _scores(
        self, starts: torch.Tensor, ends: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor
    ) -> torch.Tensor:
        """Logits [words, width, labels] of starts [words, size], ends [words, width, size], weight [labels, size]."""
        spans = (starts.unsqueeze(1) + ends).relu_()
        return F.linear(spans, weight, bias)
