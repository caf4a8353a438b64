"""Debian's PostgreSQL with a database of its own, for a Label Studio."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.servers import free_port

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
"""Where Debian has its versions, the newest first; empty where none is installed."""
USER = "postgres"
"""PostgreSQL does not run as root: Debian's user of the package is it then."""


@contextmanager
def serving(folder: Path) -> Iterator[dict[str, str]]:
    """Serve an empty database below `folder` while the context lasts. Yields the variables that Label Studio reads."""
    port, data = free_port(0), folder / "data"
    folder.mkdir(parents=True)
    if os.geteuid() == 0:
        shutil.chown(folder, USER)
        for parent in folder.parents[:-2]:
            parent.chmod(parent.stat().st_mode | 0o111)
    _run("initdb", "-D", data, "-U", "studio", "-A", "trust", "--no-sync")
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    _run("pg_ctl", "-D", data, "-w", "-l", folder / "log.txt", "-o", options, "start")
    try:
        yield {
            "DJANGO_DB": "default",
            "POSTGRE_NAME": "postgres",
            "POSTGRE_USER": "studio",
            "POSTGRE_PASSWORD": "any",
            "POSTGRE_HOST": "127.0.0.1",
            "POSTGRE_PORT": str(port),
        }
    finally:
        _run("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")


def _run(program: str, *arguments: object) -> None:
    command = [str(PROGRAMS[0] / program), *map(str, arguments)]
    as_user = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"] if os.geteuid() == 0 else []
    subprocess.run([*as_user, *command], check=True, stdout=subprocess.DEVNULL, cwd="/")
