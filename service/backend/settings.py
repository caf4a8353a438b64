"""The settings of a backend, on one machine and on a cluster."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from service.settings import (
    AnnotationSettings,
    BasicAuthSettings,
    LabelStudioSettings,
    PredictionSettings,
    ServerSettings,
    TextSettings,
)


class BackendSettings(
    PredictionSettings, TextSettings, LabelStudioSettings, AnnotationSettings, BasicAuthSettings, ServerSettings
):
    """The settings of every backend."""

    is_alone: ClassVar[bool] = False
    """Whether the backend runs on one machine, with all its parts."""

    predict_deadline: float = Field(90, gt=0, le=95)
    """Seconds after which /predict answers with what it has, 95 at most: Label Studio waits 100."""
    max_text_characters: int = Field(1_000_000, gt=0)
    """Longest text, in characters."""
    metrics_open: bool = False
    """Whether /metrics answers without credentials; then a network policy should restrict who reaches it."""
    retrain_every: int = Field(0, ge=0)
    """Number of new annotations after which a run starts by itself; 0: never."""
    retrain_minimum: int = Field(10, ge=1)
    """Fewest new annotations for a run that starts because an annotation was submitted."""
    retrain_quiet: float = Field(20, ge=0)
    """Seconds without another submission or change after which a run starts by itself."""
    set_model_version: bool = True
    """Label Studio's Data Manager can sort by prediction score: a project's `model_version` is kept on the version that
    answers, while it holds the model's title or a version of this release, and once most tasks have a prediction of
    that version. Wants an API key."""
    rollback_by_acceptance: bool = False
    """Roll the live version back once people keep credibly fewer of its spans than of those of the version before it.
    Otherwise a rollback is only proposed. Wants an API key."""
    run_attempts: int = Field(3, ge=1)
    """Most attempts of a run whose process dies, including the first; each continues from the last checkpoint."""
