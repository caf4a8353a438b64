"""A release that Helm has installed in a namespace of its own, with the Label Studio and the registry that it uses."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.end_to_end.backend import until
from tests.end_to_end.material import CONFIG, QUICK, annotate, sentences
from tests.end_to_end.studio import Studio
from tests.support import label_studio
from tests.support.past_release import PastRelease

from .kubectl import kubectl

CHART = str(Path(__file__).parent.parent.parent / "helm" / "spanloop")
IMAGE = os.environ.get("SPANLOOP_TEST_IMAGE", "")
BASE = "/opt/tiny"
"""The tiny model in that image."""
FEW = {"requests": {"cpu": "200m", "memory": "256Mi"}}
"""What a pod of the tiny model needs."""
EARLIER_KEY = "earlier-key"
"""The Secret with the certificate of the release whose versions are restored."""

Gold = Mapping[str, Sequence[tuple[str, str]]]
"""Texts with the names in them and their labels."""


def helm(*arguments: str) -> str:
    done = subprocess.run(["helm", *arguments], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, f"helm {' '.join(arguments)}:\n{done.stdout}{done.stderr}"
    return done.stdout


def chart_values(registry: str, studio: Studio, image: str = IMAGE) -> dict[str, Any]:
    """What a test gives the chart: image, registry and Label Studio, small requests, and runs that take seconds."""
    return {
        "image": _image(image),
        "model": {"name": BASE},
        "registry": {"url": registry, "plainHttp": True},
        "labelStudio": {"url": studio.url, "existingSecret": "label-studio"},
        "rolloutSeconds": 240,
        "extractor": {"resources": FEW},
        "training": quickly(),
    }


@dataclass
class Release:
    """An installed release, as those see it who use it."""

    namespace: str
    registry: str
    studio: Studio
    url: str = ""
    chart: str = CHART
    image: str = IMAGE
    values: dict[str, Any] = field(default_factory=dict)
    """Values of the installation, beside those of all."""
    login: tuple[str, str] = ("", "")
    model: int = 0
    """Its id in Label Studio, once it is connected."""

    # Platform engineers

    def prepare(self) -> None:
        """A new namespace with what an installation needs there."""
        kubectl("create", "namespace", self.namespace)
        self.kubectl("create", "secret", "generic", "label-studio", f"--from-literal=api-key={label_studio.TOKEN}")

    def restore(self, past: PastRelease) -> None:
        """Bring another release's versions, certificate and recorded state, as docs/backup.md has it. Then install."""
        host, _, name = self.registry.partition("/")
        past.publish(host, name)
        self.kubectl("create", "secret", "generic", EARLIER_KEY, f"--from-literal=tls.crt={past.certificate}")
        self.kubectl("apply", "--filename", "-", given=past.record(self.registry))
        self.values["signatures"] = {"alsoTrusted": [EARLIER_KEY]}

    def install(self) -> None:
        """`helm install`, as the chart's README has it."""
        self._helm("install", **(chart_values(self.registry, self.studio, self.image) | self.values))
        service = self.get("service", "loop-spanloop-backend")
        secret = self.get("secret", "loop-spanloop-basic-auth")
        self.url = f"http://{service['spec']['clusterIP']}:9090"
        user, password = (base64.b64decode(secret["data"][name]).decode() for name in ("username", "password"))
        self.login = user, password

    def reinstall(self) -> None:
        """`helm uninstall`, then `helm install` under the same name, as docs/kubernetes.md has it."""
        helm("uninstall", "loop", "--namespace", self.namespace)
        self.kubectl("delete", "jobs", "--selector", "spanloop.dev/release=loop-spanloop")
        self.kubectl("wait", "--for=delete", "pvc/loop-spanloop-training", "--timeout=120s")
        self.install()

    def upgrade(self, **values: Any) -> None:
        """`helm upgrade` with other values beside those of the installation, to the end of the backend before it."""
        self._helm("upgrade", "--reuse-values", **values)
        self._until_one_backend()

    def upgrade_to(self, chart: str, image: str) -> None:
        """`helm upgrade` to another release of Spanloop, as docs/kubernetes.md has it."""
        self.chart, self.image = chart, image
        self._helm("upgrade", "--reset-then-reuse-values", image=_image(image))
        self._until_one_backend()

    def take_back(self) -> None:
        """`helm rollback`, which undoes the last upgrade."""
        helm("rollback", "loop", "--namespace", self.namespace, "--wait", "--timeout", "5m")
        self._until_one_backend()

    def _until_one_backend(self) -> None:
        until(lambda: len(self._backends()) == len(self._backends(staying=True)) == 1, "the one new backend", 150)

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

    @property
    def is_rolled_out(self) -> bool:
        """Whether all of the extractor's pods serve what they are to serve."""
        noted = json.loads(self.extractor["metadata"]["annotations"]["spanloop.dev/rollout"])
        return bool(noted["good"] == noted["target"] == self.reference)

    @property
    def images(self) -> set[str]:
        """The images of backend and extractor."""
        parts = [self.get("deployment", f"loop-spanloop-{part}") for part in ("backend", "extractor")]
        return {part["spec"]["template"]["spec"]["containers"][0]["image"] for part in parts}

    @property
    def history(self) -> list[str]:
        """The references that have been live, the oldest first."""
        noted = json.loads(self.extractor["metadata"]["annotations"]["spanloop.dev/rollout"])
        return [change["reference"] for change in noted["history"]]

    @property
    def versions(self) -> list[str]:
        """The published versions."""
        return [one["version"] for one in json.loads(self.service("versions", "--json"))["versions"]]

    @property
    def projects(self) -> dict[int, float | None]:
        """The known projects, with the threshold of each that has one of its own."""
        known = json.loads(self.service("projects", "--json"))["projects"]
        return {one["project"]: one["threshold"] for one in known}

    def _backends(self, staying: bool = False) -> list[str]:
        """The names of the backend's pods; of those that are to stay."""
        pods = self.get("pods", "--selector", "app.kubernetes.io/component=backend")["items"]
        return [pod["metadata"]["name"] for pod in pods if not staying or "deletionTimestamp" not in pod["metadata"]]

    def _helm(self, *command: str, **values: Any) -> None:
        given = [part for name, value in values.items() for part in ("--set-json", f"{name}={json.dumps(value)}")]
        # What an older cluster needs beside the chart; see where it comes from.
        older = ["--post-renderer", "post-render"] if os.environ.get("HELM_PLUGINS") else []
        verb, *more = command
        helm(
            verb, "loop", self.chart, "--namespace", self.namespace, *more, *given, *older, "--wait", "--timeout", "5m"
        )

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
        return self._predicted([*sentences(tasks)])

    def found(self, texts: Sequence[str]) -> list[list[list[Any]]]:
        """The spans that are found in texts: start, end and label."""
        items = self._predicted(texts).raise_for_status().json()["results"]
        values = ([region["value"] for region in item["result"]] for item in items)
        return [sorted([value["start"], value["end"], *value["labels"]] for value in of_text) for of_text in values]

    def _predicted(self, texts: Sequence[str]) -> httpx.Response:
        given = [{"id": number, "data": {"text": text}} for number, text in enumerate(texts)]
        body = {"tasks": given, "label_config": CONFIG, "project": "1.1"}
        return self._ask("POST", "/predict", json=body, timeout=100)

    def setup(self) -> str:
        """The version that Label Studio would get, as it asks before nearly all that it does."""
        answer = self._ask("POST", "/setup", json={"project": "1.1", "schema": CONFIG, "extra_params": None}, timeout=3)
        return str(answer.raise_for_status().json()["model_version"])

    def connect(self, gold: Gold | None = None, config: str = CONFIG) -> None:
        """Make a project of annotated tasks with the release as its model."""
        gold = gold or sentences(170)  # so many that some are held out, and one tuning suffices
        project = self.studio.project(gold, config)
        self.model = self.connected(project)
        annotate(self.studio, project, gold)

    def connected(self, project: int, **settings: Any) -> int:
        """Connect the release as a project's model: the model's id in Label Studio."""
        user, password = self.login
        login = {"auth_method": "BASIC_AUTH", "basic_auth_user": user, "basic_auth_pass": password}
        return self.studio.connect(project, self.url, **login, **settings)

    def _ask(self, method: str, path: str, timeout: float = 10, **given: Any) -> httpx.Response:
        return httpx.request(method, self.url + path, auth=self.login, timeout=timeout, **given)


def quickly(**settings: object) -> dict[str, Any]:
    """The chart's values for runs that take seconds. `settings` replace those of `QUICK`."""
    given = {f"SPANLOOP_{name.upper()}": str(value) for name, value in {**QUICK, **settings}.items()}
    environment = [{"name": name, "value": value} for name, value in given.items()]
    return {"extraEnv": environment, "resources": FEW, "persistence": {"size": "1Gi"}}


def _image(name: str) -> dict[str, str]:
    """The chart's values for an image."""
    repository, _, tag = name.rpartition(":")
    return {"repository": repository, "tag": tag}


@contextmanager
def released(
    registry: str,
    studio: Studio,
    past: PastRelease | None = None,
    chart: str = CHART,
    image: str = IMAGE,
    **values: Any,
) -> Iterator[Release]:
    """A release for as long as the context lasts. It goes on from the state of `past`."""
    namespace = f"loop-{uuid.uuid4().hex[:8]}"
    release = Release(namespace, f"{registry}/{namespace}", studio, chart=chart, image=image, values=values)
    try:
        release.prepare()
        if past:
            release.restore(past)
        release.install()
        yield release
    finally:
        kubectl("delete", "namespace", namespace, "--wait=false", "--ignore-not-found")
