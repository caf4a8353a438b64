"""One project of a run: what Label Studio has of it is written into the run's folder and read from there."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from service.files import replace_text
from service.labelstudio.exports import Exports, Report
from service.labelstudio.passages import Fetch
from service.labelstudio.task_file import TaskFile
from training.annotations import Export, Told, read, read_texts
from training.exclusion import NOTHING, Exclusion


class Origin(msgspec.Struct):
    """Where an export comes from. What was exported is of no use with another label config or Label Studio."""

    url: str
    label_config: str


class ProjectExport:
    """The files of one project in a run's folder. Their names begin with `project-`."""

    def __init__(self, folder: Path, project: int) -> None:
        self._project = project
        self._annotated = folder / f"project-{project}.json"
        self._unannotated = folder / f"project-{project}-unannotated.json"
        self._origin = folder / f"project-{project}-origin.json"

    def download(self, exports: Exports, spare: int, report: Report) -> None:
        """Write the label config, up to `spare` tasks without annotations, and all annotated tasks.

        A run that is resumed learns from its first export: where that is complete nothing is asked for, and where it
        was cut off it goes on. It begins anew where the run asks another Label Studio than before, or where the label
        config has changed before the export was complete. Raises LabelStudioError.
        """
        known = self._known()
        if known and known.url == exports.url and self._annotated.exists():  # it is written last
            return
        origin = Origin(exports.url, exports.label_config(self._project))
        if origin != known:
            TaskFile.discard(self._annotated)
            replace_text(self._origin, msgspec.json.encode(origin).decode())
        unannotated = list(exports.unannotated(self._project, spare))
        self._unannotated.write_text(json.dumps(unannotated), encoding="utf-8")
        exports.download(self._project, self._annotated, report)

    def read(self, fetch: Fetch, told: Told, excluded: Exclusion = NOTHING) -> Export:
        """The annotated documents, without what is excluded.

        `told` gets how many tasks are read while texts are fetched. Raises LabelConfigError.
        """
        return read(self._annotated, self._project, self.label_config, fetch, told, excluded)

    def read_spare(self, fetch: Fetch) -> list[str]:
        """The texts of tasks without annotations. Raises LabelConfigError."""
        return read_texts(self._unannotated, self.label_config, fetch)

    @property
    def label_config(self) -> str:
        known = self._known()
        assert known is not None, "download() writes it"  # noqa: S101
        return known.label_config

    def _known(self) -> Origin | None:
        """Where what is in the folder comes from; None where nothing is."""
        try:
            return msgspec.json.decode(self._origin.read_bytes(), type=Origin)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None
