"""`python -m service prelabel`: one process of a pre-labelling, from its settings to its exit status."""

from __future__ import annotations

import logging
import os
import signal
import time
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from service.labelstudio.client import LabelStudio
from service.labelstudio.errors import LabelStudioError
from service.labelstudio.model_version import ModelVersionField
from service.labelstudio.patience import Patience
from service.labelstudio.predictions import Predictions, view_filters
from service.prelabel.backend import Backend, BackendError
from service.prelabel.batches import Batches
from service.prelabel.live import Live
from service.prelabel.progress import Outcome, Prelabelling, Prelabellings, Standing, latest, now
from service.prelabel.settings import PrelabelSettings
from service.prelabel.stopping import Stopped, Stopping
from service.prelabel.work import Work
from service.prelabel.writing import Writer

log = logging.getLogger(__name__)

ASK_SECONDS = 60.0
"""How long a part of an answer of Label Studio is waited for."""
LINE_SECONDS = 10.0
"""Seconds between two lines of progress where the output is no terminal."""

IN_A_JOB = "JOB_COMPLETION_INDEX"
"""Kubernetes sets it in the pods of an Indexed Job. Such a pod may replace one whose files are gone with it."""

STATUS: dict[Outcome, int] = {"done": 0, "failed": 1, "version changed": 4, "stopped": 143}
"""The exit status of each outcome. Another try helps after 1 and 143; after 4 it is another pre-labelling."""


class Program:
    """One process of a pre-labelling."""

    def __init__(self, settings: PrelabelSettings, project: int, view: int | None, shard: int, shards: int) -> None:
        self._settings = settings
        self._kept = Prelabellings(settings.folder)
        self._stopping = Stopping()
        self._bar = Bar()
        begun = Prelabelling(project=project, view=view, shard=shard, shards=shards)
        self._standing = Standing(begun, self._report)

    def run(self) -> int:
        """Do it. Returns the exit status. Raises Busy while another process does the same tasks."""
        self._lock = self._kept.hold(self._standing.now)
        signal.signal(signal.SIGTERM, lambda number, frame: self._stopping.set())
        try:
            outcome = self._done()
        except Stopped:
            outcome = "stopped"
            self._standing.end(outcome, "Stopped before anything was predicted; run this again.")
        except (LabelStudioError, BackendError) as error:
            outcome = "stopped" if self._stopping.is_set() else "failed"
            message = f"{error} What was written before stays; run this again to go on."
            self._standing.end(outcome, message)
        self._bar.close()
        Console(stderr=outcome == "failed").print(self._standing.now.message, highlight=False, markup=False)
        return STATUS[outcome]

    @property
    def stands(self) -> Prelabelling:
        """How far it is."""
        return self._standing.now

    def _done(self) -> Outcome:
        project, view = self._standing.now.project, self._standing.now.view
        settle = self._settings.prelabel_settle
        is_first = self._kept.is_first(self._standing.now)
        in_doubt = self._kept.left_in_doubt(self._standing.now)
        self._standing.know(in_doubt=in_doubt)
        client = LabelStudio(self._settings, ASK_SECONDS, Patience(self._wait, self._stopping.is_set))
        connection = client.connect()
        source = Backend(self._settings, self._stopping, self._wait)
        live = Live(source, project, lambda: _label_config(client, project), self._stopping, self._wait)
        version = live.version
        filters = view_filters(connection, client.url, project, view) if view is not None else []
        if is_first and IN_A_JOB in os.environ:
            in_doubt = latest(in_doubt, {version: now() + timedelta(seconds=settle)})
        self._standing.know(version=version, in_doubt=in_doubt)
        predictions = Predictions(connection, client.url, project, version)
        predictions.require_own_name()
        batches = Batches(source, project, live.config, self._stopping, self._settings.prelabel_pause)
        writer = Writer(predictions, filters, version, self._standing, self._stopping, settle)
        outcome = Work(self._standing, live, filters, batches, predictions, writer, self._stopping).run()
        if outcome == "done":
            self._kept.settled(project, in_doubt)
        return outcome

    def _wait(self, why: str) -> None:
        """Say why it does not go on; with an empty text that it does."""
        if why != self.stands.waits:
            self._standing.know(waits=why)

    def _report(self, stands: Prelabelling) -> None:
        self._kept.save(stands)
        if stands.version:
            self._bar.show(stands)


def _label_config(client: LabelStudio, project: int) -> str:
    with ModelVersionField(client, project) as field:
        return field.read().label_config


class Bar:
    """Progress on the screen: a bar on a terminal, a line now and then elsewhere."""

    def __init__(self) -> None:
        self._screen = Console()
        self._next = 0.0
        self._bar = Progress(
            TextColumn("{task.fields[told]}"), BarColumn(), TimeRemainingColumn(), disable=not self._screen.is_terminal
        )
        self._line = self._bar.add_task("tasks", total=100, told="")
        self._bar.start()

    def show(self, stands: Prelabelling) -> None:
        told = f"project {stands.project}: {stands.done:,} of {stands.total // stands.shards:,} tasks"
        self._bar.update(self._line, completed=stands.percent, told=told)
        if not self._screen.is_terminal and time.monotonic() >= self._next:
            self._next = time.monotonic() + LINE_SECONDS
            self._screen.print(f"{told}, version {stands.version}", highlight=False, markup=False, soft_wrap=True)

    def close(self) -> None:
        self._bar.stop()
