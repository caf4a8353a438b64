"""`docker compose up`, by podman-compose: Label Studio and Spanloop find each other and go once through the loop."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import building
import httpx
import pytest
import yaml
from containers import Podman

from tests.end_to_end.backend import until
from tests.end_to_end.material import CONFIG, QUICK, annotate, sentences
from tests.end_to_end.studio import Studio
from tests.support.servers import free_port

pytestmark = pytest.mark.slow

LABEL_STUDIO = "docker.io/heartexlabs/label-studio:1.23.2"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "spanloop"
PROGRAM = Path(os.environ.get("LABEL_STUDIO") or CACHE / "label-studio-1.23.2" / "bin" / "label-studio")
DNS = Path("/usr/lib/cni/dnsname")


class Compose:
    """The services of compose.yaml, with a tiny model and short runs."""

    def __init__(self, podman: Podman, image: str, model: Path) -> None:
        self._podman = podman
        self.ports = {"label-studio": free_port(0), "spanloop": free_port(0)}
        more = podman.folder / "short-runs.yaml"
        environment = {f"SPANLOOP_{name.upper()}": str(value) for name, value in QUICK.items()}
        service = {"environment": environment, "volumes": [f"{model}:/opt/tiny:ro"]}
        more.write_text(yaml.safe_dump({"services": {"spanloop": service}}), encoding="utf-8")
        self._command = [sys.executable, "-m", "podman_compose", *podman.for_compose, "--in-pod=false"]
        self._command += ["-f", str(building.ROOT / "compose.yaml"), "-f", str(more)]
        self._environment = {
            **os.environ,
            "SPANLOOP_IMAGE": image,
            "SPANLOOP_MODEL": "/opt/tiny",
            "SPANLOOP_PORT": f"127.0.0.1:{self.ports['spanloop']}",
            "LABEL_STUDIO_PORT": f"127.0.0.1:{self.ports['label-studio']}",
            "LABEL_STUDIO_PUBLIC_URL": self.url("label-studio"),
        }

    def __call__(self, *arguments: str) -> str:
        done = subprocess.run(
            [*self._command, *arguments], env=self._environment, capture_output=True, text=True, timeout=900
        )
        assert done.returncode == 0, f"{' '.join(arguments)}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def url(self, service: str) -> str:
        return f"http://127.0.0.1:{self.ports[service]}"

    def answers(self, service: str) -> bool:
        try:
            return httpx.get(f"{self.url(service)}/health", timeout=5).is_success
        except httpx.HTTPError:
            return False

    def up(self) -> None:
        self("up", "--detach", "--no-build")
        for service in self.ports:
            until(lambda service=service: self.answers(service), f"an answer of {service}", 300)

    @property
    def key(self) -> str:
        """The key that the first start has made, and that nobody copies."""
        return self("exec", "-T", "label-studio", "cat", "/key/api-key").strip()

    @property
    def run(self) -> dict[str, Any]:
        found: dict[str, Any] = httpx.post(f"{self.url('spanloop')}/job_status", json={}, timeout=10).json()
        return found

    @property
    def version(self) -> str:
        return str(httpx.get(f"{self.url('spanloop')}/health", timeout=5).json()["model_version"])


@pytest.fixture(scope="module")
def compose(podman: Podman, base: str, image: str, model_folder: Path) -> Iterator[Compose]:
    if not DNS.exists():
        pytest.skip(
            "containers find each other by names: apt-get install golang-github-containernetworking-plugin-dnsname"
        )
    if not PROGRAM.exists():
        pytest.skip(f"Label Studio is not installed at {PROGRAM}: run `make test`")
    building.make_label_studio(podman, base, PROGRAM, LABEL_STUDIO)
    model = shutil.copytree(model_folder, podman.folder / "tiny")
    for path in (model, *model.rglob("*")):  # the program's own user reads it
        path.chmod(0o755)
    made = Compose(podman, image, model)
    try:
        made.up()
        yield made
    finally:
        print(podman.attempt("ps", "--all").stdout)
        for service in made.ports:
            print(podman.attempt("logs", "--tail=30", f"spanloop_{service}_1").stdout)
        made("down", "--volumes")


def test_a_model_is_connected_learns_and_is_still_live_after_a_restart(compose: Compose) -> None:
    studio = Studio(compose.url("label-studio"), compose.key)
    gold = sentences(170)
    project = studio.project(gold, CONFIG)
    model = studio.connect(project, "http://spanloop.internal:9090")
    assert studio.model(model)["state"] == "CO", "connected"
    studio.retrieve_predictions(project)
    assert all(studio.predictions(project).values())
    annotate(studio, project, gold)
    studio.start_training(model)
    ended = until(lambda: (run := compose.run).get("outcome") and run, "the end of the run", 600)
    assert ended["outcome"] == "promoted", ended["message"]
    until(lambda: compose.version == ended["version"], "the swap")
    page = httpx.get(compose.url("spanloop")).text
    assert f'href="{compose.url("label-studio")}/projects/{project}/data"' in page

    key = compose.key
    compose("down")
    compose.up()
    until(lambda: compose.version == ended["version"], "the version that was live", 120)
    assert compose.key == key
    assert re.fullmatch("[0-9a-f]{40}", key)
    assert studio.model_version(model).startswith(ended["version"])
