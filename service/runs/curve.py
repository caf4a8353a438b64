"""The learning curve of a run: what it measured, and what more annotated tasks would bring."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class CurvePoint(BaseModel):
    """Strict micro F1 on the held-out tasks of a model that learnt from a part of the tasks."""

    model_config = ConfigDict(frozen=True)

    tasks: int
    """Annotated tasks, held-out ones included: a run on so many learns from four fifths of them. 0: the base model."""
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
    """From the base model to all tasks. Empty if nothing could be measured; the message says why."""
    gains: dict[int, Gain] = {}
    """By the number of further annotated tasks."""
    labels: dict[str, Gain] = {}
    """What the smallest of these numbers brings each label that has enough held-out spans to tell."""
    message: str
    """The same in words."""
