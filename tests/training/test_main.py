from __future__ import annotations

import re

import pytest
from typer.testing import CliRunner

from service.labelstudio.client import LabelStudio
from service.runs.run import Run, Runs, conditions, id_of
from service.versions.history import INITIAL, LiveFile
from service.versions.store import Registry
from tests.support.studio import KEY, StudioProject
from training.__main__ import app
from training.settings import TrainingSettings


@pytest.fixture
def home(tmp_path, monkeypatch, model_folder, bento_store):
    monkeypatch.setenv("SPANLOOP_HOME", str(tmp_path))
    monkeypatch.setenv("SPANLOOP_MODEL", str(model_folder))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("SPANLOOP_THREADS", "1")
    return tmp_path


def call(*arguments):
    found = CliRunner().invoke(app, arguments)
    return found.exit_code, re.sub(r"\s+", " ", found.output)


def test_versions_are_listed_with_their_scores_and_which_is_live(home, publish):
    publish(Registry(home), "20261125-182648-859da5")
    publish(Registry(home), "v2", better=False)
    LiveFile(home).swap(INITIAL, "20261125-182648-859da5", "")
    status, output = call("versions")
    assert status == 0
    assert "live" in output
    assert "20261125-182648-859da5" in output
    assert "0.750" in output
    assert "held" in output


def test_without_versions_the_initial_model_is_said_to_be_live(home):
    status, output = call("versions")
    assert status == 0
    assert "initial model" in output


def test_a_version_is_shown_with_all_that_is_known_of_it(home, publish):
    publish(Registry(home), "v1", digest="the-digest")
    status, output = call("show", "v1")
    assert status == 0
    assert "the-digest" in output


@pytest.mark.parametrize("command", ["show", "promote"])
def test_an_unknown_version_is_an_error_that_says_how_to_list_them(home, command):
    status, output = call(command, "v9")
    assert status == 1
    assert "v9" in output
    assert "training versions" in output
    assert LiveFile(home).read().version == INITIAL


def test_a_version_is_promoted_and_rolled_back_by_hand(home, publish):
    for version in ("v1", "v2"):
        publish(Registry(home), version)
        assert call("promote", version)[0] == 0
    assert LiveFile(home).read().version == "v2"
    status, output = call("rollback")
    assert status == 0
    assert "v1" in output
    assert LiveFile(home).read().version == "v1"


def test_there_is_nothing_before_the_initial_model(home):
    status, output = call("rollback")
    assert status == 1
    assert "nothing before" in output


@pytest.fixture
def with_studio(home, studio, monkeypatch):
    studio.projects[1] = StudioProject(annotations=30)
    monkeypatch.setenv("SPANLOOP_LABEL_STUDIO_URL", studio.url)
    monkeypatch.setenv("SPANLOOP_LABEL_STUDIO_API_KEY", KEY)
    return home


def run_of(home, model_folder):
    return id_of(str(model_folder), LabelStudio(TrainingSettings()).standing([1]).fingerprint, conditions())


def test_a_run_by_hand_has_the_id_of_the_one_that_start_training_would_launch(with_studio, model_folder):
    status, _ = call("run", "--project", "1")
    (run,) = Runs(with_studio).all()
    assert status == 3
    assert run.id == run_of(with_studio, model_folder)
    assert run.outcome == "failed"
    assert "annotate more" in run.message


def test_a_run_that_has_succeeded_is_not_run_again(with_studio, model_folder):
    Runs(with_studio).save(
        Run(id=run_of(with_studio, model_folder), projects=(1,), outcome="held", message="Not better.")
    )
    status, output = call("run", "--project", "1")
    assert status == 0
    assert "Not better." in output


def test_a_run_by_hand_waits_for_no_other_but_says_which_is_active(with_studio):
    import os

    lock = Runs(with_studio).acquire("run-other")
    status, output = call("run", "--project", "1")
    os.close(lock)
    assert status == 1
    assert "run-other is active" in output


def test_without_settings_a_run_by_hand_says_which_are_missing(home):
    status, output = call("run", "--project", "1")
    assert status == 1
    assert "SPANLOOP_LABEL_STUDIO_URL" in output
    assert Runs(home).all() == []


def test_a_run_is_kept_under_the_id_that_it_is_given(with_studio, tmp_path, monkeypatch):
    """A Job's pod is told its id: when another takes its place, it goes on with that run."""
    words = tmp_path / "termination-log"
    monkeypatch.setenv("SPANLOOP_TERMINATION_LOG", str(words))
    status, _ = call("run", "--project", "1", "--run", "run-9")
    assert status == 3
    (run,) = Runs(with_studio).all()
    assert run.id == "run-9"
    left = Run.model_validate_json(words.read_text(encoding="utf-8"))
    assert (left.id, left.outcome, left.message) == ("run-9", "failed", run.message)


def test_a_run_that_failed_for_what_may_pass_ends_so_that_another_pod_tries_again(with_studio, studio, monkeypatch):
    monkeypatch.setenv("SPANLOOP_LABEL_STUDIO_URL", "http://127.0.0.1:1")
    status, _ = call("run", "--project", "1", "--run", "run-9")
    assert status == 1
    assert Runs(with_studio).get("run-9").outcome == "failed"


def test_old_versions_are_deleted_but_neither_the_live_one_nor_the_one_before_it(home, publish):
    for number in range(5):
        publish(Registry(home), f"v{number}", created=f"2026-11-2{number}T00:00:00Z")
    LiveFile(home).swap(INITIAL, "v0", "")
    LiveFile(home).swap("v0", "v1", "")
    status, output = call("prune", "--keep", "1")
    assert status == 0
    assert "2 versions deleted: v3, v2" in output
    assert [lineage.version for lineage in Registry(home).versions()] == ["v4", "v1", "v0"]
    assert call("rollback")[0] == 0
    assert LiveFile(home).read().version == "v0"
