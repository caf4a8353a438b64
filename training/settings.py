"""The settings of a training run, read from environment variables with the prefix SPANLOOP_."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from pydantic import Field, field_validator

from service.settings import (
    AnnotationSettings,
    BasicAuthSettings,
    ComputeSettings,
    HomeSettings,
    JobSettings,
    LabelStudioSettings,
    PredictionSettings,
    RegistrySettings,
    SignatureSettings,
    SigningSettings,
    TextSettings,
)
from training.judge.rules import Rules
from training.recipe import Recipe
from training.split import FEWEST_TEXTS

STEPS_MIN, STEPS_PER_EXAMPLE, STEPS_MAX = 300, 1.5, 6_000
"""Steps of a tuning: STEPS_MIN and STEPS_PER_EXAMPLE more for each example, at most STEPS_MAX. Half of a batch is new,
so of many examples each is learnt from some 15 times, and of few more often. In trials with 50, 200 and 711 examples a
model still gained up to there."""

COPIES, FEWEST_COPIED = 10, 100
"""The most copies of a text with other mentions, and the examples from which on there are any. In trials they gained
with 200 examples, and with 50 they did not."""


class TrainingSettings(
    PredictionSettings,
    TextSettings,
    ComputeSettings,
    HomeSettings,
    LabelStudioSettings,
    AnnotationSettings,
    BasicAuthSettings,
    RegistrySettings,
    SignatureSettings,
    SigningSettings,
    JobSettings,
):
    """All settings of a run. Those that the backend also reads have the same names there."""

    steps: int = Field(0, ge=0)
    """Maximum of optimizer steps; 0: 300 and three more for every two examples, at most 6,000."""
    minutes: float = Field(0, ge=0)
    """About how many minutes a run takes at most, by having fewer steps; 0: as many as all steps take. A tuning has at
    least 50 steps, and a run with a time budget measures no learning curve."""
    batch_size: int = Field(16, ge=2)
    """Examples per step, including replayed ones."""
    tuning_processes: int = Field(0, ge=0)
    """Processes that tune together, each with a part of every batch; 0: one for each GPU, and one without GPUs. There
    are never more than GPUs, if there are any."""
    encoder_rate: float = Field(0, ge=0)
    """Peak learning rate of the encoder; 0: it depends on the encoder's width."""
    head_rate: float = Field(0, ge=0)
    """Peak learning rate of all layers after the encoder; 0: it depends on the encoder's width."""
    seed: int = 0
    """The seed of batches, dropout, replay and replaced mentions."""
    patience: float = Field(300, ge=0)
    """Seconds for which a run waits for a Label Studio, a registry or a backend that does not answer, each time."""
    backend_url: str = ""
    """The backend's URL; the run asks there which version is live."""
    replay_limit: int = Field(400, ge=0)
    """Maximum of unannotated tasks per project that are replayed in addition to the general sentences."""
    forgetting_limit: float = Field(0.05, ge=0)
    """F1 that a version may lose on general sentences, by the base model's probabilities. Its weights move so far
    towards the tuned ones. One that loses twice as much is rejected. 1: no limit."""
    promotion_risk: float = Field(0.1, gt=0, le=1)
    """Probability that a version that is no better replaces a live version, over all tries against it. The first try
    may spend half of it: by default a version must be better with a probability of 0.95."""
    label_margin: float = Field(0.05, ge=0)
    """F1 that a label may lose; a version that loses more for certain is rejected."""
    label_support: int = Field(10, ge=1)
    """Annotated spans from which on a label counts for itself in a verdict."""
    cross_validated_texts: int = Field(FEWEST_TEXTS, ge=0)
    """Of fewer annotated texts none is held out, and all judge in a cross-validation, which tunes three further models,
    or five with fewer than 100 texts. Of more, one text of five is held out and judges."""
    judged_versions: int = Field(2, ge=0)
    """How many of the latest other versions are scored beside the live one, on the same tasks."""
    exclude_annotators: str = ""
    """Annotators whose annotations are left out, separated by commas: ids or e-mail addresses of users in Label Studio.
    A task that somebody else has annotated, too, is learnt from that annotation."""
    exclude_tasks: str = ""
    """Tasks that are left out, separated by commas: their ids in Label Studio."""
    curve: bool = True
    """Whether a run with at least 100 annotated tasks, and 30 spans to score on, measures what further tasks would
    bring, once its version is live or held. It tunes on a quarter, a half and three quarters of the tasks, which takes
    1.5 to 3 times as long as the version's own tuning. A run with a time budget does not."""

    def steps_of(self, examples: int) -> int:
        """The steps of a tuning on a number of training examples."""
        return self.steps or min(STEPS_MIN + round(STEPS_PER_EXAMPLE * examples), STEPS_MAX)

    @property
    def rules(self) -> Rules:
        """The rules of the judge."""
        return Rules(self.promotion_risk, self.label_margin, self.label_support, 2 * self.forgetting_limit)

    @property
    def excluded_annotators(self) -> tuple[str, ...]:
        """The annotators of `exclude_annotators`."""
        return _parts(self.exclude_annotators)

    @property
    def excluded_tasks(self) -> tuple[int, ...]:
        """The tasks of `exclude_tasks`."""
        return tuple(int(part) for part in _parts(self.exclude_tasks))

    @property
    def exclusion(self) -> dict[str, str]:
        """The variables that set what is excluded."""
        set_to = {
            "SPANLOOP_EXCLUDE_ANNOTATORS": self.exclude_annotators,
            "SPANLOOP_EXCLUDE_TASKS": self.exclude_tasks,
        }
        return {name: value for name, value in set_to.items() if value}

    def excluding(self, annotators: Iterable[str], tasks: Iterable[int]) -> Self:
        """The settings with more annotators and tasks excluded."""
        return self.model_copy(
            update={
                "exclude_annotators": _with(self.exclude_annotators, (one.strip() for one in annotators)),
                "exclude_tasks": _with(self.exclude_tasks, map(str, tasks)),
            }
        )

    @field_validator("exclude_tasks")
    @classmethod
    def _task_ids(cls, given: str) -> str:
        if not all(part.isdecimal() for part in _parts(given)):
            raise ValueError(f"{given!r} is no list of task ids, such as 12,15: set the ids that Label Studio shows")
        return given

    def recipe(self, examples: int, width: int, bf16: bool) -> Recipe:
        """The recipe for a number of training examples and an encoder's width; `bf16`: whether bfloat16 is native.

        Smaller encoders get larger rates. At width 768 the rates are twice those that GLiNER's authors use for
        fine-tuning (1e-5 and 5e-5). They grow with the cube of 768 / width; checked at 384 (benchmarks/learning.py).
        """
        scale = (768 / width) ** 3
        return Recipe(
            steps=self.steps_of(examples),
            minutes=self.minutes,
            batch_size=self.batch_size,
            copies=COPIES if examples >= FEWEST_COPIED else 0,
            encoder_rate=self.encoder_rate or 2e-5 * scale,
            head_rate=self.head_rate or 1e-4 * scale,
            forgetting_limit=self.forgetting_limit,
            bf16=bf16,
            seed=self.seed,
        )


def _parts(commas: str) -> tuple[str, ...]:
    """What stands between the commas, without blanks."""
    return tuple(part.strip() for part in commas.split(",") if part.strip())


def _with(commas: str, more: Iterable[str]) -> str:
    """A list with what it does not have yet behind it, sorted; as it is if it has all."""
    missing = sorted({*more} - {*_parts(commas), ""})
    return ",".join(filter(None, [commas, *missing]))
