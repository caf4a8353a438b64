"""One case of the study of learning: it learns from some tasks and scores before and after. A JSON line tells it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.bars import processor
from benchmarks.datasets import divided, name, read, sample
from benchmarks.recipes import RECIPES, Task
from service.files import replace_text
from service.model.calibration import Calibration
from service.model.computing import use_threads
from service.model.model import Model
from service.versions.names import initial_version
from training import calibration, kernels
from training.dataset import Document
from training.guard import Guard
from training.judge.scores import score
from training.publish import code_version
from training.settings import TrainingSettings


@dataclass(frozen=True)
class Case:
    """One run of the study. All fields but the folders of the files identify it."""

    train: tuple[str, ...]
    test: tuple[str, ...]
    remember: tuple[str, ...]
    """Files of data sets that the model shall not forget."""
    folds: int
    """0: `test` is tested on. Else both are dealt out to so many folds, and one of them is tested on."""
    fold: int
    tasks: int
    """How many tasks of the part to learn from are learnt from; all if there are fewer."""
    seed: int
    recipe: str
    choose: str
    """How the tasks are chosen: a name of CHOICES."""
    model: str
    """The directory or name of the base model; empty for the one of the settings."""
    minutes: float
    """CPU-minutes that `train_model` may take. The other recipes take what they take."""
    scored: int
    """So many random texts of a set are scored at most."""

    def identity(self) -> dict[str, Any]:
        """What tells this case from others, wherever the data sets lie."""
        files = {part: [name(Path(path)) for path in getattr(self, part)] for part in ("train", "test", "remember")}
        minutes = self.minutes if self.recipe == "train_model" else 0
        base = initial_version(self.model or TrainingSettings().model)
        return asdict(self) | files | {"minutes": minutes, "model": base}


def at_random(pool: Sequence[Document], case: Case) -> list[Document]:
    """The tasks in a random order, so that the tasks of a smaller case are among those of a larger one."""
    return Random(f"{case.seed}:{case.fold}").sample(pool, len(pool))


def by_certainty(pool: Sequence[Document], case: Case) -> list[Document]:
    """The tasks of which the base model is least certain first, as Label Studio sorts them by prediction score."""
    settings = _settings(case)
    model = Model.load(settings.model, window_words=settings.window_words)
    shuffled = at_random(pool, case)  # the order of equally certain tasks
    asked = [(document.text, document.labels) for document in shuffled]
    certainties = [extraction.certainty for extraction in model.extract_each(asked, settings.threshold)]
    return [document for _, document in sorted(zip(certainties, shuffled, strict=True), key=lambda pair: pair[0])]


CHOICES = {"random": at_random, "certainty": by_certainty}


def measure(case: Case) -> dict[str, Any]:
    """Learn and score in a process of its own, with one thread. Returns the JSON line."""
    use_threads(1)
    settings = _settings(case)
    pool, test = divided(_paths(case.train), _paths(case.test), case.folds, case.fold)
    sets = {"test": test, **{name(path): read(path) for path in _paths(case.remember)}}
    scored = {part: sample(documents, case.scored) for part, documents in sets.items()}
    base = Model.load(settings.model, window_words=settings.window_words)
    before = {part: score(base, documents, settings.threshold) for part, documents in scored.items()}
    guard = Guard.of(base, settings.threshold)
    task = dealt(CHOICES[case.choose](pool, case), case, settings)
    _forget_peak()
    began, spent = time.monotonic(), time.process_time()
    learnt = RECIPES[case.recipe](task)
    spent, seconds, peak = time.process_time() - spent, time.monotonic() - began, _peak()
    after = {part: score(learnt.model, documents, settings.threshold) for part, documents in scored.items()}
    forgetting = guard.measure(learnt.model)
    found = calibration.answered(calibration.find(learnt.model, scored["test"]))
    return {
        "case": case.identity(),
        "code": code_version(),
        "machine": processor(),
        "date": f"{date.today()}",
        "learnt_from": len(task.documents),
        "examples": learnt.examples,
        "left_out": dict(learnt.left_out),
        "steps": learnt.steps,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(spent, 1),
        "peak_mb": peak,
        "recipe": dict(learnt.recipe),
        "version": dict(learnt.version),
        "forgetting": forgetting.model_dump() if forgetting else None,
        "calibration_error": {
            "scores": calibration.error(found, Calibration()),
            "probabilities": calibration.error(found, learnt.model.calibration),
        },
        "sets": {
            part: {
                "texts": len(scored[part]),
                "of": len(sets[part]),
                "before": before[part].model_dump(),
                "after": after[part].model_dump(),
            }
            for part in sets
        },
    }


def dealt(order: Sequence[Document], case: Case, settings: TrainingSettings) -> Task:
    """The first tasks are learnt from, and a quarter as many that follow are held out: a fifth of all, as in a run."""
    end = min(case.tasks, len(order))
    return Task(settings, order[:end], case.minutes, order[end : end + end // 4])


def run(cases: Iterable[Case], out: Path, at_a_time: int) -> Iterator[dict[str, Any]]:
    """Measure the cases that the file does not hold yet, and append each one's line when it ends.

    A case has a process of its own, so that its peak memory is its own. What a case raises ends the others that have
    not begun; the lines of those that ended stay. Each keeps few kernels, as a run does.
    """
    kernels.keep_few()
    done = [line["case"] for line in lines(out)]
    missing = [case for case in cases if case.identity() not in done]
    with ProcessPoolExecutor(at_a_time, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        running = [pool.submit(measure, case) for case in missing]
        try:
            for ended in as_completed(running):
                line = ended.result()
                with out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")
                yield line
        finally:
            pool.shutdown(cancel_futures=True)


def lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a file of figures; none if there is no file. A last line that was cut off is deleted from it."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        replace_text(path, whole)
    return [json.loads(line) for line in whole.splitlines()]


def _settings(case: Case) -> TrainingSettings:
    settings = TrainingSettings(seed=case.seed)
    return settings.model_copy(update={"model": case.model}) if case.model else settings


def _paths(names: Iterable[str]) -> list[Path]:
    return [Path(one) for one in names]


def _forget_peak() -> None:
    """Let the peak of this process's resident memory begin anew (proc(5), /proc/pid/clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5")


def _peak() -> int:
    """The peak of this process's resident memory, in MB of 10^6 bytes."""
    status = Path("/proc/self/status").read_text().splitlines()
    return round(next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) * 1024 / 1e6)
