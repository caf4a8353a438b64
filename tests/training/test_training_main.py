from __future__ import annotations

import json
import os
import re
import signal
import threading

import pytest
from typer.testing import CliRunner

from service.labelstudio.client import LabelStudio
from service.runs.curve import CurvePoint, LearningCurve
from service.runs.files import Runs
from service.runs.run import Run, conditions, id_of
from tests.support.studio import KEY, StudioProject
from training.__main__ import app
from training.run import TrainingRun
from training.settings import TrainingSettings


@pytest.fixture
def home(tmp_path, monkeypatch, model_folder, bento_store):
    monkeypatch.setenv("SPANLOOP_HOME", str(tmp_path))
    monkeypatch.setenv("SPANLOOP_MODEL", str(model_folder))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("SPANLOOP_THREADS", "1")
    monkeypatch.setenv("SPANLOOP_PATIENCE", "0")
    return tmp_path


def call(*arguments):
    found = CliRunner().invoke(app, arguments)
    return found.exit_code, re.sub(r"\s+", " ", found.output)


@pytest.fixture
def with_studio(home, studio, monkeypatch):
    studio.projects[1] = StudioProject(annotations=30)
    monkeypatch.setenv("SPANLOOP_LABEL_STUDIO_URL", studio.url)
    monkeypatch.setenv("SPANLOOP_LABEL_STUDIO_API_KEY", KEY)
    return home


def run_of(home, model_folder):
    return id_of(str(model_folder), LabelStudio(TrainingSettings()).annotation_state([1]).fingerprint, conditions())


def test_a_run_by_hand_has_the_id_of_the_one_that_start_training_would_launch(with_studio, model_folder):
    status, _ = call("run", "--project", "1")
    (run,) = Runs(with_studio).all()
    assert status == 3
    assert run.id == run_of(with_studio, model_folder)
    assert run.outcome == "failed"
    assert "annotate about 10 more tasks" in run.message


def test_a_run_that_has_succeeded_is_not_run_again(with_studio, model_folder):
    Runs(with_studio).save(
        Run(id=run_of(with_studio, model_folder), projects=(1,), outcome="held", message="Not better.")
    )
    status, output = call("run", "--project", "1")
    assert status == 0
    assert "Not better." in output


def test_a_message_that_names_a_label_with_square_brackets_is_told_as_it_is(with_studio, model_folder):
    message = "They would pay most for '[/per]' and '[per]'."
    curve = LearningCurve(points=(CurvePoint(tasks=9, f1=0.5),), gains={}, labels={}, message=message)
    run = Run(id=run_of(with_studio, model_folder), projects=(1,), outcome="held", message=message, curve=curve)
    Runs(with_studio).save(run)
    for command in ("run", "curve"):
        status, output = call(command, "--project", "1")
        assert status == 0, output
        assert message in output


def test_a_curve_is_a_document_for_programs(with_studio, model_folder):
    curve = LearningCurve(points=(CurvePoint(tasks=9, f1=0.5),), message="More tasks bring little.")
    run = Run(id=run_of(with_studio, model_folder), projects=(1,), outcome="held", message="Held.", curve=curve)
    Runs(with_studio).save(run)
    found = CliRunner().invoke(app, ["curve", "--project", "1", "--json"])
    assert (found.exit_code, found.stderr) == (0, "")
    assert LearningCurve.model_validate_json(found.stdout) == curve


def test_a_run_that_is_cancelled_ends_as_such_and_keeps_none_of_the_texts(with_studio, model_folder, monkeypatch):
    runs, read = Runs(with_studio), TrainingRun._read

    def cancelled(self):
        read(self)
        runs.cancel(self.reporter.run.id)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(TrainingRun, "_read", cancelled)
    status, _ = call("run", "--project", "1")
    (run,) = runs.all()
    assert (status, run.outcome, run.id) == (143, "cancelled", run_of(with_studio, model_folder))
    assert not runs.is_cancelled(run.id)
    assert not list(runs.work(run.id).glob("project-*"))


def test_a_run_in_rollout_that_starts_again_judges_its_version_again(with_studio, tmp_path, monkeypatch):
    words = tmp_path / "termination-log"
    monkeypatch.setenv("SPANLOOP_TERMINATION_LOG", str(words))
    Runs(with_studio).save(Run(id="run-9", projects=(1,), phase="rollout", rollout="begun", version="v1"))
    status, output = call("run", "--project", "1", "--run", "run-9")
    assert status == 3, "the run reads the annotations, and here they are too few"
    assert "has already learned" not in output
    left = Run.model_validate_json(words.read_text(encoding="utf-8"))
    assert (left.outcome, left.rollout) == ("failed", "")


def test_a_run_by_hand_does_not_wait_for_the_active_run_but_names_it(with_studio):
    import os

    lock = Runs(with_studio).acquire("run-other")
    status, output = call("run", "--project", "1")
    os.close(lock)
    assert status == 1
    assert "run-other is active" in output


def last_line(captured):
    """The last line of a program's log, which is one JSON object a line."""
    return json.loads(captured.readouterr().err.splitlines()[-1])


