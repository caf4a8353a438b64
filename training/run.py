"""One run, from annotations to a judged version: its phases follow each other in a straight line.

A run may be killed at any point. Its export and its checkpoint stay, so a restart of the same run continues from them.
The live version changes in one step at the very end, or not at all.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from service.labelstudio.client import LabelStudio
from service.model.model import Model
from service.runs.curve import LearningCurve
from service.runs.run import Outcome
from service.versions.history import Conflict
from service.versions.lineage import Lineage
from service.versions.names import initial_version, version_of
from training import guard, leftovers, publish, replay, space, watch
from training.account import Account, refuse_unlearnable
from training.budget import Budget
from training.course import Course
from training.dataset import Document
from training.exclusion import NOTHING
from training.folds import FOLDER as FOLDS_FOLDER
from training.folds import CrossValidation
from training.judge.verdict import Verdict
from training.judging import Judging
from training.learn import Learning
from training.material import Material
from training.measuring import Measuring
from training.parts import FEWEST_TASKS, suffice
from training.progress import PERCENTS_OF_CURVE, Reporter
from training.report import flips
from training.report.sources import Place, Sources
from training.rivals import Rivals
from training.settings import TrainingSettings
from training.shelf import Shelf
from training.split import FEWEST_JUDGED, Split, TooFew, marks, spans, split
from training.tune import Stopped


class TrainingRun:
    """One run with its settings, its files and its shelf."""

    def __init__(
        self,
        settings: TrainingSettings,
        reporter: Reporter,
        shelf: Shelf,
        is_curve_unwanted: Callable[[], bool] = lambda: False,
    ) -> None:
        """`is_curve_unwanted` says whether the run is to end without measuring its curve to the end."""
        self.settings = settings
        self.reporter = reporter
        self.shelf = shelf
        self.folder = reporter.runs.work(reporter.run.id)
        self.base = initial_version(settings.model, settings.window_words)
        self.account = Account()
        self.exclusion = NOTHING
        """What the run leaves out; nothing before it has read the annotations."""
        self.course = Course(reporter)
        self._stopping = False
        self._measuring = Measuring(
            settings,
            reporter,
            self.course.pace,
            lambda: self._stopping,
            lambda: is_curve_unwanted() or reporter.runs.is_cancelled(reporter.run.id),
        )

    def execute(self) -> None:
        """Go through all phases. Every error is raised, and the run's file says which phase it was in.

        Raises TooFew, ExportFailed, NoSpace, Stopped, Diverged, BackendSilent and what a registry, a model or a disk
        raises.
        """
        signal.signal(signal.SIGTERM, self._stop)
        self._require()
        material = self._read()
        documents = material.documents
        parts = self._split(documents)
        learning, digest = self._prepare(documents, parts)
        space.require(self.folder, learning.model.gliner.model.parameters())
        self._tell(learning)
        known = self.shelf.with_digest(digest)
        if known and self._is_settled(known, parts, material.spare):
            return
        self.account.notes += [parts.told] if parts.told else []
        rivals = Rivals(self.shelf, self.base, publish.name(self.reporter.run.started, digest), self._load)
        others = rivals.others(self.settings.judged_versions)
        judging = Judging(parts, self.settings.threshold, self.base, self.course, self.settings.rules, others)
        judging.base(learning.base)
        self.course.judging = judging.characters + guard.size()
        if known is None:
            self._learn(learning, parts, material.spare, digest)
            model = learning.model
        else:
            learning.remember(self.course.remembering())
            self._cross_validate_again(learning, parts, material.spare, known)
            model = self._load(known.version)
        self.reporter.enter("judge", seconds_left=self.course.pace.left)
        if self._stopping:  # SIGTERM came after the last step of the tuning
            raise Stopped("stopped after the tuning; a restart of the run continues from there")
        judging.new(model, learning.cross_validated, learning.remember())
        self._measuring.parts.keep_run(judging.tallies, parts)
        self.account.notes += [judging.forgetting.told()] if judging.forgetting else []
        champion = rivals.champion()
        judged = judging.judge(champion)
        if known is None:
            known = self._publish(learning, documents, parts, digest, judging, champion.name, judged)
        outcome, message = self._hand_over(known, judging, rivals, champion.name, judged)
        del model, learning  # the curve loads models of its own
        self._measure_curve(parts, material.spare)
        self._finish(outcome, message, version=known.version)

    def curve(self) -> LearningCurve:
        """Measure what more annotated tasks would bring, without a version. Raises what `execute` raises."""
        signal.signal(signal.SIGTERM, self._stop)
        material = self._read()
        parts = self._split(material.documents)
        if not suffice(parts):
            raise TooFew(
                f"A learning curve needs {FEWEST_TASKS} annotated tasks, and {FEWEST_JUDGED} annotated spans in the "
                f"part of them that scores. {parts.annotated} tasks are annotated, and that part has "
                f"{spans(parts.apart.scoring)} spans. Annotate more tasks, then try again. Nothing was measured."
            )
        self._prepare(material.documents, parts)
        self.reporter.percents = PERCENTS_OF_CURVE
        return self._measuring.curve(parts, material.spare)

    def _require(self) -> None:
        """Check what the run needs at its end, before it works for hours. Raises what the shelf raises, for example
        SignatureRefused if the live version is not to be trusted."""
        self.reporter.enter("export", "checking that a version could be published, and the live version")
        self.shelf.require()

    def _read(self) -> Material:
        self.reporter.enter("export", "reading the annotations from Label Studio")
        material = Material(self.settings, self.reporter.run.projects, self.folder, self.reporter.within)
        material.read(self.account)
        self.exclusion = material.exclusion
        return material

    def _split(self, documents: Sequence[Document]) -> Split:
        """Divide the documents by their purpose. Raises TooFew."""
        settings = self.settings
        return split(documents, settings.min_annotations, self.account.notes, settings.cross_validated_texts)

    def _prepare(self, documents: Sequence[Document], parts: Split) -> tuple[Learning, str]:
        """Load the base model and make examples. Returns what learns, and the digest of what comes of it."""
        self.reporter.enter("dataset", "loading the base model")
        settings = self.settings
        model = Model.load(settings.model, settings.device, settings.window_words, settings.convert_pickle)
        self.reporter.part(f"making examples of {len(parts.training):,} tasks", 0.25, 0.5)
        learning = Learning(self.settings, model, parts.training)
        digest = publish.digest(documents, self.base, learning.recipe, learning.model.reading, len(parts.folds))
        self._measuring.prepare(digest, parts, len(learning.dataset.examples))
        return learning, digest

    def _tell(self, learning: Learning) -> None:
        """Write which annotated spans are left out and why. Raises Unlearnable."""
        self.account.add(learning.omissions, learning.notes)
        self.account.write(self.folder)
        refuse_unlearnable(learning.dataset, self.account)

    def _is_settled(self, known: Lineage, parts: Split, spare: Sequence[str]) -> bool:
        """Whether a version that was made from exactly these annotations leaves nothing to do; then the run ends."""
        if known.run != self.reporter.run.id:
            message = f"Nothing new: version {known.version} was made from exactly these annotations."
            self._finish("nothing new", message, version=known.version)
        elif version_of(self.shelf.champion()) == known.version:
            # The run was killed after its version went live. The version must not be judged against itself.
            self._measure_curve(parts, spare)
            self._finish("promoted", f"Version {known.version} serves. {known.reason}", version=known.version)
        elif self.shelf.was_taken_back(known.version):
            message = (
                f"Version {known.version} was made from exactly these annotations, and it was taken back. "
                f"`spanloop promote {known.version}` makes it live nevertheless."
            )
            self._finish("held", message, version=known.version)
        else:
            return False
        return True

    def _load(self, version: str) -> Model:
        """Load a published version by its name or reference."""
        return Model.load(str(self.shelf.fetch(version)), self.settings.device)

    def _folds(self, parts: Split, digest: str) -> CrossValidation | None:
        """How models judge that have not learnt from a document, if no document is held out."""
        if not parts.folds:
            return None
        return CrossValidation(parts.folds, self.settings.threshold, self.folder / FOLDS_FOLDER, digest)

    def _learn(self, learning: Learning, parts: Split, spare: Sequence[str], digest: str) -> None:
        budget = Budget(self.settings.minutes, learning.recipe.steps, self.folder, digest)
        self.course.budget = budget if self.settings.minutes else None
        learning.learn(
            spare,
            parts.validation,
            folds=self._folds(parts, digest),
            held_out=parts.held_out,
            listener=self.course,
            stopping=lambda: self._stopping,
            folder=self.folder,
        )
        self.account.notes += [*budget.notes, *learning.windows]
        self.account.notes += [learning.blend.told()] if learning.blend else []
        self.account.notes += [learning.calibrated.why] if learning.calibrated else []

    def _cross_validate_again(self, learning: Learning, parts: Split, spare: Sequence[str], known: Lineage) -> None:
        """Find again what judges a version that was published before the run was killed, by as many steps as it had."""
        folds = self._folds(parts, known.digest)
        if folds:
            learning.recipe = replace(learning.recipe, steps=int(known.recipe["steps"]))
            learning.cross_validate(spare, folds, known.blend, self.course, lambda: self._stopping)

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
        self.reporter.enter("publish")
        labels = sorted({label for document in documents for label in document.labels})
        told = self.course.reading("the new version reads sentences by which a pod checks it", guard.size(), 0.0, 0.4)
        sentences = replay.sentences("guard")
        canaries = publish.canaries(learning.model, sentences, labels, self.settings.threshold, told)
        lineage = Lineage(
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
            excluded_annotators=tuple(sorted(self.exclusion.annotators)),
            excluded_tasks=tuple(sorted(self.exclusion.tasks)),
            left_out=self.account.left_out,
            overlap=learning.choice.overlap,
            overlap_why=learning.choice.why,
            window_words=learning.model.window_words,
            window_scores=learning.window_scores,
            blend=learning.blend,
            calibrated=learning.calibrated,
            scores=dict(judging.scores),
            forgetting=judging.forgetting,
            champion=version_of(champion) or self.base,
            better=judged.better,
            reason=judged.reason,
            verdict=judged.judgement,
            canaries=canaries,
            report=True,
        )
        places = [Place(document.project, document.task) for document in parts.judged]
        sources = Sources(
            lineage, judged, judging.sheet, places, self.course.trace.points, LabelStudio(self.settings).public_url
        )
        self.reporter.part("writing the new version into the store", 0.4, 1.0)

        def save(folder: Path) -> None:
            publish.save_model(learning.model, folder)
            publish.save_verdict(folder, judged, judging.sheet)
            publish.save_report(folder, sources)
            publish.save_sbom(folder, lineage, self.settings.model)

        self.shelf.publish(lineage, save)
        return lineage

    def _hand_over(
        self, lineage: Lineage, judging: Judging, rivals: Rivals, champion: str, judged: Verdict
    ) -> tuple[Outcome | None, str]:
        """Hand a better version over for serving. If the live version has changed meanwhile, judge again.

        Returns how the run ends, and why; None for how if the backend decides that, which rolls the version out. Raises
        Stopped if the run was cancelled while it published the version.
        """
        self.reporter.record(version=lineage.version, reference=self.shelf.reference(lineage.version))
        while judged.better:
            self.reporter.enter("rollout", "making the new version live")
            if self.reporter.runs.is_cancelled(self.reporter.run.id):
                raise Stopped("cancelled before its version was made live")
            why = f"Promoted by {lineage.run}. {judged.reason}"
            try:
                is_live = self.shelf.hand_over(champion, lineage.version, why)
            except Conflict:
                live = rivals.champion()
                champion, judged = live.name, judging.judge(live)
                continue
            told = _told(judging, judged)
            if is_live:
                return "promoted", f"Version {lineage.version} serves. {told}"
            self._ask_for_rollout(told)
            return None, told
        return "held", f"Version {lineage.version} was published but does not serve. {_told(judging, judged)}"

    def _ask_for_rollout(self, why: str) -> None:
        """Ask the backend to roll the version out, also by the last words of a pod that is killed from now on."""
        self.reporter.record(
            message=self.account.told(why), rollout="wanted", detail="the backend rolls the version out"
        )
        if self.settings.termination_log:
            watch.leave(self.reporter.run, self.settings.termination_log)

    def _measure_curve(self, parts: Split, spare: Sequence[str]) -> None:
        """Measure what more tasks would bring. The version does not wait for it."""
        found = self._measuring.after(parts, spare)
        if found:
            self.account.notes.append(found.message)
            self.reporter.record(curve=found)

    def _finish(self, outcome: Outcome | None, message: str, version: str) -> None:
        """Record the outcome, None if the backend decides it. Then delete the exports and checkpoints."""
        facts: dict[str, Any] = {"phase": "done", "percent": 100, "detail": "", "rollout": ""}
        if outcome is None:
            facts = {"phase": "rollout", "detail": "the backend rolls the version out"}
        told = self.account.told(message)
        self.reporter.record(**facts, message=told, outcome=outcome, version=version, seconds_left=None)
        leftovers.delete(self.folder)

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        """Handle SIGTERM: tuning ends after its current step with a checkpoint, every other phase ends at once."""
        self._stopping = True
        if self.reporter.run.phase != "tune":
            raise Stopped(f"stopped in phase {self.reporter.run.phase}; a restart of the run continues from there")


def _told(judging: Judging, judged: Verdict) -> str:
    """Why a version serves or not, and what it changes."""
    return f"{judged.reason} {flips.told(judging.sheet, judged)}"
