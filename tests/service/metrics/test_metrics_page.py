"""Each part, in a process of its own, exposes what docs/metrics.md says, also with shared files for counters."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from service.errors import Cause
from service.prelabel.progress import Prelabelling, Prelabellings
from service.runs.files import Runs
from service.runs.run import Run
from service.versions.lineage import Score
from tests.support import api_server
from tests.support.samples import Scrape

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "metrics.md"
SCORE = Score(precision=0.5, recall=0.5, f1=0.75, per_label={}, support={})


class Row(NamedTuple):
    """A row of the page's table."""

    kind: str
    labels: set[str]
    parts: set[str]


def table() -> dict[str, Row]:
    rows = [re.split(r" *\| *", line.strip("| \n")) for line in PAGE.read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if row[0].startswith("`spanloop_")]
    found = {
        name.strip("`"): Row(kind, set(re.findall(r"`(\w+)`", labels)), set(parts.split(", ")))
        for name, kind, labels, _, parts in rows
    }
    assert len(found) == len(rows)
    return found


@pytest.fixture(scope="module")
def expose(tmp_path_factory, model_folder):
    """Runs a part in a process and returns its expositions."""

    def run(part, **more):
        home = tmp_path_factory.mktemp(part)
        lock = _history(home)
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("SPANLOOP_", "PROM"))}
        part_only = {
            "PYTHONPATH": str(ROOT),
            "SPANLOOP_HOME": home,
            "SPANLOOP_MODEL": model_folder,
            "SPANLOOP_THREADS": 1,
        }
        try:
            done = subprocess.run(
                [sys.executable, ROOT / "tests" / "support" / "exposed.py", part],
                env={**clean, **{name: str(value) for name, value in {**part_only, **more}.items()}},
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=300,
            )
        finally:
            os.close(lock)
        assert done.returncode == 0, done.stderr
        return [Scrape(text) for text in json.loads(done.stdout.splitlines()[-1])]

    return run


def _history(home: Path) -> int:
    """Save two ended runs and an active run. The active one stays active while the returned descriptor is open."""
    runs = Runs(home)
    began = datetime(2026, 1, 1, tzinfo=UTC)
    runs.save(Run(id="run-1", projects=(1,), outcome="promoted", version="v1", scores={"new": SCORE}, updated=began))
    runs.save(Run(id="run-0", projects=(1,), outcome="failed", updated=began))
    runs.save(Run(id="run-2", projects=(1,), phase="tune", percent=40))
    Prelabellings(home).save(Prelabelling(project=1, total=2, written=1))
    lock = runs.acquire("run-2")
    assert lock is not None
    return lock


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """The directory of the files in which processes count when BentoML serves them."""
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(scope="module")
def machine(expose, shared):
    """The process of one machine: its expositions before and after another version is swapped in."""
    return expose("machine", PROMETHEUS_MULTIPROC_DIR=shared)


@pytest.fixture(scope="module")
def scrapes(expose, machine, tmp_path_factory):
    """The last exposition of each part; the first of the machine."""
    with api_server.served(api_server.ApiServer(), tmp_path_factory.mktemp("cluster")) as kubeconfig:
        names = {
            "NAMESPACE": "here",
            "RELEASE": "loop",
            "EXTRACTOR_DEPLOYMENT": "extractor",
            "EXTRACTOR_URL": "http://x",
        }
        settings = {f"SPANLOOP_{name}": value for name, value in names.items()}
        backend = expose("backend", KUBECONFIG=kubeconfig, **settings)[-1]
    return {
        "backend": backend,
        "extractor": expose("extractor")[-1],
        "training": expose("training")[-1],
        "prelabel": expose("prelabel")[-1],
        "machine": machine[0],
    }


@pytest.mark.parametrize("part", ["backend", "extractor", "training", "prelabel"])
def test_a_part_exposes_exactly_the_metrics_that_the_page_lists(scrapes, part):
    assert scrapes[part].own == {name for name, row in table().items() if part in row.parts}


def test_on_one_machine_a_process_exposes_the_metrics_of_backend_and_extractor(scrapes):
    assert scrapes["machine"].own == scrapes["backend"].own | scrapes["extractor"].own


def test_types_and_labels_are_those_of_the_page(scrapes):
    for name, row in table().items():
        seen = [scrape for scrape in scrapes.values() if name in scrape.types]
        assert {scrape.types[name] for scrape in seen} == {row.kind}, name
        assert set.union(*(scrape.labels[name] for scrape in seen)) == row.labels, name


def test_the_page_names_every_cause_of_an_error():
    named = re.findall(r"^\| `(\w+)` \|", PAGE.read_text(encoding="utf-8").partition("## Causes")[2], re.MULTILINE)
    assert named == [*Cause]


def test_a_version_that_no_longer_answers_is_gone_though_shared_files_keep_counters(expose, machine, shared):
    """BentoML serves with shared files. The counts of an ended process stay, its gauges do not."""
    first, second = machine
    assert list(shared.glob("counter_*.db"))
    assert not list(shared.glob("gauge_*.db"))
    (version,) = first.of("spanloop_live_version_info")
    assert version[0].startswith("tiny-")
    assert second.of("spanloop_live_version_info") == {("another",): 1}
    third, _ = expose("machine", PROMETHEUS_MULTIPROC_DIR=shared)
    assert third.of("spanloop_live_version_info") == {version: 1}
    counts = [scrape("spanloop_texts_total", result="predicted") for scrape in (first, second, third)]
    assert counts == [1, 2, 3]
    assert third("spanloop_entities_total", label="person") == 6
    assert third("spanloop_queue_wait_seconds_count") == 3
    assert third("spanloop_requests_in_flight", route="/metrics") == 1
    assert third("spanloop_version_f1", version="v1", on="held_out") == 0.75
