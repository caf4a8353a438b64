"""The settings of a backend, on one machine and on a cluster."""

from __future__ import annotations

from pydantic import Field

from service.settings import BasicAuthSettings, LabelStudioSettings, PredictionSettings, ServerSettings


class BackendSettings(PredictionSettings, LabelStudioSettings, BasicAuthSettings, ServerSettings):
    """What a backend can be told, wherever it runs."""

    predict_deadline: float = Field(90, gt=0, le=95)
    """Seconds after which /predict answers with what it has, 95 at most: Label Studio waits 100."""
    max_text_characters: int = Field(1_000_000, gt=0)
    """Longest text, in characters."""
    metrics_open: bool = False
    """/metrics is answered without credentials: a network policy says who reaches it."""
    retrain_every: int = Field(0, ge=0)
    """A run starts by itself after so many new annotations; 0: never."""
    retrain_minimum: int = Field(10, ge=1)
    """Fewest new annotations for a run that was asked for by the submission of an annotation."""
    retrain_quiet: float = Field(20, ge=0)
    """Seconds without another submission before such a run starts."""
    set_model_version: bool = True
    """Label Studio's Data Manager can sort by prediction score: a project's `model_version` is kept on the version that
    answers, while it holds the model's title or a version of this release, and once most tasks have a prediction of
    that version. Wants an API key."""
    run_attempts: int = Field(3, ge=1)
    """How often a run whose process died is started again; it goes on from its checkpoint."""
