"""Runs windows with GLiNER's own collator, forward and decoder, which pad texts to the longest.

This works for every architecture and on every device.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch

from service.model.spans import Span
from service.model.windows import MAX_BATCH_TOKENS, Window

CPU_BATCH_TOKENS = 768
"""Sub-tokens in a batch on a CPU. Of a larger batch the activations between two layers do not fit into the caches."""


class Padded:
    """Runs a model of any architecture."""

    def __init__(self, gliner: Any) -> None:
        self._gliner = copy.copy(gliner)
        self._gliner.decoder = copy.copy(gliner.decoder)
        self._gliner.decoder.greedy_search = _candidates(gliner.decoder.greedy_search)
        self.batch_tokens = CPU_BATCH_TOKENS if gliner.device.type == "cpu" else MAX_BATCH_TOKENS
        self._collator = gliner.create_collator()
        self._by_span = getattr(gliner.config, "span_mode", "") != "token_level"

    def cost(self, tokens: Sequence[int]) -> int:
        """Sub-tokens of a batch of windows with these numbers of sub-tokens, each padded to the longest."""
        return len(tokens) * max(tokens)

    def __call__(self, windows: Sequence[Window], floor: float) -> list[list[Span]]:
        """The candidate spans of each window whose score is above `floor` or the window's threshold, the lower one.

        Raises RuntimeError if a score is NaN.
        """
        inputs = self._gliner.collate_batch(
            [{"tokenized_text": window.words, "ner": None} for window in windows],
            [list(window.group.labels) for window in windows],
            self._collator,
        )
        if self._gliner.device.type == "cuda":
            inputs = {name: self._to_gpu(value) for name, value in inputs.items()}
        output = self._gliner.run_batch(inputs)
        output.logits = output.logits.float()
        if output.logits.isnan().any():
            raise RuntimeError(
                "The model gave scores that are not numbers. If it serves in fp16, set SPANLOOP_PRECISION to fp32."
            )
        thresholds = [window.threshold for window in windows]
        apart = [not window.keeps_overlaps for window in windows]
        lowest = [min(floor, threshold) for threshold in thresholds]
        candidates = self._gliner.decode_batch(output, inputs, threshold=lowest, flat_ner=apart)
        if not self._by_span:
            # A token-level model joins tokens above the threshold to spans: a lower threshold gives other spans.
            taken = self._gliner.decode_batch(output, inputs, threshold=thresholds, flat_ner=apart)
            doubts = [[s for s in spans if s.score <= t] for spans, t in zip(candidates, thresholds, strict=True)]
            candidates = [spans + doubt for spans, doubt in zip(taken, doubts, strict=True)]
        return [
            [Span(window.starts[s.start], window.ends[s.end], s.entity_type, float(s.score)) for s in spans]
            for window, spans in zip(windows, candidates, strict=True)
        ]

    def _to_gpu(self, value: Any) -> Any:
        """Copy a tensor to the GPU from pinned memory: only the operations that read it wait for the copy."""
        if not isinstance(value, torch.Tensor):
            return value
        return value.pin_memory().to(self._gliner.device, non_blocking=True)


def _candidates(flat: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    """GLiNER's greedy choice where spans may not overlap; else all spans, because `service.model.spans` chooses.

    Of spans that may overlap GLiNER compares each with all that are taken: thousands take it seconds.
    """

    def greedy_search(spans: list[Any], flat_ner: bool = True, multi_label: bool = False) -> list[Any]:
        return flat(spans) if flat_ner else spans

    return greedy_search
