"""The runbook: each alert has its section, and what the commands in it name exists."""

from __future__ import annotations

import re

import pytest
import yaml
from chart import CHART, LOADER, ROOT
from test_alerts import rules_of

RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", RUNBOOK, re.MULTILINE | re.DOTALL))
COMMANDS = sorted({line.strip() for line in RUNBOOK.splitlines() if line.startswith("    ")})
VALUES = yaml.load((CHART / "values.yaml").read_text(encoding="utf-8"), LOADER)
BASE = "https://docs.example.com/runbook"


@pytest.fixture(scope="module")
def rules(chart):
    return rules_of(chart.render(monitoring__alerts__kind="operator", monitoring__alerts__runbookUrl=BASE))


def test_each_alert_has_its_section_and_no_section_is_of_none(rules):
    assert {*SECTIONS} == {rule["alert"] for rule in rules}


def test_each_alert_links_to_its_section(rules):
    for rule in rules:
        assert rule["annotations"]["runbook_url"] == f"{BASE}#{rule['alert'].lower()}"
        assert f"(#{rule['alert'].lower()})" in RUNBOOK


def test_without_an_address_there_is_no_link(chart):
    for rule in rules_of(chart.render(monitoring__alerts__kind="operator")):
        assert "runbook_url" not in rule["annotations"]


@pytest.mark.parametrize("alert", SECTIONS)
def test_each_section_has_a_command(alert):
    assert any(command in SECTIONS[alert] for command in COMMANDS)


def test_all_commands_are_kubectls():
    assert {command.split()[0] for command in COMMANDS} == {"kubectl"}


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_names_objects_of_the_release(chart, command):
    release = chart.render(namespace="spanloop")
    for kind, name in re.findall(r"\b(deployment|networkpolicy)[/ ]([\w-]+)", command):
        found = release.of({"deployment": "Deployment", "networkpolicy": "NetworkPolicy"}[kind])
        assert name in found
    for component in re.findall(r"app.kubernetes.io/component=(\w+)", command):
        assert component in ("backend", "extractor", "training")


@pytest.mark.parametrize("value", sorted(set(re.findall(r"`([a-z]\w+(?:\.\w+)+)`", RUNBOOK))))
def test_each_value_of_the_chart_exists(value):
    found = VALUES
    for part in value.split("."):
        assert part in found
        found = found[part]
