"""How fast a model learns: Spanloop's fine-tuning against GLiNER's own `train_model`, at equal scores.

    python -m benchmarks.training --data ../shared/data

Both fine-tune the starter on the same examples of BC5CDR: train and dev without the held-out texts of dev. For every
seed the two run in turn (A B A B …), with equal steps, batches, peak learning rates, warmup, cosine schedule, weight
decay, clipping and focal loss. There are as many examples as the steps read, so both read each example once. Three
things differ. Each shuffles in its own order. GLiNER trains the layer between encoder and head at the encoder's rate,
Spanloop at the head's. GLiNER applies no weight decay to biases and norms.

`train_model` runs with its defaults for a CPU: in fp32, with a second process that prepares the batches on a core of
its own if there is one. Neither scores, writes checkpoints or logs meanwhile. The whole call is timed. The code that
serves scores both models.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, median
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.bars import RESULTS, Bar, at_least, less_than, write
from benchmarks.datasets import read
from service.model.computing import bf16_is_native, use_threads
from service.model.gliner import GLiNER
from service.model.model import Model
from service.settings import STARTER
from training.dataset import Document, Example, build, is_held_out
from training.judge.scores import score
from training.recipe import Recipe
from training.settings import TrainingSettings
from training.tune import Tuning

GLINER, OURS = "train_model", "Spanloop"
THRESHOLD = 0.5
SEEDS, STEPS, HELD_OUT, THREADS = 3, 150, 900, 2
"""The defaults. Bars are written only for these."""
WARM_UP_STEPS = 3
"""Steps of each way before the first measurement, so that one-time imports and compilation are not measured."""
screen = Console()


@dataclass(frozen=True)
class Measured:
    """One fine-tuning, and the strict micro F1 on the held-out texts after it."""

    way: str
    seed: int
    examples_a_second: float
    cpu_ms_an_example: float
    """CPU time of this process and its children, per example. Other processes of the machine do not count."""
    f1: float


def main(
    data: Annotated[Path, typer.Option(help="The data sets.")] = Path("../shared/data"),
    out: Annotated[Path, typer.Option(help="The folder for the JSON.")] = RESULTS,
    seeds: Annotated[int, typer.Option(min=1, help="How often both ways run.")] = SEEDS,
    steps: Annotated[int, typer.Option(min=1, help="Steps of a fine-tuning.")] = STEPS,
    texts: Annotated[int, typer.Option(min=1, help="Held-out texts that are scored.")] = HELD_OUT,
    threads: Annotated[int, typer.Option(min=1, help="Threads that torch computes with.")] = THREADS,
) -> None:
    """Measure both ways, print a table, and write the figures and their bars."""
    use_threads(threads)
    dev = read(data / "bc5cdr" / "dev.jsonl")
    held_out = [document for document in dev if is_held_out(document.text)][:texts]
    pool = [document for document in (*read(data / "bc5cdr" / "train.jsonl"), *dev) if not is_held_out(document.text)]
    found: list[Measured] = []
    for seed in range(seeds):
        settings = TrainingSettings(seed=seed, steps=steps)
        for way, tune in WAYS.items():
            if not seed:
                run(way, tune, pool, [], settings.model_copy(update={"steps": WARM_UP_STEPS}))
            found.append(run(way, tune, pool, held_out, settings))
            screen.print(found[-1])
    screen.print(table(found, threads))
    if (seeds, steps, texts, threads) == (SEEDS, STEPS, HELD_OUT, THREADS):  # bars need the whole measurement
        write(out, "training", [{**asdict(one), "threads": threads, "steps": steps} for one in found], bars(found))


def run(
    way: str,
    tune: Callable[[Any, Sequence[Example], Recipe], None],
    pool: Sequence[Document],
    held_out: Sequence[Document],
    settings: TrainingSettings,
) -> Measured:
    """Fine-tune a new starter on as many random examples as the steps read, and score it."""
    wanted = settings.steps * settings.batch_size
    examples = build(random.Random(settings.seed).sample(pool, len(pool))[:wanted], Model(starter())).examples[:wanted]
    if len(examples) < wanted:
        raise typer.BadParameter(f"{settings.steps} steps need {wanted} examples; the data has {len(examples)}")
    gliner = starter()
    device = gliner.device
    recipe = settings.recipe(wanted, gliner.config.encoder_config.hidden_size, bf16_is_native(device))
    torch.manual_seed(settings.seed)
    random.seed(settings.seed)
    began, spent = time.perf_counter(), processor_seconds()
    tune(gliner, examples, recipe)
    seconds, spent = time.perf_counter() - began, processor_seconds() - spent
    return Measured(
        way, settings.seed, wanted / seconds, 1000 * spent / wanted, score(Model(gliner), held_out, THRESHOLD).f1
    )


def processor_seconds() -> float:
    """CPU seconds that this process and its ended children have used."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def starter() -> Any:
    """The embedded model as GLiNER loads it, in fp32."""
    return GLiNER.from_pretrained(str(STARTER), local_files_only=True, dtype="fp32")


