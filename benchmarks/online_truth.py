"""What it takes to count people's work in a large project of a real Label Studio with SQLite: all of it, and a change.

python -m benchmarks.online_truth --tasks 20000
"""

from __future__ import annotations

import argparse
import tempfile
import time
import tracemalloc
from pathlib import Path

from benchmarks.exports import CONFIG, PROGRAM, annotated, fill
from service.backend.truth.ledger import Ledger
from service.backend.truth.reconciliation import ANSWER_SECONDS
from service.labelstudio.changes import Changes
from service.labelstudio.client import LabelStudio
from service.labelstudio.label_config import parse
from service.labelstudio.work import work_of
from service.settings import LabelStudioSettings
from tests.support import label_studio
from tests.support.label_studio import TOKEN
from tests.support.servers import free_port


def predicted(number: int) -> dict[str, object]:
    """A task of about 60 words with two annotated spans, which were predicted."""
    task = annotated(number)
    (annotation,) = task["annotations"]  # type: ignore[misc]
    return {**task, "predictions": [{**annotation, "model_version": "v1.aaaaaa"}]}


def measure(url: str, project: int) -> None:
    """Count a project's work as a backend that starts does, then look again, and print what both took."""
    settings = LabelStudioSettings(label_studio_url=url, label_studio_api_key=TOKEN)  # type: ignore[arg-type]
    controls, ledger, counting = tuple(parse(CONFIG)), Ledger(), 0.0
    tracemalloc.start()
    began = time.monotonic()
    with Changes(LabelStudio(settings, ANSWER_SECONDS), project) as changes:
        for task in changes.since(""):
            for annotation in task.annotations:
                annotation.updated_by = 1  # an import is nobody's work
            one = time.monotonic()
            ledger.count(task.id, work_of(task, controls))
            counting += time.monotonic() - one
        total, held = time.monotonic() - began, tracemalloc.get_traced_memory()[0]
        print(f"counted {len(ledger)} tasks in {total:.0f} s, {counting:.0f} s of them in the backend", end=", ")
        print(f"which holds {held / 1e6:.1f} MB")
        began = time.monotonic()
        changes.state()
        print(f"saw that nothing changed in {time.monotonic() - began:.2f} s", end=", ")
        began = time.monotonic()
        changes.ids()
        print(f"and listed all ids in {time.monotonic() - began:.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=20_000)
    tasks: int = parser.parse_args().tasks
    with tempfile.TemporaryDirectory() as folder:
        server = label_studio.start(PROGRAM, Path(folder) / "label-studio", free_port(0))
        try:
            server.wait()
            measure(server.url, fill(server.url, tasks, predicted))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
