"""The programs that make a release: git, make, podman and helm."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence

from service.settings import ROOT


class Refused(RuntimeError):
    """The release is not made. The message says what was pushed."""


def require(*names: str) -> None:
    """Raises Refused if one of these programs is not installed."""
    missing = [name for name in names if not shutil.which(name)]
    if missing:
        raise Refused(f"{', '.join(missing)} is not installed. Nothing was pushed. Install it and run this again.")


def output(*command: str, shown: bool = False) -> bytes:
    """What a program prints, run in the checkout; with `shown` people read it instead. Raises Refused if it fails."""
    done = subprocess.run(command, cwd=ROOT, stdout=None if shown else subprocess.PIPE)
    if done.returncode:
        raise Refused(
            f"`{_short(command)}` ended with status {done.returncode}; it says why above. Nothing was pushed by it. "
            "Mend that and run this again: what the registry has already is left as it is."
        )
    return done.stdout or b""


def _short(command: Sequence[str]) -> str:
    return " ".join(command[:3])
