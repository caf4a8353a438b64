"""The loop, step by step, as people go through it. Every step is checked before the next one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from examples.demo import gold
from tests.support.label_studio import Client
from training.dataset import Document, is_held_out

SPARE = 40
"""Tasks that nobody annotates: they show what the new version finds in texts that it has never seen."""


class StepFailed(RuntimeError):
    """A step had another result than it should have."""


@dataclass
class Loop:
    """One pass through the loop, with the seconds that each step took."""

    label_studio: Client
    backend: str
    """The backend's address."""
    seconds: dict[str, float] = field(default_factory=dict)
    documents: list[Document] = field(default_factory=gold.documents)

    @property
    def spare(self) -> list[Document]:
        return self.documents[-SPARE:]

    @property
    def annotated(self) -> list[Document]:
        return self.documents[:-SPARE]

    @property
    def held_out(self) -> list[Document]:
        """The annotated tasks that the run judges by."""
        return [document for document in self.annotated if is_held_out(document.text)]

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step. The table at the end shows its name."""
        began = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - began

    def create(self) -> tuple[int, int]:
        """Create a project, import the tasks and connect the model. Returns the ids of project and model."""
        project = self.label_studio.create_project("Medical notes", gold.LABEL_CONFIG)
        self.label_studio.import_texts(project, [document.text for document in self.documents])
        return project, self.label_studio.connect_model(project, self.backend)

    def predictions(self, project: int, model: int) -> tuple[str, dict[str, set[tuple[int, int, str]]]]:
        """Retrieve predictions for all tasks. Returns the version, and the spans that it found by text.

        Raises StepFailed unless every task has exactly one prediction of that version.
        """
        version = self.label_studio.model_version(model)
        self.label_studio.retrieve_predictions(project)
        found: dict[str, set[tuple[int, int, str]]] = {}
        for task in self.label_studio.tasks(project):
            made = [p for p in task["predictions"] if p["model_version"] == version]
            if len(made) != 1:
                raise StepFailed(f"Task {task['id']} has {len(made)} predictions of version {version} instead of one.")
            found[task["data"]["text"]] = gold.spans(made[0]["result"])
        return version, found

    def annotate(self, project: int, on_each: Callable[[], None]) -> None:
        """Submit the gold annotations task by task, as an annotator does. Raises StepFailed if a task is missing."""
        wanted = {document.text: document for document in self.annotated}
        for task in self.label_studio.tasks(project):
            document = wanted.pop(task["data"]["text"], None)
            if document is not None:
                self.label_studio.annotate(task["id"], gold.regions(document))
                on_each()
        if wanted:
            raise StepFailed(f"{len(wanted)} example texts are missing in the project's tasks.")

    def train(self, model: int, on_progress: Callable[[dict[str, Any]], None], seconds: float = 900) -> dict[str, Any]:
        """Press Start Training and follow the run to its end. Raises StepFailed unless its version was promoted."""
        self.label_studio.start_training(model)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            answer = httpx.post(f"{self.backend}/job_status", json={}, timeout=10)
            answer.raise_for_status()
            run: dict[str, Any] = answer.json()
            on_progress(run)
            if run["outcome"]:
                if run["outcome"] != "promoted":
                    raise StepFailed(f"The run ended as {run['outcome']}: {run['message']}")
                return run
            time.sleep(0.5)
        raise StepFailed(f"The run did not end within {seconds:.0f} s.")

    def wait_for(self, version: str, seconds: float = 60) -> None:
        """Wait until the backend serves a version. Raises StepFailed after `seconds`."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if httpx.get(f"{self.backend}/health", timeout=5).json()["model_version"] == version:
                return
            time.sleep(0.2)
        raise StepFailed(f"Version {version} was promoted but does not serve after {seconds:.0f} s.")
