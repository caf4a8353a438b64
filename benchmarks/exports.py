"""Time and memory of the export of a large project from a real Label Studio with SQLite.

python -m benchmarks.exports --tasks 20000
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from service.labelstudio.client import LabelStudio
from service.labelstudio.exports import Exports
from service.settings import LabelStudioSettings
from tests.support import label_studio
from tests.support.label_studio import TOKEN
from tests.support.servers import free_port
from training.annotations import read
from training.material import EXPORT_SECONDS

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "spanloop"
PROGRAM = Path(os.environ.get("LABEL_STUDIO") or CACHE / "label-studio-1.23.2" / "bin" / "label-studio")
CONFIG = """<View><Labels name="label" toName="text"><Label value="person"/><Label value="city"/></Labels>
<Text name="text" value="$text"/></View>"""
TASKS_A_REQUEST = 2000
"""Tasks that are imported by one request."""


def annotated(number: int) -> dict[str, object]:
    """A task of about 60 words with two annotated spans."""
    filler = " ".join(f"word{number % 97 + place}" for place in range(54))
    text = f"Alice met Bob in Paris, note {number}. {filler}"
    result = [_region(text, "Alice", "person"), _region(text, "Paris", "city")]
    return {"data": {"text": text}, "annotations": [{"result": result}]}


def _region(text: str, words: str, label: str) -> dict[str, object]:
    start = text.index(words)
    value = {"start": start, "end": start + len(words), "text": words, "labels": [label]}
    return {"from_name": "label", "to_name": "text", "type": "labels", "value": value}


def fill(url: str, tasks: int, make: Callable[[int], dict[str, object]] = annotated) -> int:
    """A new project with so many tasks. Returns its id."""
    with httpx.Client(base_url=url, headers={"Authorization": f"Token {TOKEN}"}, timeout=600) as http:
        made = http.post("/api/projects/", json={"title": f"{tasks} tasks", "label_config": CONFIG}).raise_for_status()
        project = int(made.json()["id"])
        for begin in range(0, tasks, TASKS_A_REQUEST):
            some = [make(number) for number in range(begin, min(begin + TASKS_A_REQUEST, tasks))]
            http.post(f"/api/projects/{project}/import", json=some).raise_for_status()
        return project


def measure(url: str, project: int, folder: Path) -> None:
    """Export a project as a run does, read it, and print what it took."""
    settings = LabelStudioSettings(label_studio_url=url, label_studio_api_key=TOKEN)  # type: ignore[arg-type]
    before = _memory()
    began = time.monotonic()
    exports = Exports(LabelStudio(settings, EXPORT_SECONDS))
    config, target = exports.label_config(project), folder / "project.json"
    exports.download(project, target)
    exported, memory = time.monotonic() - began, _memory()
    documents = read(target, project, config).documents
    print(f"exported {len(documents)} annotated tasks ({target.stat().st_size >> 20} MiB) in {exported:.0f} s")
    print(f"peak memory: {before:.0f} MB at the start, {memory:.0f} MB after the export", end=", ")
    print(f"{_memory():.0f} MB with all documents")


def _memory() -> float:
    """The most memory that this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=20_000)
    parser.add_argument("--url", default="", help="a Label Studio that runs already")
    parser.add_argument("--project", type=int, default=0, help="its project, which has annotated tasks")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if given.url:
            measure(given.url, given.project, Path(folder))
            return
        server = label_studio.start(PROGRAM, Path(folder) / "label-studio", free_port(0))
        try:
            server.wait()
            began = time.monotonic()
            project = fill(server.url, given.tasks)
            print(f"imported {given.tasks} annotated tasks in {time.monotonic() - began:.0f} s")
            measure(server.url, project, Path(folder))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
