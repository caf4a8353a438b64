"""The state of a backend for Prometheus. Each scrape reads what the backend knows; it asks no other program."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, get_args

from prometheus_client.metrics_core import Metric

from service.backend.health import asked
from service.backend.truth import gauges as truth
from service.backend.truth.standing import Standing
from service.metrics.gauges import gauge, live_version, single
from service.metrics.labels import legible
from service.metrics.requests import running
from service.prelabel.progress import Prelabelling
from service.runs.run import PHASES, Outcome, Run
from service.versions.lineage import Lineage, Score

if TYPE_CHECKING:
    from service.backend.protocols import Extractors
    from service.backend.supervisor import Supervisor

OF_VERSIONS = ("new", "guard")
"""The names of a version's own scores: on annotated tasks, and against the base model."""


class Gauges:
    """The gauges of one backend. Only the leading backend exposes those of runs and versions."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._progress = ProgressTimes()

    def families(self) -> Iterator[Metric]:
        """All gauges with their present values."""
        yield running()
        yield single(
            "spanloop_extractor_demand",
            "Texts for which this backend waits for the extractor, also while no extractor runs: scale by this.",
            self._supervisor.demand,
        )
        yield from self._supervisor.extractor.gauges()
        yield _dependencies(self._supervisor)
        if self._supervisor.leads():
            yield from self._release()

    def _release(self) -> Iterator[Metric]:
        version = self._supervisor.extractor.version
        runs, active = self._supervisor.runs.all(), self._supervisor.runs.active()
        yield live_version(version, self._supervisor.answers)
        yield from _extractors(self._supervisor.rollout.extractors)
        yield _runs_by_state(runs)
        yield _last_success(runs)
        yield _failed(runs)
        yield _prelabelled(self._supervisor.prelabeller.all())
        yield from self._active(next((run for run in runs if run.id == active and not run.ended), None))
        yield _scores(
            runs,
            [known for known in self._supervisor.published if known.version == version],
            self._supervisor.acceptance.standings,
        )
        yield from truth.families(self._supervisor.acceptance)

    def _active(self, run: Run | None) -> Iterator[Metric]:
        yield single(
            "spanloop_run_active_since_timestamp_seconds",
            "When the active run began.",
            run.started.timestamp() if run else None,
        )
        yield single(
            "spanloop_run_progressed_timestamp_seconds",
            "When the active run's phase or percent last changed.",
            self._progress.of(run) if run else None,
        )


def _dependencies(supervisor: Supervisor) -> Metric:
    return gauge(
        "spanloop_dependency_up",
        "1 if the dependency answered this backend when it was last asked, else 0.",
        {(name,): float(state.is_up) for name, state in asked(supervisor).items()},
        "dependency",
    )


def _extractors(seen: Extractors | None) -> Iterator[Metric]:
    ready, wanted = (seen.ready, seen.wanted) if seen else (None, None)
    yield single("spanloop_extractors_ready", "Pods of the extractor that are ready.", ready)
    yield single("spanloop_extractors_wanted", "Pods of the extractor that should be ready.", wanted)


class ProgressTimes:
    """When the active run last progressed. Not every update of a run is progress."""

    def __init__(self) -> None:
        self._seen: tuple[str, str, float] | None = None
        self._at = 0.0

    def of(self, run: Run) -> float:
        """When this process last saw another phase or percent of a run, in seconds since the epoch."""
        progress = (run.id, run.phase, run.percent)
        if progress != self._seen:
            self._seen, self._at = progress, run.updated.timestamp()
        return self._at


def _runs_by_state(runs: Iterable[Run]) -> Metric:
    counts = Counter(("", run.outcome) if run.outcome else (run.phase, "") for run in runs)
    states = [*((phase, "") for phase in PHASES), *(("", outcome) for outcome in get_args(Outcome))]
    return gauge(
        "spanloop_runs",
        "Runs that are kept: unfinished ones by phase, ended ones by outcome.",
        {state: counts[state] for state in states},
        "phase",
        "outcome",
    )


def _prelabelled(prelabellings: Iterable[Prelabelling]) -> Metric:
    found: Counter[tuple[str, str]] = Counter()
    for one in prelabellings:
        project = str(one.project)
        left = max(one.total // one.shards - one.done, 0) if one.outcome != "done" else 0
        for result, tasks in (
            ("written", one.written),
            ("skipped", one.skipped),
            ("failed", one.failed),
            ("left", left),
        ):
            found[project, result] += tasks
    return gauge(
        "spanloop_prelabel_tasks",
        "Tasks of the last pre-labelling of each project, by what became of them.",
        found,
        "project",
        "result",
    )


def _last_success(runs: Iterable[Run]) -> Metric:
    return single(
        "spanloop_run_last_success_timestamp_seconds",
        "When a run last ended without a failure.",
        max((run.updated.timestamp() for run in runs if run.succeeded), default=None),
    )


def _failed(runs: Iterable[Run]) -> Metric:
    return gauge(
        "spanloop_run_failed_timestamp_seconds",
        "When each of the kept runs that failed, or that were not started, ended.",
        {(legible(run.id),): run.updated.timestamp() for run in runs if run.outcome == "failed"},
        "run",
    )


def _scores(runs: Iterable[Run], live: Iterable[Lineage], standings: Iterable[Standing]) -> Metric:
    """The F1 of each version by its newest run, which may have judged it again; by its lineage if no run is left.

    And that by people's own work.
    """
    lineages = [(lineage.version, _measured(lineage)) for lineage in live]
    f1: dict[tuple[str, str], float] = {}
    for version, scores in [*((run.version, run.scores) for run in runs), *lineages]:
        for name in OF_VERSIONS:
            if version and name in scores:
                f1.setdefault((legible(version), scores[name].on), scores[name].f1)
    f1 |= {(legible(one.version), "annotators"): one.f1.value for one in standings if one.f1}
    return gauge("spanloop_version_f1", "Strict micro F1 of versions, by what it is on.", f1, "version", "on")


def _measured(lineage: Lineage) -> dict[str, Score]:
    """A version's scores as its run has them."""
    return {**lineage.scores, **({"guard": lineage.forgetting.score} if lineage.forgetting else {})}
