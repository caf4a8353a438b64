"""A release that Helm has installed in a namespace of its own, with the Label Studio and the registry that it uses."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from end_to_end.backend import until
from end_to_end.material import CONFIG, QUICK, annotate, sentences
from end_to_end.studio import Studio

from tests.support import label_studio

from .kubectl import kubectl

CHART = str(Path(__file__).parent.parent.parent / "helm" / "spanloop")
IMAGE = os.environ.get("SPANLOOP_TEST_IMAGE", "")
BASE = "/opt/tiny"
"""The tiny model in that image."""


def helm(*arguments: str) -> str:
    done = subprocess.run(["helm", *arguments], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, f"helm {' '.join(arguments)}:\n{done.stdout}{done.stderr}"
    return done.stdout


def values(registry: str, studio: Studio) -> dict[str, Any]:
    """What a test gives the chart: its image, registry and Label Studio, small requests, and runs that take seconds."""
    name, _, tag = IMAGE.rpartition(":")
    few = {"requests": {"cpu": "200m", "memory": "256Mi"}}
    quick = [{"name": f"SPANLOOP_{name.upper()}", "value": str(value)} for name, value in QUICK.items()]
    return {
        "image": {"repository": name, "tag": tag},
        "model": {"name": BASE},
        "registry": {"url": registry, "plainHttp": True},
        "labelStudio": {"url": studio.url, "existingSecret": "label-studio"},
        "rolloutSeconds": 240,
        "extractor": {"resources": few},
        "training": {"extraEnv": quick, "resources": few, "persistence": {"size": "1Gi"}},
    }


@dataclass
class Release:
    """An installed release, as those see it who use it."""

    namespace: str
    registry: str
    studio: Studio
    url: str = ""
    login: tuple[str, str] = ("", "")
    model: int = 0
    """Its id in Label Studio, once it is connected."""

    # Platform engineers

    def install(self) -> None:
        """`helm install` into a new namespace, as the chart's README has it."""
        kubectl("create", "namespace", self.namespace)
        self.kubectl("create", "secret", "generic", "label-studio", f"--from-literal=api-key={label_studio.TOKEN}")
        self._install()

    def reinstall(self) -> None:
        """`helm uninstall`, then `helm install` under the same name, as docs/kubernetes.md has it."""
        helm("uninstall", "loop", "--namespace", self.namespace)
        self.kubectl("delete", "jobs", "--selector", "spanloop.dev/release=loop-spanloop")
        self.kubectl("wait", "--for=delete", "pvc/loop-spanloop-training", "--timeout=120s")
        self._install()

    def _install(self) -> None:
        self._helm("install", **values(self.registry, self.studio))
        service = self.get("service", "loop-spanloop-backend")
        secret = self.get("secret", "loop-spanloop-basic-auth")
        self.url = f"http://{service['spec']['clusterIP']}:9090"
        user, password = (base64.b64decode(secret["data"][name]).decode() for name in ("username", "password"))
        self.login = user, password

    def upgrade(self, **values: Any) -> None:
        """`helm upgrade` with other values beside those of the installation, to the end of the backend before it."""
        self._helm("upgrade", "--reuse-values", **values)
        until(lambda: len(self._backends()) == len(self._backends(staying=True)) == 1, "the one new backend", 90)

    def kubectl(self, *arguments: str, given: object = None) -> str:
        return kubectl("--namespace", self.namespace, *arguments, given=given)

    def get(self, *arguments: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.kubectl("get", *arguments, "--output", "json"))
        return found

    def may(self, part: str, verb: str, what: str, namespace: str = "") -> bool:
        """What the API server says of the rights of a part's ServiceAccount: `what` is kind, kind/name or
        kind/name/subresource."""
        kind, name, subresource = (*what.split("/"), "", "")[:3]
        if kind == "pods":
            name, subresource = "", name
        account = f"system:serviceaccount:{self.namespace}:loop-spanloop-{part}"
        asked = ["auth", "can-i", verb, f"{kind}/{name}" if name else kind, f"--as={account}"]
        command = ["kubectl", "--namespace", namespace or self.namespace, *asked, f"--subresource={subresource}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.stdout.strip() in ("yes", "no"), done.stderr
        return done.stdout.strip() == "yes"

    @property
    def extractor(self) -> dict[str, Any]:
        return self.get("deployment", "loop-spanloop-extractor")

    @property
    def replicas(self) -> int:
        """How many extractors there are to be."""
        return int(self.extractor["spec"]["replicas"])

    @property
    def reference(self) -> str:
        """What the extractor's pods are, or are to become, of; empty for the initial model."""
        return str(
            self.extractor["spec"]["template"]["metadata"].get("annotations", {}).get("spanloop.dev/version", "")
        )

    def _backends(self, staying: bool = False) -> list[str]:
        """The names of the backend's pods; of those that are to stay."""
        pods = self.get("pods", "--selector", "app.kubernetes.io/component=backend")["items"]
        return [pod["metadata"]["name"] for pod in pods if not staying or "deletionTimestamp" not in pod["metadata"]]

    def _helm(self, *command: str, **values: Any) -> None:
        given = [part for name, value in values.items() for part in ("--set-json", f"{name}={json.dumps(value)}")]
        # What an older cluster needs beside the chart; see where it comes from.
        older = ["--post-renderer", "post-render"] if os.environ.get("HELM_PLUGINS") else []
        verb, *more = command
        helm(verb, "loop", CHART, "--namespace", self.namespace, *more, *given, *older, "--wait", "--timeout", "5m")

    # ML engineers

    def service(self, *arguments: str) -> str:
        """`python -m service` where it has the rights: in the backend's pod."""
        # Not by the Deployment's name: that may be a pod which has just been replaced.
        return self.kubectl("exec", self._backends(staying=True)[0], "--", "python", "-m", "service", *arguments)

    @property
    def version(self) -> str:
        """The version that answers."""
        return str(self._ask("GET", "/health").json()["model_version"])

    @property
    def answers(self) -> bool:
        """Whether the backend answers at all."""
        try:
            return self._ask("GET", "/health").is_success
        except httpx.HTTPError:
            return False

    def job(self) -> dict[str, Any]:
        """The newest run; empty where there is none."""
        answer = self._ask("POST", "/job_status", json={})
        found: dict[str, Any] = {} if answer.status_code == httpx.codes.NOT_FOUND else answer.raise_for_status().json()
        return found

    def prelabel(self, project: int) -> None:
        """Press the button of the page."""
        here = {"Origin": self.url}
        self._ask(
            "POST", "/prelabel", data={"project": str(project)}, headers=here, follow_redirects=True
        ).raise_for_status()

    @property
    def page(self) -> str:
        return self._ask("GET", "/").text

    def start_training(self) -> None:
        """Press the button in Label Studio."""
        self.studio.start_training(self.model)

    def ended(self, seconds: float = 400) -> dict[str, Any]:
        """Wait until the newest run has ended, its rollout included."""

        def end() -> dict[str, Any]:
            job = self.job()
            return job if job.get("outcome") else {}

        return until(end, "the end of the run", seconds)

    def until_version(self, version: str, seconds: float = 300) -> None:
        until(lambda: self.version == version, f"an answer by {version}", seconds)

    # Annotators

    def predict(self, tasks: int = 1) -> httpx.Response:
        """Ask for predictions of so many tasks, as Label Studio does."""
        given = [{"id": number, "data": {"text": text}} for number, text in enumerate(sentences(tasks))]
        body = {"tasks": given, "label_config": CONFIG, "project": "1.1"}
        return self._ask("POST", "/predict", json=body, timeout=100)

    def setup(self) -> str:
        """The version that Label Studio would get, as it asks before nearly all that it does."""
        answer = self._ask("POST", "/setup", json={"project": "1.1", "schema": CONFIG, "extra_params": None}, timeout=3)
        return str(answer.raise_for_status().json()["model_version"])

    def connect(self) -> None:
        """Make a project of annotated tasks with the release as its model."""
        gold = sentences(170)  # so many that some are held out, and one tuning suffices
        project = self.studio.project(gold, CONFIG)
        self.model = self.connected(project)
        annotate(self.studio, project, gold)

    def connected(self, project: int) -> int:
        """Connect the release as a project's model: the model's id in Label Studio."""
        user, password = self.login
        login = {"auth_method": "BASIC_AUTH", "basic_auth_user": user, "basic_auth_pass": password}
        return self.studio.connect(project, self.url, **login)

    def _ask(self, method: str, path: str, timeout: float = 10, **given: Any) -> httpx.Response:
        return httpx.request(method, self.url + path, auth=self.login, timeout=timeout, **given)


@dataclass
class Load:
    """What somebody who asks for predictions all the time got."""

    versions: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def ask(self, release: Release) -> None:
        try:
            answer = release.predict()
        except httpx.HTTPError as error:
            self.failures.append(repr(error))
            return
        item = answer.json()["results"][0] if answer.is_success else {"error": answer.text}
        if "error" in item:
            self.failures.append(str(item["error"]))
        else:
            self.versions.append(str(item["model_version"]).partition(".")[0])


@contextmanager
def load(release: Release) -> Iterator[Load]:
    """Ask for predictions without a pause for as long as the context lasts."""
    seen, ended = Load(), threading.Event()

    def ask() -> None:
        while not ended.is_set():
            seen.ask(release)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


@contextmanager
def released(registry: str, studio: Studio) -> Iterator[Release]:
    """A release for as long as the context lasts."""
    namespace = f"loop-{uuid.uuid4().hex[:8]}"
    release = Release(namespace, f"{registry}/{namespace}", studio)
    try:
        release.install()
        yield release
    finally:
        kubectl("delete", "namespace", namespace, "--wait=false", "--ignore-not-found")
