"""Keeps the version that Label Studio shows in a project on the version that answers.

Only then does the Data Manager's column *Prediction score* have values to sort by (`service.labelstudio.model_version`
says why).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection

from service.backend.predict import Predictor
from service.backend.projects import Project, Projects, host_of
from service.backend.protocols import Rollout, VersionStore
from service.backend.settings import BackendSettings
from service.extractor.questions import Extractor
from service.labelstudio.client import LabelStudio
from service.labelstudio.errors import LabelStudioError
from service.labelstudio.label_config import LabelConfigError
from service.labelstudio.model_version import ModelVersionField, Title
from service.labelstudio.work import SEEN
from service.versions.names import initial_version

log = logging.getLogger(__name__)

CHECK_SECONDS = 30.0
"""Seconds between two looks at what the projects show: a light request for each of them."""


class ShownVersion:
    """Sets `model_version` of the known projects.

    It changes the field only while it holds the title of this release's model, or a version of this release. Anything
    else was chosen by a person and stays.

    While the field holds the title, Label Studio asks the model for each task that a person opens. While it holds a
    version, it shows what is stored. So the field changes only once most tasks have a prediction of the version:
    before that, more tasks would open without regions than with them.
    """

    def __init__(
        self,
        projects: Projects,
        label_studio: LabelStudio,
        version: Callable[[str, int], str],
        known: Callable[[], Collection[str]],
        clock: Callable[[], float] = time.monotonic,
        enabled: bool = True,
    ) -> None:
        """`version` gives the version that answers for a label config and a project, as Label Studio sees it; `known`
        gives the names of this release's versions."""
        self._projects = projects
        self._label_studio = label_studio
        self._version = version
        self._known = known
        self._clock = clock
        self._enabled = enabled and label_studio.is_set
        self._looked = clock()
        self._told: dict[int, str] = {}
        """The last error of each project: it is logged when it changes, not at each look."""

    def tick(self) -> None:
        """Look once in CHECK_SECONDS."""
        if self._enabled and self._clock() - self._looked >= CHECK_SECONDS:
            self.look()

    def look(self) -> None:
        """Look at each project, and set what is to be set. A project that cannot be asked is logged and stays."""
        self._looked = self._clock()
        for project in self._projects.all:
            try:
                self._keep(project)
            except (LabelStudioError, LabelConfigError) as error:
                if self._told.get(project.id) != str(error):
                    log.warning("which version project %d shows stays as it is: %s", project.id, error)
                self._told[project.id] = str(error)
            else:
                self._told.pop(project.id, None)

    def _keep(self, project: Project) -> None:
        with ModelVersionField(self._label_studio, project.id) as field:
            shown = field.read()
            wanted = self._version(shown.label_config, project.id)
            if not shown.version or shown.version == wanted or 2 * field.predicted(wanted) <= shown.tasks:
                return
            if self._is_ours(shown.version) or shown.version in _our_titles(project, field.titles()):
                field.write(wanted)
                log.info("project %d shows version %s instead of %s", project.id, wanted, shown.version)

    def _is_ours(self, shown: str) -> bool:
        found = SEEN.fullmatch(shown)
        return found is not None and found[1] in self._known()


def shown_version(
    settings: BackendSettings,
    projects: Projects,
    label_studio: LabelStudio,
    rollout: Rollout,
    extractor: Extractor,
    store: VersionStore,
) -> ShownVersion:
    """The ShownVersion of a backend with these parts."""
    predictor = Predictor(settings, projects, extractor)

    def answering(label_config: str, project: int) -> str:
        return predictor.version(rollout.version, label_config, project)

    def known() -> set[str]:
        initial = initial_version(settings.model, settings.window_words)
        return {rollout.version, initial, *(one.version for one in store.versions())}

    return ShownVersion(projects, label_studio, answering, known, enabled=settings.set_model_version)


def _our_titles(project: Project, models: list[Title]) -> set[str]:
    """The titles of the models that are this release: those at the host that Label Studio calls, if it is known."""
    return {model.title for model in models if not project.host or host_of(model.url) == host_of(f"//{project.host}")}
