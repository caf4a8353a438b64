"""The projects of one machine's backend, kept in a file."""

from __future__ import annotations

from pathlib import Path

from service.backend.projects import Projects
from service.files import replace_text


class FileProjects(Projects):
    """Projects kept in a file of the home directory."""

    def __init__(self, home: Path) -> None:
        self._path = home / "projects.json"
        super().__init__()

    def _read(self) -> str:
        return self._path.read_text(encoding="utf-8") if self._path.exists() else ""

    def _write(self, content: str) -> None:
        replace_text(self._path, content)
