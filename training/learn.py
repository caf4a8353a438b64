"""The learning part of a run: dataset, replay and tuning, without Label Studio and the shelf."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch

from service.model.calibration import Calibration
from service.model.computing import bf16_is_native
from service.model.learnt import Learnt
from service.model.model import Model
from service.model.reading import Reading
from service.model.splitter import default_rung
from service.model.told import Told, part_of, untold
from service.versions.lineage import Blend, Calibrated
from training import calibration, guard, ladder, lengths, mentions, overlap, replay
from training.blend import SHARES, blend, moved
from training.dataset import Document, Example, build, characters
from training.folds import CrossValidated, CrossValidation, Fold
from training.guard import Guard
from training.judge.prediction import Prediction
from training.judge.scores import score
from training.listener import Listener
from training.omissions import Omission
from training.ranks import Ranks, how_many, together
from training.recipe import Recipe
from training.settings import TrainingSettings
from training.tune import Tuning

UNHEARD = Listener()


class OtherRank(NamedTuple):
    """Tunes with the run's process, on another device or beside it."""

    settings: TrainingSettings
    reading: Reading
    recipe: Recipe
    examples: Sequence[Example]
    replayed: Sequence[Example]

    def __call__(self, ranks: Ranks, device: torch.device) -> None:
        settings = self.settings
        base = Model.load(settings.model, str(device), settings.window_words, settings.convert_pickle)
        model = base.twin().with_reading(self.reading)
        Tuning(model, self.recipe, base=base.gliner.model, ranks=ranks).follow(self.examples, self.replayed)


