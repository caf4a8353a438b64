"""The batch size: as many sub-tokens as the model runs in a tenth of a second, on every machine.

A batch cannot be interrupted, so a new request waits for the running batch: small batches keep that wait short. On a
CPU, larger batches are hardly faster per token. On a GPU they are, but a tenth of a second is enough for many tokens.
"""

from __future__ import annotations

from service.model.windows import MAX_BATCH_TOKENS

BATCH_SECONDS = 0.1
"""Seconds that a batch should take."""
TOKENS_MIN = 256
"""The fewest sub-tokens of a full batch. In smaller batches the work around the model takes a large share."""
TOKENS_FIRST = 1024
"""Sub-tokens of the first batch, before any batch is measured."""
NEWEST_SHARE = 0.3
"""Weight of the newest batch in the moving average."""


class Pace:
    """Learns from each batch how many sub-tokens, with padding, the next batch may have."""

    def __init__(self) -> None:
        self._seconds_a_token: float | None = None

    @property
    def tokens(self) -> int:
        """Sub-tokens for the next batch, between TOKENS_MIN and MAX_BATCH_TOKENS."""
        if self._seconds_a_token is None:
            return TOKENS_FIRST
        return max(TOKENS_MIN, min(MAX_BATCH_TOKENS, int(BATCH_SECONDS / self._seconds_a_token)))

    def ran(self, tokens: int, seconds: float) -> None:
        """Learn that a batch of `tokens` sub-tokens took `seconds`."""
        newest = seconds / max(tokens, 1)
        average = self._seconds_a_token
        self._seconds_a_token = newest if average is None else NEWEST_SHARE * newest + (1 - NEWEST_SHARE) * average
