"""The whole loop on a cluster: the chart installed, a real Label Studio, a Job, a registry, a rollout."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from end_to_end.backend import until
from end_to_end.material import CONFIG, QUICK, annotate, sentences
from end_to_end.studio import Studio

from examples.demo import label_studio
from examples.demo.server import free_port

from .conftest import kubectl

ROOT = Path(__file__).parent.parent.parent
IMAGE = os.environ.get("SPANLOOP_TEST_IMAGE", "")
REGISTRY = os.environ.get("REGISTRY", "")
HOST = os.environ.get("SPANLOOP_TEST_HOST", "10.88.0.1")
"""This machine as pods reach it."""
PROGRAM = Path(os.environ.get("LABEL_STUDIO", "label-studio"))
BASE = "/models/tiny"

pytestmark = pytest.mark.skipif(not IMAGE and not os.environ.get("CI"), reason="SPANLOOP_TEST_IMAGE names no image")


def helm(*arguments: str) -> None:
    done = subprocess.run(["helm", *arguments], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, f"helm {' '.join(arguments)}:\n{done.stdout}{done.stderr}"


@dataclass
class Installed:
    """A release in a namespace of its own, and the Label Studio beside it."""

    namespace: str
    url: str
    login: tuple[str, str]
    studio: Studio

    def kubectl(self, *arguments: str) -> str:
        return kubectl("--namespace", self.namespace, *arguments)

    def get(self, *arguments: str) -> dict:
        return json.loads(self.kubectl("get", *arguments, "--output", "json"))

    @property
    def version(self) -> str:
        return httpx.get(f"{self.url}/health", auth=self.login, timeout=10).json()["model_version"]

    def training(self, *arguments: str) -> str:
        """`python -m training` where it has the rights: in the backend's pod."""
        return self.kubectl("exec", "deployment/loop-spanloop-backend", "--", "python", "-m", "training", *arguments)

    def job(self) -> dict:
        answer = httpx.post(f"{self.url}/job_status", json={}, auth=self.login, timeout=10)
        return answer.json() if answer.is_success else {}


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    port = free_port(0)
    server = label_studio.start(PROGRAM, tmp_path_factory.mktemp("label-studio"), port, HOST)
    try:
        server.wait()
        yield Studio(f"http://{HOST}:{port}")
    finally:
        server.stop()


def install(namespace: str, studio: Studio) -> Installed:
    """`helm install`, as the chart's README has it."""
    kubectl("create", "namespace", namespace)
    key = f"--from-literal=api-key={label_studio.TOKEN}"
    kubectl("--namespace", namespace, "create", "secret", "generic", "label-studio", key)
    repository, _, rest = IMAGE.rpartition(":") if "@" not in IMAGE else IMAGE.partition("@")[0].rpartition(":")
    quick = [{"name": f"SPANLOOP_{name.upper()}", "value": str(value)} for name, value in QUICK.items()]
    values = {
        "image": {"repository": repository, "tag": rest},
        "model": {"name": BASE},
        "registry": {"url": f"{REGISTRY}/{namespace}", "plainHttp": True},
        "labelStudio": {"url": studio.url, "existingSecret": "label-studio"},
        "rolloutSeconds": 120,
        "extractor": {"resources": {"requests": {"cpu": "100m", "memory": "512Mi"}}},
        "training": {
            "extraEnv": quick,
            "resources": {"requests": {"cpu": "100m", "memory": "512Mi"}},
            "persistence": {"size": "1Gi"},
        },
    }
    given = [part for name, value in values.items() for part in ("--set-json", f"{name}={json.dumps(value)}")]
    chart = str(ROOT / "helm" / "spanloop")
    rendered = ["--post-renderer", "post-render"] if os.environ.get("HELM_PLUGINS") else []
    helm("install", "loop", chart, "--namespace", namespace, *given, *rendered, "--wait", "--timeout", "5m")
    service = json.loads(kubectl("--namespace", namespace, "get", "service", "loop-spanloop-backend", "-o", "json"))
    secret = json.loads(kubectl("--namespace", namespace, "get", "secret", "loop-spanloop-basic-auth", "-o", "json"))
    login = tuple(base64.b64decode(secret["data"][name]).decode() for name in ("username", "password"))
    return Installed(namespace, f"http://{service['spec']['clusterIP']}:9090", login, studio)


