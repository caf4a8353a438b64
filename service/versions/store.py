"""Where published versions are kept: on one machine BentoML's local store.

A version is a Bento `spanloop:VERSION` that brings its model `spanloop-model:VERSION`. It exists once the Bento is
marked complete: anything less is what a killed publication left, and is replaced when its run is resumed.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from importlib.metadata import requires, version
from pathlib import Path

from packaging.requirements import Requirement

from service.settings import ROOT
from service.versions import lineage as lineages
from service.versions.lineage import Lineage

log = logging.getLogger(__name__)

BENTO_NAME = "spanloop"
MODEL_NAME = "spanloop-model"
COMPLETE_MARKER = "complete"
CODE_FOLDERS = ("service", "training")


class UnknownVersion(LookupError):
    """The store has no such version."""


class BentoStore:
    """The versions in the BentoML store under one home directory."""

    def __init__(self, home: Path) -> None:
        self.home = home / "bentoml"
        self.home.mkdir(parents=True, exist_ok=True)
        os.environ["BENTOML_HOME"] = str(self.home)
        os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")

    def versions(self) -> list[Lineage]:
        """All published versions that can be read, the newest first."""
        bentos = self.home / "bentos" / BENTO_NAME
        found = [
            lineage for path in bentos.glob(f"*/{COMPLETE_MARKER}") if (lineage := self._readable(path.parent.name))
        ]
        return sorted(found, key=lambda lineage: lineage.created, reverse=True)

    def _readable(self, version: str) -> Lineage | None:
        """A version's lineage; None for one that this program cannot serve, which must not hide the others."""
        try:
            return self.get(version)
        except (UnknownVersion, lineages.FormatError, OSError, ValueError) as error:
            log.warning("version %s is passed over: %s", version, error)
            return None

    def get(self, version: str) -> Lineage:
        return lineages.read(self.fetch(version))

    def fetch(self, version: str) -> Path:
        """The directory of a version's model. Raises UnknownVersion."""
        folder = self.home / "models" / MODEL_NAME / version
        if not version or not self._marker(version).exists() or not folder.exists():
            raise UnknownVersion(f"There is no version {version!r}; `python -m service versions` lists them.")
        return folder

    def with_digest(self, digest: str) -> Lineage | None:
        """The version that was made from exactly these annotations, base and recipe."""
        return next((lineage for lineage in self.versions() if lineage.digest == digest), None)

    def publish(self, lineage: Lineage, save_model: Callable[[Path], None]) -> None:
        """Put a new version into the store; it is not there until all of it is.

        `save_model` writes the model into an empty directory. Publishing a version again is refused.
        """
        import bentoml  # heavy: only a run that publishes pays for it

        if self._marker(lineage.version).exists():
            raise ValueError(f"Version {lineage.version} is in the store already; it was left as it is.")
        shutil.rmtree(self.home / "models" / MODEL_NAME / lineage.version, ignore_errors=True)
        shutil.rmtree(self.home / "bentos" / BENTO_NAME / lineage.version, ignore_errors=True)
        tag = f"{MODEL_NAME}:{lineage.version}"
        labels = {"spanloop.dev/base": Path(lineage.base).name, "spanloop.dev/run": lineage.run}
        with bentoml.models.create(tag, labels=labels) as model:
            save_model(Path(model.path))
            lineages.write(Path(model.path), lineage)
        with tempfile.TemporaryDirectory(prefix="spanloop-bento-") as folder:
            _stage(Path(folder), lineage)
            bentoml.build(
                "service.main:Spanloop",
                name=BENTO_NAME,
                version=lineage.version,
                labels=labels,
                include=["**"],
                models=[tag],
                build_ctx=folder,
                python={"lock_packages": False, "requirements_txt": "requirements.txt"},
            )
        self._marker(lineage.version).touch()

    def delete(self, version: str) -> None:
        """Take a version out of the store. Raises UnknownVersion."""
        self.fetch(version)
        self._marker(version).unlink()  # first: from now on it is not there, whatever is left of it
        shutil.rmtree(self.home / "bentos" / BENTO_NAME / version)
        shutil.rmtree(self.home / "models" / MODEL_NAME / version)

    def _marker(self, version: str) -> Path:
        """The file that says a Bento is complete: BentoML copies into its store, and may be killed while it does."""
        return self.home / "bentos" / BENTO_NAME / version / COMPLETE_MARKER


def _stage(folder: Path, lineage: Lineage) -> None:
    """What a Bento holds besides its model: the code, and which version it is."""
    for name in CODE_FOLDERS:
        source, target = ROOT / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    lineages.write(folder, lineage)
    needed = [Requirement(text) for text in requires("spanloop") or ()]
    pins = sorted(f"{r.name}=={version(r.name).partition('+')[0]}" for r in needed if r.marker is None)
    (folder / "requirements.txt").write_text("\n".join(pins) + "\n", encoding="utf-8")
