"""The home directory: can it be written, who may read it, and has it room?"""

from __future__ import annotations

import shutil
import stat
import tempfile
from pathlib import Path

from spanloop.doctor.finding import Finding, look, ok, unchecked, wrong

WRITABLE, PRIVATE, SPACE = "The home directory", "Its permissions", "Its disk space"
VARIABLE = "SPANLOOP_HOME"

GIB = 1 << 30
FEW, FEWEST = 10 * GIB, 2 * GIB
"""A run keeps up to five times its model: 3 GiB with gliner_small-v2.1, 9 GiB with gliner_large-v2.1."""


def checks(home: Path) -> list[Finding]:
    """What is to be said of the home directory. It is not made: the first program that needs it does that."""
    try:
        is_there = home.exists()
    except OSError as error:  # a directory above it is closed to this user
        return [_closed(home, error), *_not_there("the home directory cannot be reached")]
    if not is_there:
        parent = next(folder for folder in home.parents if folder.exists())
        there = _writable(parent)
        if there:
            return [there, *_not_there("the home directory cannot be made")]
        return [
            ok(WRITABLE, f"{home} is not there yet, and the first start makes it."),
            _permissions(None),
            space(parent),
        ]
    return [_writable(home) or ok(WRITABLE, f"{home} can be written."), _permissions(home), space(home)]


def _not_there(why: str) -> list[Finding]:
    return [unchecked(check, why) for check in (PRIVATE, SPACE)]


def _writable(folder: Path) -> Finding | None:
    """What keeps this user from writing into a directory; None if nothing does."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return _closed(folder, error)


def _closed(folder: Path, error: OSError) -> Finding:
    return wrong(
        WRITABLE,
        f"Nothing can be written to {folder} ({error.strerror or error}).",
        "Neither versions nor runs can be kept.",
        f"Give this user the directory (chown), or set {VARIABLE} to another one.",
    )


def _permissions(home: Path | None) -> Finding:
    if home is None:
        return unchecked(PRIVATE, "the directory is not there yet")
    mode = stat.S_IMODE(home.stat().st_mode)
    if not mode & (stat.S_IRWXG | stat.S_IRWXO):
        return ok(PRIVATE, "Only its owner reaches it.")
    return look(
        PRIVATE,
        f"Other users of this machine reach {home} (mode {mode:04o}).",
        "They may read pieces of your texts, and whoever may write there may exchange the model.",
        f"chmod 700 {home}",
    )


def space(folder: Path) -> Finding:
    """Whether the volume of a directory has room for a run."""
    free = shutil.disk_usage(folder).free
    told = f"{free / GIB:.1f} GiB are free."
    if free >= FEW:
        return ok(SPACE, told)
    cure = f"Free some, delete old versions with `spanloop prune`, or set {VARIABLE} to a larger volume."
    if free >= FEWEST:
        return look(SPACE, told, "A run keeps up to five times its model, 9 GiB with a large one.", cure)
    return wrong(SPACE, told, "A run needs more, even with a small model, and stops when it begins.", cure)
