"""What an earlier release left behind on a cluster: tests/fixtures/README.md says what that is.

No code under test is used here.

    python -m tests.support.past_release FOLDER   # write the code of the newest release that was kept
"""

from __future__ import annotations

import base64
import json
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.support import oci_layout

FOLDER = Path(__file__).parents[1] / "fixtures" / "releases"
NAME = "loop-spanloop"
"""The release's full name, with which the names of its objects begin."""
FACTS, OBJECTS, VERSIONS = "release.json", "objects.json", "registry.tar.xz"
"""The files of a release beside its chart."""
CODE = "application/vnd.spanloop.bento.code.v1.tar"
"""The media type of the layer with a Bento's code."""

Object = dict[str, Any]


@dataclass(frozen=True)
class PastRelease:
    """A release that was kept."""

    folder: Path

    @cached_property
    def _facts(self) -> Object:
        found: Object = json.loads((self.folder / FACTS).read_text(encoding="utf-8"))
        return found

    @property
    def version(self) -> str:
        """The release's number."""
        return self.folder.name

    @property
    def chart(self) -> Path:
        """The packed chart."""
        (found,) = self.folder.glob("*.tgz")
        return found

    @property
    def live(self) -> str:
        """The model's version that served at the end."""
        return str(self._facts["live"])

    @property
    def answers(self) -> dict[str, list[Object]]:
        """By the model's version, the initial one's too: the spans (start, end, label) that it found in texts."""
        found: dict[str, list[Object]] = self._facts["answers"]
        return found

    def objects(self, kind: str, repository: str = "") -> list[Object]:
        """The objects of a kind, as `deployments`. Their references name `repository`; empty: the release's own."""
        text = (self.folder / OBJECTS).read_text(encoding="utf-8")
        found: list[Object] = json.loads(text.replace(self.repository, repository or self.repository))[kind]
        return found

    def named(self, kind: str, name: str, repository: str = "") -> Object:
        """One object; `name` follows the release's, as `extractor`."""
        wanted = f"{NAME}-{name}"
        (found,) = [one for one in self.objects(kind, repository) if one["metadata"]["name"] == wanted]
        return found

    @property
    def repository(self) -> str:
        """The repository of the versions, as the references name it."""
        return str(self._facts["repository"])

    @property
    def certificate(self) -> str:
        """The certificate of the key by which the versions are signed, in PEM."""
        return base64.b64decode(self.named("secrets", "signing")["data"]["tls.crt"]).decode()

    def record(self, repository: str) -> Object:
        """The ConfigMap with the state of the release, to be applied for a release with another repository."""
        found = self.named("configmaps", "state", repository)
        named = {key: found["metadata"][key] for key in ("name", "labels")}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": named, "data": found["data"]}

    def publish(self, host: str, name: str) -> None:
        """Put the versions into a registry's repository, with their tags, digests and signatures."""
        with self._layout() as layout:
            oci_layout.put(layout, host, name)

    def write_code(self, folder: Path) -> None:
        """Write the release's code, which is in the Bento of the version that served."""
        with self._layout() as layout, tarfile.open(oci_layout.layer(layout, self.live, CODE)) as archive:
            archive.extractall(folder, filter="data")

    @contextmanager
    def _layout(self) -> Iterator[Path]:
        """The repository of the versions, unpacked."""
        with tempfile.TemporaryDirectory() as folder:
            with tarfile.open(self.folder / VERSIONS) as archive:
                archive.extractall(folder, filter="data")
            yield Path(folder)


def kept() -> list[PastRelease]:
    """All releases that were kept, the oldest first."""
    folders = [folder for folder in FOLDER.iterdir() if folder.is_dir()] if FOLDER.exists() else []
    return [PastRelease(folder) for folder in sorted(folders, key=lambda folder: _number(folder.name))]


def last() -> PastRelease:
    """The newest release that was kept."""
    return kept()[-1]


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


if __name__ == "__main__":
    if not kept():
        sys.exit("No release was kept, so no code was written.")
    last().write_code(Path(sys.argv[1]))
