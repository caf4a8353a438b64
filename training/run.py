"""One run, from annotations to a judged version: a straight line of phases.

A run may be killed anywhere. What it has exported stays exported and what it has tuned stays tuned, so a restart of the
same run goes on from there; the live version changes in one step at the very end, or not at all.
"""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from types import FrameType
from typing import Any, NamedTuple

from service.labelstudio.client import LabelStudio
from service.labelstudio.errors import LabelStudioError, ProjectGone
from service.labelstudio.exports import Exports
from service.labelstudio.label_config import LabelConfigError
from service.model.model import Model
from service.runs.run import Outcome
from service.versions.history import INITIAL, Conflict
from service.versions.lineage import Lineage, Score
from service.versions.names import initial_version, version_of
from training import publish, replay
from training.annotations import ExportFailed, read, read_texts
from training.dataset import Document, divide, is_held_out
from training.judge import Verdict, score, verdict
from training.learn import Learning
from training.progress import Reporter
from training.recipe import Recipe
from training.settings import TrainingSettings
from training.shelf import Shelf
from training.tune import Stopped, TuningProgress

EXPORT_SECONDS = 60.0
"""How long a part of an export is waited for."""


class TooFew(RuntimeError):
    """There is too little to learn from or to judge by; says how much is wanted."""


class Split(NamedTuple):
    """The documents of a run by what they serve for."""

    training: list[Document]
    validation: list[Document]
    held_out: list[Document]


