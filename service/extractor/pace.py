"""How much the model is given at once: as much as it gets done in a tenth of a second, whatever model and machine.

A batch cannot be interrupted, so whoever asks for one text waits for the one that runs: a small batch keeps that short.
Larger ones are hardly quicker a token on a processor; on a GPU, where they are, a tenth of a second holds many tokens.
"""

from __future__ import annotations

from service.model.windows import MAX_BATCH_TOKENS

BATCH_SECONDS = 0.1
"""How long a batch is to take."""
TOKENS_MIN = 256
"""Sub-tokens below which a batch is not quicker a token, but the work around it shows."""
TOKENS_FIRST = 1024
"""Sub-tokens of a batch before any was seen."""
NEWEST_SHARE = 0.3
"""How much the last batch counts against those before it."""


class Pace:
    """Learns from each batch how many sub-tokens, padding included, the next one may have."""

    def __init__(self) -> None:
        self._seconds_a_token: float | None = None

    @property
    def tokens(self) -> int:
        """Sub-tokens for the next batch, between TOKENS_MIN and MAX_BATCH_TOKENS."""
        if self._seconds_a_token is None:
            return TOKENS_FIRST
        return max(TOKENS_MIN, min(MAX_BATCH_TOKENS, int(BATCH_SECONDS / self._seconds_a_token)))

    def ran(self, tokens: int, seconds: float) -> None:
        """A batch of so many sub-tokens took so long."""
        found = seconds / max(tokens, 1)
        before = self._seconds_a_token
        self._seconds_a_token = found if before is None else NEWEST_SHARE * found + (1 - NEWEST_SHARE) * before
