"""docs/kubernetes.md, typed as it is printed, with pods of an unknown user: install, run, roll back, uninstall."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.backend import until
from tests.end_to_end.material import CONFIG, annotate, sentences
from tests.end_to_end.studio import Studio
from tests.support import label_studio
from tests.support.documents import ROOT, section
from tests.support.lacking import missing

from .kubectl import kubectl
from .registry import OwnRegistry
from .release import IMAGE, chart_values

pytestmark = pytest.mark.slow

PAGE = "docs/kubernetes.md"
NAMESPACE = "spanloop"
"""The page's."""

USER = 1_000_650_000
"""A user that the image does not know, as OpenShift gives each namespace users of its own."""

HELM = """#!/bin/sh
case "$1" in
  install | upgrade) exec {helm} "$@" --values {values} {older} --wait --timeout 5m ;;
  *) exec {helm} "$@" ;;
esac
"""
"""Helm with what this cluster needs beside what the page prints."""


@dataclass
class Reader:
    """Somebody who types what the page prints, with names of their own in place of the examples."""

    names: dict[str, str]
    path: Path
    """The folder of their `helm`."""

    def types(self, name: str, *without: str) -> str:
        """Type all commands of a section but those that begin so. Returns what they print."""
        lines = [line for line in section(PAGE, name).splitlines() if not line.startswith(without)]
        return self.shell("\n".join(lines))

    def shell(self, commands: str) -> str:
        for example, name in self.names.items():
            commands = commands.replace(example, name)
        done = subprocess.run(
            ["bash", "-ec", commands],
            cwd=ROOT,
            env={**os.environ, "PATH": f"{self.path}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert done.returncode == 0, f"{commands}\n{done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def project(studio: Studio) -> int:
    gold = sentences(120)
    project = studio.project(gold, CONFIG)
    annotate(studio, project, gold)
    return project


@pytest.fixture(scope="module")
def reader(
    studio: Studio, registry: OwnRegistry, project: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Reader]:
    """The reader, after the section *Install*."""
    if not IMAGE:
        missing("SPANLOOP_TEST_IMAGE names no image")
    if kubectl("get", "namespace", NAMESPACE, "--ignore-not-found"):
        pytest.fail(f"the cluster has a namespace {NAMESPACE}, which the page makes: it is left as it is")
    folder = tmp_path_factory.mktemp("helm")
    bentos = f"{registry.address}/spanloop-bentos"
    more = folder / "values.json"
    more.write_text(json.dumps({**chart_values(bentos, studio), "runAsUser": USER}), encoding="utf-8")
    older = "--post-renderer post-render" if os.environ.get("HELM_PLUGINS") else ""
    helm = folder / "helm"
    helm.write_text(HELM.format(helm=shutil.which("helm"), values=more, older=older), encoding="utf-8")
    helm.chmod(0o755)
    names = {
        "REGISTRY/spanloop-bentos": bentos,
        "REGISTRY/spanloop": IMAGE.rpartition(":")[0],
        "http://label-studio.label-studio.svc": studio.url,
        "api-key=KEY": f"api-key={label_studio.TOKEN}",
        "{1}": f"{{{project}}}",
    }
    reader = Reader(names, folder)
    try:
        reader.types("Install", "make image", "kubectl -n spanloop exec", ".venv/bin/spanloop doctor")
        yield reader
    finally:
        kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=180s")


def test_its_pods_run_as_a_user_that_the_image_does_not_know(reader: Reader) -> None:
    for part in ("backend", "extractor"):
        told = reader.shell(f"kubectl -n spanloop exec deploy/spanloop-{part} -- id -u")
        assert told.strip() == str(USER)


def test_the_doctor_looks_at_the_release(reader: Reader) -> None:
    told = reader.shell("kubectl -n spanloop exec deploy/spanloop-backend -- spanloop doctor || true")
    assert "Label Studio" in told
    assert "registry" in told


def test_a_run_by_hand_is_listed_with_its_events(reader: Reader) -> None:
    # The manifest fits the stack in k8s/dev; tests/helm/test_k8s.py looks at it.
    listing = reader.types("Runs", "kubectl -n spanloop create -f k8s/retrain-job.yaml")
    assert "spanloop-by-hand" in listing

    def told() -> str:
        listed = reader.types("Runs", "kubectl -n spanloop create", "#")
        return listed if "VersionPromoted" in listed and "RunPromoted" in listed else ""

    assert "spanloop-by-hand" in until(told, "the promotion of the run's version", 400)


def test_a_version_is_rolled_back_by_hand(reader: Reader) -> None:
    assert "PROMOTE" in reader.types("Rollback by hand")


def test_a_changed_password_counts_without_a_restart(reader: Reader) -> None:
    def of(kind: str, path: str) -> str:
        """A field of the backend's objects of a kind."""
        ours = ("--namespace", NAMESPACE, "--selector", "app.kubernetes.io/component=backend")
        return kubectl("get", kind, *ours, "--output", f"jsonpath={{.items[*]{path}}}")

    address, pods = of("services", ".spec.clusterIP"), of("pods", ".status.containerStatuses[*].containerID")
    assert pods
    assert httpx.get(f"http://{address}:9090/health", auth=("label-studio", "another"), timeout=10).status_code == 401
    changed = json.dumps({"stringData": {"password": "another"}})
    kubectl("--namespace", NAMESPACE, "patch", "secret", "spanloop-basic-auth", "--patch", changed)

    def admitted() -> bool:
        return httpx.get(f"http://{address}:9090/health", auth=("label-studio", "another"), timeout=10).is_success

    until(admitted, "an answer to the new password", 180)
    assert pods == of("pods", ".status.containerStatuses[*].containerID")


def test_after_the_uninstallation_the_state_is_kept(reader: Reader) -> None:
    reader.types("Uninstalling")
    left = kubectl("--namespace", NAMESPACE, "get", "configmap,secret,job,deployment", "--output", "name")
    assert "configmap/spanloop-state" in left
    assert "secret/spanloop-signing" in left
    assert "job" not in left and "deployment" not in left
