"""The calibration error of several versions together."""

from __future__ import annotations

import pytest

from benchmarks.reliabilities import pooled


def version(*groups):
    return [{"probability": probability, "right": right, "spans": spans} for probability, right, spans in groups]


def test_what_one_version_is_too_sure_of_and_another_too_unsure_of_by_chance_is_no_error():
    found = pooled([version((0.5, 0.4, 10), (0.9, 1.0, 10)), version((0.5, 0.6, 10), (0.9, 0.8, 10))])
    assert found.error == pytest.approx(0.0, abs=1e-9)
    assert 0.03 < found.by_chance < 0.15


def test_what_all_are_too_sure_of_is_an_error_beyond_chance():
    found = pooled([version((0.5, 0.3, 200)), version((0.7, 0.5, 200))])
    assert found.error == pytest.approx(0.2)
    assert found.by_chance < 0.05


def test_more_spans_leave_less_to_chance():
    few, many = (pooled([version((0.5, 0.5, spans))]).by_chance for spans in (20, 2_000))
    assert many < few / 3


def test_without_versions_there_is_nothing_to_tell():
    assert pooled([]) is None
    assert pooled([version((0.5, 0.5, 9)), []]) is None
