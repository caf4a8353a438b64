"""Replaces files atomically: a reader sees either the old content or the new content."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

OF_A_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO})


def is_of_a_disk(error: BaseException) -> bool:
    """Whether a disk is full, broken, or one that this program may not write to. Such an error names itself."""
    return isinstance(error, OSError) and error.errno in OF_A_DISK


def replace_text(path: Path, text: str) -> None:
    """Write `text` (UTF-8) to a file beside `path`, flush it to disk and rename it to `path`. Raises OSError.

    If this fails, the old file is unchanged. What a writer leaves that is killed, the next one takes for its own.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    name = path.with_name(f".{path.name}.partial")
    with _held(name) as partial:
        try:
            partial.truncate(0)
            partial.write(text)
            partial.flush()
            os.fsync(partial.fileno())
            name.replace(path)
        except BaseException:
            name.unlink(missing_ok=True)
            raise


@contextmanager
def _held(path: Path) -> Iterator[TextIO]:
    """Open a file that only its owner may read, and wait until no other writer holds it."""
    while True:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as partial:  # closing it ends the hold, also after an error
            fcntl.flock(partial, fcntl.LOCK_EX)
            if _is_at(path, partial):
                yield partial
                return
        # The writer before has renamed it meanwhile.


def _is_at(path: Path, handle: TextIO) -> bool:
    try:
        return os.path.samestat(os.fstat(handle.fileno()), path.stat())
    except FileNotFoundError:
        return False
