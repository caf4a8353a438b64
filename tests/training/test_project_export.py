"""One project in a run's folder: what a resumed run keeps of it, and what it reads anew."""

from __future__ import annotations

import pytest

from service.labelstudio.client import LabelStudio
from service.labelstudio.exports import Exports
from tests.support.studio import KEY, LABEL_CONFIG, Studio, StudioProject, served
from training.project_export import ProjectExport

OTHER_CONFIG = LABEL_CONFIG.replace('value="person"', 'value="human"')


def annotated(number):
    result = [{"from_name": "label", "value": {"start": 0, "end": 4, "labels": ["person"]}}]
    return {"id": number, "data": {"text": f"text {number}"}, "annotations": [{"id": number, "result": result}]}


@pytest.fixture
def exports(settings, studio):
    studio.projects[3] = StudioProject(export=[annotated(number) for number in range(1, 301)])

    def make(url=""):
        return Exports(LabelStudio(settings(label_studio_url=url or studio.url, label_studio_api_key=KEY)))

    return make


def killed(done, total):
    raise KeyboardInterrupt


def cut_off(exports, folder):
    """An export of project 3 that was killed after its first page."""
    with pytest.raises(KeyboardInterrupt):
        ProjectExport(folder, 3).download(exports, 0, killed)
    assert (folder / "project-3.partial").stat().st_size


def resumed(exports, folder):
    """What a resumed run reads of project 3, and how many tasks were there after the first page that it asked for."""
    told = []
    one = ProjectExport(folder, 3)
    one.download(exports, 0, lambda done, total: told.append(done))
    return one.read(lambda url: url, lambda done: None), told


def test_an_export_that_was_cut_off_goes_on(exports, tmp_path):
    cut_off(exports(), tmp_path)
    export, told = resumed(exports(), tmp_path)
    assert [document.task for document in export.documents] == list(range(1, 301))
    assert told[0] > 100


def test_an_export_that_was_cut_off_begins_anew_where_the_label_config_has_changed(exports, studio, tmp_path):
    cut_off(exports(), tmp_path)
    studio.projects[3].label_config = OTHER_CONFIG
    export, told = resumed(exports(), tmp_path)
    assert told[0] == 100
    assert len(export.documents) == 300
    assert {document.labels for document in export.documents} == {("city", "company", "human")}


def test_an_export_that_was_cut_off_begins_anew_at_another_label_studio(exports, tmp_path):
    cut_off(exports(), tmp_path)
    with served(Studio(projects={3: StudioProject(export=[annotated(200)])})) as other:
        export, _ = resumed(exports(other.url), tmp_path)
    assert [document.task for document in export.documents] == [200]


def test_a_complete_export_is_kept_with_its_label_config_and_asks_for_nothing(exports, studio, tmp_path):
    first, _ = resumed(exports(), tmp_path)
    studio.projects[3].label_config = OTHER_CONFIG
    studio.projects[3].export.append(annotated(301))
    studio.asked.clear()
    again, told = resumed(exports(), tmp_path)
    assert again.documents == first.documents
    assert (told, studio.asked) == ([], [])


def test_a_complete_export_of_another_label_studio_is_read_anew(exports, tmp_path):
    resumed(exports(), tmp_path)
    with served(Studio(projects={3: StudioProject(export=[annotated(7)])})) as other:
        export, _ = resumed(exports(other.url), tmp_path)
    assert [document.task for document in export.documents] == [7]
