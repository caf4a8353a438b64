"""Every expression of the dashboards and alerts, asked of a real Prometheus that scrapes a release at work."""

from __future__ import annotations

import os

import httpx
import pytest
import yaml
from helm.expressions import expressions

from tests.end_to_end.backend import until
from tests.end_to_end.material import CONFIG, sentences
from tests.support.lacking import missing

from .load import load
from .runs import another_run

PROMETHEUS = os.environ.get("SPANLOOP_TEST_PROMETHEUS", "")


@pytest.fixture(scope="module")
def asked(release, trained):
    """The expressions, with the release and its alerts filled in."""
    if not PROMETHEUS:
        missing("SPANLOOP_TEST_PROMETHEUS names no Prometheus that scrapes pods")
    watched = {"alerts": {"kind": "configMap"}, "dashboards": {"enabled": True}}
    release.upgrade(monitoring=watched, prelabel={"pause": 60})  # so that a worker is there for some scrapes
    (rules,) = release.get("configmap", "loop-spanloop-alerts")["data"].values()
    found = list(expressions(release.namespace, "loop-spanloop", yaml.safe_load(rules)["groups"], window="1m"))
    assert len(found) > 40
    return found


def test_every_expression_has_data_while_a_run_and_predictions_are_at_work(release, asked):
    later = [expression for expression in asked if expression.of_annotators or expression.of_a_failure]
    empty = {(expression.where, expression.measured) for expression in asked if expression not in later}

    def all_have_data():
        release.setup()  # as Label Studio asks before nearly all that it does
        empty.difference_update({one for one in empty if has_data(one[1])})
        return not empty

    project = release.studio.project(sentences(90), CONFIG)
    release.connected(project)
    another_run(release, seed=21, steps=300)
    release.prelabel(project)
    with load(release):
        try:
            until(all_have_data, "data for every expression", 240)
        except AssertionError as error:
            raise AssertionError(f"without data: {sorted(empty)}") from error
        finally:
            release.kubectl("delete", "jobs", "--selector", "app.kubernetes.io/component=prelabel", "--wait=false")
            release.studio.delete(project)


def test_no_alert_fires_where_all_is_well(release, asked):
    release.ended()
    alerts = [one for one in asked if one.where.startswith("Spanloop") and ":" not in one.where]
    assert len(alerts) == 13
    assert [one.where for one in alerts if has_data(one.text)] == []


def test_the_dashboards_are_where_grafanas_sidecar_looks(release, asked):
    found = release.get("configmaps", "--selector", "grafana_dashboard=1")["items"]
    assert sorted(name for one in found for name in one["data"]) == [
        "spanloop-serving.json",
        "spanloop-training.json",
    ]


def has_data(expression):
    answer = httpx.get(f"{PROMETHEUS}/api/v1/query", params={"query": expression}, timeout=30).json()
    assert answer["status"] == "success", (expression, answer)
    samples = answer["data"]["result"]
    return bool(samples) and any(sample["value"][1] != "NaN" for sample in samples)
