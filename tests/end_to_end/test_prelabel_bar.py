"""A large project in the real Label Studio, with SQLite and with PostgreSQL: every task gets exactly one prediction."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.labelstudio.client import LabelStudio
from service.labelstudio.pages import TaskPages
from service.settings import LabelStudioSettings
from tests.support import label_studio, postgres
from tests.support.lacking import missing
from tests.support.servers import Server, free_port

from .conftest import PROGRAM, MakeBackend
from .studio import Studio
from .test_prelabel import Process

pytestmark = pytest.mark.slow

TASKS = int(os.environ.get("SPANLOOP_BAR_TASKS", "20000"))
TASKS_A_REQUEST = 2000


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if not PROGRAM.exists():
        missing(f"Label Studio is not installed at {PROGRAM}: run `make test`, or set LABEL_STUDIO to its program")
    folder: Path = tmp_path_factory.mktemp(request.param)
    if request.param == "sqlite":
        yield from _running(label_studio.start(PROGRAM, folder / "label-studio", free_port(0)))
        return
    if not postgres.PROGRAMS:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    with postgres.serving(folder / "postgres") as variables:
        yield from _running(label_studio.start_empty(PROGRAM, folder / "label-studio", free_port(0), variables))


def _running(server: Server) -> Iterator[Server]:
    try:
        server.wait(600)
        yield server
    finally:
        server.stop()


def test_killed_three_times_every_task_has_exactly_one_prediction(server: Server, make_backend: MakeBackend):
    studio = Studio(server.url)
    backend = make_backend(url=server.url, set_model_version=False)
    project = studio.project(title=f"{TASKS} tasks")
    for begin in range(0, TASKS, TASKS_A_REQUEST):
        numbers = range(begin, min(begin + TASKS_A_REQUEST, TASKS))
        studio.import_data(project, [{"text": f"Alice met Bob in Paris, note {number}"} for number in numbers])
    version = studio.model_version(studio.connect(project, backend.url))

    for _ in range(3):
        Process(backend, project).kill_after(1, while_writing=True)
    last = Process(backend, project)
    assert last.ended(3600) == 0, last.output
    assert counts(server, project, version) == {1: TASKS}


def counts(server: Server, project: int, version: str) -> Counter[int]:
    """How many tasks have how many predictions of a version."""
    settings = LabelStudioSettings(label_studio_url=server.url, label_studio_api_key=label_studio.TOKEN)
    with LabelStudio(settings, 60).connect() as connection:
        return Counter(
            [one["model_version"] for one in task["predictions"]].count(version)
            for page in TaskPages(connection, server.url, project).read([])
            for task in page.tasks
        )
