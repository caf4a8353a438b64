"""Every part in a process of its own: what it exposes is what docs/metrics.md says, and right under multiprocess."""

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
    """Run a part in a process and give its expositions."""

    def run(part, **more):
        home = tmp_path_factory.mktemp(part)
        held = _history(home)
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("SPANLOOP_", "PROM"))}
        own = {"PYTHONPATH": str(ROOT), "SPANLOOP_HOME": home, "SPANLOOP_MODEL": model_folder, "SPANLOOP_THREADS": 1}
        try:
            done = subprocess.run(
                [sys.executable, ROOT / "tests" / "support" / "exposed.py", part],
                env={**clean, **{name: str(value) for name, value in {**own, **more}.items()}},
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=300,
            )
        finally:
            os.close(held)
        assert done.returncode == 0, done.stderr
        return [Scrape(text) for text in json.loads(done.stdout.splitlines()[-1])]

    return run


def _history(home: Path) -> int:
    """A run that has ended, and one that is active for as long as the descriptor is open."""
    runs = Runs(home)
    began = datetime(2026, 1, 1, tzinfo=UTC)
    runs.save(Run(id="run-1", projects=(1,), outcome="promoted", version="v1", scores={"new": SCORE}, updated=began))
    runs.save(Run(id="run-2", projects=(1,), phase="tune", percent=40))
    held = runs.acquire("run-2")
    assert held is not None
    return held


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """The directory of the files that processes count in where BentoML serves them."""
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(scope="module")
def machine(expose, shared):
    """One machine's process: before another version has taken over, and then."""
    return expose("machine", PROMETHEUS_MULTIPROC_DIR=shared)


@pytest.fixture(scope="module")
def scrapes(expose, machine, tmp_path_factory):
    """By part: what its process exposes."""
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
        "machine": machine[0],
    }


@pytest.mark.parametrize("part", ["backend", "extractor", "training"])
def test_a_part_exposes_exactly_what_the_page_says_it_does(scrapes, part):
    assert scrapes[part].own == {name for name, row in table().items() if part in row.parts}


def test_on_one_machine_a_process_exposes_what_backend_and_extractor_do(scrapes):
    assert scrapes["machine"].own == scrapes["backend"].own | scrapes["extractor"].own


def test_types_and_labels_are_what_the_page_says(scrapes):
    for name, row in table().items():
        seen = [scrape for scrape in scrapes.values() if name in scrape.types]
        assert {scrape.types[name] for scrape in seen} == {row.kind}, name
        assert set.union(*(scrape.labels[name] for scrape in seen)) == row.labels, name


def test_the_page_names_every_cause_of_an_error():
    named = re.findall(r"^\| `(\w+)` \|", PAGE.read_text(encoding="utf-8").partition("## Causes")[2], re.MULTILINE)
    assert named == [*Cause]


def test_a_version_that_no_longer_answers_is_gone_though_counters_live_in_shared_files(expose, machine, shared):
    """As BentoML serves it. What a process that has ended has counted stays, and how it stood does not."""
    first, then = machine
    assert list(shared.glob("counter_*.db"))
    assert not list(shared.glob("gauge_*.db"))
    (version,) = first.of("spanloop_live_version_info")
    assert version[0].startswith("tiny-")
    assert then.of("spanloop_live_version_info") == {("another",): 1}
    again, _ = expose("machine", PROMETHEUS_MULTIPROC_DIR=shared)
    assert again.of("spanloop_live_version_info") == {version: 1}
    counts = [one("spanloop_texts_total", result="predicted") for one in (first, then, again)]
    assert counts == [1, 2, 3]
    assert again("spanloop_entities_total", label="person") == 6
    assert again("spanloop_queue_wait_seconds_count") == 3
    assert again("spanloop_requests_in_flight", route="/metrics") == 1
    assert again("spanloop_version_f1", version="v1", on="held_out") == 0.75