class Learning:
    """Fine-tunes a copy of a base model on training documents. The base model stays as it is."""

    def __init__(self, settings: TrainingSettings, model: Model, training: Sequence[Document]) -> None:
        self.settings = settings
        self.base = model
        self.documents = len(training)
        self._training = training
        self.choice = overlap.choose(training)
        reading = ladder.choose(training, model).model_copy(update={"overlap": self.choice.overlap})
        self.model = model.twin().with_reading(reading).with_calibration(Calibration())
        """The model that is tuned: it reads texts as the annotations need it, and leaves labels that are not annotated
        to the base model."""
        self.dataset = build(training, self.model, settings.seed)
        labels = sorted({label for example in self.dataset.examples for label in example.labels})
        self.model = self.model.with_base(model.gliner, Learnt(labels=tuple(labels)))
        width: int = model.gliner.config.encoder_config.hidden_size
        self.window_scores: dict[int, float] = {}
        """F1 on the validation documents by the most words in a window; empty before `fit_windows`, and if they are too
        few or too short to tell."""
        self.guard: Guard | None = None
        """What the base model finds in the guard sentences; None before `remember`."""
        self.blend: Blend | None = None
        """How far the weights have moved; None before `move`, and where the base model knows nothing to forget."""
        self.calibrated: Calibrated | None = None
        """What the tuned model's scores mean; None before `fit_calibration`."""
        self.cross_validated = CrossValidated([])
        """What models that did not learn from a document find in it; empty without a cross-validation."""
        self.recipe: Recipe = settings.recipe(len(self.dataset.examples), width, bf16_is_native(model.gliner.device))

    @property
    def omissions(self) -> list[Omission]:
        """The annotated spans that GLiNER cannot represent, and those that it cannot answer beside others."""
        return [*self.dataset.omissions, *self.choice.unanswered]

    @property
    def notes(self) -> list[str]:
        """What else an annotator may want to know of how the annotations are learnt."""
        found = [f"{script} is cut into {rung}." for script, rung in self._finer().items()]
        if self.dataset.trimmed:
            found.append(f"Spans learnt without the blanks at their edges: {self.dataset.trimmed}.")
        if self.choice.overlap != "flat" or self.choice.unanswered:
            found.append(self.choice.why)
        return found

    @property
    def windows(self) -> list[str]:
        """How long the model's windows are and why, as a sentence, if that was chosen."""
        by_length = ", ".join(f"{length}: {f1:.3f}" for length, f1 in self.window_scores.items())
        told = f"A window has at most {self.model.window_words} words (F1 on validation by length: {by_length})."
        return [told] if self.window_scores else []

    def _finer(self) -> dict[str, str]:
        before = self.base.reading.rungs
        chosen = self.model.reading.rungs.items()
        return {script: rung for script, rung in chosen if rung != before.get(script, default_rung(script))}

    def learn(
        self,
        spare: Sequence[str],
        validation: Sequence[Document],
        *,
        folds: CrossValidation | None = None,
        held_out: Sequence[Document] = (),
        listener: Listener = UNHEARD,
        stopping: Callable[[], bool] = lambda: False,
        folder: Path | None = None,
    ) -> None:
        """Take all steps from the base model to the version's model, which is `model` afterwards.

        A run, the learning curve and the benchmarks learn by this one method. What the scores mean is told by the
        folds or, without any, by the validation documents. Where there are neither, the held-out documents tell it, in
        a way that changes no answer, and they are used for nothing else. Raises Stopped if `stopping` returns true,
        Diverged if the loss stays not finite.
        """
        self.remember(listener.remembering())
        replayed = self.replay(spare)
        reads = [len(SHARES) * (guard.size() + characters(validation)), lengths.characters(self.model, validation)]
        telling = validation or ([] if folds else held_out)
        reads = [*_read_by(folds), *reads, characters(telling)]
        listener.begin(self.documents, _texts(replayed), validation, reads)
        if folds:
            self._tune_folds(folds, replayed, 1, listener, stopping)
            listener.tuning("the version itself", 0)
        self.tune(replayed, validation, listener=listener, stopping=stopping, folder=folder)
        self.move(validation, listener.choosing("choosing how far the weights move from the base model's"))
        self.fit_windows(validation, listener.choosing("choosing how long the windows over long texts are"))
        told = listener.choosing("choosing what scores mean and from which probability on spans are taken")
        found = self.cross_validated.uncalibrated or calibration.find(self.model, telling, part_of(told, 0.0, 0.9))
        way = calibration.fit if folds or validation else calibration.fit_map
        self.fit_calibration(found, way, part_of(told, 0.9, 1.0))

    def cross_validate(
        self,
        spare: Sequence[str],
        folds: CrossValidation,
        blend: Blend | None,
        listener: Listener,
        stopping: Callable[[], bool],
    ) -> None:
        """Fill `cross_validated` alone, for a version that is learnt already and whose weights have moved by `blend`.

        Raises what `learn` raises.
        """
        replayed = self.replay(spare) if folds.missing else []
        listener.begin(self.documents, _texts(replayed), [], _read_by(folds))
        self._tune_folds(folds, replayed, 0, listener, stopping)
        self.cross_validated = self.cross_validated._replace(blend=blend)

    def remember(self, told: Told = untold) -> Guard:
        """What the base model finds in the guard sentences."""
        if self.guard is None:
            self.guard = Guard.of(self.base, self.settings.threshold, told)
        return self.guard

    def replay(self, spare: Sequence[str]) -> list[Document]:
        """The texts to replay: general sentences, the spare texts and those that are annotated."""
        texts = [*replay.sentences("train"), *spare, *dict.fromkeys(document.text for document in self._training)]
        labels = replay.base_labels(self.settings.model)
        return replay.questions(texts, labels, self.recipe.steps * self.recipe.replayed, self.settings.seed)

    def tune(
        self,
        replayed: Sequence[Document],
        validation: Sequence[Document],
        *,
        listener: Listener = UNHEARD,
        stopping: Callable[[], bool] = lambda: False,
        folder: Path | None = None,
    ) -> None:
        """Tune the model and leave it with the weights that scored best on the validation documents. `move` comes next.

        Raises Stopped if `stopping` returns true, Diverged if the loss stays not finite.
        """
        examples = [*self.dataset.examples, *self._copies()], self._examples(replayed)
        follower = OtherRank(self.settings, self.model.reading, self.recipe, *examples)
        with together(self._processes, self.model.gliner.device, follower) as ranks:
            tuning = Tuning(
                self.model,
                self.recipe,
                base=self.base.gliner.model,
                # Without annotated spans every score is zero, and the first evaluation would win.
                evaluate=self._scorer(validation, listener.evaluating) if any(d.spans for d in validation) else None,
                report=listener.stepped,
                stopping=stopping,
                last_step=listener.last_step,
                folder=folder,
                ranks=ranks,
            )
            tuning.run(*examples)
        self.recipe = tuning.recipe

    def move(self, validation: Sequence[Document], told: Told = untold) -> None:
        """Choose how far the weights move from the base model's to the tuned ones, by the folds or the validation
        documents."""
        remembered = self.remember()
        if remembered.finds:
            self.blend = blend(
                self.model.gliner.model,
                self.base.gliner.model.state_dict(),
                self._apart(validation),
                partial(remembered.expected, self.model),
                self.recipe.forgetting_limit,
                told,
            )
        self.cross_validated = self.cross_validated._replace(blend=self.blend)

    def fit_windows(self, validation: Sequence[Document], told: Told = untold) -> None:
        """Choose how long the tuned model's windows are, if the validation documents tell."""
        self.window_scores = lengths.measure(self.model, validation, told)
        if self.window_scores:
            self.model = lengths.with_length(self.model, lengths.choose(self.window_scores))

    def fit_calibration(self, found: Sequence[Prediction], way: calibration.Fit, told: Told = untold) -> None:
        """Choose what the tuned model's scores mean, and from which probability on its spans are taken.

        `found` is what was found, with the network's scores, in documents that were not learnt from.
        """
        self.calibrated = calibration.choose(self.model, found, self.model.learnt.labels, way, told)
        self.model = self.model.with_calibration(self.calibrated.calibration)

    def _tune_folds(
        self,
        folds: CrossValidation,
        replayed: Sequence[Document],
        after: int,
        listener: Listener,
        stopping: Callable[[], bool],
    ) -> None:
        """Tune a model for each fold, as the version is tuned, but without a text of the fold.

        `after` is how many tunings come after them.
        """
        annotated = {document.text for document in self._training}

        def learn(fold: Fold) -> Iterator[Model]:
            learning = Learning(self.settings, self.base, fold.others)
            learning.recipe = self.recipe
            name = f"fold {fold.number + 1} of {fold.of}"
            listener.tuning(name, fold.more + after)
            unseen = annotated - {document.text for document in fold.others}
            others = [document for document in replayed if document.text not in unseen]
            if learning.dataset.examples:  # else the model reads none of the other folds, and stays as it is
                learning.tune(others, [], listener=listener, stopping=stopping, folder=fold.folder)
            told = listener.choosing(f"{name}: reading the fold at each share of the way to the tuned weights")
            for tried, _ in enumerate(moved(learning.model.gliner.model, self.base.gliner.model.state_dict()), 1):
                yield learning.model
                told(tried / len(SHARES))

        self.cross_validated = CrossValidated(folds.run(learn))

    def _copies(self) -> list[Example]:
        """Copies of the training documents with other mentions, at most as many as the steps take beside these."""
        recipe = self.recipe
        taken = recipe.steps * (recipe.batch_size - recipe.replayed) // max(1, len(self.dataset.examples))
        return self._examples(mentions.copies(self._training, min(taken - 1, recipe.copies), self.settings.seed))

    def _examples(self, documents: Iterable[Document]) -> list[Example]:
        return build(documents, self.model, self.settings.seed).examples

    @property
    def _processes(self) -> int:
        """How many processes tune together; each has a new example of every batch."""
        gpus = torch.cuda.device_count() if self.settings.device in ("auto", "cuda") else 1
        count = how_many(self.settings.tuning_processes, self.model.gliner.device, gpus)
        return min(count, self.recipe.batch_size - self.recipe.replayed)

    def _apart(self, validation: Sequence[Document]) -> Callable[[float], float] | None:
        """The F1 at a share of the way on texts that were not learnt from; None if there are none."""
        if self.cross_validated.found:
            return self.cross_validated.f1
        if not any(document.spans for document in validation):
            return None
        of_model = self._scorer(validation, untold)
        return lambda share: of_model(self.model)

    def _scorer(self, validation: Sequence[Document], told: Told) -> Callable[[Model], float]:
        """The F1 on the validation documents of spans whose score passes the default threshold: scores are no
        probabilities yet, so the threshold that is set is not asked."""
        return lambda tuned: score(tuned, validation, None, told).f1


def _read_by(folds: CrossValidation | None) -> list[int]:
    """The characters that the model of each fold reads after its tuning: the fold, at each share of the way."""
    missing = folds.missing if folds else []
    return [len(SHARES) * characters(fold) for fold in missing]


def _texts(replayed: Sequence[Document]) -> int:
    return len({document.text for document in replayed})
