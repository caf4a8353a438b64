"""What stands beside a release, where pods reach it: a real Label Studio and a registry."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.end_to_end.studio import Studio
from tests.support import label_studio
from tests.support.servers import free_port

from .registry import OwnRegistry

HOST = os.environ.get("SPANLOOP_TEST_HOST", "127.0.0.1")
"""This machine as pods reach it."""
PROGRAM = Path(os.environ.get("LABEL_STUDIO", "label-studio"))


@contextmanager
def label_studio_in(folder: Path) -> Iterator[Studio]:
    """Label Studio with its data in a folder, while the context lasts."""
    port = free_port(0)
    server = label_studio.start(PROGRAM, folder, port, HOST)
    try:
        server.wait()
        yield Studio(f"http://{HOST}:{port}")
    finally:
        server.stop()


@contextmanager
def registry_in(folder: Path) -> Iterator[OwnRegistry]:
    """A registry with its blobs in a folder, while the context lasts."""
    folder.mkdir(exist_ok=True)
    registry = OwnRegistry(folder, f"{HOST}:{free_port(0)}")
    try:
        yield registry
    finally:
        registry.stop()
