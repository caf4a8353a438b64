"""Debian's PostgreSQL with a database of its own, for a Label Studio."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.servers import ServerFailed, free_port

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
    listening = ("-p", port, "-k", "", "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off")
    with (folder / "log.txt").open("wb") as log:
        command = _command("postgres", "-D", data, *listening)
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/")
    _await(process, port)
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
        process.send_signal(signal.SIGQUIT)
        process.wait(30)


def _await(process: subprocess.Popen[bytes], port: int, seconds: float = 60) -> None:
    """Wait until the database answers. Raises ServerFailed."""
    deadline = time.monotonic() + seconds
    asked = _command("pg_isready", "-q", "-h", "127.0.0.1", "-p", port)
    while subprocess.run(asked, cwd="/").returncode != 0:
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise ServerFailed("PostgreSQL does not answer; its log is beside its data.")
        time.sleep(0.1)


def _run(program: str, *arguments: object) -> None:
    subprocess.run(_command(program, *arguments), check=True, stdout=subprocess.DEVNULL, cwd="/")


def _command(program: str, *arguments: object) -> list[str]:
    as_user = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"] if os.geteuid() == 0 else []
    return [*as_user, str(PROGRAMS[0] / program), *map(str, arguments)]
