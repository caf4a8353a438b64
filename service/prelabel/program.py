"""`python -m service prelabel`: one process of a pre-labelling, from its settings to its exit status."""

from __future__ import annotations

import logging
import signal
import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from service.labelstudio.client import LabelStudio
from service.labelstudio.errors import LabelStudioError
from service.labelstudio.model_version import ModelVersionField
from service.labelstudio.patience import Patience
from service.labelstudio.predictions import Predictions, view_filters
from service.prelabel.backend import Backend, BackendError
from service.prelabel.progress import Outcome, Prelabelling, Prelabellings
from service.prelabel.settings import PrelabelSettings
from service.prelabel.work import Work

log = logging.getLogger(__name__)

ASK_SECONDS = 60.0
"""How long a part of an answer of Label Studio is waited for."""
LINE_SECONDS = 10.0
"""Seconds between two lines of progress where the output is no terminal."""

STATUS: dict[Outcome, int] = {"done": 0, "failed": 1, "version changed": 4, "stopped": 143}
"""The exit status of each outcome. Another try helps after 1 and 143; after 4 it is another pre-labelling."""


class Program:
    """One process of a pre-labelling."""

    def __init__(self, settings: PrelabelSettings, project: int, view: int | None, shard: int, shards: int) -> None:
        self._settings = settings
        self._kept = Prelabellings(settings.folder)
        before = self._kept.last(project, shard, shards)
        doubts = [*before.in_doubt, *([before.writing] if before.writing else [])] if before else []
        self.stands = Prelabelling(
            project=project,
            view=view,
            shard=shard,
            shards=shards,
            in_doubt=tuple(doubts),
        )
        self._bar = Bar()
        self._work: Work | None = None
        self._stopping = False

    def run(self) -> int:
        """Do it. Returns the exit status. Raises Busy while another process does the same tasks."""
        self._lock = self._kept.hold(self.stands)
        try:
            signal.signal(signal.SIGTERM, lambda number, frame: self._stop())
            self._work = self._made()
            if self._stopping:
                self._work.stop()
            outcome = self._work.run()
        except (LabelStudioError, BackendError) as error:
            outcome = "stopped" if self._stopping else "failed"
            message = f"{error} What was written before stays; run this again to go on."
            self._report(self.stands.model_copy(update={"outcome": outcome, "message": message, "waits": ""}))
        self._bar.close()
        Console(stderr=outcome == "failed").print(self.stands.message, highlight=False)
        return STATUS[outcome]

    def _stop(self) -> None:
        """End after the page that is being worked on, and wait for nobody any longer."""
        self._stopping = True
        if self._work:
            self._work.stop()

    def _made(self) -> Work:
        client = LabelStudio(self._settings, ASK_SECONDS, Patience(self._wait, lambda: self._stopping))
        connection = client.connect()
        with ModelVersionField(client, self.stands.project) as field:
            label_config = field.read().label_config
        source = Backend(self._settings, self._wait, lambda: self._stopping)
        version = source.version(self.stands.project, label_config)
        view = self.stands.view
        filters = view_filters(connection, client.url, self.stands.project, view) if view is not None else []
        self._report(self.stands.model_copy(update={"version": version}))
        predictions = Predictions(connection, client.url, self.stands.project, version)
        return Work(
            self.stands, label_config, filters, source, predictions, self._report, self._settings.prelabel_pause
        )

    def _wait(self, why: str) -> None:
        """Say why it does not go on; with an empty text that it does."""
        if why != self.stands.waits:
            self._report(self.stands.model_copy(update={"waits": why}))

    def _report(self, stands: Prelabelling) -> None:
        self.stands = stands
        self._kept.save(stands)
        self._bar.show(stands)


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
            self._screen.print(f"{told}, version {stands.version}", highlight=False, soft_wrap=True)

    def close(self) -> None:
        self._bar.stop()
