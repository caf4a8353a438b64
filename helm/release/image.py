"""The image of a release: built, written to a folder, and listed by what it is made of."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from helm.release.programs import output
from helm.release.source import Source
from service.versions.oci.manifest import Descriptor


@dataclass(frozen=True)
class Layout:
    """One image in a folder, as the OCI image layout has it."""

    folder: Path

    @cached_property
    def manifest(self) -> bytes:
        """The bytes of its manifest."""
        (only,) = json.loads((self.folder / "index.json").read_bytes())["manifests"]
        return self.path(Descriptor.model_validate(only)).read_bytes()

    @property
    def blobs(self) -> list[Descriptor]:
        """Its config and its layers."""
        content = json.loads(self.manifest)
        return [Descriptor.model_validate(one) for one in (content["config"], *content["layers"])]

    def path(self, blob: Descriptor) -> Path:
        return self.folder / "blobs" / blob.digest.replace(":", "/")


def build(engine: str, name: str, base: str, folder: Path) -> Layout:
    """Build the image under this name as `make image` does, and write it to a folder. Raises Refused."""
    output("make", "image", f"IMAGE={name}", f"ENGINE={engine}", *([f"BASE={base}"] if base else []), shown=True)
    output(engine, "push", "--quiet", name, f"oci:{folder}:image")
    return Layout(folder)


def sbom(engine: str, name: str, source: Source) -> bytes:
    """The image's list of materials, which a program in it writes. Raises Refused."""
    epoch = f"--env=SOURCE_DATE_EPOCH={int(source.time.timestamp())}"
    return output(engine, "run", "--rm", epoch, name, "python", "-m", "service.versions.sbom")
