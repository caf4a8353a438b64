"""Exports and converts one project as a run does, in a process of its own: `python -m benchmarks.conversion`.

Prints one JSON object: the seconds of every stage, and the peak memory of the process at the end of the stage.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from service.labelstudio.client import LabelStudio
from service.labelstudio.exports import Exports
from service.settings import Settings
from training.annotations import read
from training.dataset import build, divide, is_held_out

EXPORT_SECONDS = 60.0
KEY = "0123456789abcdef0123456789abcdef01234567"


def converted(url: str, tasks: int) -> dict[str, Any]:
    """Convert the project with `tasks` tasks in a new process. Returns the object that it prints."""
    command = [sys.executable, "-m", "benchmarks.conversion", url, str(tasks)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    printed: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return printed


def peak() -> float:
    """The peak resident memory of this process, in MB of 10^6 bytes.

    It comes from /proc, because the peak of getrusage includes the process that started this one.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e6


def starter() -> Any:
    """The embedded model. Only this function imports torch."""
    from service.model.model import Model
    from service.settings import STARTER

    return Model.load(str(STARTER), "cpu")


def main(url: str, tasks: int) -> None:
    """Export, read and convert the project, stage by stage."""
    stages: dict[str, dict[str, float]] = {}
    clock = time.perf_counter()

    def done(stage: str) -> None:
        nonlocal clock
        now = time.perf_counter()
        stages[stage] = {"seconds": now - clock, "peak_mb": peak()}
        clock = now

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "project.json"
        done("imported")
        settings = Settings(label_studio_url=url, label_studio_api_key=SecretStr(KEY))
        exports = Exports(LabelStudio(settings, EXPORT_SECONDS))
        label_config = exports.label_config(tasks)
        exports.download(tasks, path)
        done("exported")
        documents = read(path, 1, label_config).documents
        done("read")
        training, _ = divide([document for document in documents if not is_held_out(document.text)])
        model = starter()
        done("model loaded")
        examples = build(training, model).examples
        done("built")
    sys.stdout.write(json.dumps({"tasks": tasks, "examples": len(examples), "stages": stages}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
