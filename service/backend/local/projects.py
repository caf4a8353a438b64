"""The projects of one machine's backend, kept in a file."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.backend.projects import Projects
from service.files import replace_text

FILE = "projects.json"
"""The file of the home directory that holds them."""


class FileProjects(Projects):
    """Projects kept in a file of the home directory, which a backend and the command line change."""

    def __init__(self, home: Path) -> None:
        self._path = home / FILE
        self._lock_path = home / "projects.lock"
        super().__init__()

    def tick(self) -> None:
        with self._locked():
            content = self.merge(self._read())
            if content is not None:
                replace_text(self._path, content)
                self.written(content)

    def flush(self) -> None:
        self.tick()

    def _read(self) -> str:
        return self._path.read_text(encoding="utf-8") if self._path.exists() else ""

    def _note(self) -> None:
        """The next tick writes: /setup must answer at once, even on a full disk."""

    def _save_unreadable(self, content: str) -> None:
        replace_text(self._path.with_name(f"{self._path.name}.unreadable"), content)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other processes from changing the file meanwhile."""
        self._lock_path.parent.mkdir(parents=True, exist_ok=True)
        with self._lock_path.open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
