"""What a run reads of Label Studio, with its SDK over the connection of the one client."""

from __future__ import annotations

import json

import pytest

from service.labelstudio import pages
from service.labelstudio.client import LabelStudio
from service.labelstudio.errors import LabelStudioError, ProjectGone
from service.labelstudio.exports import Exports
from tests.support.studio import KEY, LABEL_CONFIG, PERSONAL_KEY, Studio, StudioProject, served

TASK = {"id": 1, "data": {"text": "Alice"}, "annotations": []}


@pytest.fixture
def exports(settings, studio, monkeypatch):
    studio.projects[3] = project()
    monkeypatch.setattr(pages, "RETRY_SECONDS", (0.0, 0.0, 0.0))

    def make(url=None, key=KEY):
        return Exports(LabelStudio(settings(label_studio_url=url or studio.url, label_studio_api_key=key)))

    return make


def project(spare=5):
    unannotated = [{"id": n, "data": {"text": f"text {n}"}, "annotations": []} for n in range(spare)]
    return StudioProject(export=[TASK], unannotated=unannotated)


def read_all(exports, folder):
    """All that a run reads of project 3: its label config, its export, the texts of tasks without annotations."""
    config = exports.label_config(3)
    texts = [data["text"] for data in exports.unannotated(3, 1000)]
    exports.download(3, folder / "project.json")
    return config, texts, json.loads((folder / "project.json").read_text())


def test_config_export_and_unannotated_tasks_come_from_label_studio(exports, tmp_path):
    assert read_all(exports(), tmp_path) == (LABEL_CONFIG, [f"text {n}" for n in range(5)], [TASK])
    assert [data["text"] for data in exports().unannotated(3, 3)] == ["text 0", "text 1", "text 2"]


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("key", [KEY, PERSONAL_KEY])
def test_a_label_studio_below_a_path_is_read_with_either_key(exports, tmp_path, slash, key):
    with served(Studio(prefix="/ls", projects={3: project()})) as below:
        config, texts, export = read_all(exports(below.url + slash, key), tmp_path)
        assert all(asked.partition(" ")[2].startswith("/ls/api/") for asked in below.asked)
    assert (config, len(texts), export) == (LABEL_CONFIG, 5, [TASK])


def test_an_access_token_that_expires_is_renewed_while_pages_are_read(exports, studio, tmp_path):
    studio.projects[3] = project(spare=450)
    studio.requests_a_token = 2
    config, texts, export = read_all(exports(key=PERSONAL_KEY), tmp_path)
    assert (config, len(texts), export) == (LABEL_CONFIG, 450, [TASK])
    assert len(studio.granted) >= 3
    assert set(studio.authorizations) - {""} == {f"Bearer {token}" for token in studio.granted}


@pytest.mark.parametrize(("status", "says"), [(401, "API_KEY"), (403, "API_KEY"), (500, "500"), (502, "502")])
def test_an_export_that_is_refused_says_why_and_leaves_no_half_file(exports, studio, tmp_path, status, says):
    studio.broken = status
    with pytest.raises(LabelStudioError, match=says) as caught:
        exports().download(3, tmp_path / "project.json")
    assert KEY not in str(caught.value)
    assert not (tmp_path / "project.json").exists()


def test_an_unknown_project_is_said(exports, tmp_path):
    with pytest.raises(ProjectGone, match="no project 99"):
        exports().label_config(99)
    with pytest.raises(ProjectGone, match="no project 99"):
        exports().download(99, tmp_path / "project.json")


@pytest.mark.parametrize("below", ["/api/token", "/api/projects/3/", "/api/tasks"])
@pytest.mark.parametrize("status", [200, 404])
def test_a_login_page_is_told_as_such_and_is_no_export(exports, studio, tmp_path, below, status):
    studio.page_below, studio.page_status = below, status
    with pytest.raises(LabelStudioError, match=r"login page.*text/html.*SPANLOOP_LABEL_STUDIO_URL") as caught:
        read_all(exports(key=PERSONAL_KEY), tmp_path)
    assert studio.url in str(caught.value)
    assert not isinstance(caught.value, ProjectGone)
    assert not (tmp_path / "project.json").exists()


@pytest.mark.parametrize("answer", [(200, []), (200, "text"), (200, {"detail": "a login page"})])
def test_json_of_another_shape_is_told(exports, studio, monkeypatch, answer):
    monkeypatch.setattr(studio, "answer", lambda *asked: answer)
    with pytest.raises(LabelStudioError, match="SPANLOOP_LABEL_STUDIO_URL"):
        exports().label_config(3)


