"""Podman with an image store of its own, and containers as restricted as the chart's pods."""

from __future__ import annotations

import ctypes
import os
import resource
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

RESTRICTED = ("--read-only", "--read-only-tmpfs=false", "--cap-drop=all", "--security-opt=no-new-privileges")
CLONE_NEWNET = 0x40000000


class Podman:
    """Podman, which keeps all its files in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # These options work without systemd, and with control groups of both versions.
        self._command = ["podman", f"--root={folder / 'images'}", f"--runroot={folder / 'run'}"]
        self._command += ["--cgroup-manager=cgroupfs", "--runtime=runc"]
        # Otherwise podman raises these limits, and root in a container may not do that.
        self._limits = [f"--ulimit=nofile={resource.getrlimit(resource.RLIMIT_NOFILE)[0]}", "--ulimit=nproc=4096"]

    def attempt(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run podman without checking its exit status. `stdout` holds both of its outputs."""
        command = [*self._command, *arguments]
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=3600)

    def __call__(self, *arguments: str) -> str:
        done = self.attempt(*arguments)
        assert done.returncode == 0, f"podman {' '.join(arguments)}:\n{done.stdout}"
        return done.stdout

    @property
    def for_compose(self) -> list[str]:
        """The options with which podman-compose uses this podman."""
        return [f"--podman-args={' '.join(self._command[1:])}", f"--podman-run-args={' '.join(self._limits)}"]

    def engine(self, built: str) -> Path:
        """A program that is this podman for `make`. It takes an image that is there for each that it should build."""
        podman = shlex.join(self._command)
        path = self.folder / "engine"
        path.write_text(
            f"""#!/bin/sh
case $1 in
  build) exec {podman} tag {built} "$3" ;;  # build --tag NAME …
  run) shift; exec {podman} run {shlex.join(self._limits)} --network=none "$@" ;;
esac
exec {podman} "$@"
""",
            encoding="utf-8",
        )
        path.chmod(0o755)
        return path

    def build(self, context: Path, tag: str, *arguments: str) -> None:
        """Build an image without network."""
        self("build", *self._limits, "--network=none", f"--tag={tag}", *arguments, str(context))

    def run(self, *arguments: str) -> str:
        """Run a restricted container to its end. `arguments`: options, image, command. Returns its output."""
        return self("run", "--rm", *self._limits, "--network=none", *RESTRICTED, *arguments)

    @contextmanager
    def started(self, *arguments: str, network: str = "none") -> Iterator[Container]:
        """A restricted container that runs until the context ends."""
        started = self("run", "--detach", *self._limits, f"--network={network}", *RESTRICTED, *arguments)
        container = Container(self, started.strip())
        try:
            yield container
        except BaseException:
            print(container.log)
            raise
        finally:
            self("rm", "--force", "--time=0", container.id)

    def close(self) -> None:
        """Delete all containers and images."""
        self.attempt("rm", "--all", "--force", "--time=0")
        self.attempt("image", "umount", "--all", "--force")
        subprocess.run(["umount", self.folder / "images" / "overlay"], capture_output=True)
        shutil.rmtree(self.folder)


@dataclass(frozen=True)
class Container:
    """A started container."""

    podman: Podman
    id: str

    @property
    def log(self) -> str:
        return self.podman.attempt("logs", self.id).stdout

    @contextmanager
    def network(self) -> Iterator[None]:
        """Move this thread to the container's network until the context ends."""
        pid = self.podman("inspect", "--format={{.State.Pid}}", self.id).strip()
        with Path("/proc/thread-self/ns/net").open() as here, Path(f"/proc/{pid}/ns/net").open() as there:
            _enter(there.fileno())
            try:
                yield
            finally:
                _enter(here.fileno())

    def stop(self) -> int:
        """Stop the container with SIGTERM, as Kubernetes does. Returns the exit status."""
        self.podman("stop", "--time=60", self.id)
        return int(self.podman("inspect", "--format={{.State.ExitCode}}", self.id))


def empty_dirs(folder: Path, *paths: str) -> list[str]:
    """Options that mount writable folders, as the kubelet does for emptyDir volumes."""
    options = []
    for path in paths:
        made = folder / path.strip("/").replace("/", "-")
        made.mkdir()
        made.chmod(0o777)
        options.append(f"--volume={made}:{path}")
    return options


def _enter(namespace: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
