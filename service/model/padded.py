"""GLiNER's own way from windows to spans: texts padded to the longest, by its collator and its decoder.

It takes every architecture and every device.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from service.model.spans import Span
from service.model.windows import MAX_BATCH_TOKENS, Window

PROCESSOR_TOKENS = 768
"""Sub-tokens at once on a processor: of more, what is between two layers leaves its caches."""


class Padded:
    """A model of any architecture."""

    def __init__(self, gliner: Any) -> None:
        self._gliner = gliner
        self.batch_tokens = PROCESSOR_TOKENS if gliner.device.type == "cpu" else MAX_BATCH_TOKENS
        self._collator = gliner.create_collator()
        self._by_span = getattr(gliner.config, "span_mode", "") != "token_level"

    def cost(self, tokens: Sequence[int]) -> int:
        """What windows of so many sub-tokens take together: each as much as the longest."""
        return len(tokens) * max(tokens)

    def __call__(self, windows: Sequence[Window], floor: float) -> list[list[Span]]:
        """The candidate spans of each window above `floor`, or above its threshold where that is lower."""
        inputs = self._gliner.collate_batch(
            [{"tokenized_text": window.words, "ner": None} for window in windows],
            [list(window.group.labels) for window in windows],
            self._collator,
        )
        if self._gliner.device.type == "cuda":
            inputs = {name: self._sent(value) for name, value in inputs.items()}
        output = self._gliner.run_batch(inputs)
        output.logits = output.logits.float()
        if output.logits.isnan().any():
            raise RuntimeError(
                "The model gave scores that are no numbers; where it runs in fp16, SPANLOOP_PRECISION=fp32 helps."
            )
        thresholds = [window.threshold for window in windows]
        found = self._gliner.decode_batch(output, inputs, threshold=[min(floor, t) for t in thresholds])
        if not self._by_span:
            # A token model puts spans together from tokens above the threshold: below it they are other spans.
            taken = self._gliner.decode_batch(output, inputs, threshold=thresholds)
            doubts = [[s for s in spans if s.score <= t] for spans, t in zip(found, thresholds, strict=True)]
            found = [spans + doubt for spans, doubt in zip(taken, doubts, strict=True)]
        return [
            [Span(window.starts[s.start], window.ends[s.end], s.entity_type, float(s.score)) for s in spans]
            for window, spans in zip(windows, found, strict=True)
        ]

    def _sent(self, value: Any) -> Any:
        """A tensor on its way to the GPU: from pinned memory, so that nothing waits for it but what reads it."""
        if not isinstance(value, torch.Tensor):
            return value
        return value.pin_memory().to(self._gliner.device, non_blocking=True)
