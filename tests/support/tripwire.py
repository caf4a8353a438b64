"""A file that hostile bytes create where they are run: in a pickle, in YAML, as a program, in a template."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any


class Tripwire:
    """Bytes that create `path` if a program runs them."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.path), "w")

    @property
    def tripped(self) -> bool:
        """Whether something has run the bytes."""
        return self.path.exists()

    @property
    def pickled(self) -> bytes:
        return pickle.dumps(self)

    @property
    def program(self) -> str:
        """A line of Python."""
        return f"open({str(self.path)!r}, 'w')\n"

    @property
    def yaml(self) -> str:
        return f"!!python/object/apply:builtins.open [{str(self.path)!r}, 'w']\n"

    @property
    def template(self) -> str:
        """An expression for Jinja."""
        return "{{ cycler.__init__.__globals__.__builtins__.open(%r, 'w') }}" % str(self.path)  # noqa: UP031