@pytest.fixture(scope="module")
def installed(studio: Studio) -> Iterator[Installed]:
    namespace = "loop"
    try:
        yield install(namespace, studio)
    finally:
        kubectl("delete", "namespace", namespace, "--wait=false", "--ignore-not-found")


@pytest.fixture(scope="module")
def project(installed: Installed) -> int:
    """A project of annotated tasks, connected to the release."""
    gold = sentences(90)
    project = installed.studio.project(gold, CONFIG)
    user, password = installed.login
    login = {"auth_method": "BASIC_AUTH", "basic_auth_user": user, "basic_auth_pass": password}
    installed.studio.connect(project, installed.url, **login)
    annotate(installed.studio, project, gold)
    return project


@pytest.fixture(scope="module")
def trained(installed: Installed, project: int) -> dict:
    """Start Training, and nothing else, until the new version answers; predictions are asked for all the while."""
    (model,) = [found["id"] for found in installed.studio.models(project)]
    failures: list[str] = []
    answered: list[str] = []
    ended = threading.Event()

    def load() -> None:
        text = next(iter(sentences(1)))
        body = {"tasks": [{"id": 1, "data": {"text": text}}], "label_config": CONFIG, "project": f"{project}.1"}
        while not ended.is_set():
            try:
                answer = httpx.post(f"{installed.url}/predict", json=body, auth=installed.login, timeout=100)
            except httpx.HTTPError as error:
                failures.append(repr(error))
                continue
            if answer.status_code != 200 or "error" in answer.json()["results"][0]:
                failures.append(answer.text)
            else:
                answered.append(answer.json()["results"][0]["model_version"])

    first = installed.version
    installed.studio.start_training(model)
    asking = threading.Thread(target=load)
    asking.start()
    try:
        run = until(lambda: (job := installed.job()).get("outcome") and job, "the run's end", 300)
        until(lambda: installed.job()["outcome"] != "published", "the rollout", 180)
        run = installed.job()
    finally:
        ended.set()
        asking.join()
    return {**run, "first": first, "failures": failures, "answered": answered}


def test_the_run_ends_promoted_and_its_version_answers_unattended(installed, trained):
    assert trained["outcome"] == "promoted", trained["message"]
    assert installed.version == trained["version"] != trained["first"]


def test_no_request_failed_while_the_version_was_rolled_out(trained):
    assert trained["failures"] == []
    assert len({version.partition(".")[0] for version in trained["answered"]}) == 2, "nothing was asked meanwhile"


def test_the_version_is_in_the_registry_and_on_the_pods(installed, trained):
    deployment = installed.get("deployment", "loop-spanloop-extractor")
    reference = deployment["spec"]["template"]["metadata"]["annotations"]["spanloop.dev/version"]
    assert reference.startswith(f"{REGISTRY}/{installed.namespace}:{trained['version']}@sha256:")
    tags = httpx.get(f"http://{REGISTRY}/v2/{installed.namespace}/tags/list", timeout=10).json()["tags"]
    assert tags == [trained["version"]]


def test_a_helm_upgrade_keeps_the_promoted_version(installed, trained):
    chart = str(ROOT / "helm" / "spanloop")
    rendered = ["--post-renderer", "post-render"] if os.environ.get("HELM_PLUGINS") else []
    more = ["--namespace", installed.namespace, "--reuse-values", "--set", "logJson=false"]
    helm("upgrade", "loop", chart, *more, *rendered, "--wait", "--timeout", "5m")
    until(lambda: installed.version == trained["version"], "the version after the upgrade", 60)
    assert trained["version"] in installed.kubectl("get", "deployment", "loop-spanloop-extractor", "-o", "yaml")


def test_rollback_brings_back_the_model_before(installed, trained):
    said = installed.training("rollback")
    assert "initial model is live again" in said
    until(lambda: installed.version == trained["first"], "the rollback", 180)


def test_helm_test_finds_nothing_wrong(installed, trained):
    helm("test", "loop", "--namespace", installed.namespace, "--timeout", "3m")
