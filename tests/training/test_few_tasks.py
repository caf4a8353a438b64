from __future__ import annotations

import os
import signal
from shutil import rmtree

import pytest

from service.versions.history import INITIAL
from service.versions.store import BentoStore
from tests.support.training_bench import Killed, annotated
from training import calibration
from training.course import Course
from training.dataset import is_held_out
from training.folds import CrossValidation
from training.learn import Learning
from training.pace import Pace
from training.progress import Reporter
from training.shelf import LocalShelf
from training.split import FOLDS
from training.tune import Stopped

FEW = 24


@pytest.fixture
def few(bench, studio):
    """A bench with so few annotated tasks that none is held out."""
    studio.projects[1].export = annotated(FEW)
    return bench()


@pytest.fixture
def learnt(monkeypatch):
    """The texts that each tuning has learnt from, in order."""
    texts: list[set[str]] = []
    tune = Learning.tune

    def note(learning, *args, **facts):
        texts.append({" ".join(example.words) for example in learning.dataset.examples})
        tune(learning, *args, **facts)

    monkeypatch.setattr(Learning, "tune", note)
    return texts


def test_a_version_of_few_tasks_learns_from_all_and_is_judged_by_models_that_learnt_from_the_others(few, learnt):
    run = few.execute()
    lineage = few.store.get(run.version)
    assert run.outcome == "promoted"
    assert [len(texts) for texts in learnt[:FOLDS]] == [19, 19, 19, 19, 20]
    assert len(learnt[FOLDS]) == FEW
    everywhere = set.intersection(*learnt[:FOLDS])
    assert everywhere == set(), "each text is left out of one fold's model"
    assert lineage.tasks == {"training": FEW, "validation": 0, "held_out": 0}
    assert len(lineage.learnt) == FEW
    assert sum(lineage.scores["new"].support.values()) == FEW
    assert {lineage.scores[name].on for name in ("base", "new")} == {"out_of_fold"}
    assert f"the version has learnt from all {FEW}" in run.message
    assert f"F1 on {FEW} texts, each read by a model that has not learnt from it" in run.message


def test_progress_says_which_fold_is_learnt(few, monkeypatch):
    told = []
    within = Reporter.within
    monkeypatch.setattr(
        Reporter, "within", lambda r, share, *more: (within(r, share, *more), told.append((share, r.run)))
    )
    few.execute()
    steps = [(share, run.detail) for share, run in told if "step" in run.detail]
    percents = [run.percent for _, run in told]
    assert percents == sorted(percents)
    left = [run.seconds_left for _, run in told if "step" in run.detail][19:]
    assert left[0] > left[-1] >= 0
    assert steps[0][1].startswith("fold 1 of 5: step 1 of 30")
    of_fold = [(share, run.detail) for share, run in told if run.detail.startswith("fold 4 of 5")]
    assert "reading the fold" in of_fold[-1][1]
    assert of_fold[-1][0] > max(share for share, detail in of_fold if "step 30" in detail)
    assert any(detail.startswith("fold 5 of 5: step 30") for _, detail in steps)
    assert 0.5 < steps[-1][0] <= 1
    assert steps[-1][1].startswith("the version itself: step 30 of 30")


def test_a_run_killed_between_folds_repeats_none_and_ends_as_if_it_had_not_been(few, learnt, monkeypatch):
    keep = CrossValidation._keep
    with monkeypatch.context() as patched:
        patched.setattr(
            CrossValidation,
            "_keep",
            lambda folds, *found: keep(folds, *found) if len(learnt) < 3 else (_ for _ in ()).throw(Killed()),
        )
        with pytest.raises(Killed):
            few.execute()
    assert len(learnt) == 3
    assert few.live.read().live == INITIAL
    run = few.execute()
    assert run.outcome == "promoted"
    assert len(learnt) == 3 + (FOLDS - 2) + 1, "the third fold is resumed, two are kept"
    assert [lineage.version for lineage in few.store.versions()] == [run.version]
    undisturbed = few.store.get(run.version).scores["new"]
    few.live.swap(run.version, INITIAL, "by hand")
    few.store.delete(run.version)
    assert few.execute("run-2").scores["new"] == undisturbed
    kept = (few.runs.work("run-1") / "folds").iterdir()
    assert sorted(path.name for path in kept) == [f"{number}.json" for number in range(FOLDS)], "no checkpoint stays"


def test_sigterm_while_a_fold_is_learnt_saves_and_a_restart_goes_on_from_there(few, monkeypatch):
    tell, steps = Course.stepped, []

    def terminate(self, progress):
        steps.append(progress.step)
        if len(steps) == 30 + 5:
            os.kill(os.getpid(), signal.SIGTERM)
        tell(self, progress)

    monkeypatch.setattr(Course, "stepped", terminate)
    with pytest.raises(Stopped, match="step 5 of 30"):
        few.execute()
    assert few.execute().outcome == "promoted"
    assert steps == [*range(1, 31)] * (FOLDS + 1)


