"""A directory to prepare files in before they are put in place with one rename."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def workplace(path: Path) -> Iterator[Path]:
    """Yield the directory `path`, empty and locked: other processes that want it wait. It is deleted at the end.

    What a killed process left in it is deleted first. The lock, an empty file beside it, stays.
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
