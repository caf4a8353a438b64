"""A training run: where it stands, how it ended, and the id that makes a second start of it a no-op."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, Field, model_validator

from service import __version__
from service.versions.lineage import Score
from service.versions.names import initial_version

PHASES = ("waiting", "export", "dataset", "replay", "tune", "judge", "publish", "rollout", "done")

Phase = Literal["waiting", "export", "dataset", "replay", "tune", "judge", "publish", "rollout", "done"]
Outcome = Literal["promoted", "held", "nothing new", "failed"]
"""How a run ended, for ever."""

NO_CONDITIONS = (
    "SPANLOOP_LABEL_STUDIO_API_KEY",
    "SPANLOOP_BASIC_AUTH_PASSWORD",
    "SPANLOOP_MODEL",
    "SPANLOOP_RUN_LOCK",
)


def now() -> datetime:
    return datetime.now(UTC)


def id_of(model: str, fingerprint: str, conditions: str) -> str:
    """The id of the run that learns from annotations as they stand now: asked for twice, it is the same run.

    Another base model, release or other conditions (a run's settings) make another run.
    """
    digest = hashlib.sha256(f"{__version__}\n{initial_version(model)}\n{conditions}\n{fingerprint}".encode())
    return f"run-{digest.hexdigest()[:10]}"


def conditions() -> str:
    """The settings of a run in this environment (SPANLOOP_…, secrets aside)."""
    return str(
        sorted(item for item in os.environ.items() if item[0].startswith("SPANLOOP_") and item[0] not in NO_CONDITIONS)
    )


class Run(BaseModel):
    """Where a run stands, and how it ended."""

    id: str
    projects: tuple[int, ...]
    why: str = ""
    fingerprint: str = ""
    annotations: int = 0
    """How many annotations the projects held when the run was asked for."""
    attempt: int = 1
    phase: Phase = "waiting"
    percent: float = 0
    detail: str = ""
    waits: str = ""
    """Why nothing of it runs on the cluster just now; empty where something does, and where it has ended."""
    started: datetime = Field(default_factory=now)
    updated: datetime = Field(default_factory=now)
    outcome: Outcome | None = None
    message: str = ""
    version: str = ""
    reference: str = ""
    """The version in its registry, by digest: `repository:VERSION@sha256:…`; empty on one machine."""
    champion: str = ""
    """What the version was judged against: a version, on a cluster its reference; empty for the initial model."""
    scores: dict[str, Score] = {}
    rollout: Literal["", "wanted", "begun"] = ""
    """On a cluster, how far the rollout of the better version is: the run has asked the backend for it, or the backend
    has begun it. Empty before that, after it, and on one machine, where the run itself makes its version live."""

    @model_validator(mode="before")
    @classmethod
    def _published(cls, told: Any) -> Any:
        """Read what releases before this one wrote: an outcome `published` was no end, and `rolling out` in the detail
        said that the rollout had begun."""
        if not isinstance(told, dict) or told.get("outcome") != "published":
            return told
        begun = told.get("detail") == "rolling out"
        return {
            **told,
            "phase": "rollout",
            "outcome": None,
            "detail": "",
            "rollout": "begun" if begun else "wanted",
        }

    @property
    def ended(self) -> bool:
        return self.outcome is not None

    @property
    def succeeded(self) -> bool:
        return self.outcome in ("promoted", "held", "nothing new")

    @property
    def in_rollout(self) -> bool:
        """Whether the run's own work is done, and the backend has yet to bring its better version into service."""
        return not self.ended and self.rollout != ""
