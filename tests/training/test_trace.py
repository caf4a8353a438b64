"""The points of a tuning that a run keeps."""

from __future__ import annotations

import math

from training.trace import POINTS, Point, Trace


def test_a_long_tuning_keeps_some_of_its_steps_among_them_the_first_and_the_last(tmp_path):
    trace = Trace(tmp_path / "trace.json")
    for step in range(1, 3334):
        trace.add(step, 3333, 1 / step, 0.5)
    steps = [point.step for point in trace.points]
    assert (steps[0], steps[-1]) == (1, 3333)
    assert POINTS / 2 < len(steps) <= POINTS + 2
    assert steps == sorted(steps)


def test_a_resumed_tuning_goes_on_with_the_points_before_its_checkpoint(tmp_path):
    before = Trace(tmp_path / "trace.json")
    for step in range(1, 8):
        before.add(step, 10, 2.0, -1)
    after = Trace(tmp_path / "trace.json")
    for step in range(5, 11):
        after.add(step, 10, 1.0, 0.5)
    assert after.points == [
        *(Point(step, 2.0, None) for step in range(1, 5)),
        *(Point(step, 1.0, 0.5) for step in range(5, 11)),
    ]


def test_another_tuning_of_the_run_begins_anew(tmp_path):
    trace = Trace(tmp_path / "trace.json")
    for step in (1, 2, 3):
        trace.add(step, 3, 2.0, -1)
    trace.add(1, 3, 5.0, -1)
    assert trace.points == [Point(1, 5.0, None)]


def test_a_loss_that_is_no_number_is_not_known(tmp_path):
    trace = Trace(tmp_path / "trace.json")
    trace.add(1, 3, math.nan, -1)
    assert Trace(tmp_path / "trace.json").points == [Point(1, None, None)]
