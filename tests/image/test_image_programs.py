"""The image's programs: by default, and as the chart runs them, restricted and with a read-only root."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from building import ROOT
from containers import Podman, empty_dirs

from tests.support import api_server, tiny
from tests.support.studio import KEY, Studio, StudioProject, served

pytestmark = pytest.mark.slow

Until = Callable[..., Any]

SPANLOOP, EXTRACTOR = "http://127.0.0.1:9090", "http://127.0.0.1:9091"
SLOW = 180.0
"""Deadline in seconds for the start of a program with a model on a busy machine."""
CONFIG = """<View>
  <Labels name="label" toName="text"><Label value="Medication"/><Label value="Disease"/></Labels>
  <Text name="text" value="$text"/>
</View>"""
TEXT = "She takes aspirin against migraine."


@pytest.fixture
def pod(podman: Podman, image: str) -> Iterator[str]:
    """A network with only loopback, which this test and its containers share, as in a pod."""
    with podman.started(image, "sleep", "infinity") as pause, pause.network():
        yield f"container:{pause.id}"


def answer(url: str) -> Any:
    """The JSON of an answer, or None without a successful answer."""
    try:
        found = httpx.get(url, timeout=10, trust_env=False)
    except httpx.HTTPError:
        return None
    return found.json() if found.is_success else None


def post(path: str, body: Any) -> Any:
    found = httpx.post(f"{SPANLOOP}{path}", json=body, timeout=SLOW, trust_env=False)
    assert found.is_success, found.text
    return found.json()


PORTS = {"backend": "'9090'", "extractor": "'9091'", "training": "'9092'"}
"""The chart's, as its helper gives them."""


def names_found() -> set[str]:
    """The entities that the backend finds in the text."""
    body = {"tasks": [{"id": 1, "data": {"text": TEXT}}], "label_config": CONFIG, "project": "1.1"}
    (item,) = post("/predict", body)["results"]
    return {region["value"]["text"] for region in item["result"]}


def commands(template: str) -> list[list[str]]:
    """The commands that a template of the chart gives its containers."""
    text = (ROOT / "helm" / "spanloop" / "templates" / template).read_text(encoding="utf-8")
    text = re.sub(r'\{\{ include "spanloop.port" "(\w+)" \| quote \}\}', lambda found: PORTS[found[1]], text)
    return [yaml.safe_load(found) for found in re.findall(r"command: (\[.*\])", text)]


def variables(**values: object) -> list[str]:
    """Options that set settings, which are named here without their prefix."""
    return [f"--env=SPANLOOP_{name.upper()}={value}" for name, value in values.items()]


def studio_of(count: int) -> Studio:
    """A Label Studio with one project, in whose texts the names of people are annotated."""
    export = []
    for number in range(count):
        name = tiny.PEOPLE[number % len(tiny.PEOPLE)]
        text = f"{number} the old house where {name} lives"
        start = text.index(name)
        value = {"start": start, "end": start + len(name), "text": name, "labels": ["person"]}
        region = {"id": "r", "from_name": "label", "to_name": "text", "type": "labels", "value": value}
        annotation = {"id": 100 + number, "result": [region], "was_cancelled": False, "ground_truth": False}
        export.append({"id": number, "data": {"text": text}, "annotations": [annotation]})
    return Studio(projects={1: StudioProject(annotations=count, export=export)})


def test_by_default_it_is_a_whole_spanloop(podman: Podman, image: str, pod: str, until: Until):
    with podman.started("--tmpfs=/tmp", image, network=pod) as container:
        assert until(lambda: answer(f"{SPANLOOP}/health"), SLOW)["status"] == "UP"
        assert names_found() == {"aspirin", "migraine"}
        assert container.stop() == 0


def test_a_run_publishes_a_version_that_is_there_after_a_restart(
    podman: Podman, image: str, pod: str, until: Until, model_folder: Path, tmp_path: Path
):
    def version() -> str:
        return (answer(f"{SPANLOOP}/health") or {}).get("model_version", "")

    model = shutil.copytree(model_folder, tmp_path / "model")
    (model / "model.safetensors").chmod(0o644)  # the image's user must be able to read it
    kept = [f"--volume={model}:/model:ro", "--volume=state:/var/lib/spanloop", "--tmpfs=/tmp"]
    with served(studio_of(40)) as studio:
        quick = variables(model="/model", steps=4, label_studio_url=studio.url, label_studio_api_key=KEY)
        with podman.started(*quick, *kept, image, network=pod) as container:
            until(version, SLOW)
            post("/setup", {"project": "1.1", "schema": studio.projects[1].label_config})
            post("/webhook", {"action": "START_TRAINING", "project": {"id": 1}})
            until(lambda: post("/job_status", {})["outcome"], 600)
            run = post("/job_status", {})
            assert run["outcome"] in ("promoted", "held"), run
            podman("exec", container.id, "python", "-m", "service", "promote", run["version"])
            until(lambda: version() == run["version"], SLOW)
            assert container.stop() == 0
    with podman.started(*variables(model="/model"), *kept, image, network=pod):
        until(lambda: version() == run["version"], SLOW)


def test_backend_and_extractor_run_apart_as_in_the_chart(
    podman: Podman, image: str, pod: str, until: Until, tmp_path: Path
):
    (backend,) = commands("backend/deployment.yaml")
    pull, extractor = commands("extractor/deployment.yaml")
    for name in ("backend", "extractor", "api"):
        (tmp_path / name).mkdir()
    chart = ["--env=HF_HUB_OFFLINE=1", *variables(model="", threshold=0.5, log_json="true")]
    pods = [empty_dirs(tmp_path / name, "/tmp", "/var/lib/spanloop", "/model") for name in ("backend", "extractor")]
    podman.run(*chart, *pods[1], image, *pull)
    cluster = variables(namespace="here", release="loop", extractor_deployment="extractor", extractor_url=EXTRACTOR)
    with (
        api_server.served(api_server.ApiServer(), tmp_path / "api") as kubeconfig,
        podman.started(*chart, *variables(threads=2, pulled="/model"), *pods[1], image, *extractor, network=pod),
        podman.started(
            *[*chart, *cluster, "--env=KUBECONFIG=/kubeconfig", f"--volume={kubeconfig}:/kubeconfig:ro", *pods[0]],
            *[image, *backend],
            network=pod,
        ),
    ):
        assert until(lambda: answer(f"{SPANLOOP}/health"), SLOW)["status"] == "UP"
        until(lambda: answer(f"{EXTRACTOR}/ready"), SLOW)
        assert names_found() == {"aspirin", "migraine"}


def test_the_training_program_runs_as_in_the_chart(podman: Podman, image: str, pod: str, tmp_path: Path):
    (training,) = commands("training/_job.tpl")
    writable = empty_dirs(tmp_path, "/tmp", "/var/lib/spanloop")
    assert "Train on the projects" in podman.run(*writable, image, *training, "--help")
    with served(studio_of(3)) as studio:
        options = [*variables(label_studio_url=studio.url, label_studio_api_key=KEY), *writable]
        with podman.started(*options, image, *training, "run", "--project", "1", network=pod) as container:
            assert podman("wait", container.id).strip() == "3"
            assert "20" in container.log
