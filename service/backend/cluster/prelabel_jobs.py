"""Pre-labellings as Jobs: the manifest of one, and how all workers of one stand together. Pure functions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from service.backend.cluster.jobs import (
    LABEL_VALUE_MAX,
    PERCENT_ANNOTATION,
    PHASE_ANNOTATION,
    WAITS_ANNOTATION,
    KubeObject,
    condition,
    created,
    cut,
    projects_of,
    stamped,
)
from service.prelabel.progress import Outcome, Prelabelling, most_frequent
from service.prelabel.watch import brief
from service.prelabel.work import summary

COMPONENT = "prelabel"
"""The component in the chart's labels. Every pre-labelling's Job has it, also one that a user created."""
PROJECT_LABEL = "spanloop.dev/project"
"""Label: the Label Studio project."""
PRELABELLING_ANNOTATION = "spanloop.dev/prelabelling"
"""Annotation: how the whole stands, as JSON, as the backend last mirrored it."""
SHARDS_ANNOTATION = "spanloop.dev/shards"
"""Annotation: how each worker's share stands, as JSON."""
VERSION_ANNOTATION = "spanloop.dev/version"
TOTAL_ANNOTATION = "spanloop.dev/total"
DONE_ANNOTATION = "spanloop.dev/done"
FAILED_ANNOTATION = "spanloop.dev/failed"
"""Annotations for `kubectl get jobs -o custom-columns=…`."""


class Shard(BaseModel):
    """One worker's share of the tasks: what its newest process has reported, and what was written before that."""

    last: Prelabelling
    version: str = ""
    """The version whose predictions the processes before it wrote."""
    written: int = 0
    skipped: int = 0
    unread: dict[str, int] = {}
    """The tasks among `written` that could not be read, by reason."""

    @property
    def all_written(self) -> int:
        return self.last.written + (self.written if self._goes_on else 0)

    @property
    def all_skipped(self) -> int:
        return self.last.skipped + (self.skipped if self._goes_on else 0)

    @property
    def all_unread(self) -> dict[str, int]:
        return most_frequent(self.last.unread, self.unread if self._goes_on else {})

    @property
    def all_reasons(self) -> dict[str, int]:
        """Of the processes before, only the tasks that could not be read: the newest tries again what had failed."""
        return most_frequent(self.last.reasons, self.unread if self._goes_on else {})

    @property
    def total(self) -> int:
        """Tasks of this share, roughly: a process counts those of all shares that are left when it begins."""
        own = self.last.total // self.last.shards
        return own + (self.written + self.skipped if self._goes_on else 0)

    def followed(self, reported: Prelabelling) -> Shard:
        """The share after another report. A process that has started later goes on where the one before it ended."""
        if reported.started < self.last.started:
            return self
        if reported.started == self.last.started:
            return self.model_copy(update={"last": reported})
        version = self.last.version or self.version
        counts = {"written": self.all_written, "skipped": self.all_skipped, "unread": self.all_unread}
        return Shard(last=reported, version=version, **counts)

    @property
    def _goes_on(self) -> bool:
        """Whether the newest process writes predictions of the same version; it knows none when it begins."""
        return self.last.version in ("", self.version)


Shards = dict[int, Shard]
_SHARDS = TypeAdapter(Shards)


def name_of(release: str, project: int, version: str, attempt: int) -> str:
    """The Job's name: one for a release, project, version and attempt, so that no two Jobs are created for them."""
    end = f"-prelabel-{project}-{hashlib.sha256(version.encode()).hexdigest()[:6]}-{attempt}"
    return cut(release, LABEL_VALUE_MAX - len(end)) + end


def manifest(template: KubeObject, name: str, project: int, version: str) -> KubeObject:
    """The Job of a pre-labelling: the chart's template with a name and the project."""
    label = {PROJECT_LABEL: str(project)}
    begun = notes(Prelabelling(project=project, version=version), {})
    return stamped(template, name, label, begun, ["--project", str(project)])


def notes(stands: Prelabelling, shards: Shards) -> dict[str, str]:
    """The annotations that describe a pre-labelling on its Job."""
    return {
        PRELABELLING_ANNOTATION: stands.model_dump_json(exclude_defaults=True),
        SHARDS_ANNOTATION: _SHARDS.dump_json(shards, exclude_defaults=True).decode(),
        PHASE_ANNOTATION: stands.outcome or ("working" if shards else "waiting"),
        PERCENT_ANNOTATION: f"{stands.percent:.0f}",
        VERSION_ANNOTATION: stands.version,
        TOTAL_ANNOTATION: str(stands.total),
        DONE_ANNOTATION: str(stands.done),
        FAILED_ANNOTATION: str(stands.failed),
        WAITS_ANNOTATION: stands.waits,
    }


