"""A Secret that is mounted as a file and may be replaced while programs read it."""

from __future__ import annotations

import logging
from pathlib import Path

log = logging.getLogger(__name__)


class MountedSecret:
    """The text of a file, read anew each time: Kubernetes replaces a mounted Secret a minute after it has changed.

    A file that cannot be read for a while, or is empty because it is being written, counts as unchanged.
    """

    def __init__(self, path: Path) -> None:
        """Raises ValueError if the file cannot be read at first."""
        self._path = path
        try:
            self._last = self._content()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"a secret cannot be read from its file: {error}") from error

    def read(self) -> str:
        """The text without white space around it."""
        try:
            content = self._content()
        except (OSError, UnicodeDecodeError) as error:
            log.warning("the secret in %s cannot be read any more and counts as unchanged: %s", self._path, error)
            return self._last
        if content and content != self._last:
            log.info("the secret in %s has changed, and its new content counts from now on", self._path)
            self._last = content
        return self._last

    def _content(self) -> str:
        return self._path.read_text(encoding="utf-8").strip()
