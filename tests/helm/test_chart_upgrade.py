"""An upgrade from an earlier release's chart: its values are taken, and what nobody may change stays the same."""

from __future__ import annotations

import tarfile

import pytest
from chart import Chart

from tests.support.past_release import kept

FIXED = {
    "Deployment": ("selector",),
    "Service": ("clusterIP",),
    "PersistentVolumeClaim": ("accessModes", "storageClassName", "resources", "volumeName"),
}
"""Fields of the spec that the API server lets nobody change, or in which a change loses what is stored."""
NAMED_BY_RUNS = ("ServiceAccount", "Secret", "ConfigMap")
"""Kinds whose objects the Job of a run names: it may run while the release is upgraded."""
USES = {
    "registry__url": "registry.example.com/bentos",
    "labelStudio__url": "http://label-studio.example.com",
    "labelStudio__existingSecret": "label-studio",
    "backend__persistence__enabled": True,
}


@pytest.fixture(params=kept(), ids=lambda past: past.version)
def past(request):
    return request.param


@pytest.fixture
def rendered(chart, past):
    """The objects of the earlier chart and of today's, with the same values."""
    return Chart(chart.helm, past.chart).render(**USES), chart.render(**USES)


def test_all_values_of_the_earlier_chart_are_taken(chart, past, tmp_path):
    with tarfile.open(past.chart) as archive:
        archive.extract("spanloop/values.yaml", tmp_path, filter="data")
    assert chart.render(file=tmp_path / "spanloop" / "values.yaml").objects


@pytest.mark.parametrize("kind", FIXED)
def test_fields_that_nobody_may_change_are_the_same(rendered, kind):
    before, now = (
        {name: [one["spec"].get(field) for field in FIXED[kind]] for name, one in release.of(kind).items()}
        for release in rendered
    )
    assert before
    assert {name: now.get(name) for name in before} == before


@pytest.mark.parametrize("kind", NAMED_BY_RUNS)
def test_what_a_run_in_progress_names_is_still_there(rendered, kind):
    before, now = (release.of(kind).keys() for release in rendered)
    assert before <= now


def test_roles_are_still_bound_to_the_same(rendered):
    before, now = ({name: one["roleRef"] for name, one in release.of("RoleBinding").items()} for release in rendered)
    assert before
    assert {name: now.get(name) for name in before} == before
