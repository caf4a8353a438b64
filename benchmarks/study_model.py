"""Train the study's second model: all six layers of MiniLM with its whole vocabulary, on general sentences only.

    python -m benchmarks.study_model --data ../shared/data

The starter has learnt medical texts, so it cannot show what a run brings on data that are new to a model. This model
has learnt the general part of MultiCoNER v2 alone: BC5CDR, WNUT17 and the medical part are new to it. A training that
is killed goes on from its checkpoint.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import typer

from service.model.computing import bf16_is_native, use_threads
from service.model.model import Model
from starter.train import annotated, evaluate, examples, halve, learn, untrained, write
from training.recipe import Recipe

FOLDER = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "spanloop/study-model"
"""Where the model is written, and where the study looks for it."""
LAYERS = range(6)
VOCABULARY = 30_522
"""All word pieces of MiniLM."""
GENERAL = "multiconer_v2_en"
UNSEEN = {
    "bc5cdr": ("dev.jsonl",),
    "wnut17": ("dev.jsonl",),
    "multiconer_v2_en_medical": ("train.jsonl", "dev.jsonl"),
}
WARMUP_STEPS = 200
POSITIVE_WEIGHT = 0.75


def main(
    data: Path = Path("../shared/data"),
    out: Path = FOLDER,
    steps: int = 7_000,
    batch_size: int = 16,
    encoder_rate: float = 1.5e-4,
    head_rate: float = 8e-4,
    threads: int = 1,
    seed: int = 0,
) -> None:
    """Train the model and write it to `out`, with its scores on what it has learnt and on what it has not."""
    use_threads(threads)
    model = untrained(data, seed, LAYERS, VOCABULARY, [GENERAL])
    began = time.process_time()
    lessons = examples(data, model, steps * batch_size, seed, {GENERAL: 1}, {GENERAL: 0.0})
    recipe = Recipe(
        steps=steps,
        batch_size=batch_size,
        encoder_rate=encoder_rate,
        head_rate=head_rate,
        warmup=WARMUP_STEPS / steps,
        focal_alpha=POSITIVE_WEIGHT,
        bf16=bf16_is_native(model.gliner.device),
        checkpoint_seconds=300,
        seed=seed,
    )
    checkpoints = out.with_name(out.name + ".checkpoints")
    checkpoints.mkdir(parents=True, exist_ok=True)
    learn(model, lessons, recipe, checkpoints)
    seconds = round(time.process_time() - began)
    halve(model)
    scores = {GENERAL: scored(model, data, GENERAL, ("dev.jsonl",))}
    scores |= {name: scored(model, data, name, files) for name, files in UNSEEN.items()}
    write(model, out, {"seed": seed, "steps": steps, "batch_size": batch_size, "cpu_seconds": seconds, "f1": scores})


def scored(model: Model, data: Path, name: str, files: tuple[str, ...]) -> float:
    """Strict micro F1 on files of a data set, asked for all labels that occur in them."""
    paths = [data / name / file for file in files]
    labels = tuple(sorted({span.label for _, spans in annotated(*paths) for span in spans}))
    return evaluate(model, labels, *paths)


if __name__ == "__main__":
    typer.run(main)