def test_a_label_studio_that_is_down_is_said_with_its_address(exports):
    with pytest.raises(LabelStudioError, match=r"127\.0\.0\.1:9 does not answer"):
        exports("http://127.0.0.1:9").label_config(1)


@pytest.mark.parametrize("missing", [{"label_studio_url": ""}, {"label_studio_api_key": ""}])
def test_missing_settings_are_named(settings, missing):
    with pytest.raises(LabelStudioError, match="SPANLOOP_LABEL_STUDIO_URL"):
        Exports(LabelStudio(settings(**{"label_studio_url": "http://ls", "label_studio_api_key": KEY, **missing})))


def annotated(number):
    return {"id": number, "data": {"text": f"text {number}"}, "annotations": [{"id": number, "result": []}]}


def ids(path):
    return [task["id"] for task in json.loads(path.read_text())]


def test_a_large_project_is_read_in_pages_and_says_how_far_it_is(exports, studio, tmp_path):
    studio.projects[3].export = [annotated(number) for number in range(1, 2501)]
    told = []
    exports().download(3, tmp_path / "project.json", lambda done, total: told.append((done, total)))
    assert ids(tmp_path / "project.json") == list(range(1, 2501))
    assert len(told) > 2
    assert {total for _, total in told} == {2500}
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1] == (2500, 2500)
    assert not any("/export" in asked for asked in studio.asked), "Label Studio Enterprise has no such path"


def test_an_export_that_is_killed_goes_on_behind_its_last_whole_task(exports, studio, tmp_path):
    studio.projects[3].export = [annotated(number) for number in range(1, 901)]

    def killed(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        exports().download(3, tmp_path / "project.json", killed)
    partial = tmp_path / "project.partial"
    with partial.open("ab") as opened:
        opened.write(b',{"id": 101, "da')
    assert not (tmp_path / "project.json").exists()
    # Between the two parts one task that was read is deleted, and one that was not is annotated.
    studio.projects[3].export = [task for task in studio.projects[3].export if task["id"] != 50] + [annotated(901)]
    studio.asked.clear()
    told = []
    exports().download(3, tmp_path / "project.json", lambda done, total: told.append((done, total)))
    assert ids(tmp_path / "project.json") == list(range(1, 902))
    assert told[0][0] > 100
    assert not partial.exists()


def test_a_page_that_fails_is_asked_for_again_with_fewer_tasks(exports, studio, tmp_path, monkeypatch):
    studio.projects[3].export = [annotated(number) for number in range(1, 301)]
    answer, sizes = studio.answer, []

    def overloaded(method, path, query):
        sizes.append(int(query["page_size"][0]))
        return (504, {}) if sizes[-1] > 30 else answer(method, path, query)

    monkeypatch.setattr(studio, "answer", overloaded)
    exports().download(3, tmp_path / "project.json")
    assert ids(tmp_path / "project.json") == list(range(1, 301))
    assert sizes[:3] == [100, 50, 25]


def test_annotations_without_their_regions_are_no_export(exports, studio, tmp_path):
    studio.projects[3].export = [{"id": 1, "data": {}, "annotations": [{"id": 5}]}]
    with pytest.raises(LabelStudioError, match="no results"):
        exports().download(3, tmp_path / "project.json")
    assert not (tmp_path / "project.json").exists()


@pytest.mark.parametrize("sent", [[1, 3, 2], [1, 1], [5, 4]], ids=str)
def test_tasks_that_do_not_ascend_are_told_instead_of_read_without_end(exports, studio, tmp_path, monkeypatch, sent):
    page = {"tasks": [annotated(number) for number in sent], "total": len(sent)}
    monkeypatch.setattr(studio, "answer", lambda *asked: (200, page))
    with pytest.raises(
        LabelStudioError, match=rf"task {sent[-1]} behind task {sent[-2]} of project 3.*Reading stopped"
    ):
        exports().download(3, tmp_path / "project.json")
    assert not (tmp_path / "project.json").exists()


def test_a_page_that_comes_again_is_told_instead_of_read_without_end(exports, studio, tmp_path, monkeypatch):
    page = {"tasks": [annotated(1), annotated(2)], "total": 2}
    monkeypatch.setattr(studio, "answer", lambda *asked: (200, page))
    with pytest.raises(LabelStudioError, match="task 1 behind task 2"):
        exports().download(3, tmp_path / "project.json")
