"""A training run: its state, its outcome, and the id that makes a second start of it a no-op."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, Field, model_validator

from service import __version__
from service.runs.curve import LearningCurve
from service.versions.lineage import Score
from service.versions.names import initial_version

PHASES = ("waiting", "export", "dataset", "replay", "tune", "judge", "publish", "rollout", "curve", "done")

Phase = Literal["waiting", "export", "dataset", "replay", "tune", "judge", "publish", "rollout", "curve", "done"]
Outcome = Literal["promoted", "held", "nothing new", "failed", "cancelled"]
"""How a run ended. It never changes again."""

END_CURVE_PATH = "/end-curve"
"""On a cluster, the backend's POST to this path of a run's pod asks the run to end the measuring of its curve."""

CANCELLED = "Cancelled by hand. The live version is untouched; Start Training tries again from the last checkpoint."
"""What a cancelled run says."""

NO_CONDITIONS = (
    "SPANLOOP_LABEL_STUDIO_API_KEY",
    "SPANLOOP_LABEL_STUDIO_API_KEY_FILE",
    "SPANLOOP_LABEL_STUDIO_PUBLIC_URL",
    "SPANLOOP_BASIC_AUTH_PASSWORD",
    "SPANLOOP_BASIC_AUTH_FOLDER",
    "SPANLOOP_MODEL",
    "SPANLOOP_RUN_LOCK",
    "SPANLOOP_PATIENCE",
    "SPANLOOP_VERIFY",
    "SPANLOOP_TRUSTED_KEYS",
    "SPANLOOP_SIGNING_KEY",
)
"""Variables that are no conditions of a run: secrets, its lock, the model, whose content `id_of` hashes, and what
decides nothing that is learnt."""


def now() -> datetime:
    return datetime.now(UTC)


def id_of(model: str, fingerprint: str, conditions: str) -> str:
    """The id of the run that learns from the annotations of this fingerprint: the same annotations, the same run.

    Another base model, other code (Spanloop's version) or other conditions (a run's settings) give another id.
    """
    digest = hashlib.sha256(f"{__version__}\n{initial_version(model)}\n{conditions}\n{fingerprint}".encode())
    return f"run-{digest.hexdigest()[:10]}"


def conditions(options: Mapping[str, str] = {}) -> str:
    """The settings of a run in this environment, as text: the variables SPANLOOP_… without those in NO_CONDITIONS.

    `options` stand in place of variables of the same names.
    """
    variables = {**os.environ, **options}
    return str(
        sorted(item for item in variables.items() if item[0].startswith("SPANLOOP_") and item[0] not in NO_CONDITIONS)
    )


class Run(BaseModel):
    """The state of a run, and its outcome."""

    id: str
    projects: tuple[int, ...]
    why: str = ""
    fingerprint: str = ""
    annotations: int = 0
    """Number of annotations in the projects when the run was requested."""
    annotations_of: dict[int, int] = {}
    """The same by project. Empty in runs of older versions."""
    exclude_annotators: tuple[str, ...] = ()
    """Annotators whose annotations it leaves out: ids or e-mail addresses in Label Studio."""
    exclude_tasks: tuple[int, ...] = ()
    """Ids of the tasks that it leaves out."""
    attempt: int = 1
    phase: Phase = "waiting"
    percent: float = 0
    detail: str = ""
    waits: str = ""
    """On a cluster, why none of its pods runs at present; empty while one runs, and after the end."""
    pod_ended: str = ""
    """On a cluster, why its last pod ended that left no words; empty if none did."""
    started: datetime = Field(default_factory=now)
    updated: datetime = Field(default_factory=now)
    outcome: Outcome | None = None
    worked: float = 0
    """Seconds that its processes have worked, without the time between them."""
    seconds_left: float | None = None
    """About how many seconds it still takes, by its own pace so far, with the measuring of its learning curve; None
    until that is known, and at the end."""
    message: str = ""
    version: str = ""
    reference: str = ""
    """The published version as `repository:VERSION@sha256:…`; empty on one machine."""
    champion: str = ""
    """The version it was judged against: its name, on a cluster its reference; empty for the initial model."""
    scores: dict[str, Score] = {}
    """By model, base, champion and new; and `guard`, the new version's against the base model's on guard sentences."""
    curve: LearningCurve | None = None
    """What more annotated tasks would bring; None if the run measures none, or has not yet."""
    rollout: Literal["", "wanted", "begun"] = ""
    """On a cluster, the rollout of the better version: `wanted` once the run has asked the backend for it, `begun` once
    the backend has begun it. Empty before, after the end, and on one machine, where the run makes its version live."""

    @model_validator(mode="before")
    @classmethod
    def _published(cls, stored: Any) -> Any:
        """Read runs that older releases wrote: their outcome `published` was no end, and the detail `rolling out` said
        that the rollout had begun."""
        if not isinstance(stored, dict) or stored.get("outcome") != "published":
            return stored
        begun = stored.get("detail") == "rolling out"
        return {
            **stored,
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
    def time_left(self) -> str:
        """How long the run still takes, in words; empty while that is not known."""
        if self.seconds_left is None:
            return ""
        hours, minutes = divmod(round(max(self.seconds_left, 0) / 60), 60)
        if not hours:
            return f"about {minutes} min left" if minutes else "less than a minute left"
        return f"about {hours} h {minutes} min left"

    @property
    def is_judged(self) -> bool:
        """Whether its version is judged and published: it ends soon, once its learning curve is measured."""
        return not self.ended and (self.in_rollout or self.phase in ("rollout", "curve"))

    @property
    def in_rollout(self) -> bool:
        """Whether the backend decides how the run ends, because it rolls the run's better version out.

        The run's pod may still measure the learning curve."""
        return not self.ended and self.rollout != ""

    def end(self, outcome: Outcome, message: str) -> Run:
        """The run with an outcome: it waits for nothing, and nothing of it is left to roll out."""
        over = {"outcome": outcome, "message": message, "detail": "", "waits": "", "rollout": ""}
        return self.model_copy(update={**over, "seconds_left": None})
