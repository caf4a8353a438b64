"""More runs of a release that has trained already."""

from __future__ import annotations

from typing import Any

from tests.end_to_end.backend import until

from .release import Release


def another_run(release: Release, seed: int, **training: Any) -> str:
    """Start a run of the same annotations with another seed, which makes it another run; its id."""
    known = release.job()["job"]
    release.upgrade(training={"seed": seed, **training})
    release.start_training()

    def started() -> str:
        newest = str(release.job()["job"])
        return newest if newest != known else ""

    return until(started, "another run", 60)


def in_phase(release: Release, *phases: str) -> dict[str, Any]:
    """Wait until the newest run is in one of these phases, and return where it stands."""

    def there() -> dict[str, Any]:
        job = release.job()
        assert not job.get("outcome"), job
        return job if job.get("phase") in phases else {}

    return until(there, f"a run in {' or '.join(phases)}", 200)


def log_of(release: Release, run: str) -> str:
    """The logs of a run's pods."""
    return release.kubectl("logs", "--selector", f"spanloop.dev/run={run}", "--tail=-1")


def pods_of(release: Release, run: str) -> dict[str, str]:
    """The phases of a run's pods, by their names."""
    found = release.get("pods", "--selector", f"spanloop.dev/run={run}")["items"]
    return {pod["metadata"]["name"]: pod["status"]["phase"] for pod in found}
