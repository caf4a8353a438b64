"""How many wrong annotations `spanloop problems` finds.

    python -m benchmarks.problems --data ../shared/data --kept FOLDER

Some spans of annotated sentences are made wrong: another label, another boundary, or deleted. Models of three folds
read the sentences without having learnt from them, and the sentences are ranked by what they doubt.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.corruption import corrupted
from benchmarks.datasets import read, sample
from service.model.computing import use_threads
from service.model.model import Model
from training.dataset import Document
from training.folds import CrossValidation
from training.learn import UNHEARD, Learning
from training.problems.doubts import doubtful
from training.problems.reading import read_out_of_fold
from training.settings import TrainingSettings
from training.split import mark, marks, spans

SET = "multiconer_v2_en_medical/train"
FOLDS = 3


def main(
    data: Annotated[Path, typer.Option(help="The folder of the data sets.")],
    kept: Annotated[Path, typer.Option(help="A folder that keeps what models have found, for another try.")],
    sentences: Annotated[int, typer.Option(help="Random sentences of the set.")] = 200,
    share: Annotated[float, typer.Option(help="The share of the spans that is made wrong.")] = 0.05,
    steps: Annotated[int, typer.Option(help="Steps of each tuning.")] = 200,
    seed: Annotated[int, typer.Option(help="The seed of the mistakes.")] = 0,
) -> None:
    """Print the share of wrong sentences among the first k, where k are wrong, and what a random order has."""
    use_threads(1)
    drawn = sample(read(data / f"{SET}.jsonl"), sentences)
    numbered = [replace(document, task=place) for place, document in enumerate(drawn)]
    documents, wrong = corrupted(numbered, share, seed)
    settings = TrainingSettings(steps=steps, threads=1, device="cpu")
    learnt = _learnt(settings, documents, kept, f"{sentences} {share} {steps} {seed}")
    ranked = [task.task for task in doubtful(read_out_of_fold(learnt.cross_validated, learnt.model))]
    random = len(wrong) / len(documents)
    Console().print(f"{len(documents)} sentences with {spans(numbered)} spans, of which {len(wrong)} have a mistake")
    for first in (len(wrong), 2 * len(wrong), 4 * len(wrong)):
        right = sum(task in wrong for task in ranked[:first])
        times = right / first / random
        Console().print(
            f"first {first}: {right} with a mistake, precision {right / first:.2f}, {times:.1f} times random"
        )


def _learnt(settings: TrainingSettings, documents: list[Document], kept: Path, identity: str) -> Learning:
    """What knows what models find that have not learnt from the sentences."""
    kept.mkdir(parents=True, exist_ok=True)
    folds = CrossValidation(_folds(documents), None, kept, identity)
    learning = Learning(settings, Model.load(settings.model, settings.device), documents)
    learning.cross_validate([], folds, None, UNHEARD, lambda: False)
    return learning


def _folds(documents: list[Document]) -> list[list[Document]]:
    """The documents in FOLDS parts, those of the same text in the same part."""
    order = {of_text: place for place, of_text in enumerate(marks(documents))}
    return [[one for one in documents if order[mark(one.text)] % FOLDS == number] for number in range(FOLDS)]


if __name__ == "__main__":
    typer.run(main)
