"""Pre-labellings on a cluster are Jobs of the chart's CronJob, which somebody creates with kubectl."""

from __future__ import annotations

from service.prelabel.progress import Prelabelling


class ByHand:
    """None is started or watched from here."""

    @property
    def can_start(self) -> bool:
        return False

    def all(self) -> list[Prelabelling]:
        return []

    def is_alive(self, prelabelling: Prelabelling) -> bool:
        return False

    def start(self, project: int, backend: str) -> None:
        raise RuntimeError(
            "On a cluster a pre-labelling is a Job, and nothing was started. Create one from k8s/prelabel-job.yaml, "
            f"with `--project {project}`."
        )
