"""Which texts tell a run what its version's scores mean: those for validation, the folds or the held-out ones."""

from __future__ import annotations

import pytest

from service.model.calibration import Calibration
from service.model.model import Model
from service.versions.history import INITIAL
from tests.support.training_bench import TASKS, annotated
from training import calibration, dataset
from training.dataset import is_held_out


@pytest.fixture
def some(bench, studio, monkeypatch):
    """A bench on so many tasks that some are held out, and too few for validation texts. In a quarter of them a person
    is not marked, so scores are no probabilities."""
    monkeypatch.setattr(calibration, "FEWEST", 5)
    studio.projects[1].export = annotated(TASKS)
    for task in studio.projects[1].export[::4]:
        task["annotations"][0]["result"] = []
    return bench


def texts():
    return [task["data"]["text"] for task in annotated(TASKS) if is_held_out(task["data"]["text"])]


def answers(extractions):
    return [[span[:3] for span in each.spans] for each in extractions]


def scores(extractions):
    return [span.score for each in extractions for span in each.spans]


def test_held_out_texts_tell_a_version_of_some_tasks_what_its_scores_mean_and_judge_the_same_answers(some):
    one = some()
    run = one.execute()
    lineage = one.store.get(run.version)
    assert lineage.tasks == {"training": TASKS - len(texts()), "validation": 0, "held_out": len(texts())}
    assert lineage.calibrated.texts == len(texts()), lineage.calibrated.why
    assert f"on the {len(texts())} held-out texts" in run.message
    assert lineage.calibrated.error_after < lineage.calibrated.error_before
    model = Model.load(str(one.store.fetch(run.version)))
    plain = model.with_calibration(Calibration())
    found, before = (each.extract(texts(), ["city", "person"], None) for each in (model, plain))
    assert answers(found) == answers(before)
    assert scores(found) != scores(before)


def test_the_scores_that_judge_are_the_same_as_if_held_out_texts_told_nothing(some, monkeypatch):
    one = some()
    told = one.execute()
    one.live.swap(told.version, INITIAL, "by hand")
    one.store.delete(told.version)
    monkeypatch.setattr(calibration, "FEWEST", 1_000)
    untold = one.execute("run-2")
    assert "1000 right and 1000 wrong ones are needed" in untold.message
    assert (told.outcome, told.scores["new"]) == (untold.outcome, untold.scores["new"])


def test_where_there_are_validation_texts_they_tell_what_scores_mean(some, monkeypatch):
    monkeypatch.setattr(dataset, "FEWEST_VALIDATION", 8)
    one = some()
    run = one.execute()
    lineage = one.store.get(run.version)
    assert 8 <= lineage.calibrated.texts == lineage.tasks["validation"] < len(texts())
    assert "held-out texts, which the version did not learn from" not in run.message