class TrainingRun:
    """One run with its settings and its files."""

    def __init__(self, settings: TrainingSettings, reporter: Reporter, shelf: Shelf) -> None:
        self.settings = settings
        self.reporter = reporter
        self.shelf = shelf
        self.folder = reporter.runs.work(reporter.run.id)
        self.base = initial_version(settings.model)
        self.left_out: Counter[str] = Counter()
        self.notes: list[str] = []
        self._stopping = False

    def execute(self) -> None:
        """All phases. Raises what went wrong; the run's file says where it stood."""
        signal.signal(signal.SIGTERM, self._stop)
        documents, spare = self._export()
        parts = self._split(documents)
        model = self._load_base()
        learning = Learning(self.settings, model, parts.training)
        self.left_out.update(learning.left_out)
        digest = publish.digest(documents, self.base, learning.recipe)
        known = self.shelf.with_digest(digest)
        if known and known.run != self.reporter.run.id:
            message = f"Nothing new: version {known.version} was made from exactly these annotations."
            self._finish("nothing new", message, version=known.version)
            return
        if known and self._is_live(known):
            # Killed after the version went live: it must not be judged against itself.
            self._finish("promoted", f"Version {known.version} serves. {known.reason}", version=known.version)
            return
        if known and self.shelf.was_taken_back(known.version):
            message = (
                f"Version {known.version} was made from exactly these annotations, and was taken back when it served. "
                f"`python -m service promote {known.version}` lets it serve all the same."
            )
            self._finish("held", message, version=known.version)
            return
        self.reporter.know(detail="scoring the base model on the held-out tasks")
        scores = {"base": self._score(model, parts.held_out)}
        if known is None:
            self._tune(learning, parts, spare)
        else:
            model = self._load(known.version)
        self.reporter.enter("judge", "scoring the new version on the held-out tasks")
        if self._stopping:  # asked for behind the last step
            raise Stopped("stopped behind the tuning; a restart of the run goes on from there")
        scores["new"] = self._score(model, parts.held_out)
        champion, judged = self._judge(scores, parts.held_out)
        if known is None:
            known = self._publish(model, documents, parts, learning.recipe, digest, scores, champion, judged)
        self._hand_over(known, scores, parts.held_out, champion, judged)

    def _export(self) -> tuple[list[Document], list[str]]:
        """The annotated documents of all projects, and texts of theirs that nobody has annotated.

        A project that is gone, or whose labels are none of Spanloop's business, is left out and the run says so.
        Raises ExportFailed.
        """
        self.reporter.enter("export", "reading the annotations from Label Studio")
        try:
            return self._read_projects(Exports(LabelStudio(self.settings, EXPORT_SECONDS)))
        except LabelStudioError as error:
            raise ExportFailed(f"{error} Nothing was trained and the live version is untouched.") from error

    def _read_projects(self, exports: Exports) -> tuple[list[Document], list[str]]:
        documents: list[Document] = []
        spare: list[str] = []
        for project in self.reporter.run.projects:
            try:
                label_config = self._download(exports, project)
                export = read(self.folder / f"project-{project}.json", project, label_config)
                spare += read_texts(self.folder / f"project-{project}-unannotated.json", label_config)
            except (ProjectGone, LabelConfigError) as error:
                self.notes.append(f"Project {project} was left out: {error}")
                continue
            documents += export.documents
            self.left_out.update(export.left_out)
        return documents, spare

    def _download(self, exports: Exports, project: int) -> str:
        """Export a project into the run's folder, once: a resumed run learns from what it began with.

        Returns the label config. The annotations come last: once their file is there, all of it is.
        """
        exported, config = self.folder / f"project-{project}.json", self.folder / f"project-{project}.xml"
        if not exported.exists():
            config.write_text(exports.label_config(project), encoding="utf-8")
            unannotated = self.folder / f"project-{project}-unannotated.json"
            unannotated.write_text(json.dumps(list(exports.unannotated(project, self.settings.replay_limit))))
            exports.download(project, exported, lambda done, total: self._exported(project, done, total))
        return config.read_text(encoding="utf-8")

    def _exported(self, project: int, done: int, total: int) -> None:
        projects = self.reporter.run.projects
        share = (projects.index(project) + done / total) / len(projects)
        self.reporter.within(share, f"project {project}: {done:,} of {total:,} annotated tasks are read")

    def _split(self, documents: Sequence[Document]) -> Split:
        """Held-out tasks by their text, for ever; of the others, where they are many, a part for early stopping."""
        held_out = [document for document in documents if is_held_out(document.text)]
        rest = [document for document in documents if not is_held_out(document.text)]
        training, validation = divide(rest)
        annotated = len({(document.project, document.task) for document in documents})
        wanted = self.settings.min_annotations
        if annotated < wanted or not training or not any(document.spans for document in held_out):
            raise TooFew(
                f"{annotated} tasks are annotated, {len(held_out)} of them are held out to judge by. A run wants at "
                f"least {wanted}, with annotated spans among the held-out ones: annotate more tasks, then press "
                "Start Training. Nothing was trained and the live version is untouched. " + " ".join(self.notes)
            )
        return Split(training, validation, held_out)

    def _load_base(self) -> Model:
        self.reporter.enter("dataset", "loading the base model")
        return Model.load(self.settings.model, self.settings.device)

    def _load(self, version: str) -> Model:
        """A published version, by its name or reference."""
        return Model.load(str(self.shelf.fetch(version)), self.settings.device)

    def _is_live(self, version: Lineage) -> bool:
        return version_of(self.shelf.champion()) == version.version

    def _score(self, model: Model, documents: Sequence[Document]) -> Score:
        return score(model, documents, self.settings.threshold)

    def _tune(self, learning: Learning, parts: Split, spare: Sequence[str]) -> None:
        self.reporter.enter("replay", "the base model labels what is replayed")
        replayed = learning.replay(spare)
        self.reporter.enter("tune", f"{len(parts.training)} tasks, {len(replayed)} texts replayed")
        learning.tune(
            replayed,
            parts.validation,
            report=self._tuned,
            stopping=lambda: self._stopping,
            folder=self.folder,
        )

    def _tuned(self, progress: TuningProgress) -> None:
        best = f", best F1 on validation {progress.best:.3f}" if progress.best >= 0 else ""
        detail = f"step {progress.step} of {progress.steps}, loss {progress.loss:.2f}{best}"
        self.reporter.within(progress.step / progress.steps, detail)

    def _judge(self, scores: dict[str, Score], held_out: Sequence[Document]) -> tuple[str, Verdict]:
        """Score whatever is live now as the champion, and the new version against it."""
        champion = self.shelf.champion()
        if champion == INITIAL:
            scores["champion"] = scores["base"]
        else:
            self.reporter.within(0.5, f"scoring the champion {version_of(champion)}")
            scores["champion"] = self._score(self._load(champion), held_out)
        judged = verdict(scores["champion"], scores["new"])
        self.reporter.know(scores=dict(scores), champion=champion)
        return champion, judged

    def _publish(
        self,
        model: Model,
        documents: Sequence[Document],
        parts: Split,
        recipe: Recipe,
        digest: str,
        scores: dict[str, Score],
        champion: str,
        judged: Verdict,
    ) -> Lineage:
        self.reporter.enter("publish", "writing the new version into the store")
        labels = sorted({label for document in documents for label in document.labels})
        lineage = Lineage(
            version=publish.name(self.reporter.run.started, digest),
            created=datetime.now(UTC),
            run=self.reporter.run.id,
            base=self.base,
            projects=self.reporter.run.projects,
            annotations=tuple(sorted({document.annotation for document in documents})),
            digest=digest,
            recipe=asdict(recipe),
            code=publish.code_version(),
            tasks={name: len(part) for name, part in parts._asdict().items()},
            left_out=dict(self.left_out),
            scores=dict(scores),
            champion=version_of(champion) or self.base,
            better=judged.better,
            reason=judged.reason,
            canaries=publish.canaries(model, replay.sentences("guard"), labels, self.settings.threshold),
        )
        self.shelf.publish(lineage, lambda folder: publish.save_model(model, folder))
        return lineage

    def _hand_over(
        self, lineage: Lineage, scores: dict[str, Score], held_out: Sequence[Document], champion: str, judged: Verdict
    ) -> None:
        """Hand a better version over to be served; judge it again where what is live has changed meanwhile."""
        self.reporter.know(version=lineage.version, reference=self.shelf.reference(lineage.version))
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
                self._leave(judged.reason, rollout="wanted", detail="the backend is to roll the version out")
            return
        message = f"Version {lineage.version} was published, but does not serve. {judged.reason}"
        self._finish("held", message, version=lineage.version)

    def _finish(self, outcome: Outcome, message: str, version: str) -> None:
        """Record the outcome."""
        self._leave(message, phase="done", percent=100, detail="", rollout="", outcome=outcome, version=version)

    def _leave(self, message: str, **facts: Any) -> None:
        """Record what the run leaves behind. The exports and checkpoints have served: nothing of the users' texts is
        among that."""
        left = [f"{count} × {reason}" for reason, count in sorted(self.left_out.items())]
        told = [message, *self.notes, *([f"Annotated spans left out: {'; '.join(left)}."] if left else [])]
        self.reporter.know(message=" ".join(told), **facts)
        for path in [*self.folder.glob("project-*"), *self.folder.glob("checkpoint.*")]:
            path.unlink()

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        """SIGTERM: tuning ends at the next step with a checkpoint, everything else at once."""
        self._stopping = True
        if self.reporter.run.phase != "tune":
            raise Stopped(f"stopped in phase {self.reporter.run.phase}; a restart of the run goes on from there")
