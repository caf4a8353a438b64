"""A directory to prepare files in before they are put in place with one rename."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def workplace(path: Path) -> Iterator[Path]:
    """The directory `path`, empty and ours alone: others that want it wait. Nothing of it is left at the end.

    What a killed process left in it is deleted first. The lock beside it stays, an empty file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f"{path.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if path.exists():
            shutil.rmtree(path)
        path.mkdir()
        try:
            yield path
        finally:
            shutil.rmtree(path)
