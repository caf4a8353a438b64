"""A backend with a past, for its status page: four versions with their runs, two projects, and people's work."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import uvicorn

from service.runs.curve import CurvePoint, Gain, LearningCurve
from service.runs.files import Runs
from service.runs.run import Run, now
from service.versions import judgement
from service.versions import lineage as lineages
from service.versions.history import History
from service.versions.lineage import Lineage, Score
from service.versions.names import initial_version
from service.versions.store import BENTO_NAME, COMPLETE_MARKER, MODEL_NAME
from tests.support.annotated import AnnotatedStudio
from tests.support.annotator import Annotator, text_of
from tests.support.reported import sources
from tests.support.servers import free_port
from tests.support.sheets import gold, sheet
from training.judge.counts import Scores
from training.judge.evidence import Facts
from training.judge.sheet import Spans
from training.report.document import render
from training.report.sources import Sources

SKILL = {"Disease": 0.86, "Drug": 0.93, "Symptom": 0.55, "AnatomicalStructure": 0.62, "Procedure": 0.36}
"""The share of each label's spans that the live version finds."""
FIRST, SECOND = "20261104-081500-3fa1c2", "20261111-142000-77b0de"
LIVE, NEWEST = "20261119-093000-a41f09", "20261128-161000-c0ffee"
TEXTS = 96
SUFFIX = ".aaaaaa"


def found(annotated: Sequence[Spans], more: float, seed: int) -> list[Spans]:
    """What a model finds that is so much better than the live version, or worse; it marks some spans too many.

    What is hard for one model is hard for the others.
    """
    hard, own = Random(7), Random(seed)

    def of(spans: Spans) -> Spans:
        right = [span for span in spans if hard.random() + 0.1 * own.random() - 0.05 < SKILL[span[2]] + more]
        extra = [(start + 6, start + 9, "Disease") for start, _, _ in spans if hard.random() < 0.1 - more / 10]
        return tuple(sorted([*right, *extra]))

    return [of(spans) for spans in annotated]


class Plan(NamedTuple):
    """A version that is to be there."""

    version: str
    skill: float
    days: float
    """So many days ago."""
    tasks: int


PLANS = (
    Plan(FIRST, -0.3, 24, 90),
    Plan(SECOND, -0.15, 17, 140),
    Plan(LIVE, 0.0, 9, 220),
    Plan(NEWEST, -0.02, 0.06, 260),
)


def fill(home: Path, model: Path) -> None:
    """Write four versions and the runs that made them. The third one is live, the newest was held back."""
    history = History()
    for number, plan in enumerate(PLANS):
        made = _made(number, plan, initial_version(str(model)), history.live)
        _store(home, model, made)
        _keep_run(home, made.lineage, number)
        if made.lineage.better:
            why = f"Promoted by {made.lineage.run}. {made.lineage.reason}"
            history = history.swapped(plan.version, why, made.lineage.created)
    (home / "live.json").write_text(history.as_json(), encoding="utf-8")
    assert history.live == LIVE


def _made(number: int, plan: Plan, base: str, live: str) -> Sources:
    """What is known of a version. The newest was judged beside all others; each on the texts of its day."""
    wanted = gold(TEXTS, (*SKILL, "Disease", "Disease", "Drug", "Symptom"), seed=number)
    answers = {"base": found(wanted, -0.5, 1), "new": found(wanted, plan.skill, 10 + number)}
    named = {"base": base}
    if live:
        named["champion"] = live
        answers["champion"] = found(wanted, next(one.skill for one in PLANS if one.version == live), 2)
    if plan.version == NEWEST:
        answers |= {one.version: found(wanted, one.skill, 20) for one in PLANS[:2]}
    made = sources(
        sheet(wanted, labels=tuple(SKILL), **answers),
        Facts(on="held_out", told="the held-out tasks", versions=named, tries=1),
        version=plan.version,
        created=now() - timedelta(days=plan.days),
        base=base,
        run=f"run-{number}",
        tasks={"training": plan.tasks, "validation": 0, "held_out": TEXTS},
    )
    scores = {model: _score(one) for model, one in made.verdict.scores.items() if model in ("base", "new", "champion")}
    scores = {"champion": scores["base"], **scores}
    return made._replace(lineage=made.lineage.model_copy(update={"scores": scores}))


def _score(of: Scores) -> Score:
    return Score(
        precision=of.micro.strict.precision,
        recall=of.micro.strict.recall,
        f1=of.micro.strict.f1,
        per_label={label: one.strict.f1 for label, one in of.labels.items()},
        support={label: one.support for label, one in of.labels.items()},
        texts=of.texts,
    )


def _keep_run(home: Path, lineage: Lineage, number: int) -> None:
    facts = {"why": "Start Training", "version": lineage.version, "message": lineage.reason, "curve": CURVE}
    times = {
        "started": lineage.created - timedelta(minutes=14),
        "updated": lineage.created,
        "worked": 780 + 40 * number,
    }
    outcome = "promoted" if lineage.better else "held"
    Runs(home).save(Run(id=lineage.run, projects=(1, 2), outcome=outcome, **facts, **times))


POINTS = ((0, 0.36), (65, 0.55), (130, 0.61), (195, 0.64), (260, 0.66))
CURVE = LearningCurve(
    points=tuple(CurvePoint(tasks=tasks, f1=f1) for tasks, f1 in POINTS),
    gains={50: Gain(expected=0.012, low=0.002, high=0.026), 200: Gain(expected=0.038, low=0.006, high=0.071)},
    labels={"Procedure": Gain(expected=0.05, low=0.01, high=0.09)},
    wanted="Procedure",
    message="50 more annotated tasks would change F1 by about +0.012 (+0.002 to +0.026), 200 more by +0.038 (+0.006 to "
    "+0.071). Tasks with Procedure bring most.",
)


def _store(home: Path, model: Path, made: Sources) -> None:
    version = made.lineage.version
    folder = home / "bentoml" / "models" / MODEL_NAME / version
    shutil.copytree(model, folder)
    lineages.write(folder, made.lineage)
    (folder / judgement.FILE).write_text(made.verdict.json(), encoding="utf-8")
    (folder / lineages.REPORT_FILE).write_text(render(made), encoding="utf-8")
    marker = home / "bentoml" / "bentos" / BENTO_NAME / version / COMPLETE_MARKER
    marker.parent.mkdir(parents=True)
    marker.touch()


def people(studio: AnnotatedStudio) -> None:
    """Two projects with tasks, and people's work with the predictions of the live version and the one before."""
    annotator = Annotator(seed=3)
    for project, title, tasks, worked in ((1, "Discharge letters", 340, 118), (2, "Case reports", 120, 61)):
        texts = [text_of(number) for number in range(tasks)]
        made = studio.project(project, texts, title=title, tasks=tasks)
        for number, (task, text) in enumerate(zip(made[:worked], texts, strict=False)):
            predicted, annotated, _ = annotator.script(text)
            version = SECOND if number % 3 == 0 else LIVE
            studio.annotate(task, annotated, parent_prediction=studio.predict(task, version + SUFFIX, predicted))


@contextmanager
def serving(app: Any, port: int = 0) -> Iterator[str]:
    """Serve an application on this machine. Gives its address."""
    port = port or free_port(0)
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
