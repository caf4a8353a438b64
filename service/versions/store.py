"""The published versions of one machine, in BentoML's local store.

A version is a Bento `spanloop:VERSION` with its model `spanloop-model:VERSION`. It exists once the Bento is marked
complete. An incomplete Bento was left by a killed publication; its run replaces it when it is resumed.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import requires, version
from pathlib import Path

from packaging.requirements import Requirement

from service.settings import ROOT
from service.versions import lineage as lineages
from service.versions.card import card
from service.versions.lineage import Lineage
from service.versions.signature import Sign, unsigned
from service.versions.staging import workplace

log = logging.getLogger(__name__)

BENTO_NAME = "spanloop"
MODEL_NAME = "spanloop-model"
COMPLETE_MARKER = "complete"
CODE_FOLDERS = ("service", "training", "spanloop")
BYTECODE_FOLDER = "__pycache__"
"""Where Python keeps the bytecode of a folder's modules, and takes it from in place of the source."""


class UnknownVersion(LookupError):
    """The store has no such version."""


class BentoStore:
    """The versions in the BentoML store under one home directory."""

    def __init__(self, home: Path) -> None:
        self.home = home / "bentoml"
        self.home.mkdir(parents=True, exist_ok=True)
        self._read: dict[str, tuple[int, Lineage]] = {}
        """The lineages that were listed, with the time of the version's marker: a lineage is written once."""
        os.environ["BENTOML_HOME"] = str(self.home)
        os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")

    def versions(self) -> list[Lineage]:
        """All published versions that can be read, the newest first."""
        bentos = self.home / "bentos" / BENTO_NAME
        readable = [
            lineage for path in bentos.glob(f"*/{COMPLETE_MARKER}") if (lineage := self._readable(path.parent.name))
        ]
        return sorted(readable, key=lambda lineage: lineage.created, reverse=True)

    def _readable(self, version: str) -> Lineage | None:
        """A version's lineage; None, with a warning, for a version that this program cannot read."""
        try:
            written = self._marker(version).stat().st_mtime_ns
            known = self._read.get(version)
            if known is None or known[0] != written:
                self._read[version] = known = written, self.get(version)
            return known[1]
        except (UnknownVersion, lineages.FormatError, OSError, ValueError) as error:
            log.warning("version %s is skipped: %s", version, error)
            return None

    def get(self, version: str) -> Lineage:
        """A version's lineage. Raises UnknownVersion, and FormatError for a newer format."""
        return lineages.read(self.fetch(version))

    def fetch(self, version: str) -> Path:
        """The directory of a version's model. Raises UnknownVersion."""
        folder = self.home / "models" / MODEL_NAME / version
        if not version or not self._marker(version).exists() or not folder.exists():
            raise UnknownVersion(f"There is no version {version!r}; `spanloop versions` lists them.")
        return folder

    def bento(self, version: str) -> Path:
        """The directory of a version's Bento, which may be missing."""
        return self.home / "bentos" / BENTO_NAME / version

    def document(self, version: str, name: str) -> bytes:
        """A file that describes a version: its report or its verdict.

        Raises UnknownVersion for a version that is not there or has no such file.
        """
        file = self.fetch(version) / name
        if not file.is_file():
            raise UnknownVersion(f"Version {version} has no {name}.")
        return file.read_bytes()

    def with_digest(self, digest: str) -> Lineage | None:
        """The version that was made from exactly these annotations, base and recipe; None if there is none."""
        return next((lineage for lineage in self.versions() if lineage.digest == digest), None)

    def publish(self, lineage: Lineage, save_model: Callable[[Path], None], sign: Sign = unsigned) -> None:
        """Put a new version into the store. It becomes visible only when it is complete and signed.

        `save_model` writes the model into an empty directory. Raises ValueError if the store has the version already,
        and what `save_model`, `sign` and BentoML raise; nothing of the version stays then.
        """
        if self._marker(lineage.version).exists():
            raise ValueError(f"Version {lineage.version} is in the store already; it was left as it is.")
        self._discard(lineage.version)
        try:
            self._build(lineage, save_model)
            self._sign(lineage.version, sign)
        except BaseException:
            self._discard(lineage.version)
            raise
        self._marker(lineage.version).touch()

    def sign(self, version: str, sign: Sign) -> None:
        """Sign a version that was published without a signature, or sign it anew. Raises UnknownVersion."""
        self.fetch(version)
        self._sign(version, sign)

    def _sign(self, version: str, sign: Sign) -> None:
        sign(self.home / "models" / MODEL_NAME / version, ())
        sign(self.bento(version), (COMPLETE_MARKER,))

    def _build(self, lineage: Lineage, save_model: Callable[[Path], None]) -> None:
        """Make the model and the Bento of a version. Its files are complete afterwards, and it is not visible yet."""
        import bentoml  # heavy: only a run that publishes pays for it

        tag = f"{MODEL_NAME}:{lineage.version}"
        labels = {"spanloop.dev/base": Path(lineage.base).name, "spanloop.dev/run": lineage.run}
        with (
            workplace(self.home / ".publish") as stage,
            _temporary_files_in(stage),
            bentoml.models.create(tag, labels=labels) as model,
        ):
            save_model(Path(model.path))
            lineages.write(Path(model.path), lineage)
        with tempfile.TemporaryDirectory(prefix="spanloop-bento-") as folder:
            _stage(Path(folder), lineage)
            bentoml.build(
                "service.main:Spanloop",
                name=BENTO_NAME,
                version=lineage.version,
                labels=labels,
                description=card(lineage, f"models/{MODEL_NAME}/{lineage.version}"),
                include=["**"],
                models=[tag],
                build_ctx=folder,
                python={"lock_packages": False, "requirements_txt": "requirements.txt"},
            )

    def _discard(self, version: str) -> None:
        """Delete what a publication has left that failed or was killed."""
        shutil.rmtree(self.home / "models" / MODEL_NAME / version, ignore_errors=True)
        shutil.rmtree(self.bento(version), ignore_errors=True)

    def delete(self, version: str) -> None:
        """Take a version out of the store. Raises UnknownVersion."""
        self.fetch(version)
        self._marker(version).unlink()  # first: without its marker a half-deleted version does not exist
        shutil.rmtree(self.bento(version))
        shutil.rmtree(self.home / "models" / MODEL_NAME / version)

    def _marker(self, version: str) -> Path:
        """The file that marks a Bento as complete: the program may be killed while BentoML copies into its store."""
        return self.bento(version) / COMPLETE_MARKER


@contextmanager
def _temporary_files_in(folder: Path) -> Iterator[None]:
    """Let BentoML's temporary files, a whole model, lie there: a killed publication leaves them, and the next one
    deletes them."""
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before


def _stage(folder: Path, lineage: Lineage) -> None:
    """Write what a Bento holds besides its model: the code, the version's lineage and the requirements."""
    for name in CODE_FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns(BYTECODE_FOLDER))
    _keep_bytecode_out(folder)
    lineages.write(folder, lineage)
    needed = [Requirement(text) for text in requires("spanloop") or ()]
    pins = sorted(f"{r.name}=={version(r.name).partition('+')[0]}" for r in needed if r.marker is None)
    (folder / "requirements.txt").write_text("\n".join(pins) + "\n", encoding="utf-8")


def _keep_bytecode_out(folder: Path) -> None:
    """Put an empty file where Python would make a folder of bytecode: who serves the Bento adds no file to what is
    signed."""
    for package in {module.parent for module in folder.rglob("*.py")}:
        (package / BYTECODE_FOLDER).touch()
