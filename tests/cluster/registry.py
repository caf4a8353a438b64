"""A registry of this machine that pods reach and a test can stop."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.servers import Server


class OwnRegistry:
    """Debian's docker-registry; what it holds outlives a stop."""

    def __init__(self, folder: Path, address: str) -> None:
        self.address = address
        self._folder = folder
        config = {
            "version": "0.1",
            "storage": {"filesystem": {"rootdirectory": str(folder / "blobs")}, "delete": {"enabled": True}},
            "http": {"addr": address, "relativeurls": True},
            "health": {"storagedriver": {"enabled": False}},
        }
        (folder / "config.yml").write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML
        self.start()

    def start(self) -> None:
        command = ["docker-registry", "serve", str(self._folder / "config.yml")]
        self._server = Server("docker-registry", command, {}, f"http://{self.address}", self._folder / "log.txt")
        self._server.wait(path="/v2/")

    def stop(self) -> None:
        self._server.stop()
