"""Launches training runs as Jobs, from the chart's template."""

from __future__ import annotations

import json

from service.backend.cluster.api import Cluster
from service.backend.cluster.errors import ObjectExists
from service.backend.cluster.jobs import KubeObject, template_of
from service.backend.cluster.run_jobs import manifest
from service.backend.cluster.runs import JobRuns
from service.backend.cluster.settings import ClusterSettings
from service.backend.protocols import Busy
from service.runs.run import NO_CONDITIONS, Run


class JobLauncher:
    """Creates a run's Job. Its name holds the run's id and attempt, so no second Job is created for them."""

    def __init__(self, cluster: Cluster, runs: JobRuns, settings: ClusterSettings) -> None:
        self._cluster = cluster
        self._runs = runs
        self._settings = settings

    def launch(self, run: Run) -> None:
        """Create a run's Job. Raises Busy while another run is active or if the Job exists already, RuntimeError if it
        cannot be created. A run whose version awaits its rollout may be launched again: the version is judged again."""
        if not self._settings.registry:
            raise RuntimeError("No registry is set, so a run has nowhere to publish to: set registry.url in the chart.")
        self._runs.refresh()
        active = self._runs.active()
        if active is not None and (active != run.id or self._runs.at_work() is not None):
            raise Busy(f"Run {active} is active.")
        attempt = self._runs.attempts(run.id) + 1
        job = manifest(self._read(), self._cluster.release, run.model_copy(update={"attempt": attempt}))
        try:
            self._cluster.create_job(job)
        except ObjectExists as error:
            self._runs.refresh()
            raise Busy(f"Run {run.id} is being started already.") from error
        self._runs.refresh()

    def cancel(self, run: Run) -> None:
        self._runs.cancel(run.id)

    def conditions(self) -> str:
        """The image and the environment of a run's container in the chart's template, as JSON."""
        (container, *_) = self._read()["spec"]["template"]["spec"]["containers"]
        variables = [one for one in container.get("env", []) if one["name"] not in NO_CONDITIONS]
        return json.dumps([container.get("image"), variables], sort_keys=True)

    def _read(self) -> KubeObject:
        return template_of(self._settings.job_template)

    def log_of(self, run_id: str) -> str:
        return f"read by `kubectl logs --selector spanloop.dev/run={run_id}`"

    def reap(self) -> None:
        """Do nothing: the Jobs' controller collects ended pods."""