def by_gliner(gliner: Any, examples: Sequence[Example], recipe: Recipe) -> None:
    """Fine-tune with GLiNER's own `train_model`, which uses transformers' trainer, by the recipe."""
    lessons = [{"tokenized_text": e.words, "ner": e.spans, "ner_labels": list(e.labels)} for e in examples]
    with tempfile.TemporaryDirectory() as folder:
        gliner.train_model(
            lessons,
            None,
            output_dir=folder,
            max_steps=recipe.steps,
            per_device_train_batch_size=recipe.batch_size,
            learning_rate=recipe.encoder_rate,
            others_lr=recipe.head_rate,
            weight_decay=recipe.weight_decay,
            others_weight_decay=recipe.weight_decay,
            warmup_ratio=recipe.warmup,
            lr_scheduler_type="cosine",
            max_grad_norm=recipe.clip,
            focal_loss_alpha=recipe.focal_alpha,
            focal_loss_gamma=recipe.focal_gamma,
            seed=recipe.seed,
            use_cpu=True,
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
        )


def by_spanloop(gliner: Any, examples: Sequence[Example], recipe: Recipe) -> None:
    """Fine-tune as a run of Spanloop does, by the recipe."""
    Tuning(Model(gliner), recipe).run(examples, [])


WAYS: dict[str, Callable[[Any, Sequence[Example], Recipe], None]] = {GLINER: by_gliner, OURS: by_spanloop}


def ratios(found: Sequence[Measured]) -> list[float]:
    """Spanloop's speed as a multiple of `train_model`'s, for each seed."""
    speeds = {(one.way, one.seed): one.examples_a_second for one in found}
    return [speeds[OURS, seed] / speeds[GLINER, seed] for way, seed in speeds if way == GLINER]


def bars(found: Sequence[Measured]) -> list[Bar]:
    means = {way: mean(one.f1 for one in found if one.way == way) for way in WAYS}
    return [
        at_least("fine-tuning the starter, examples/s", median(ratios(found)), "× train_model", 2.0),
        less_than("fine-tuning, F1 against train_model's", 100 * abs(means[OURS] - means[GLINER]), "points apart", 1.0),
    ]


def table(found: Sequence[Measured], threads: int) -> Table:
    made = Table(
        "",
        "examples/s",
        "lowest to highest",
        "CPU ms an example",
        "F1",
        title=f"Fine-tuning the starter, {threads} threads",
    )
    for way in WAYS:
        speeds = [one.examples_a_second for one in found if one.way == way]
        scores = [one.f1 for one in found if one.way == way]
        made.add_row(
            way,
            f"{median(speeds):.1f}",
            f"{min(speeds):.1f} to {max(speeds):.1f}",
            f"{median(one.cpu_ms_an_example for one in found if one.way == way):.1f}",
            f"{mean(scores):.3f} ({min(scores):.3f} to {max(scores):.3f})",
        )
    times = ratios(found)
    made.add_row("ratio", f"{median(times):.2f}", f"{min(times):.2f} to {max(times):.2f}", "", "")
    return made


if __name__ == "__main__":
    typer.run(main)
