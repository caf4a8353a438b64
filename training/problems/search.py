"""The search for problems in the annotations of some projects, without a version."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from service.labelstudio.client import LabelStudio
from service.labelstudio.errors import LabelStudioError
from service.labelstudio.exports import Exports
from service.model.model import Model
from service.runs.files import Runs
from service.versions.names import initial_version
from training import publish
from training.account import Account, refuse_unlearnable
from training.course import Course
from training.dataset import Document
from training.folds import FOLDER, CrossValidation
from training.learn import Learning
from training.material import EXPORT_SECONDS, Material
from training.problems.agreement import agreement
from training.problems.contradictions import contradictions
from training.problems.doubts import DoubtfulTask, doubtful
from training.problems.reading import read_out_of_fold
from training.problems.report import Report
from training.progress import Reporter
from training.settings import TrainingSettings
from training.split import in_folds, split

log = logging.getLogger(__name__)


class Search:
    """Reads the annotations as a run does, and has models read them that have not learnt from them.

    What these find is kept in the reporter's folder, without texts: the same search is not learnt for twice.
    """

    def __init__(self, settings: TrainingSettings, reporter: Reporter) -> None:
        self._settings = settings
        self._reporter = reporter
        self._folder = reporter.runs.work(reporter.run.id)
        self._account = Account()

    def report(self) -> Report:
        """Find the problems. Raises ExportFailed, TooFew, Unlearnable, Diverged and what a model or disk raises."""
        self._reporter.enter("export", "reading the annotations from Label Studio")
        material = Material(self._settings, self._reporter.run.projects, self._folder, self._reporter.within)
        material.read(self._account)
        documents = material.documents
        split(documents, self._settings.min_annotations, self._account.notes)  # raises TooFew
        return Report(
            url=LabelStudio(self._settings).public_url,
            tasks=len({(document.project, document.task) for document in documents}),
            doubtful=self._doubtful(documents, material.spare),
            contradictions=contradictions(documents),
            agreement=agreement(documents, material.others),
            emails=self._emails(),
            notes=self._account.notes,
        )

    def _doubtful(self, documents: Sequence[Document], spare: Sequence[str]) -> list[DoubtfulTask]:
        self._reporter.enter("dataset", "loading the base model")
        settings = self._settings
        model = Model.load(settings.model, settings.device, settings.window_words, settings.convert_pickle)
        learning = Learning(settings, model, documents)
        self._account.add(learning.omissions, learning.notes)
        refuse_unlearnable(learning.dataset, self._account)
        folds = self._cross_validation(learning, documents)
        course = Course(self._reporter)
        if folds.missing:
            learning.remember(course.remembering())
        learning.cross_validate(spare, folds, None, course, lambda: False)
        unlearnable = {(one.project, one.task, one.start, one.end, one.label) for one in learning.omissions}
        return doubtful(read_out_of_fold(learning.cross_validated, learning.model), unlearnable)

    def _cross_validation(self, learning: Learning, documents: Sequence[Document]) -> CrossValidation:
        """The folds that a run of the same annotations has kept, else those that this search learns."""
        folds, threshold = in_folds(documents), self._settings.threshold
        base = initial_version(self._settings.model, self._settings.window_words)
        digest = publish.digest(documents, base, learning.recipe, learning.model.reading, len(folds))
        kept = sorted(Runs(self._settings.folder).folder.glob(f"*/{FOLDER}"))
        for folder in [*kept, self._folder / FOLDER]:
            known = CrossValidation(folds, threshold, folder, digest)
            if not known.missing:
                return known
        log.info(
            "No run has kept what models find in these annotations without having learnt from them. %d models learn "
            "now, each from the other parts of the tasks: %d times the tuning of a run. After 20 steps the time left "
            "is told. If the search is killed, the next one goes on from there.",
            len(folds),
            len(folds),
        )
        return CrossValidation(folds, threshold, self._folder / FOLDER, digest)

    def _emails(self) -> dict[int, str]:
        """The users' e-mail addresses by their ids; none where Label Studio does not tell them to this key."""
        try:
            return Exports(LabelStudio(self._settings, EXPORT_SECONDS)).emails()
        except LabelStudioError as error:
            self._account.notes.append(f"Annotators have ids instead of names: {error}")
            return {}
