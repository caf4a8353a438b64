"""Runs one part in this process: `python exposed.py PART` prints its expositions as JSON.

The settings come from the environment.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from starlette.testclient import TestClient

CONFIG = '<View><Labels name="l" toName="t"><Label value="person"/></Labels><Text name="t" value="$text"/></View>'


def machine() -> Iterator[str]:
    """Backend and extractor in one process: after a prediction, and after another version is swapped in."""
    from service.backend.app import build
    from service.backend.local import compose
    from service.backend.local.settings import MachineSettings

    with TestClient(build(MachineSettings(), compose.supervisor)) as client:
        engine = client.app.state.supervisor.extractor
        until(lambda: engine.version)
        body = {"tasks": [{"data": {"text": "Alice met Bob"}}], "label_config": CONFIG}
        assert client.post("/predict", json=body).is_success
        reconciliation = client.app.state.supervisor.acceptance.reconciliation
        reconciliation.totals = worked_with(engine.version)
        yield client.get("/metrics").text
        engine.swap(engine._current._replace(version="another"))
        assert client.post("/predict", json=body).is_success
        yield client.get("/metrics").text


def worked_with(version: str) -> object:
    """The totals of two tasks in which people worked with a version's predictions."""
    from service.backend.truth.places import Place
    from service.backend.truth.reconciliation import Totals, Where
    from service.backend.truth.standing import standing
    from service.backend.truth.tally import Tally
    from service.model.fates import Fate

    tally = Tally()
    for _ in range(2):
        tally.add({Place("person", Fate.RIGHT): 1})
    return Totals({Where(1, version): tally}, {version: standing(version, tally)}, at=datetime.now(UTC))


def backend() -> Iterator[str]:
    """A backend on a cluster."""
    from service.backend.app import build
    from service.backend.cluster import compose
    from service.backend.cluster.settings import ClusterSettings

    with TestClient(build(ClusterSettings(), compose.supervisor)) as client:
        until(lambda: "spanloop_runs" in client.get("/metrics").text)  # it leads by now
        yield client.get("/metrics").text


def extractor() -> Iterator[str]:
    from service.extractor.app import build
    from service.extractor.settings import ExtractorSettings

    with TestClient(build(ExtractorSettings())) as client:
        until(lambda: client.get("/ready").is_success)
        ask = {"questions": [[["Alice met Bob"], ["person"]]], "threshold": 0.5}
        assert client.post("/extract?seconds=60", json=ask).is_success
        yield client.get("/metrics").text


def training() -> Iterator[str]:
    """The process of a run that tunes, with all modules that it has then imported."""
    import httpx

    import training.run
    from service.runs.run import Run
    from tests.support.servers import free_port
    from training.__main__ import watch

    assert training.run
    port = free_port(0)
    with watch.answering(port, lambda: Run(id="run-1", projects=(1,), phase="tune", percent=40), lambda: None):
        yield httpx.get(f"http://127.0.0.1:{port}/metrics").text


def prelabel() -> Iterator[str]:
    """The process of a pre-labelling in a pod, with all modules that it has imported."""
    import httpx

    import service.__main__  # noqa: F401 - the metrics of all its modules
    from service.prelabel.progress import Prelabelling
    from service.prelabel.settings import PrelabelSettings
    from service.prelabel.watch import watched
    from tests.support.servers import free_port

    port = free_port(0)
    with watched(PrelabelSettings(progress_port=port), lambda: Prelabelling(project=1, total=2, written=1)):
        yield httpx.get(f"http://127.0.0.1:{port}/metrics").text


def until(condition, seconds=120.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


if __name__ == "__main__":
    print(json.dumps(list(globals()[sys.argv[1]]())))
