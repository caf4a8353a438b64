"""Writes the chart's README.md from values.yaml, with a row for every value, its default and its comment.

python helm/readme.py
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parent / "spanloop"

COLUMNS = r"RUN:.metadata.name,{phase},{percent},{f1},{waits}".format(
    phase=r"PHASE:.metadata.annotations.spanloop\.dev/phase",
    percent=r"PERCENT:.metadata.annotations.spanloop\.dev/percent",
    f1=r"F1:.metadata.annotations.spanloop\.dev/f1",
    waits=r"WAITS:.metadata.annotations.spanloop\.dev/waits",
)
"""The Job's annotations in which the backend keeps the progress of the run, as kubectl's custom columns."""

PRELABELLED = ",".join(
    ["JOB:.metadata.name"]
    + [
        rf"{name.upper()}:.metadata.annotations.spanloop\.dev/{name}"
        for name in ("phase", "done", "total", "failed", "version", "waits")
    ]
)
"""The same of pre-labellings."""

HEAD = """\
# The chart `spanloop`

{description}

One release holds a backend, to which Label Studio connects, an extractor, which runs the model, and the templates of
training runs and pre-labellings. Version {version}, for Kubernetes 1.25 to 1.37.

    kubectl create namespace spanloop
    kubectl label namespace spanloop pod-security.kubernetes.io/enforce=restricted
    kubectl -n spanloop create secret generic label-studio --from-literal=api-key=KEY
    helm install spanloop helm/spanloop -n spanloop \\
      --set image.repository=REGISTRY/spanloop \\
      --set registry.url=REGISTRY/spanloop-bentos \\
      --set labelStudio.url=http://label-studio.label-studio.svc --set labelStudio.existingSecret=label-studio
    helm test spanloop -n spanloop --logs

`helm install` prints what to enter in Label Studio and which settings Label Studio needs to accept a private address.
Give the release a namespace of its own: the backend can create Jobs, and a Job can mount every Secret in its namespace.
`ci/` in the sources has a values file for every feature.

The repository in `registry.url` must belong to this release alone: two releases that share one delete each other's
versions, because pruning knows only which versions its own release uses.

Runs:

    kubectl -n spanloop get jobs -l app.kubernetes.io/component=training -o custom-columns={columns}

Pre-labellings, which the button *Pre-label* of the backend's page starts:

    kubectl -n spanloop get jobs -l app.kubernetes.io/component=prelabel -o custom-columns={prelabelled}

## Upgrading and uninstalling

`helm upgrade` keeps the live version. One upgrade needs `--force-conflicts`: the one after which neither `scaleToZero`
nor `autoscaling` is on. The chart then sets the extractor's replicas again, but the backend or the autoscaler owns that
field, and Kubernetes refuses the change (`conflict ... .spec.replicas`).

`helm uninstall` leaves what the backend created: the Jobs of runs and pre-labellings, and the ConfigMap
`spanloop-state` with the live version, its history and the projects. A new release of the same name goes on from
the ConfigMap. Delete the Jobs before you install again, because their pods hold the volume of runs, and to begin anew
the ConfigMap too:

    helm uninstall spanloop -n spanloop
    kubectl -n spanloop delete jobs,configmaps -l spanloop.dev/release=spanloop

## Dashboards and alerts

`monitoring.dashboards.enabled=true` adds two dashboards for Grafana 10.1 and later, *Spanloop / Serving* and
*Spanloop / Training*, as ConfigMaps for Grafana's sidecar. Without the sidecar, import `dashboards/*.json`.
`monitoring.alerts.kind=operator` adds the alerts as a PrometheusRule. For a Prometheus without the operator, take the
rules file from the ConfigMap that this command prints. Give it the release's own name, namespace and values:

    helm template spanloop helm/spanloop -n spanloop --set monitoring.alerts.kind=configMap \\
      --show-only templates/monitoring/rules.yaml

## Values

`python helm/readme.py` makes this table from `values.yaml`. `values.schema.json` refuses other values.

| value | default | meaning |
| --- | --- | --- |
"""


@dataclass(frozen=True)
class Value:
    """A row of the table: the path of a value, its default and its comment. The default of a section is None."""

    path: str
    default: Any
    comment: str


def values(text: str) -> list[Value]:
    """The values and sections of a values.yaml, in its order.

    A mapping whose keys have comments is a section. Any other mapping is one value.
    """
    lines = text.splitlines()
    return list(_rows(yaml.compose(text), "", lines))


def _rows(mapping: yaml.MappingNode, prefix: str, lines: list[str]) -> Iterator[Value]:
    for key, node in mapping.value:
        comment = _comment_above(key, lines)
        path = prefix + key.value
        if _is_section(node, lines):
            yield Value(path, None, comment)
            yield from _rows(node, f"{path}.", lines)
        else:
            yield Value(path, yaml.SafeLoader("").construct_document(node), comment)


def _is_section(node: yaml.Node, lines: list[str]) -> bool:
    return isinstance(node, yaml.MappingNode) and any(_comment_above(key, lines) for key, _ in node.value)


def _comment_above(key: yaml.Node, lines: list[str]) -> str:
    """The comment lines right above a key, joined; empty if there are none."""
    indent = " " * key.start_mark.column
    found: list[str] = []
    for line in reversed(lines[: key.start_mark.line]):
        if not line.startswith(f"{indent}# "):
            break
        found.insert(0, line.removeprefix(f"{indent}# ").strip())
    return " ".join(found)


def readme(chart: Path = CHART) -> str:
    """The text of the chart's README.md."""
    about = yaml.safe_load((chart / "Chart.yaml").read_text(encoding="utf-8"))
    rows = [_row(value) for value in values((chart / "values.yaml").read_text(encoding="utf-8"))]
    return HEAD.format(**about, columns=f"'{COLUMNS}'", prelabelled=f"'{PRELABELLED}'") + "\n".join(rows) + "\n"


def _row(value: Value) -> str:
    comment = value.comment.replace("|", "\\|").replace("<", "&lt;")
    if value.default is None:
        return f"| **`{value.path}`** | | {comment} |"
    default = json.dumps(value.default).replace("|", "\\|")
    return f"| `{value.path}` | `{default}` | {comment} |"


if __name__ == "__main__":
    (CHART / "README.md").write_text(readme(), encoding="utf-8")
