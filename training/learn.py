"""The learning part of a run: dataset, replay and tuning, without Label Studio and the shelf."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from service.model.computing import bf16_is_native
from service.model.model import Model
from service.model.splitter import default_rung
from service.model.told import Told, untold
from training import ladder, lengths, overlap, replay
from training.dataset import Document, build
from training.judge import score
from training.omissions import Omission
from training.recipe import Recipe
from training.settings import TrainingSettings
from training.tune import Tuning, TuningProgress


class Learning:
    """Fine-tunes a base model in place on training documents."""

    def __init__(self, settings: TrainingSettings, model: Model, training: Sequence[Document]) -> None:
        self.settings = settings
        self.base = model
        self.choice = overlap.choose(training)
        reading = ladder.choose(training, model).model_copy(update={"overlap": self.choice.overlap})
        self.model = model.with_reading(reading)
        """The model that is tuned: it has the base's weights, and reads texts as the annotations need it."""
        self.dataset = build(training, self.model, settings.seed)
        width: int = model.gliner.config.encoder_config.hidden_size
        self.window_scores: dict[int, float] = {}
        """F1 on the validation documents by the most words in a window; empty before `fit_windows`, and if they are too
        few or too short to tell."""
        self.recipe: Recipe = settings.recipe(len(self.dataset.examples), width, bf16_is_native(model.gliner.device))

        self.shortened: list[str] = []
        """How far the time budget shortened the tuning, as a sentence; empty if it did not."""

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

    def replay(self, spare: Sequence[str], told: Told = untold) -> list[Document]:
        """Label the general sentences and the spare texts with the base model. Call this before `tune`."""
        texts = [*replay.sentences("train"), *spare]
        reading = self.base.reading.model_copy(update={"overlap": self.choice.overlap})
        base = self.base.with_reading(reading)  # a span that the version may answer must be no negative
        return replay.label(base, texts, replay.broad_labels(), self.settings.threshold, self.settings.seed, told)

    def tune(
        self,
        replayed: Sequence[Document],
        validation: Sequence[Document],
        *,
        report: Callable[[TuningProgress], None] = lambda progress: None,
        evaluating: Told = untold,
        stopping: Callable[[], bool] = lambda: False,
        last_step: Callable[[], int | None] = lambda: None,
        folder: Path | None = None,
    ) -> None:
        """Tune the model and leave it with the weights that scored best on the validation documents.

        `report` hears of every step, and `evaluating` how far an evaluation between two steps is.
        `last_step` answers when a time budget ends the tuning (see `Tuning`).
        Raises Stopped if `stopping` returns true, Diverged if the loss stays not finite.
        """
        planned = self.recipe.steps
        tuning = Tuning(
            self.model,
            self.recipe,
            # Without annotated spans every score is zero, and the first evaluation would win.
            evaluate=self._scorer(validation, evaluating) if any(document.spans for document in validation) else None,
            report=report,
            stopping=stopping,
            last_step=last_step,
            folder=folder,
        )
        tuning.run(self.dataset.examples, build(replayed, self.model, self.settings.seed).examples)
        self.recipe = tuning.recipe
        if self.recipe.steps < planned:
            budget = f"the time budget of {self.recipe.minutes:g} minutes"
            self.shortened = [f"Because of {budget} the tuning had {self.recipe.steps} of {planned} steps."]

    def fit_windows(self, validation: Sequence[Document], told: Told = untold) -> None:
        """Choose how long the tuned model's windows are, if the validation documents tell."""
        self.window_scores = lengths.measure(self.model, validation, self.settings.threshold, told)
        if self.window_scores:
            self.model = lengths.with_length(self.model, lengths.choose(self.window_scores))

    def _scorer(self, validation: Sequence[Document], told: Told) -> Callable[[Model], float]:
        return lambda tuned: score(tuned, validation, self.settings.threshold, told).f1
