"""One run, from annotations to a judged version: its phases follow each other in a straight line.

A run may be killed at any point. Its export and its checkpoint stay, so a restart of the same run continues from them.
The live version changes in one step at the very end, or not at all.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from types import FrameType
from typing import Any, NamedTuple

from service.labelstudio.client import LabelStudio
from service.labelstudio.errors import LabelStudioError, ProjectGone
from service.labelstudio.exports import Exports
from service.labelstudio.label_config import LabelConfigError
from service.labelstudio.passages import MAX_CHARACTERS
from service.labelstudio.remote_texts import RemoteTexts
from service.model.model import Model
from service.runs.files import LEFT_OUT_NAME
from service.runs.run import Outcome
from service.versions.history import INITIAL, Conflict
from service.versions.lineage import Lineage, Score, format_of
from service.versions.names import initial_version, version_of
from training import lengths, omissions, publish, replay
from training.annotations import ExportFailed
from training.course import Course
from training.dataset import Document, divide, is_held_out
from training.judge import Verdict, score, verdict
from training.learn import Learning
from training.omissions import Omission
from training.progress import Reporter
from training.project_export import ProjectExport
from training.settings import TrainingSettings
from training.shelf import Shelf
from training.tune import Stopped

EXPORT_SECONDS = 60.0
"""Timeout of one read of an export."""

TEXTS_SECONDS = 3600.0
"""So long texts at addresses are fetched for one project; those that are left then count as not read."""


class TooFew(RuntimeError):
    """There are too few annotations to learn from or to judge by; the message says how many a run needs."""


class Unlearnable(RuntimeError):
    """Most spans of a label cannot be learnt. The message names the labels, the reasons and the file with the spans."""


class Split(NamedTuple):
    """The documents of a run by their purpose."""

    training: list[Document]
    validation: list[Document]
    held_out: list[Document]


class TrainingRun:
    """One run with its settings, its files and its shelf."""

    def __init__(self, settings: TrainingSettings, reporter: Reporter, shelf: Shelf) -> None:
        self.settings = settings
        self.reporter = reporter
        self.shelf = shelf
        self.folder = reporter.runs.work(reporter.run.id)
        self.base = initial_version(settings.model, settings.window_words)
        self.omissions: list[Omission] = []
        self.notes: list[str] = []
        self.course = Course(reporter, settings.minutes)
        self._stopping = False

    def execute(self) -> None:
        """Go through all phases. Every error is raised, and the run's file says which phase it was in.

        Raises TooFew, ExportFailed, Stopped, Diverged, BackendSilent and what a registry, model or disk raises.
        """
        signal.signal(signal.SIGTERM, self._stop)
        documents, spare = self._export()
        parts = self._split(documents)
        model = self._load_base()
        self.reporter.part(f"making examples of {len(parts.training):,} tasks", 0.25, 0.5)
        learning = Learning(self.settings, model, parts.training)
        self._tell(learning)
        digest = publish.digest(documents, self.base, learning.recipe, learning.model.reading)
        known = self.shelf.with_digest(digest)
        if known and known.run != self.reporter.run.id:
            message = f"Nothing new: version {known.version} was made from exactly these annotations."
            self._finish("nothing new", message, version=known.version)
            return
        if known and self._is_live(known):
            # The run was killed after its version went live. The version must not be judged against itself.
            self._finish("promoted", f"Version {known.version} serves. {known.reason}", version=known.version)
            return
        if known and self.shelf.was_taken_back(known.version):
            message = (
                f"Version {known.version} was made from exactly these annotations, and it was taken back. "
                f"`python -m service promote {known.version}` makes it live nevertheless."
            )
            self._finish("held", message, version=known.version)
            return
        scores = {"base": self._score("the base model", model, parts.held_out, 0.5, 1.0)}
        if known is None:
            self._tune(learning, parts, spare)
            model = learning.model
        else:
            model = self._load(known.version)
        self.reporter.enter("judge", seconds_left=self.course.pace.left)
        if self._stopping:  # SIGTERM came after the last step of the tuning
            raise Stopped("stopped after the tuning; a restart of the run continues from there")
        scores["new"] = self._score("the new version", model, parts.held_out, 0.0, 0.5)
        champion, judged = self._judge(scores, parts.held_out)
        if known is None:
            known = self._publish(learning, documents, parts, digest, scores, champion, judged)
        self._hand_over(known, scores, parts.held_out, champion, judged)

    def _export(self) -> tuple[list[Document], list[str]]:
        """The annotated documents of all projects, and unannotated texts for replay.

        A project that is gone, or whose label config has nothing that Spanloop can label, is left out, and the run's
        message says so. Raises ExportFailed.
        """
        self.reporter.enter("export", "reading the annotations from Label Studio")
        try:
            return self._read_projects(Exports(LabelStudio(self.settings, EXPORT_SECONDS)))
        except LabelStudioError as error:
            raise ExportFailed(f"{error} Nothing was trained and the live version is untouched.") from error

    def _read_projects(self, exports: Exports) -> tuple[list[Document], list[str]]:
        documents: list[Document] = []
        spare: list[str] = []
        texts = RemoteTexts(self.settings.text_hosts, MAX_CHARACTERS)
        for project in self.reporter.run.projects:
            of_project = ProjectExport(self.folder, project)
            try:
                of_project.download(exports, self.settings.replay_limit, partial(self._exported, project))
                fetch = partial(texts.fetch, deadline=time.monotonic() + TEXTS_SECONDS)
                export = of_project.read(fetch, partial(self._fetched, project))
                # A held-out text may judge a version once it is annotated.
                spare += [text for text in of_project.read_spare(fetch) if not is_held_out(text)]
            except (ProjectGone, LabelConfigError) as error:
                self.notes.append(f"Project {project} was left out: {error}")
                continue
            documents += export.documents
            self.omissions += export.omissions
        return documents, spare

    def _exported(self, project: int, done: int, total: int) -> None:
        self._tell_export(project, done / total, f"{done:,} of {total:,} annotated tasks are read")

    def _fetched(self, project: int, done: int) -> None:
        self._tell_export(project, 1.0, f"the texts of {done:,} annotated tasks are fetched")

    def _tell_export(self, project: int, share: float, detail: str) -> None:
        projects = self.reporter.run.projects
        self.reporter.within((projects.index(project) + share) / len(projects), f"project {project}: {detail}")

    def _split(self, documents: Sequence[Document]) -> Split:
        """Hold out documents by a hash of their text, and divide the others into training and validation.

        Raises TooFew.
        """
        held_out = [document for document in documents if is_held_out(document.text)]
        rest = [document for document in documents if not is_held_out(document.text)]
        training, validation = divide(rest)
        annotated = len({(document.project, document.task) for document in documents})
        wanted = self.settings.min_annotations
        if annotated < wanted or not training or not any(document.spans for document in held_out):
            raise TooFew(
                f"{annotated} tasks are annotated, and {len(held_out)} texts are held out for judging. A run needs at "
                f"least {wanted} annotated tasks, and spans in the held-out texts: annotate more tasks, then press "
                "Start Training. Nothing was trained and the live version is untouched. " + " ".join(self.notes)
            )
        return Split(training, validation, held_out)

    def _load_base(self) -> Model:
        self.reporter.enter("dataset", "loading the base model")
        return Model.load(self.settings.model, self.settings.device, self.settings.window_words)

    def _tell(self, learning: Learning) -> None:
        """Write which annotated spans are left out and why. Raises Unlearnable."""
        self.omissions += learning.omissions
        self.notes += learning.notes
        omissions.write(self.folder / LEFT_OUT_NAME, self.omissions)
        if learning.dataset.unlearnable or not learning.dataset.examples:
            labels = [f"{label!r}: {why}" for label, why in learning.dataset.unlearnable.items()]
            lacking = "; ".join(labels) or "the model's tokenizer knows the words of no text"
            raise Unlearnable(
                f"Most spans of a label cannot be learnt: {lacking}. Nothing was trained and the live version is "
                f"untouched. {LEFT_OUT_NAME} in the run's folder names each span. Annotate other spans, take the "
                "label out of the label config, or set SPANLOOP_MODEL to a model that reads them. "
                + " ".join(self.notes)
            )

    def _load(self, version: str) -> Model:
        """Load a published version by its name or reference."""
        return Model.load(str(self.shelf.fetch(version)), self.settings.device)

    def _is_live(self, version: Lineage) -> bool:
        return version_of(self.shelf.champion()) == version.version

    def _score(self, name: str, model: Model, documents: Sequence[Document], begin: float, end: float) -> Score:
        """Score a model, which takes the phase from the share `begin` to `end`."""
        with self.course.scoring(f"scoring {name} on the held-out tasks", documents, begin, end) as told:
            return score(model, documents, self.settings.threshold, told)

    def _tune(self, learning: Learning, parts: Split, spare: Sequence[str]) -> None:
        self.reporter.enter("replay")
        replayed = learning.replay(spare, self.reporter.part("the base model labels the texts for replay"))
        self.reporter.enter("tune", f"{len(parts.training)} tasks, {len(replayed)} texts replayed")
        windows = lengths.characters(learning.model, parts.validation)
        self.course.begin(parts.validation, parts.held_out, windows)
        learning.tune(
            replayed,
            parts.validation,
            report=self.course.stepped,
            evaluating=self.course.evaluating,
            stopping=lambda: self._stopping,
            last_step=self.course.last_step,
            folder=self.folder,
        )
        told = self.course.choosing("choosing how long the windows over long texts are")
        learning.fit_windows(parts.validation, told)
        self.notes += [*learning.shortened, *learning.windows]

    def _judge(self, scores: dict[str, Score], held_out: Sequence[Document]) -> tuple[str, Verdict]:
        """Score the live version, which is the champion, and compare the new version with it.

        Adds the champion's score to `scores`. Returns the champion's version or reference, and the verdict.
        """
        champion = self.shelf.champion()
        if champion == INITIAL:
            scores["champion"] = scores["base"]
        else:
            name = f"the champion {version_of(champion)}"
            scores["champion"] = self._score(name, self._load(champion), held_out, 0.5, 1.0)
        judged = verdict(scores["champion"], scores["new"])
        self.reporter.record(scores=dict(scores), champion=champion)
        return champion, judged

    def _publish(
        self,
        learning: Learning,
        documents: Sequence[Document],
        parts: Split,
        digest: str,
        scores: dict[str, Score],
        champion: str,
        judged: Verdict,
    ) -> Lineage:
        self.reporter.enter("publish")
        labels = sorted({label for document in documents for label in document.labels})
        told = self.reporter.part("the new version reads sentences by which a pod checks it", 0.0, 0.4)
        sentences = replay.sentences("guard")
        canaries = publish.canaries(learning.model, sentences, labels, self.settings.threshold, told)
        lineage = Lineage(
            format=format_of(learning.model.reading),
            version=publish.name(self.reporter.run.started, digest),
            created=datetime.now(UTC),
            run=self.reporter.run.id,
            base=self.base,
            projects=self.reporter.run.projects,
            annotations=tuple(sorted({document.annotation for document in documents})),
            digest=digest,
            recipe=asdict(learning.recipe),
            code=publish.code_version(),
            tasks={name: len(part) for name, part in parts._asdict().items()},
            left_out=dict(self._left_out),
            overlap=learning.choice.overlap,
            overlap_why=learning.choice.why,
            window_words=learning.model.window_words,
            window_scores=learning.window_scores,
            scores=dict(scores),
            champion=version_of(champion) or self.base,
            better=judged.better,
            reason=judged.reason,
            canaries=canaries,
        )
        self.reporter.part("writing the new version into the store", 0.4, 1.0)
        self.shelf.publish(lineage, lambda folder: publish.save_model(learning.model, folder))
        return lineage

    def _hand_over(
        self, lineage: Lineage, scores: dict[str, Score], held_out: Sequence[Document], champion: str, judged: Verdict
    ) -> None:
        """Hand a better version over for serving. If the live version has changed meanwhile, judge again."""
        self.reporter.record(version=lineage.version, reference=self.shelf.reference(lineage.version))
        while judged.better:
            self.reporter.enter("rollout", "making the new version live")
            why = f"Promoted by {lineage.run}. {judged.reason}"
            try:
                is_live = self.shelf.hand_over(champion, lineage.version, why)
            except Conflict:
                champion, judged = self._judge(scores, held_out)
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
        self._leave(
            message,
            phase="done",
            percent=100,
            detail="",
            seconds_left=None,
            rollout="",
            outcome=outcome,
            version=version,
        )

    @property
    def _left_out(self) -> Counter[str]:
        """The number of omissions by reason."""
        return Counter(omission.reason for omission in self.omissions)

    def _leave(self, message: str, **facts: Any) -> None:
        """Record the result, then delete the exports and checkpoints.

        Of the users' texts only the excerpts around spans that were left out stay.
        """
        left_out = [f"{count} × {reason}" for reason, count in sorted(self._left_out.items())]
        sentences = [message, *self.notes, *([f"Annotated spans left out: {'; '.join(left_out)}."] if left_out else [])]
        self.reporter.record(message=" ".join(sentences), **facts)
        for path in [*self.folder.glob("project-*"), *self.folder.glob("checkpoint.*")]:
            path.unlink()

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        """Handle SIGTERM: tuning ends after its current step with a checkpoint, every other phase ends at once."""
        self._stopping = True
        if self.reporter.run.phase != "tune":
            raise Stopped(f"stopped in phase {self.reporter.run.phase}; a restart of the run continues from there")
