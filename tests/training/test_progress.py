from __future__ import annotations

from itertools import pairwise

import pytest

from service.runs.files import Runs
from service.runs.run import PHASES, Run
from training.progress import PHASE_PERCENTS, Reporter


@pytest.fixture
def reporter(tmp_path):
    made = Reporter(Runs(tmp_path), Run(id="run-1", projects=(1,)), bar=False)
    yield made
    made.close()


def saved(reporter):
    return reporter.runs.get("run-1")


def test_the_phases_cover_a_run_without_gaps_or_steps_back():
    assert tuple(PHASE_PERCENTS) == PHASES
    spans = list(PHASE_PERCENTS.values())
    assert spans[0][0] == 0
    assert spans[-1][1] == 100
    assert all(begin <= end for begin, end in spans)
    assert all(one[1] <= other[0] for one, other in pairwise(spans))


def test_a_phase_is_in_the_file_as_soon_as_it_begins(reporter):
    reporter.enter("tune", "100 examples")
    run = saved(reporter)
    assert (run.phase, run.percent, run.detail) == ("tune", PHASE_PERCENTS["tune"][0], "100 examples")


def test_progress_within_a_phase_stays_in_its_share(reporter):
    reporter.enter("tune")
    for share in (0.0, 0.5, 1.0):
        reporter.within(share, "step")
        assert PHASE_PERCENTS["tune"][0] <= reporter.run.percent <= PHASE_PERCENTS["tune"][1]
    assert reporter.run.percent == PHASE_PERCENTS["tune"][1]


def test_progress_is_not_written_at_every_step_but_a_recorded_fact_is(reporter, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr("training.progress.time.monotonic", lambda: clock[0])
    reporter.enter("tune")
    for number in range(50):
        reporter.within(number / 50, f"step {number}")
    assert saved(reporter).detail == ""
    clock[0] += 1
    reporter.within(0.9, "step 45")
    assert saved(reporter).detail == "step 45"
    reporter.record(outcome="held", message="not better")
    assert saved(reporter).outcome == "held"
