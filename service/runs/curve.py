"""The learning curve of a run: what it measured, and what more annotated tasks would bring."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class CurvePoint(BaseModel):
    """Strict micro F1, on tasks that none of the models has learnt, of a model that learnt from a part of the tasks."""

    model_config = ConfigDict(frozen=True)

    tasks: int
    """Annotated tasks: a run on so many learns from as many as the model did. 0: the base model."""
    f1: float


class Gain(BaseModel):
    """By how much F1 is expected to rise, with the 90 % interval."""

    model_config = ConfigDict(frozen=True)

    expected: float
    low: float
    high: float


class LearningCurve(BaseModel):
    """A measured curve and what it says of more tasks."""

    model_config = ConfigDict(frozen=True)

    points: tuple[CurvePoint, ...] = ()
    """From the base model on. Empty if nothing could be measured; the message says why."""
    annotated: int = 0
    """The annotated tasks at that time. In a cross-validated run the last point has fewer. 0 in curves from before it
    was kept: there the last point has them."""
    now: float | None = None
    """F1 of the fitted curve at that number."""
    gains: dict[int, Gain] = {}
    """By the number of further annotated tasks: by how much F1 rises beyond `now`."""
    labels: dict[str, Gain] = {}
    """What the smallest of these numbers brings each label that has enough held-out spans to tell."""
    wanted: str = ""
    """The label for which more tasks would clearly pay more than for the others, if there is one."""
    message: str
    """The same in words."""
