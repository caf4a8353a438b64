"""A pre-labelling of the real Label Studio through a running backend, killed and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from datetime import timedelta

import pytest
from playwright.sync_api import Browser

from service.prelabel.progress import Prelabelling, Prelabellings
from service.settings import ROOT
from tests.support import late_proxy

from .backend import CREDENTIALS, Backend, until
from .browsing import picture
from .conftest import MakeBackend
from .material import sentences
from .studio import Studio

KILLED = -signal.SIGKILL
SETTLE = 20
"""Seconds: Label Studio answers a request of a few hundred predictions sooner, and no proxy is in front of it."""


class Process:
    """`python -m service prelabel` on a backend's home, with more variables."""

    def __init__(self, backend: Backend, project: int, **more: str) -> None:
        self._kept = Prelabellings(backend.home)
        self._project = project
        self._log = backend.home / f"prelabel-{project}-{time.monotonic_ns()}.txt"
        command = [sys.executable, "-m", "service", "prelabel", "--project", str(project)]
        given = {"SPANLOOP_BACKEND_URL": backend.url, "SPANLOOP_PRELABEL_SETTLE": str(SETTLE)}
        environment = {**os.environ, **backend.environment, **given, **more}
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)

    @property
    def stands(self) -> Prelabelling | None:
        return self._kept.last(self._project, 0, 1)

    @property
    def output(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def ended(self, seconds: float = 120) -> int:
        return self._process.wait(seconds)

    def kill_after(self, written: int, while_writing: bool, seconds: float = 600) -> None:
        """SIGKILL once so many predictions are written, on request while more are being sent."""

        def now() -> bool:
            stands = self.stands
            assert self._process.poll() is None, self.output
            return (
                stands is not None
                and stands.outcome is None
                and stands.written >= written
                and (not while_writing or is_writing(stands))
            )

        until(now, f"{written} predictions written", seconds)
        self._process.kill()
        assert self.ended() == KILLED


def is_writing(stands: Prelabelling) -> bool:
    """Whether a process has sent what Label Studio has not answered yet; what it took over was sent before it began."""
    return any(until > stands.started + timedelta(seconds=SETTLE) for until in stands.in_doubt.values())


def once_each(studio: Studio, project: int, version: str) -> bool:
    """Whether every task has exactly one prediction of a version."""
    return {len(found) for found in studio.predictions(project, version).values()} == {1}


def test_a_project_is_pre_labelled_once_whatever_is_killed(studio: Studio, make_backend: MakeBackend):
    backend = make_backend()
    project = studio.project(sentences(300), title="Pre-labelled")
    version = studio.model_version(studio.connect(project, backend.url))

    with late_proxy.serving(studio.url, late_proxy.SlowProxy) as proxy:
        rests = {"SPANLOOP_PRELABEL_PAUSE": "20"}  # so there are several writes
        slow = Process(backend, project, SPANLOOP_LABEL_STUDIO_URL=proxy.url, **rests)
        slow.kill_after(1, while_writing=True)
    again = Process(backend, project)
    assert again.ended() == 0, again.output
    assert once_each(studio, project, version)
    assert f"predictions of {version} written" in again.output

    nothing = Process(backend, project)
    assert nothing.ended() == 0, nothing.output
    assert "All tasks are done: 0 predictions" in nothing.output
    assert f"Project {project}" in backend.page
    assert "All tasks are done" in backend.page


def test_predictions_that_came_twice_are_deleted(studio: Studio, backend: Backend):
    project = studio.project(sentences(120), title="Stored twice")
    version = studio.model_version(studio.connect(project, backend.url))
    tasks = sorted(studio.predictions(project))
    studio.predict(tasks[0], "another version", [])
    studio.predict(tasks[1], "another version", [])
    for task in (tasks[1], tasks[50], tasks[50], tasks[50]):
        studio.predict(task, version, [])
    first = studio.predictions(project, version)[tasks[50]][0]["id"]
    process = Process(backend, project)
    assert process.ended() == 0, process.output
    assert once_each(studio, project, version)
    assert studio.predictions(project, version)[tasks[50]][0]["id"] == first
    assert "2 predictions of" in process.output
    assert len(studio.predictions(project, "another version")[tasks[1]]) == 1


def test_a_write_that_a_proxy_gave_up_on_and_that_is_stored_later_is_there_once(studio: Studio, backend: Backend):
    project = studio.project(sentences(120), title="Stored late")
    version = studio.model_version(studio.connect(project, backend.url))
    with late_proxy.serving(studio.url, late_proxy.LateProxy) as proxy:
        process = Process(backend, project, SPANLOOP_LABEL_STUDIO_URL=proxy.url)
        assert process.ended() == 0, process.output
    assert proxy.late
    assert f"{proxy.late} predictions of {version} were stored twice" in process.output
    assert once_each(studio, project, version)


REPEATER = """<View><Repeater on="$u">
  <Text name="t_{{idx}}" value="$u[{{idx}}].text"/>
  <Labels name="l_{{idx}}" toName="t_{{idx}}"><Label value="person"/></Labels>
</Repeater></View>"""
OWN_LABELS = """<View>
  <Labels name="label" toName="text" value="$labels"><Label value="city"/></Labels><Text name="text" value="$text"/>
</View>"""


@pytest.mark.parametrize(
    ("config", "data"),
    [
        (REPEATER, lambda text: {"u": [{"text": text}, {"text": text}]}),
        (OWN_LABELS, lambda text: {"text": text, "labels": [{"value": "person"}]}),
    ],
    ids=["repeater", "labels of the task"],
)
def test_predictions_that_label_studio_leaves_out_of_an_import_are_stored(studio: Studio, backend, config, data):
    project = studio.project(config=config, title="Left out")
    studio.import_data(project, [data(text) for text in sentences(5)])
    version = studio.model_version(studio.connect(project, backend.url))
    process = Process(backend, project)
    assert process.ended() == 0, process.output
    assert once_each(studio, project, version)
    assert any(one["result"] for (one,) in studio.predictions(project, version).values())
    assert "5 predictions of" in process.output


def test_a_second_process_of_a_project_is_refused(studio: Studio, backend: Backend):
    project = studio.project(sentences(200), title="Twice at once")
    studio.connect(project, backend.url)
    first = Process(backend, project)
    until(lambda: first.stands, "the first process begins")
    second = Process(backend, project)
    assert second.ended() == 1
    assert "is being pre-labelled already" in second.output
    assert first.ended() == 0, first.output


def test_a_project_that_is_gone_is_said(backend: Backend):
    process = Process(backend, 999_999)
    assert process.ended() == 1
    assert "Label Studio has no project 999999" in " ".join(process.output.split())


def test_the_button_of_a_guarded_page_pre_labels_a_project(studio: Studio, guarded: Backend, browser: Browser):
    user, password = CREDENTIALS
    project = studio.project(sentences(120), title="By the button")
    login = {"auth_method": "BASIC_AUTH", "basic_auth_user": user, "basic_auth_pass": password}
    version = studio.model_version(studio.connect(project, guarded.url, **login))
    with closing(browser.new_context(http_credentials={"username": user, "password": password})) as context:
        page = context.new_page()
        page.goto(guarded.url)
        page.locator(f"button[name=project][value='{project}']").click()
        page.get_by_text("All tasks are done: 120 predictions").wait_for(timeout=60_000)
        picture(page, "prelabel")
        # Another site's page that sends the same form starts nothing, though the browser sends the credentials along.
        page.goto(studio.url)
        page.evaluate(FORGED, [f"{guarded.url}/prelabel", project])
        page.get_by_text("was not sent from the status page").wait_for()
    assert once_each(studio, project, version)


FORGED = """
([action, project]) => {
  document.body.innerHTML = `<form method="post" action="${action}"><input name="project" value="${project}"></form>`;
  document.forms[0].submit();
}
"""
