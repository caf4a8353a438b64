from __future__ import annotations

import logging
from itertools import pairwise

import pytest

from service.runs.files import Runs
from service.runs.run import PHASES, Run
from training.progress import PERCENTS_OF_CURVE, PERCENTS_WITH_CURVE, PHASE_PERCENTS, Reporter


@pytest.fixture
def reporter(tmp_path):
    made = Reporter(Runs(tmp_path), Run(id="run-1", projects=(1,)), bar=False)
    yield made
    made.close()


def saved(reporter):
    return reporter.runs.get("run-1")


@pytest.mark.parametrize("percents", [PHASE_PERCENTS, PERCENTS_WITH_CURVE, PERCENTS_OF_CURVE])
def test_the_phases_cover_a_run_without_gaps_or_steps_back(percents):
    assert [phase for phase in PHASES if phase in percents] == list(percents)
    spans = list(percents.values())
    assert spans[0][0] == 0
    assert spans[-1][1] == 100
    assert all(begin <= end for begin, end in spans)
    assert all(one[1] <= other[0] for one, other in pairwise(spans))


def test_a_run_may_come_to_know_in_its_second_phase_that_it_measures_a_curve():
    assert tuple(PHASE_PERCENTS) == tuple(PERCENTS_WITH_CURVE) == PHASES
    for phase in PHASES[: PHASES.index("replay")]:
        assert PHASE_PERCENTS[phase] == PERCENTS_WITH_CURVE[phase]
    begin, end = PERCENTS_WITH_CURVE["curve"]
    assert end - begin > 50, "it takes longer than all before it"


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


def test_what_a_resumed_run_does_again_moves_its_progress_on_from_where_it_was(tmp_path):
    runs = Runs(tmp_path)
    made = Reporter(runs, Run(id="run-1", projects=(1,), phase="tune", percent=60, worked=100), bar=False)
    seen = [made.run.percent]
    for phase in ("export", "dataset", "replay", "tune", "judge"):
        made.enter(phase)
        seen.append(made.run.percent)
        made.within(0.5, "half of it")
        seen.append(made.run.percent)
    made.close()
    assert all(one < other for one, other in pairwise(seen))
    assert seen[-1] < 100
    assert runs.get("run-1").worked >= 100


def test_progress_never_falls_if_a_phase_begins_again(reporter):
    reporter.enter("rollout")
    reporter.within(0.5, "scoring the champion")
    before = reporter.run.percent
    reporter.enter("rollout")
    assert reporter.run.percent == before


def test_a_part_of_a_phase_tells_how_much_of_it_is_done(reporter):
    reporter.enter("judge")
    told = reporter.part("scoring the new version", 0.5, 1.0)
    assert saved(reporter).detail == "scoring the new version"
    told(0.5)
    begin, end = PHASE_PERCENTS["judge"]
    assert reporter.run.percent == begin + 0.75 * (end - begin)
    assert reporter.run.detail == "scoring the new version (50%)"


def test_the_log_has_each_phase_each_part_and_from_time_to_time_a_line_with_the_time_left(
    reporter, monkeypatch, caplog
):
    clock = [1000.0]
    monkeypatch.setattr("training.progress.time.monotonic", lambda: clock[0])
    caplog.set_level(logging.INFO)
    reporter.enter("tune", "100 tasks")
    for second in range(1, 100):
        clock[0] += 1
        reporter.within(second / 100, f"step {second} of 100", 200.0 - second)
    reporter.part("choosing the windows")
    assert [record.getMessage() for record in caplog.records] == [
        "run run-1, tune, 12 %: 100 tasks",
        "run run-1, tune, 35 %: step 31 of 100; about 3 min left",
        "run run-1, tune, 57 %: step 62 of 100; about 2 min left",
        "run run-1, tune, 80 %: step 93 of 100; about 2 min left",
        "run run-1, tune, 84 %: choosing the windows",
    ]
