"""The alerts: promtool evaluates each on series on which it must fire and on series on which it must not."""

from __future__ import annotations

import re
import subprocess
from typing import Any

import pytest
import yaml
from alert_cases import CASES, filled
from chart import LOADER


def rules_of(release) -> list[dict[str, Any]]:
    """The rules in a release's PrometheusRule or rules file."""
    (holder,) = [one for kind in ("PrometheusRule", "ConfigMap") for one in release.of(kind).values() if _is_rules(one)]
    (group,) = holder["spec"]["groups"] if "spec" in holder else _file(holder)["groups"]
    return group["rules"]


def _is_rules(one: dict[str, Any]) -> bool:
    return one["metadata"]["name"].endswith("-alerts")


def _file(config_map: dict[str, Any]) -> dict[str, Any]:
    (text,) = config_map["data"].values()
    return yaml.load(text, LOADER)


@pytest.mark.parametrize(
    "case", CASES, ids=lambda case: f"{case.alert}-{'fires' if case.says else 'is quiet'}-{case.why}".replace(" ", "_")
)
def test_an_alert_fires_when_it_must_and_then_alone(chart, promtool, tmp_path, case):
    rules = rules_of(chart.render(**{"monitoring__alerts__kind": "configMap"} | case.values))
    (rule,) = [one for one in rules if one["alert"] == case.alert]
    expected = {
        "exp_labels": rule["labels"] | case.labels,
        "exp_annotations": {"summary": case.says, "description": rule["annotations"]["description"]},
    }
    test = {
        "interval": "1m",
        "input_series": [{"series": filled(name), "values": values} for name, values in case.series.items()],
        "alert_rule_test": [
            {"eval_time": f"{case.at}m", "alertname": case.alert, "exp_alerts": [expected] if case.says else []}
        ],
    }
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}))
    file = tmp_path / "test.yaml"
    file.write_text(yaml.safe_dump({"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [test]}))
    done = subprocess.run([promtool, "test", "rules", str(file)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_tried_both_ways(chart):
    alerts = {rule["alert"] for rule in rules_of(chart.render(monitoring__alerts__kind="operator"))}
    assert len(alerts) == 13
    assert {case.alert for case in CASES if case.says} == {case.alert for case in CASES if not case.says} == alerts


def test_no_alerts_unless_they_are_asked_for(chart):
    release = chart.render()
    assert release.of("PrometheusRule") == {}
    assert not any(_is_rules(one) for one in release.objects)


def test_a_rules_file_holds_what_the_operator_gets(chart, promtool, tmp_path):
    (config_map,) = [one for one in chart.render(monitoring__alerts__kind="configMap").objects if _is_rules(one)]
    ((name, text),) = config_map["data"].items()
    assert name == "here-spanloop.rules.yaml"
    (rule,) = chart.render(monitoring__alerts__kind="operator").of("PrometheusRule").values()
    assert yaml.load(text, LOADER) == rule["spec"]
    (tmp_path / name).write_text(text)
    done = subprocess.run([promtool, "check", "rules", str(tmp_path / name)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "13 rules found" in done.stdout


def test_an_alert_has_a_severity_a_release_and_advice(chart):
    for rule in rules_of(chart.render(name="r", namespace="team", monitoring__alerts__kind="configMap")):
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert (rule["labels"]["namespace"], rule["labels"]["release"]) == ("team", "r-spanloop")
        assert "r-spanloop" in rule["annotations"]["summary"]
        said = rule["annotations"]["description"]
        assert len(said) > 100
        assert "kubectl -n team " in said or "extractor.resources" in said


def test_limits_severities_and_labels_are_values(chart):
    (found,) = chart.render("monitoring").of("PrometheusRule").values()
    assert {"release": "prometheus", "role": "alert-rules"}.items() <= found["metadata"]["labels"].items()
    rules = {rule["alert"]: rule for rule in rules_of(chart.render("monitoring"))}
    assert rules["SpanloopPredictSlow"]["expr"].endswith("> 30.5")
    assert rules["SpanloopRunFailed"]["labels"]["severity"] == "info"
    assert rules["SpanloopRunFailed"]["expr"].endswith("< 86400")
    changed = chart.render("monitoring", monitoring__alerts__runStuck={"for": "1h", "above": 10_000_000})
    (stuck,) = [rule for rule in rules_of(changed) if rule["alert"] == "SpanloopRunStuck"]
    assert stuck["for"] == "1h"
    assert float(stuck["expr"].rsplit(">", 1)[1]) == 10_000_000


def test_an_alert_without_a_severity_is_left_out(chart):
    alerts = {rule["alert"] for rule in rules_of(chart.render("rules-file"))}
    assert alerts == {case.alert for case in CASES} - {"SpanloopRunFailed", "SpanloopRunStuck"}


def test_a_sidecar_can_find_the_rules_file(chart):
    (config_map,) = [one for one in chart.render("rules-file").objects if _is_rules(one)]
    assert config_map["metadata"]["labels"]["prometheus_rules"] == "1"


def named_by_kubernetes(deployment: str) -> str:
    """A pod's name: the ReplicaSet's name with a dash, cut to 58 characters, and five more characters."""
    return f"{deployment}-6d4cf56db6-"[:58] + "x7k2p"


@pytest.mark.parametrize("name", ["s", "spanloop", "r" * 30, "r" * 53], ids=len)
def test_rules_are_about_the_pods_of_the_release_and_no_others(chart, name):
    release = chart.render(name=name, monitoring__alerts__kind="configMap")
    own = {named_by_kubernetes(deployment) for deployment in release.of("Deployment")}
    theirs = {
        named_by_kubernetes(deployment)
        for other in (f"{name[:40]}-2", f"{name[:20]}-backend")
        for deployment in chart.render(name=other).of("Deployment")
    }
    seen = set()
    for rule in rules_of(release):
        _, *matchers = re.split(r"spanloop_\w+", rule["expr"])
        for one in matchers:
            selected = re.match(r'\{namespace="here",pod=~"([^"]+)"', one)
            assert selected, rule["expr"]
            seen |= {pod for pod in own | theirs if re.fullmatch(selected[1], pod)}
    assert seen == own
