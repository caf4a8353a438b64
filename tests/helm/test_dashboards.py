"""The Grafana dashboards in the chart: they are up to date, valid, and about one release."""

from __future__ import annotations

import itertools
import json
import re
import runpy
import subprocess

import pytest
import yaml
from chart import CHART, ROOT
from expressions import expressions
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

MADE = runpy.run_path(str(ROOT / "helm" / "dashboards"))["files"]()
FILES = {path.name: path.read_text(encoding="utf-8") for path in (CHART / "dashboards").iterdir()}
BOARDS = {name: json.loads(text) for name, text in FILES.items()}
PANELS = [
    pytest.param(panel, id=f"{board['title']}: {panel['title']}")
    for board in BOARDS.values()
    for panel in board["panels"]
    if panel["type"] != "row"
]

every_board = pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)


def test_the_dashboards_are_what_the_program_makes():
    assert FILES == MADE, "run: python helm/dashboards"


@every_board
def test_grafanas_own_types_read_a_dashboard_and_lose_nothing(board):
    assert json.loads(JSONEncoder().encode(Dashboard.from_json(board))) == board


def test_the_dashboards_are_called_as_people_look_for_them():
    assert {(board["title"], board["uid"]) for board in BOARDS.values()} == {
        ("Spanloop / Serving", "spanloop-serving"),
        ("Spanloop / Training", "spanloop-training"),
    }


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_says_what_it_shows_in_which_unit_and_when_to_worry(panel):
    defaults = panel["fieldConfig"]["defaults"]
    assert len(panel["description"]) > 15
    assert defaults["unit"]
    first, *limits = [step["value"] for step in defaults["thresholds"]["steps"]]
    assert first is None
    assert limits == sorted(limits)
    assert all(target["legendFormat"] for target in panel["targets"])


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_asks_the_chosen_prometheus_about_the_chosen_release_alone(panel):
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    for target in panel["targets"]:
        _, *matchers = re.split(r"spanloop_\w+", target["expr"])
        assert matchers
        assert all(one.startswith('{namespace="$namespace",pod=~"${release}-') for one in matchers), target["expr"]


@every_board
def test_panels_have_numbers_of_their_own_and_do_not_overlap(board):
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    fields = [
        (x, y)
        for place in (panel["gridPos"] for panel in board["panels"])
        for x, y in itertools.product(
            range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
        )
    ]
    assert len(fields) == len(set(fields))
    assert max(x for x, _ in fields) == 23


@every_board
@pytest.mark.parametrize("release", ["spanloop", "team-backend-2", "r" * 40])
def test_a_release_is_read_from_the_names_of_its_backends(board, release):
    (variable,) = [one for one in board["templating"]["list"] if one["name"] == "release"]
    found = re.search(variable["regex"].strip("/"), f"{release}-backend-6d4cf56db6-x7k2p")
    assert found[1] == release
    assert not re.search(variable["regex"].strip("/"), "spanloop-extractor-6d4cf56db6-x7k2p")


def test_every_expression_can_be_parsed(chart, promtool, tmp_path):
    (rules,) = chart.render("monitoring").of("PrometheusRule").values()
    found = list(expressions("here", "spanloop", rules["spec"]["groups"]))
    assert len({one.where for one in found}) > len(PANELS)
    texts = [text for one in found for text in (one.text, one.measured)]
    asked = [{"record": f"expression_{number}", "expr": text} for number, text in enumerate(texts)]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": asked}]}))
    done = subprocess.run([promtool, "check", "rules", str(file)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"{len(texts)} rules found" in done.stdout


def test_what_is_measured_is_an_alert_without_its_limit_and_its_errors(chart):
    (rules,) = chart.render("monitoring").of("PrometheusRule").values()
    measured = {one.where: one.measured for one in expressions("here", "spanloop", rules["spec"]["groups"])}
    for alert in (rule["alert"] for group in rules["spec"]["groups"] for rule in group["rules"]):
        assert not re.search(r"absent| > |5\.\.", measured[alert])


def test_dashboards_come_by_value(chart):
    assert "dashboard" not in " ".join(chart.render().of("ConfigMap"))
    made = chart.render(monitoring__dashboards__enabled=True).of("ConfigMap")
    for board in ("serving", "training"):
        found = made[f"spanloop-dashboard-{board}"]
        assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert found["metadata"]["annotations"] == {"grafana_folder": "Spanloop"}
        assert json.loads(found["data"][f"spanloop-{board}.json"]) == BOARDS[f"{board}.json"]


def test_label_and_folder_of_the_dashboards_are_values(chart):
    found = chart.render("monitoring").of("ConfigMap")["spanloop-dashboard-serving"]["metadata"]
    assert found["labels"]["dashboards"] == "nlp"
    assert "grafana_dashboard" not in found["labels"]
    assert found["annotations"] == {"grafana_folder": "Annotation"}