def test_a_scheduled_run_that_cannot_begin_leaves_its_last_words_in_the_log_and_on_its_pod(
    with_studio, tmp_path, monkeypatch, capfd
):
    words = tmp_path / "termination-log"
    monkeypatch.setenv("SPANLOOP_TERMINATION_LOG", str(words))
    monkeypatch.setenv("SPANLOOP_LOG_JSON", "true")
    monkeypatch.setenv("SPANLOOP_LABEL_STUDIO_API_KEY", "f" * 40)
    with pytest.raises(SystemExit) as ended:
        app(["run", "--project", "1"])
    assert ended.value.code == 1, "another pod may succeed"
    line, left = last_line(capfd), Run.model_validate_json(words.read_text(encoding="utf-8"))
    assert (line["level"], left.outcome) == ("ERROR", "failed")
    assert left.message in line["message"]
    assert "refuses the API key" in left.message
    assert "live version is untouched" in left.message


def test_the_last_line_of_a_run_that_failed_is_its_last_words_without_a_traceback(with_studio, monkeypatch, capfd):
    monkeypatch.setenv("SPANLOOP_LOG_JSON", "true")
    with pytest.raises(SystemExit):
        app(["run", "--project", "1", "--run", "run-9"])
    line = last_line(capfd)
    assert line["message"].startswith("run run-9: failed. ")
    assert "annotate about 10 more tasks" in line["message"]
    assert "exception" not in line


def test_a_scheduled_run_waits_for_a_label_studio_that_is_away(with_studio, studio, monkeypatch):
    monkeypatch.setattr("service.labelstudio.patience.RETRY_SECONDS", 0.1)
    monkeypatch.setenv("SPANLOOP_PATIENCE", "30")
    studio.broken = 503
    back = threading.Timer(0.5, setattr, (studio, "broken", 0))
    back.start()
    status, _ = call("run", "--project", "1")
    back.join()
    (run,) = Runs(with_studio).all()
    assert (status, run.outcome) == (3, "failed"), "it read the annotations, which are too few"
    assert "annotate about 10 more tasks" in run.message


def test_without_settings_a_run_by_hand_says_which_are_missing(home):
    status, output = call("run", "--project", "1")
    assert status == 1
    assert "SPANLOOP_LABEL_STUDIO_URL" in output
    assert Runs(home).all() == []


def test_a_run_is_kept_under_the_id_that_it_is_given(with_studio, tmp_path, monkeypatch):
    """A Job's pods get the run's id, so that a second pod continues the run of the first."""
    words = tmp_path / "termination-log"
    monkeypatch.setenv("SPANLOOP_TERMINATION_LOG", str(words))
    status, _ = call("run", "--project", "1", "--run", "run-9")
    assert status == 3
    (run,) = Runs(with_studio).all()
    assert run.id == "run-9"
    left = Run.model_validate_json(words.read_text(encoding="utf-8"))
    assert (left.id, left.outcome, left.message) == ("run-9", "failed", run.message)


def test_a_run_that_failed_for_a_passing_cause_ends_so_that_another_pod_tries_again(with_studio, studio, monkeypatch):
    monkeypatch.setenv("SPANLOOP_LABEL_STUDIO_URL", "http://127.0.0.1:1")
    status, _ = call("run", "--project", "1", "--run", "run-9")
    assert status == 1
    assert Runs(with_studio).get("run-9").outcome == "failed"


@pytest.fixture
def without_lock(with_studio, monkeypatch):
    """Lets one process start several runs, one after the other."""
    monkeypatch.setenv("SPANLOOP_RUN_LOCK", "passed on")
    return with_studio


def test_a_run_without_some_tasks_is_another_run_and_a_restart_is_not_told_them_again(without_lock, model_folder):
    for more in ([], ["--exclude-task", "7", "--exclude-task", "5", "--exclude-annotator", "b@example.com"]):
        call("run", "--project", "1", *more)
    first, second = sorted(Runs(without_lock).all(), key=lambda run: run.started)
    assert first.id == run_of(without_lock, model_folder) != second.id
    assert (second.exclude_annotators, second.exclude_tasks) == (("b@example.com",), (5, 7))
    call("run", "--project", "1", "--run", second.id)
    restarted = Runs(without_lock).get(second.id)
    assert (restarted.exclude_annotators, restarted.exclude_tasks) == (("b@example.com",), (5, 7))


def test_a_run_by_hand_with_options_is_the_one_that_the_same_settings_start(without_lock, monkeypatch):
    call("run", "--project", "1", "--exclude-task", "7", "--exclude-task", "5")
    monkeypatch.setenv("SPANLOOP_EXCLUDE_TASKS", "5,7")
    call("run", "--project", "1")
    assert len(Runs(without_lock).all()) == 1


def test_a_restart_leaves_out_what_its_run_was_told_to_leave_out(without_lock, studio):
    studio.users = {}
    call("run", "--project", "1", "--run", "run-9", "--exclude-annotator", "b@example.com")
    call("run", "--project", "1", "--run", "run-9")
    assert "no user b@example.com" in Runs(without_lock).get("run-9").message
