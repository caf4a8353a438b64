"""What a run reads from Label Studio before it learns: annotated documents, and texts without annotations."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from service.labelstudio.client import LabelStudio
from service.labelstudio.errors import LabelStudioError, ProjectGone
from service.labelstudio.exports import Exports
from service.labelstudio.expressions import MAX_CHARACTERS
from service.labelstudio.label_config import LabelConfigError
from service.labelstudio.patience import Patience
from service.labelstudio.remote_texts import RemoteTexts
from training.account import Account
from training.annotations import ExportFailed
from training.dataset import Document, is_held_out
from training.exclusion import NOTHING, resolve
from training.project_export import ProjectExport
from training.settings import TrainingSettings

EXPORT_SECONDS = 60.0
"""Timeout of one read of an export."""

TEXTS_SECONDS = 3600.0
"""So long texts at addresses are fetched for one project; those that are left then count as not read."""


class Material:
    """The documents of all projects of a run, and unannotated texts for replay. All is empty before `read`.

    What the settings exclude is left out. `others` are the annotations of tasks beside those that are learnt from.

    `folder` keeps what was exported, so a resumed run learns from the same. `tell` hears the share that is read, 0 to
    1, and a detail.
    """

    def __init__(
        self, settings: TrainingSettings, projects: Sequence[int], folder: Path, tell: Callable[[float, str], None]
    ) -> None:
        self.documents: list[Document] = []
        self.others: list[Document] = []
        self.spare: list[str] = []
        self.exclusion = NOTHING
        self._settings = settings
        self._projects = projects
        self._folder = folder
        self._tell = tell
        self._share = 0.0
        """The share that is read, as it was last told."""

    def read(self, account: Account) -> None:
        """Read all projects.

        A project that is gone, or whose label config has nothing that Spanloop can label, is left out, and the account
        says so. Raises ExportFailed.
        """
        patience = Patience(self._wait, seconds=self._settings.patience)
        try:
            self._read(Exports(LabelStudio(self._settings, EXPORT_SECONDS, patience)), account)
        except LabelStudioError as error:
            raise ExportFailed(f"{error} Nothing was trained and the live version is untouched.") from error

    def _read(self, exports: Exports, account: Account) -> None:
        settings = self._settings
        self.exclusion = resolve(settings.excluded_annotators, settings.excluded_tasks, exports.emails)
        texts = RemoteTexts(self._settings.text_hosts, MAX_CHARACTERS)
        for project in self._projects:
            of_project = ProjectExport(self._folder, project)
            try:
                of_project.download(exports, self._settings.replay_limit, partial(self._exported, project))
                fetch = partial(texts.fetch, deadline=time.monotonic() + TEXTS_SECONDS)
                export = of_project.read(fetch, partial(self._fetched, project), self.exclusion)
                # A held-out text may judge a version once it is annotated.
                self.spare += [text for text in of_project.read_spare(fetch) if not is_held_out(text)]
            except (ProjectGone, LabelConfigError) as error:
                account.notes.append(f"Project {project} was left out: {error}")
                continue
            self.documents += export.documents
            self.others += export.others
            account.omissions += export.omissions
        account.notes += self.exclusion.told(account.omissions)

    def _exported(self, project: int, done: int, total: int) -> None:
        self._tell_of(project, done / total, f"{done:,} of {total:,} annotated tasks are read")

    def _fetched(self, project: int, done: int) -> None:
        self._tell_of(project, 1.0, f"the texts of {done:,} annotated tasks are fetched")

    def _wait(self, why: str) -> None:
        """Tell why nothing is read at present; empty once Label Studio answers again."""
        self._tell(self._share, why or "Label Studio answers again")

    def _tell_of(self, project: int, share: float, detail: str) -> None:
        self._share = (self._projects.index(project) + share) / len(self._projects)
        self._tell(self._share, f"project {project}: {detail}")
