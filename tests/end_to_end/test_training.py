"""Start Training through the real Label Studio's API, until the new version serves."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from .backend import CREDENTIALS, Backend, until
from .conftest import UNLIMITED, Gate, MakeBackend
from .material import CONFIG, QUICK, annotate, regions_by_text, sentences
from .studio import Studio, marked, spans

SPARE = 10
"""Tasks that nobody annotates."""

SKIPPED = 2


@dataclass
class Trained:
    """A project whose annotations a run has learned from, through a guarded backend with a personal access token."""

    studio: Studio
    backend: Backend
    project: int
    model: int
    gold: dict[str, list[tuple[str, str]]]
    annotations: dict[int, int]
    skipped: list[int]
    first_version: str
    """The version that Label Studio saw before the run."""
    answers: list[dict[str, Any]]
    """The answers to two clicks on Start Training."""
    run: dict[str, Any]
    lineage: dict[str, Any]


@pytest.fixture(scope="module")
def trained(studio: Studio, make_backend: MakeBackend, personal_access_token: str) -> Trained:
    backend = make_backend(key=personal_access_token, basic_auth=True, **QUICK)
    gold = sentences(170)  # so many that some are held out
    project = studio.project(gold, CONFIG)
    user, password = CREDENTIALS
    login = {"auth_method": "BASIC_AUTH", "basic_auth_user": user, "basic_auth_pass": password}
    model = studio.connect(project, backend.url, **login)
    first = studio.model_version(model)
    studio.retrieve_predictions(project)
    annotations = annotate(studio, project, dict(list(gold.items())[:-SPARE]))
    spare = [task["id"] for task in studio.tasks(project) if task["id"] not in annotations]
    skipped = [studio.skip(task) for task in spare[:SKIPPED]]
    answers = []
    for _ in range(2):
        studio.start_training(model)
        answers.append(backend.job())
    run = backend.ended()
    assert run["outcome"] == "promoted", run["message"]
    shown = backend.program("service", "show", run["version"])
    assert shown.returncode == 0, shown.stderr
    lineage = json.loads(shown.stdout)
    return Trained(studio, backend, project, model, gold, annotations, skipped, first, answers, run, lineage)


def test_a_run_ends_with_a_better_version_that_is_promoted(trained: Trained):
    assert trained.run["outcome"] == "promoted"
    assert re.search(r"F1 on the held-out tasks: 0\.\d+ → [01]\.\d+", trained.run["message"])


def test_start_training_twice_is_one_run(trained: Trained):
    assert trained.answers[0]["job"] == trained.answers[1]["job"] == trained.run["job"]
    assert [run["id"] for run in trained.backend.runs()] == [trained.run["job"]]
    trained.studio.start_training(trained.model)
    assert [run["id"] for run in trained.backend.runs()] == [trained.run["job"]]


def test_the_lineage_has_scores_of_base_champion_and_new_version(trained: Trained):
    known = trained.lineage
    assert known["scores"].keys() == {"base", "champion", "new"}
    assert known["scores"]["new"]["f1"] > known["scores"]["champion"]["f1"] == known["scores"]["base"]["f1"]
    assert known["better"] is True
    assert known["projects"] == [trained.project]
    assert sum(known["tasks"].values()) == len(trained.annotations)


def test_skipped_annotations_are_not_learned_from(trained: Trained):
    known = trained.lineage
    assert known["annotations"] == sorted(trained.annotations.values())
    assert not set(trained.skipped) & set(known["annotations"])


def test_the_new_version_answers_and_setup_names_it(trained: Trained):
    until(lambda: trained.backend.version == trained.run["version"], "the swap")
    named = trained.studio.model_version(trained.model)
    assert named.startswith(f"{trained.run['version']}.")
    assert named != trained.first_version


def test_after_the_run_tasks_get_a_second_prediction_and_it_is_better(trained: Trained):
    until(lambda: trained.backend.version == trained.run["version"], "the swap")
    trained.studio.retrieve_predictions(trained.project)
    named = trained.studio.model_version(trained.model)
    assert all(len(found) == 2 for found in trained.studio.predictions(trained.project).values())
    before = regions_by_text(trained.studio, trained.project, trained.first_version)
    after = regions_by_text(trained.studio, trained.project, named)
    spare = dict(list(trained.gold.items())[-SPARE:])

    def right(predicted: dict[str, list[dict[str, Any]]]) -> int:
        return sum(len(spans(predicted[text]) & spans(marked(text, *found))) for text, found in spare.items())

    assert right(after) > right(before)


def test_the_page_shows_the_run_and_the_version_that_answers(trained: Trained):
    until(lambda: trained.backend.version == trained.run["version"], "the swap")
    page = trained.backend.page
    assert trained.run["job"] in page
    assert "Now live" in page
    assert f"<code>{trained.run['version']}</code>" in page


def test_start_training_without_credentials_is_refused(trained: Trained):
    body = {"action": "START_TRAINING", "project": {"id": trained.project}}
    answer = httpx.post(f"{trained.backend.url}/webhook", json=body, timeout=10)
    assert answer.status_code == httpx.codes.UNAUTHORIZED


def test_events_arrive_without_credentials(trained: Trained):
    assert trained.backend.metric("spanloop_requests_total", route="/webhook", status="401") <= 1
    assert trained.backend.metric("spanloop_requests_total", route="/webhook", status="201") >= len(trained.annotations)


def test_the_personal_access_token_is_nowhere_in_logs_or_files(trained: Trained, personal_access_token: str):
    signature = personal_access_token.rpartition(".")[2].encode()
    for path in [*trained.backend.home.glob("*.*"), *trained.backend.home.glob("runs/**/*")]:
        if path.is_file():
            assert signature not in path.read_bytes(), path


def test_a_version_can_be_rolled_back_and_promoted_by_hand(trained: Trained):
    backend, version = trained.backend, trained.run["version"]
    listed = backend.program("service", "versions")
    assert re.search(rf"live.*{version}.*PROMOTE", listed.stdout), listed.stdout + listed.stderr

    done = backend.program("service", "rollback")
    assert done.returncode == 0, done.stderr
    until(lambda: backend.version != version, "the swap back")
    assert trained.studio.model_version(trained.model) == trained.first_version

    done = backend.program("service", "promote", version)
    assert done.returncode == 0, done.stderr
    until(lambda: backend.version == version, "the swap")
    assert trained.studio.model_version(trained.model).startswith(f"{version}.")


def test_an_unknown_version_is_refused_by_name(trained: Trained):
    done = trained.backend.program("service", "promote", "20200101-000000-abcdef")
    assert done.returncode != 0
    assert "There is no version '20200101-000000-abcdef'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_restarted_backend_answers_with_the_promoted_version(trained: Trained):
    until(lambda: trained.backend.version == trained.run["version"], "the swap")
    trained.backend.stop()
    trained.backend.start()
    assert trained.studio.model_version(trained.model).startswith(f"{trained.run['version']}.")


@pytest.fixture(scope="module")
def gated(make_backend: MakeBackend, gate: Gate) -> Backend:
    """A backend behind the gate. Each test deletes its project, because runs learn from all projects."""
    return make_backend(url=gate.url, patience=0, **QUICK)


@pytest.fixture
def project(studio: Studio, gate: Gate) -> Iterator[int]:
    project = studio.project(sentences(60, seed=3), CONFIG)
    yield project
    gate.left = UNLIMITED
    studio.delete(project)


def test_too_few_annotations_are_said_on_the_page_and_change_nothing(studio: Studio, gated: Backend, project: int):
    model = studio.connect(project, gated.url)
    annotate(studio, project, sentences(3, seed=3))
    before = studio.model_version(model)
    studio.start_training(model)
    run = gated.ended()
    assert run["outcome"] == "failed"
    assert "3 tasks are annotated" in run["error"]
    assert "annotate about 7 more tasks" in run["error"]
    assert "3 tasks are annotated" in gated.page
    assert studio.model_version(model) == before


def test_label_studio_down_at_the_click_is_said_on_the_page(studio: Studio, gated: Backend, gate: Gate, project: int):
    model = studio.connect(project, gated.url)
    before = studio.model_version(model)
    gate.left = 0
    studio.start_training(model)
    run = gated.job()
    assert run["outcome"] == "failed"
    assert "does not answer" in run["error"]
    assert "does not answer" in gated.page
    assert studio.model_version(model) == before


@pytest.mark.slow  # the second click's run has taken over five minutes on a loaded machine
def test_label_studio_down_during_a_run_fails_it_and_the_next_click_tries_again(
    studio: Studio, gated: Backend, gate: Gate, project: int
):
    model = studio.connect(project, gated.url)
    annotate(studio, project, sentences(60, seed=3))
    before = studio.model_version(model)
    gate.left = 1  # one connection, for counting the annotations
    studio.start_training(model)
    run = gated.ended()
    assert run["outcome"] == "failed"
    assert "does not answer" in run["error"]
    assert "does not answer" in gated.page
    assert studio.model_version(model) == before
    gate.left = UNLIMITED
    studio.start_training(model)
    until(lambda: gated.job()["outcome"] != "failed", "the second run's start")
    assert gated.ended()["outcome"] in ("promoted", "held"), gated.job()["message"]


def test_a_wrong_key_is_refused_with_what_to_do(gated: Backend, project: int):
    done = gated.program("training", "run", "--project", str(project), label_studio_api_key="f" * 40)
    assert done.returncode != 0
    assert "refuses the API key" in done.stderr
    assert "SPANLOOP_LABEL_STUDIO_API_KEY" in done.stderr
