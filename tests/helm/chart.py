"""Renders the chart for the tests: its objects, and the pods in them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent.parent
CHART = ROOT / "helm" / "spanloop"
FEATURES = sorted(file.name.removesuffix("-values.yaml") for file in (CHART / "ci").glob("*-values.yaml"))
OLDEST, NEWEST = "1.25", "1.37"
"""The versions of Kubernetes that the chart is written for."""

SINCE = {"admission": "1.30"}
"""Features that need a later version of Kubernetes than the oldest."""

Object = dict[str, Any]

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The loader in C reads the chart ten times as fast."""


@dataclass(frozen=True)
class Pod:
    """A pod or a pod template."""

    where: str
    metadata: Object
    spec: Object

    @property
    def containers(self) -> list[Object]:
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]


def pods_of(objects: list[Object]) -> Iterator[Pod]:
    """All pods of some objects, including those of a Job in a ConfigMap."""
    for one in objects:
        where = f"{one['kind']}/{one['metadata'].get('name', '')}"
        match one["kind"]:
            case "Pod":
                yield Pod(where, one["metadata"], one["spec"])
            case "Deployment" | "Job":
                yield Pod(where, one["spec"]["template"]["metadata"], one["spec"]["template"]["spec"])
            case "CronJob":
                template = one["spec"]["jobTemplate"]["spec"]["template"]
                yield Pod(where, template["metadata"], template["spec"])
            case "ConfigMap" if "job.yaml" in one["data"]:
                yield from pods_of([yaml.load(one["data"]["job.yaml"], LOADER)])


def env_of(container: Object) -> Object:
    """A container's environment: name to value, or to where the value comes from."""
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in container["env"]}


@dataclass(frozen=True)
class Release:
    """The objects of one rendering."""

    objects: list[Object]

    def of(self, kind: str) -> dict[str, Object]:
        """The objects of a kind, by name."""
        return {one["metadata"]["name"]: one for one in self.objects if one["kind"] == kind}

    def component(self, kind: str, component: str) -> Object:
        """The only object of a kind that belongs to a component."""
        label = "app.kubernetes.io/component"
        (found,) = [one for one in self.of(kind).values() if one["metadata"]["labels"][label] == component]
        return found

    @cached_property
    def pods(self) -> list[Pod]:
        return list(pods_of(self.objects))

    @property
    def job(self) -> Object:
        """The manifest of a run's Job, to which the backend adds a name and projects."""
        return self.template("training")

    def template(self, component: str) -> Object:
        """The manifest of a component's Job, from which the backend makes Jobs."""
        return yaml.load(self.component("ConfigMap", component)["data"]["job.yaml"], LOADER)

    def container(self, component: str) -> Object:
        """The main container of a component."""
        if component == "training":
            return self.job["spec"]["template"]["spec"]["containers"][0]
        return self.component("Deployment", component)["spec"]["template"]["spec"]["containers"][0]

    def env(self, component: str) -> Object:
        return env_of(self.container(component))


@dataclass
class Chart:
    """Runs the program `helm` on the chart, and keeps each rendering."""

    helm: str
    path: Path = CHART
    """A folder, or a packed chart."""
    _made: dict[tuple[str, ...], Release] = field(default_factory=dict)

    def render(
        self,
        feature: str = "",
        name: str = "spanloop",
        namespace: str = "here",
        kube: str = NEWEST,
        file: Path | None = None,
        **values: Any,
    ) -> Release:
        """Render the chart with the values file of a feature and with more values (a__b=1 is a.b: 1)."""
        arguments = ["template", name, str(self.path), "--namespace", namespace, "--kube-version", kube]
        if feature:
            arguments += ["--values", str(CHART / "ci" / f"{feature}-values.yaml")]
        if file:
            arguments += ["--values", str(file)]
        arguments += _set(values)
        key = tuple(arguments)
        if key not in self._made:
            self._made[key] = Release([one for one in yaml.load_all(self._run(arguments), LOADER) if one])
        return self._made[key]

    def refusal(self, kube: str = NEWEST, **values: Any) -> str:
        """Helm's error message for values that it must refuse."""
        arguments = ["template", "spanloop", str(CHART), "--kube-version", kube, *_set(values)]
        done = subprocess.run([self.helm, *arguments], capture_output=True, text=True)
        assert done.returncode != 0, f"helm accepted {values}"
        return done.stderr

    def lint(self, feature: str) -> str:
        return self._run(["lint", "--strict", str(CHART), "--values", str(CHART / "ci" / f"{feature}-values.yaml")])

    def _run(self, arguments: list[str]) -> str:
        done = subprocess.run([self.helm, *arguments], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def _set(values: dict[str, Any]) -> list[str]:
    return [
        part
        for key, value in values.items()
        for part in ("--set-json", f"{key.replace('__', '.')}={json.dumps(value)}")
    ]
