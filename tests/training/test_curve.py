from __future__ import annotations

import math
import random
import tracemalloc

import pytest

from training import curve
from training.curve import Point, estimate, predict
from training.judge.scores import Count


def counted(documents, **recalls):
    """Documents with two annotated spans of each label, of which a share is found: the same documents at each call."""
    draw = random.Random(0)
    tallies = []
    for _ in range(documents):
        right = {label: sum(draw.random() < recall for _ in range(2)) for label, recall in recalls.items()}
        tallies.append({label: Count(count, 2, 2) for label, count in right.items()})
    return tallies


def points(documents, f1_at):
    """A point for each number of tasks; `f1_at` gives the F1 of each label."""
    return [Point(tasks, counted(documents, **f1_at(tasks))) for tasks in (0, 50, 100, 150, 200)]


def test_the_f1_of_twice_and_four_times_the_tasks_is_foretold():
    def f1(tasks):
        return 0.3 + 0.08 * math.log1p(tasks / 60)

    few = [0, 50, 100, 150, 200]
    for size in (400, 800):
        assert predict(few, [f1(tasks) for tasks in few], size) == pytest.approx(f1(size), abs=0.02)


def test_a_curve_that_has_flattened_promises_nothing():
    found = estimate(points(300, lambda tasks: {"person": 0.6 if tasks else 0.3}), 200)
    for gain in found.gains.values():
        assert gain.low <= gain.expected <= gain.high
        assert abs(gain.expected) < 0.01


def test_a_curve_is_read_beyond_the_tasks_that_are_annotated_though_fewer_were_learnt_from():
    of_two_thirds = points(300, lambda tasks: {"person": 0.3 + 0.3 * math.log1p(tasks / 60) / 5})
    here, later = estimate(of_two_thirds, 200), estimate(of_two_thirds, 300)
    assert 0 < later.gains[50].expected < here.gains[50].expected


def test_a_curve_that_rises_promises_more_for_more_tasks_and_says_it_in_words():
    found = estimate(points(300, lambda tasks: {"person": 0.3 + 0.001 * tasks}), 200)
    assert found.gains[50].low > 0
    assert found.gains[200].expected > found.gains[50].expected
    assert [point.tasks for point in found.points] == [0, 50, 100, 150, 200]
    assert f"50 more annotated tasks would change F1 by about {found.gains[50].expected:+.3f}" in found.message
    assert f"({found.gains[200].low:+.3f} to {found.gains[200].high:+.3f})" in found.message


def test_fewer_held_out_documents_make_the_interval_wider():
    few, many = (estimate(points(count, lambda tasks: {"person": 0.3 + 0.001 * tasks}), 200) for count in (20, 2_000))
    assert few.gains[50].high - few.gains[50].low > many.gains[50].high - many.gains[50].low


def test_the_label_that_still_rises_is_named_and_one_with_few_spans_is_not():
    def f1(tasks):
        return {"person": 0.2 + 0.002 * tasks, "city": 0.5}

    found = estimate(points(300, f1), 200)
    assert found.labels["person"].expected > found.labels["city"].expected
    assert "most for 'person'" in found.message
    rare = [
        Point(p.tasks, [{**t, **({"rare": Count(1, 1, 1)} if n < 3 else {})} for n, t in enumerate(p.tallies)])
        for p in points(300, f1)
    ]
    assert set(estimate(rare, 200).labels) == {"person", "city"}


def test_the_memory_that_a_curve_takes_does_not_grow_with_documents_times_draws():
    many = points(20_000, lambda tasks: {"person": 0.3 + 0.001 * tasks})
    tracemalloc.start()
    found = estimate(many, 200)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30e6  # 400 draws of 20,000 documents take 64 MB
    assert found.gains[50].low > 0


def test_where_the_bootstrap_draws_blocks_of_documents_the_interval_is_about_that_of_documents(monkeypatch):
    some = points(1_000, lambda tasks: {"person": 0.3 + 0.001 * tasks})
    of_blocks = estimate(some, 200).gains[50]
    monkeypatch.setattr(curve, "BLOCKS", 1_000)
    of_documents = estimate(some, 200).gains[50]
    assert of_blocks.expected == of_documents.expected
    assert of_blocks.low == pytest.approx(of_documents.low, abs=0.005)
    assert of_blocks.high == pytest.approx(of_documents.high, abs=0.005)
