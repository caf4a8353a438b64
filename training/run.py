"""One run, from annotations to a judged version: its phases follow each other in a straight line.

A run may be killed at any point. Its export and its checkpoint stay, so a restart of the same run continues from them.
The live version changes in one step at the very end, or not at all.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from shutil import rmtree
from types import FrameType
from typing import Any

from service.model.model import Model
from service.runs.run import Outcome
from service.versions import lineage as lineages
from service.versions.history import INITIAL, Conflict
from service.versions.lineage import Lineage, format_of
from service.versions.names import initial_version, version_of
from training import calibration, publish, replay
from training.account import Account, refuse_unlearnable
from training.dataset import Document
from training.folds import CrossValidation, OutOfFold
from training.judge import Verdict
from training.judging import Champion, Judging
from training.learn import Learning
from training.material import Material
from training.progress import Reporter
from training.settings import TrainingSettings
from training.shelf import Shelf
from training.split import Split, marks, split
from training.tune import Stopped, TuningProgress

FOLDS_NAME = "folds"
"""The folder, in the run's own, of what a cross-validation keeps."""


class TrainingRun:
    """One run with its settings, its files and its shelf."""

    def __init__(self, settings: TrainingSettings, reporter: Reporter, shelf: Shelf) -> None:
        self.settings = settings
        self.reporter = reporter
        self.shelf = shelf
        self.folder = reporter.runs.work(reporter.run.id)
        self.base = initial_version(settings.model, settings.window_words)
        self.account = Account()
        self._stopping = False

    def execute(self) -> None:
        """Go through all phases. Every error is raised, and the run's file says which phase it was in.

        Raises TooFew, ExportFailed, Stopped, Diverged, BackendSilent and what a registry, model or disk raises.
        """
        signal.signal(signal.SIGTERM, self._stop)
        material = self._read()
        documents = material.documents
        parts = split(documents, self.settings.min_annotations, self.account.notes)
        self.reporter.enter("dataset", "loading the base model")
        model = self._load_base()
        learning = Learning(self.settings, model, parts.training)
        self._tell(learning)
        digest = publish.digest(documents, self.base, learning.recipe, learning.model.reading, len(parts.folds))
        known = self.shelf.with_digest(digest)
        if known and self._is_settled(known):
            return
        self.reporter.record(detail="scoring the base model on the tasks that judge")
        judging = Judging(parts, self.settings.threshold, self.base, self.reporter)
        judging.base(model)
        replayed = self._replay(learning, material.spare) if known is None or parts.folds else []
        out_of_fold = self._cross_validate(parts, replayed, digest)
        if known is None:
            self._tune(learning, parts, replayed, out_of_fold)
            model = learning.model
        else:
            model = self._load(known.version)
        self.reporter.enter("judge", "scoring the new version on the tasks that judge")
        if self._stopping:  # SIGTERM came after the last step of the tuning
            raise Stopped("stopped after the tuning; a restart of the run continues from there")
        judging.new(model, out_of_fold)
        self.account.notes += [judging.forgetting.told()] if judging.forgetting else []
        champion, judged = self._judge(judging)
        if known is None:
            known = self._publish(learning, documents, parts, digest, judging, champion, judged)
        self._hand_over(known, judging, champion, judged)

    def _read(self) -> Material:
        self.reporter.enter("export", "reading the annotations from Label Studio")
        material = Material(self.settings, self.reporter.run.projects, self.folder, self.reporter.within)
        material.read(self.account)
        return material

    def _load_base(self) -> Model:
        return Model.load(self.settings.model, self.settings.device, self.settings.window_words)

    def _tell(self, learning: Learning) -> None:
        """Write which annotated spans are left out and why. Raises Unlearnable."""
        self.account.add(learning.omissions, learning.notes)
        self.account.write(self.folder)
        refuse_unlearnable(learning.dataset, self.account)

    def _is_settled(self, known: Lineage) -> bool:
        """Whether a version that was made from exactly these annotations leaves nothing to do; then the run ends."""
        if known.run != self.reporter.run.id:
            message = f"Nothing new: version {known.version} was made from exactly these annotations."
            self._finish("nothing new", message, version=known.version)
        elif version_of(self.shelf.champion()) == known.version:
            # The run was killed after its version went live. The version must not be judged against itself.
            self._finish("promoted", f"Version {known.version} serves. {known.reason}", version=known.version)
        elif self.shelf.was_taken_back(known.version):
            message = (
                f"Version {known.version} was made from exactly these annotations, and it was taken back. "
                f"`python -m service promote {known.version}` makes it live nevertheless."
            )
            self._finish("held", message, version=known.version)
        else:
            return False
        return True

    def _load(self, version: str) -> Model:
        """Load a published version by its name or reference."""
        return Model.load(str(self.shelf.fetch(version)), self.settings.device)

    def _replay(self, learning: Learning, spare: Sequence[str]) -> list[Document]:
        self.reporter.enter("replay", "the base model labels the texts for replay")
        return learning.replay(spare)

    def _cross_validate(self, parts: Split, replayed: Sequence[Document], digest: str) -> list[OutOfFold]:
        """What models found in documents that they have not learnt from, if no document is held out."""
        if not parts.folds:
            return []
        self.account.notes.append(parts.told)
        self.reporter.enter("tune", f"{len(parts.folds)} models judge by the folds that they do not learn from")
        folds = CrossValidation(self.settings, parts.folds, self.folder / FOLDS_NAME, digest, self._load_base)
        return folds.run(replayed, partial(self._tell_step, folds=len(parts.folds)), lambda: self._stopping)

    def _tune(
        self, learning: Learning, parts: Split, replayed: Sequence[Document], out_of_fold: Sequence[OutOfFold]
    ) -> None:
        if not parts.folds:
            self.reporter.enter("tune", f"{len(parts.training)} tasks, {len(replayed)} texts replayed")
        learning.tune(
            replayed,
            parts.validation,
            report=lambda progress: self._tell_step(len(parts.folds), progress, len(parts.folds)),
            stopping=lambda: self._stopping,
            folder=self.folder,
        )
        self.reporter.record(detail="choosing how long the windows over long texts are")
        learning.fit_windows(parts.validation)
        self.account.notes += learning.windows
        self.reporter.record(detail="choosing what scores mean and from which probability on spans are taken")
        found = [one.uncalibrated for one in out_of_fold] or calibration.find(learning.model, parts.validation)
        self.account.notes.append(learning.fit_calibration(found).why)

    def _tell_step(self, done: int, progress: TuningProgress, folds: int) -> None:
        """Tell a step of the tuning before which `done` of the folds were tuned; after the last comes the version."""
        tuned = "" if not folds else f"fold {done + 1} of {folds}: " if done < folds else "the version itself: "
        best = f", best F1 on validation {progress.best:.3f}" if progress.best >= 0 else ""
        detail = f"{tuned}step {progress.step} of {progress.steps}, loss {progress.loss:.2f}{best}"
        self.reporter.within((done + progress.step / progress.steps) / (folds + 1), detail)

    def _judge(self, judging: Judging) -> tuple[str, Verdict]:
        """Compare the new version with the live one. Returns that one's version or reference, and the verdict."""
        live = self.shelf.champion()
        if live == INITIAL:
            return live, judging.judge(live, None)
        lineage = lineages.read(self.shelf.fetch(live))
        return live, judging.judge(live, Champion(lineage, lambda: self._load(live)))

    def _publish(
        self,
        learning: Learning,
        documents: Sequence[Document],
        parts: Split,
        digest: str,
        judging: Judging,
        champion: str,
        judged: Verdict,
    ) -> Lineage:
        self.reporter.enter("publish", "writing the new version into the store")
        labels = sorted({label for document in documents for label in document.labels})
        lineage = Lineage(
            format=format_of(learning.model.reading, learning.model.calibration),
            version=publish.name(self.reporter.run.started, digest),
            created=datetime.now(UTC),
            run=self.reporter.run.id,
            base=self.base,
            projects=self.reporter.run.projects,
            annotations=tuple(sorted({document.annotation for document in documents})),
            digest=digest,
            recipe=asdict(learning.recipe),
            code=publish.code_version(),
            tasks={name: len(getattr(parts, name)) for name in ("training", "validation", "held_out")},
            learnt=marks(parts.training) if parts.folds else (),
            left_out=self.account.left_out,
            overlap=learning.choice.overlap,
            overlap_why=learning.choice.why,
            window_words=learning.model.window_words,
            window_scores=learning.window_scores,
            calibrated=learning.calibrated,
            scores=dict(judging.scores),
            forgetting=judging.forgetting,
            champion=version_of(champion) or self.base,
            better=judged.better,
            reason=judged.reason,
            canaries=publish.canaries(learning.model, replay.sentences("guard"), labels, self.settings.threshold),
        )
        self.shelf.publish(lineage, lambda folder: publish.save_model(learning.model, folder))
        return lineage

    def _hand_over(self, lineage: Lineage, judging: Judging, champion: str, judged: Verdict) -> None:
        """Hand a better version over for serving. If the live version has changed meanwhile, judge again."""
        self.reporter.record(version=lineage.version, reference=self.shelf.reference(lineage.version))
        while judged.better:
            self.reporter.enter("rollout", "making the new version live")
            why = f"Promoted by {lineage.run}. {judged.reason}"
            try:
                is_live = self.shelf.hand_over(champion, lineage.version, why)
            except Conflict:
                champion, judged = self._judge(judging)
                continue
            if is_live:
                message = f"Version {lineage.version} serves. {judged.reason}"
                self._finish("promoted", message, version=lineage.version)
            else:
                self._leave(judged.reason, rollout="wanted", detail="the backend will roll the version out")
            return
        message = f"Version {lineage.version} was published but does not serve. {judged.reason}"
        self._finish("held", message, version=lineage.version)

    def _finish(self, outcome: Outcome, message: str, version: str) -> None:
        """Record the outcome."""
        self._leave(message, phase="done", percent=100, detail="", rollout="", outcome=outcome, version=version)

    def _leave(self, message: str, **facts: Any) -> None:
        """Record the result, then delete the exports and checkpoints.

        Of the users' texts only the excerpts around spans that were left out stay.
        """
        self.reporter.record(message=self.account.told(message), **facts)
        for path in [*self.folder.glob("project-*"), *self.folder.glob("checkpoint.*")]:
            path.unlink()
        rmtree(self.folder / FOLDS_NAME, ignore_errors=True)

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        """Handle SIGTERM: tuning ends after its current step with a checkpoint, every other phase ends at once."""
        self._stopping = True
        if self.reporter.run.phase != "tune":
            raise Stopped(f"stopped in phase {self.reporter.run.phase}; a restart of the run continues from there")
