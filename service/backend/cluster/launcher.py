"""Launches training runs as Jobs, from the chart's template."""

from __future__ import annotations

from pathlib import Path

import yaml

from service.backend.cluster.api import Cluster
from service.backend.cluster.errors import Exists
from service.backend.cluster.jobs import Manifest, manifest
from service.backend.cluster.runs import JobRuns
from service.backend.parts import Busy
from service.runs import Run


class JobLauncher:
    """Creates a run's Job. Twice is once: the Job's name is the run's id and its attempt."""

    def __init__(self, cluster: Cluster, runs: JobRuns, template: Path) -> None:
        self._cluster = cluster
        self._runs = runs
        self._template = template

    def launch(self, run: Run) -> None:
        """Raises Busy while another run is active or where the Job is there already, ClusterError where it cannot be
        created."""
        self._runs.refresh()
        if self._runs.active() is not None:
            raise Busy(f"Run {self._runs.active()} is active.")
        attempt = self._runs.attempts(run.id) + 1
        # Read each time: an upgrade changes the template while the backend runs.
        template: Manifest = yaml.safe_load(self._template.read_text(encoding="utf-8"))
        job = manifest(template, self._cluster.release, run.model_copy(update={"attempt": attempt}))
        try:
            self._cluster.create_job(job)
        except Exists as error:
            raise Busy(f"Run {run.id} is being started already.") from error
        self._runs.refresh()

    def log_of(self, run_id: str) -> str:
        return f"read by `kubectl logs --selector spanloop.dev/run={run_id}`"

    def reap(self) -> None:
        """See how the Jobs stand."""
        self._runs.refresh()
