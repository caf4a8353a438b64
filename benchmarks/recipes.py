"""The ways of learning that are compared. `RECIPES` names them all."""

from __future__ import annotations

import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from service.model.gliner import GLiNER
from service.model.model import Model
from service.model.weights import located
from training.dataset import Document, Example, build
from training.folds import CrossValidation
from training.learn import Learning
from training.listener import Listener
from training.settings import TrainingSettings
from training.split import learnable
from training.tune import TuningProgress

PILOT_STEPS = 20
"""Steps of `train_model` that are timed before its CPU time is turned into steps."""


@dataclass(frozen=True)
class Task:
    """What a way of learning gets."""

    settings: TrainingSettings
    documents: Sequence[Document]
    minutes: float
    """CPU-minutes that `train_model` may take."""
    held_out: Sequence[Document] = ()
    """Further documents, which only tell what scores mean, where a run has nothing else that tells it."""

    def model(self) -> Model:
        """The base model, loaded anew."""
        return Model.load(self.settings.model, window_words=self.settings.window_words)


@dataclass
class Learnt:
    """What came of it."""

    model: Model
    recipe: Mapping[str, Any]
    examples: int
    steps: int
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Annotated spans that are not learnt, by reason."""
    version: Mapping[str, Any] = field(default_factory=dict)
    """What else a version says of itself."""


class Steps(Listener):
    """Counts the steps of the version's own tuning, which is the last."""

    done = 0

    def stepped(self, progress: TuningProgress) -> None:
        self.done = progress.step


def as_a_run(**overrides: Any) -> Callable[[Task], Learnt]:
    """Learning as a run does it, with some fields of the recipe overridden once it is resolved."""

    def learn(task: Task) -> Learnt:
        parts = learnable(task.documents, task.settings.cross_validated_texts)
        learning = Learning(task.settings, task.model(), parts.training)
        learning.recipe = replace(learning.recipe, **overrides)
        folds = CrossValidation(parts.folds, task.settings.threshold) if parts.folds else None
        steps = Steps()
        learning.learn([], parts.validation, folds=folds, held_out=task.held_out, listener=steps)
        return Learnt(
            learning.model,
            asdict(learning.recipe),
            len(learning.dataset.examples),
            steps.done,
            Counter(omission.reason for omission in learning.omissions),
            of_version(learning),
        )

    return learn


def of_version(learning: Learning) -> dict[str, Any]:
    """What the version would say of its windows, spans that share words, thresholds, and how far its weights moved."""
    told = {"window_words": learning.model.window_words, "overlap": learning.choice.overlap}
    chosen = {"calibrated": learning.calibrated, "blend": learning.blend}
    return told | {name: one.model_dump(mode="json") for name, one in chosen.items() if one}


def by_train_model(task: Task) -> Learnt:
    """GLiNER's own `train_model` as its documentation calls it first, for as many steps as the CPU time allows.

    Learning rate 5e-5, batches of 8, and the defaults of all other arguments (AdamW, linear schedule, a tenth of the
    steps as warm-up, no weights in the loss): https://github.com/urchade/GLiNER/blob/main/docs/training.md
    """
    base = task.model()
    examples = build(task.documents, base, task.settings.seed).examples
    train_model(task.settings, examples, 1)  # imports and compiles, which the pilot shall not count
    began = time.process_time()
    train_model(task.settings, examples, PILOT_STEPS)
    steps = max(PILOT_STEPS, round(task.minutes * 60 / (time.process_time() - began) * PILOT_STEPS))
    gliner, arguments = train_model(task.settings, examples, steps)
    return Learnt(Model(gliner, base.reading), arguments, len(examples), steps)


def train_model(
    settings: TrainingSettings, examples: Sequence[Example], steps: int
) -> tuple[Any, dict[str, float | int]]:
    """Load the base model as GLiNER does and fine-tune it in this process. Returns it, and the arguments."""
    folder = located(settings.model, settings.convert_pickle)
    gliner = GLiNER.from_pretrained(str(folder), local_files_only=Path(settings.model).is_dir(), dtype="fp32")
    lessons = [{"tokenized_text": e.words, "ner": e.spans, "ner_labels": list(e.labels)} for e in examples]
    arguments = {"max_steps": steps, "learning_rate": 5e-5, "per_device_train_batch_size": 8, "seed": settings.seed}
    here = {"use_cpu": True, "dataloader_num_workers": 0}  # one process, whose CPU time is measured
    silent = {"save_strategy": "no", "logging_strategy": "no", "disable_tqdm": True}
    torch.manual_seed(settings.seed)
    random.seed(settings.seed)
    with tempfile.TemporaryDirectory() as folder:
        gliner.train_model(lessons, None, output_dir=folder, **arguments, **here, **silent)
    return gliner, arguments


RECIPES: dict[str, Callable[[Task], Learnt]] = {
    "run": as_a_run(),
    "train_model": by_train_model,
    "steps-800": as_a_run(steps=800),
    "steps-2400": as_a_run(steps=2_400),
    "replay-quarter": as_a_run(replay_share=0.25),
    "replay-eighth": as_a_run(replay_share=0.125),
    "replay-weight-4": as_a_run(replay_weight=4.0),
    "no-replay": as_a_run(replay_share=0.0),
    "no-copies": as_a_run(copies=0),
    "last-weights": as_a_run(average=0.0, decay=0.9),
    "head-only": as_a_run(encoder_rate=0.0),
}
"""By name. "run" is what Spanloop does; the others are what it is compared with."""
