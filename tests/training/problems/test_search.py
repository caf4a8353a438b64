"""`python -m training problems` on a small Label Studio."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from service.runs.files import Runs
from tests.support.studio import KEY
from tests.support.training_bench import annotated
from training.__main__ import app
from training.learn import Learning

FEW = 40
RELABELLED, EMPTIED = 8, 21


def tasks():
    """Annotated tasks, of which one has the wrong label and one lacks its span. Two of the same text differ."""
    made = annotated(FEW)
    for task in made:
        task["annotations"][0] |= {"completed_by": 1, "updated_at": "2026-01-01"}
    made[RELABELLED]["annotations"][0]["result"][0]["value"]["labels"] = ["city"]
    made[EMPTIED]["annotations"][0]["result"] = []
    second = {**made[0]["annotations"][0], "id": 900, "completed_by": 2, "updated_at": "2020-01-01"}
    made[0]["annotations"].append(second)
    made[1]["annotations"].append({**second, "id": 901, "result": []})
    return made


@pytest.fixture
def called(bench, studio, monkeypatch):
    """Calls the command with the settings of a bench. Returns its exit status and output."""
    studio.projects[1].export = tasks()
    studio.projects[1].annotations = FEW
    studio.users = {1: "ann@example.com", 2: "ben@example.com"}
    one = bench()
    for name in ("model", "home", "label_studio_url", "steps", "forgetting_limit", "batch_size", "head_rate"):
        monkeypatch.setenv(f"SPANLOOP_{name.upper()}", str(getattr(one.settings, name)))
    monkeypatch.setenv("SPANLOOP_ENCODER_RATE", str(one.settings.encoder_rate))
    monkeypatch.setenv("SPANLOOP_LABEL_STUDIO_API_KEY", KEY)
    monkeypatch.setenv("SPANLOOP_THREADS", "1")
    monkeypatch.setenv("SPANLOOP_RUN_LOCK", "passed on")
    monkeypatch.setenv("COLUMNS", "250")

    def call(*more):
        found = CliRunner().invoke(app, ["problems", "--project", "1", *more], catch_exceptions=False)
        return found.exit_code, found.stdout

    call.bench = one
    return call


@pytest.fixture
def tunings(monkeypatch):
    """The tunings that were made, in order."""
    made = []
    tune = Learning.tune
    monkeypatch.setattr(Learning, "tune", lambda *args, **facts: (made.append(1), tune(*args, **facts)))
    return made


def test_wrong_annotations_come_first_with_links_and_the_search_is_learnt_for_once(called, studio, tunings):
    status, output = called("--json")
    assert status == 0
    found = json.loads(output)
    assert {RELABELLED, EMPTIED} <= {task["task"] for task in found["doubtful"][:3]}
    assert found["doubtful"][0]["link"] == f"{studio.url}/projects/1/data?task={found['doubtful'][0]['task']}"
    assert found["agreement"]["whole"] == {"tasks": 2, "both": 1, "spans": 3, "f1": 0.6667}
    learnt = len(tunings)
    assert learnt > 0
    status, output = called()
    assert len(tunings) == learnt
    assert f"/projects/1/data?task={RELABELLED}" in output
    assert "ann@example.com" in output
    assert "--exclude-task" in output
    assert Runs(called.bench.settings.folder).all() == [], "a search is no run"


def test_what_a_run_of_the_same_annotations_has_found_is_used(called, tunings):
    called.bench.execute()
    learnt = len(tunings)
    status, output = called("--json")
    assert status == 0
    assert len(tunings) == learnt
    assert {RELABELLED, EMPTIED} <= {task["task"] for task in json.loads(output)["doubtful"][:3]}


def test_no_text_stays_on_the_disk(called):
    called("--json")
    written = [path for path in (called.bench.settings.folder / "problems").rglob("*") if path.is_file()]
    assert written
    assert not any(b"house" in path.read_bytes() for path in written)


def test_too_few_annotations_are_refused_with_how_many_are_missing(called, studio):
    studio.projects[1].export = annotated(4)
    status, _ = called("--json")
    assert status == 1
