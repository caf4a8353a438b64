"""What a version's lineage says of its verdict. The whole verdict is in `verdict.json` beside the lineage."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

FILE = "verdict.json"
"""The verdict in a version's model directory."""
PREDICTIONS_FILE = "predictions.json"
"""What it was made from: marks of the texts and spans, no text."""


class Decision(StrEnum):
    """What a verdict comes to."""

    PROMOTE = "PROMOTE"
    """The version is better, and serves."""
    HOLD = "HOLD"
    """There is no clear difference. The version does not serve."""
    REJECT = "REJECT"
    """The version is worse. It does not serve."""


class Judgement(BaseModel):
    """The verdict in short."""

    model_config = ConfigDict(frozen=True)

    decision: Decision
    difference: float
    """Strict micro F1 minus the champion's, on the texts that both were compared on."""
    low: float
    high: float
    """The 95 % interval of the difference."""
    probability: float
    """The probability that the version is better than the champion."""
    needed: float
    """The probability that it needed at this try."""
    tries: int
    """How many versions were judged against the champion, with this one."""
    texts: int
    spans: int
    """The texts that both were compared on, and the annotated spans in them."""
    deviation: float
    """The standard deviation of the version's difference to the base model."""
    causes: tuple[str, ...] = ()
    """The names of the causes why it does not serve."""
