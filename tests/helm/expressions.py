"""Every PromQL expression of the dashboards and the alerts, in a form that Prometheus accepts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DASHBOARDS = Path(__file__).parent.parent.parent / "helm" / "spanloop" / "dashboards"


@dataclass(frozen=True)
class Expression:
    where: str
    """The dashboard with the panel or variable, or the alert."""
    text: str

    @property
    def measured(self) -> str:
        """The expression without an alert's limit and the matcher for errors, so that it always has data."""
        return re.sub(r' (?:[<>]|==) [0-9.e+]+|absent|,status=~"5\.\."', "", self.text)

    @property
    def of_a_run(self) -> bool:
        """Whether it has data only while a run is active."""
        return bool(re.search(r"spanloop_(training|run_active|run_progressed)_", self.text))

    @property
    def of_a_failure(self) -> bool:
        """Whether it has data only once a run has failed."""
        return "spanloop_run_failed_" in self.text

    @property
    def of_annotators(self) -> bool:
        """Whether it has data only once people have annotated predicted tasks."""
        return bool(re.search(r"spanloop_(annotated|acceptance|version_acceptance)_", self.text))


def expressions(
    namespace: str, release: str, groups: Iterable[dict[str, Any]], window: str = "5m"
) -> Iterator[Expression]:
    """All expressions for one release. `release` is the prefix of its pods' names.

    `groups` are the groups of its PrometheusRule or rules file. `window` replaces Grafana's $__rate_interval.
    """
    for group in groups:
        for rule in group["rules"]:
            yield Expression(rule["alert"], rule["expr"])
    filled = {"$namespace": namespace, "${release}": release, "$__rate_interval": window}
    for where, text in _of_dashboards():
        for variable, value in filled.items():
            text = text.replace(variable, value)
        assert "$" not in text, f"{where} has a variable that is not filled: {text}"
        yield Expression(where, text)


def _of_dashboards() -> Iterator[tuple[str, str]]:
    for path in sorted(DASHBOARDS.glob("*.json")):
        board = json.loads(path.read_text(encoding="utf-8"))
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                yield f"{board['title']}: ${variable['name']}", _selector(variable["query"])
        for panel in board["panels"]:
            for target in panel.get("targets", []):
                yield f"{board['title']}: {panel['title']}", target["expr"]


def _selector(query: str) -> str:
    """The selector in Grafana's function `label_values(selector, label)`."""
    found = re.fullmatch(r"label_values\((.+), \w+\)", query)
    assert found, f"not a query for the values of a label: {query}"
    return found[1]