def test_nothing_of_the_users_texts_is_kept_with_the_folds(few, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(Learning, "fit_windows", lambda *facts: (_ for _ in ()).throw(Killed()))
        with pytest.raises(Killed):
            few.execute()
    kept = list((few.runs.work("run-1") / "folds").iterdir())
    assert sorted(path.name for path in kept) == [f"{number}.json" for number in range(FOLDS)]
    assert not any("house" in path.read_text() for path in kept)


def test_a_later_run_judges_a_version_of_few_tasks_by_all_held_out_texts(few, studio):
    first = few.execute("run-1")
    studio.projects[1].export = annotated(280)
    run = few.execute("run-2")
    learnt = {task["data"]["text"] for task in annotated(FEW)}
    held_out = {task["data"]["text"] for task in annotated(280) if is_held_out(task["data"]["text"])}
    assert held_out & learnt, "the first version has learnt from held-out texts"
    assert run.champion == first.version
    assert "F1 on the held-out tasks, each read by a model that has not learnt from it: " in run.message
    assert sum(run.scores["champion"].support.values()) == len(held_out), "its folds judge it where it has learnt"
    assert BentoStore(few.settings.folder).get(run.version).learnt == ()


@pytest.fixture
def steps_of_tunings(monkeypatch):
    """The steps that each tuning has had, in order."""
    seen = []
    tune = Learning.tune

    def note(learning, *args, **facts):
        tune(learning, *args, **facts)
        seen.append(learning.recipe.steps)

    monkeypatch.setattr(Learning, "tune", note)
    return seen


def test_a_time_budget_is_shared_by_the_folds_and_the_version(bench, studio, steps_of_tunings):
    studio.projects[1].export = annotated(FEW)
    one = bench(steps=80, minutes=0.001)
    run = one.execute()
    assert "Because of the time budget of 0.001 minutes the tuning had 50 of 80 steps." in run.message
    assert "With at least 50 steps the run takes longer than the time budget of 0.001 minutes" in run.message
    assert one.store.get(run.version).recipe["steps"] == 50
    assert steps_of_tunings == [50] * (FOLDS + 1)
    assert not list(one.runs.work("run-1").glob("budget*"))


def test_the_folds_and_the_version_have_the_steps_for_which_the_first_tuning_found_time_also_after_a_restart(
    bench, studio, steps_of_tunings, monkeypatch
):
    studio.projects[1].export = annotated(FEW)
    one, left = bench(steps=80, minutes=600), iter([70, 60, 55, 50, 65, 75, 52, 58])
    monkeypatch.setattr(Pace, "steps", lambda pace, seconds: next(left))  # the machine becomes busier
    with monkeypatch.context() as patched:
        keep = CrossValidation._keep

        def kill_in_third(folds, number, found):
            if number == 2:
                raise Killed
            keep(folds, number, found)

        patched.setattr(CrossValidation, "_keep", kill_in_third)
        with pytest.raises(Killed):
            one.execute()
    run = one.execute()
    assert steps_of_tunings == [70] * (3 + 4)
    assert one.store.get(run.version).recipe["steps"] == 70
    assert "Because of the time budget of 600 minutes the tuning had 70 of 80 steps." in run.message


def test_folds_that_are_learnt_again_for_a_published_version_have_as_many_steps_as_it_had(
    bench, studio, steps_of_tunings, monkeypatch
):
    studio.projects[1].export = annotated(FEW)
    one = bench(steps=80, minutes=0.001)
    with monkeypatch.context() as patched:
        patched.setattr(LocalShelf, "hand_over", lambda *facts: (_ for _ in ()).throw(Killed()))
        with pytest.raises(Killed):
            one.execute()
    rmtree(one.runs.work("run-1"))  # a pod that is started again may have lost it
    steps_of_tunings.clear()
    assert one.execute().outcome == "promoted"
    assert steps_of_tunings == [50] * FOLDS


def test_a_version_that_was_published_before_its_run_was_killed_is_judged_by_the_same_folds(few, learnt, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(LocalShelf, "hand_over", lambda *facts: (_ for _ in ()).throw(Killed()))
        with pytest.raises(Killed):
            few.execute()
    scores = few.store.versions()[0].scores
    run = few.execute()
    assert len(learnt) == FOLDS + 1, "nothing is learnt again"
    assert (run.outcome, run.scores["new"]) == ("promoted", scores["new"])


def test_what_the_scores_of_a_version_of_few_tasks_mean_is_fitted_on_what_the_folds_find(few, studio, monkeypatch):
    monkeypatch.setattr(calibration, "FEWEST", 5)
    for task in studio.projects[1].export[::2]:  # half of what looks like a person is none
        task["annotations"][0]["result"] = []
    run = few.execute()
    lineage = few.store.get(run.version)
    assert lineage.calibrated.texts == FEW, lineage.calibrated.why
    assert lineage.calibrated.calibration.offsets
    assert f"on {FEW} texts, each read by a model that did not learn from it" in run.message
    assert lineage.scores["new"].on == "out_of_fold"