def noted(job: Mapping[str, Any]) -> tuple[Prelabelling | None, Shards]:
    """How a Job's pre-labelling stood when it was last mirrored; (None, {}) if the Job holds nothing readable."""
    annotations = job["metadata"].get("annotations") or {}
    try:
        stands = Prelabelling.model_validate_json(annotations[PRELABELLING_ANNOTATION])
        return stands, _SHARDS.validate_json(annotations[SHARDS_ANNOTATION])
    except (KeyError, ValidationError):
        return None, {}  # created by hand or by schedule, or written by another release


def after(shards: Shards, reports: Iterable[Prelabelling]) -> Shards:
    """The shares after what their processes have reported."""
    found = dict(shards)
    for report in sorted(reports, key=lambda one: one.started):
        short = brief(report)
        known = found.get(report.shard)
        found[report.shard] = known.followed(short) if known else Shard(last=short)
    return found


def together(job: Mapping[str, Any], shards: Shards, waits: str) -> Prelabelling:
    """How all workers of a Job stand together, as one pre-labelling with one shard.

    `waits` says why no worker is at work; empty while one is.
    """
    newest = max((shard.last for shard in shards.values()), key=lambda last: last.updated, default=None)
    stood, _ = noted(job)
    named = [last.version for last in _by_age(shards) if last.version]
    stands = Prelabelling(
        job=job["metadata"]["name"],
        project=project_of(job),
        version=next(iter(named), stood.version if stood else ""),
        view=newest.view if newest else None,
        total=_total(shards, workers=int(job["spec"].get("completions") or 1)),
        written=sum(shard.all_written for shard in shards.values()),
        skipped=sum(shard.all_skipped for shard in shards.values()),
        failed=sum(shard.last.failed for shard in shards.values()),
        reasons=most_frequent(*(shard.all_reasons for shard in shards.values())),
        unread=most_frequent(*(shard.all_unread for shard in shards.values())),
        started=created(job),
        updated=newest.updated if newest else created(job),
    )
    outcome, message = _end(job, stands, shards)
    if outcome is not None:
        return stands.model_copy(update={"outcome": outcome, "message": message})
    return stands.model_copy(update={"waits": "; ".join(why for why in (_trouble(shards), waits) if why)})


def project_of(job: Mapping[str, Any]) -> int:
    """The project in a Job's arguments; 0 if they name none."""
    return next(iter(projects_of(job)), 0)


def _by_age(shards: Shards) -> list[Prelabelling]:
    """What the newest processes have reported, the one that started last first."""
    return sorted((shard.last for shard in shards.values()), key=lambda last: last.started, reverse=True)


def _total(shards: Shards, workers: int) -> int:
    """Tasks of all shares. A worker that has not counted yet has about as many as the others."""
    counted = [shard.total for shard in shards.values() if shard.total]
    known = sum(counted)
    return known + (known // len(counted)) * max(workers - len(counted), 0) if counted else 0


def _trouble(shards: Shards) -> str:
    """What the workers say that keeps them from going on."""
    for last in _by_age(shards):
        if last.outcome == "failed":
            return f"a worker has failed and is started again: {last.message}"
        if last.waits:
            return last.waits
    return ""


def _end(job: Mapping[str, Any], stands: Prelabelling, shards: Shards) -> tuple[Outcome | None, str]:
    """How a Job has ended, and what to say of it; no outcome while it may still run."""
    failed = condition(job, "Failed")
    if failed:
        return "failed", _why_failed(failed, shards)
    if not condition(job, "Complete"):
        return None, ""
    if not shards:
        return "done", "The Job is complete. What its workers did was not seen; their logs have it."
    if len({shard.last.version for shard in shards.values()}) > 1:
        why = f"Version {stands.version} became live when some workers had ended with the one before it"
        return "version changed", f"{why}. Press Pre-label for the tasks that have no prediction of {stands.version}."
    return "done", f"All tasks are done: {summary(stands)}."


def _why_failed(failed: Mapping[str, Any], shards: Shards) -> str:
    reason = failed.get("reason", "")
    said = {
        "DeadlineExceeded": "It took longer than its Job's activeDeadlineSeconds.",
        "BackoffLimitExceeded": "Its workers failed as often as its Job's backoffLimit allows.",
    }.get(reason, f"Its Job failed ({reason}: {failed.get('message', '')}).")
    last = next((f" The last worker said: {one.message}" for one in _by_age(shards) if one.outcome == "failed"), "")
    return f"{said}{last} What was written stays; press Pre-label to go on."
