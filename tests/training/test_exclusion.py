"""Runs that are told to leave out annotators or tasks."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from service.labelstudio.errors import LabelStudioError
from tests.support.studio import LABEL_CONFIG
from tests.support.training_bench import TASKS, annotated
from training.annotations import ExportFailed, read
from training.exclusion import TASK, of_annotator, resolve
from training.settings import TrainingSettings


def marked(number, annotator, **facts):
    return {"id": number, "result": [], "completed_by": annotator, **facts}


@pytest.fixture
def export(tmp_path):
    """Reads two tasks: the first is annotated by the users 1 and 2, whose annotation counts, the second by 1 alone."""
    path = tmp_path / "export.json"
    first = [marked(10, 1, updated_at="2026-01-01"), marked(11, {"id": 2, "email": "b@x"}, updated_at="2026-02-02")]
    tasks = [
        {"id": 1, "data": {"text": "Alice"}, "annotations": first},
        {"id": 2, "data": {"text": "Bob"}, "annotations": [marked(12, 1)]},
    ]
    path.write_text(json.dumps(tasks))
    return lambda annotators=(), tasks=(): read(
        path, 1, LABEL_CONFIG, excluded=resolve(annotators, tasks, lambda: {1: "A@x", 2: "b@x"})
    )


def used(found):
    return [(document.task, document.annotation, document.annotator) for document in found.documents]


def test_without_exclusion_the_annotation_that_counts_is_used_and_the_others_are_kept_apart(export):
    found = export()
    assert used(found) == [(1, 11, 2), (2, 12, 1)]
    assert [(document.task, document.annotator) for document in found.others] == [(1, 1)]
    assert found.left_out == {}


def test_a_task_of_an_excluded_annotator_is_learnt_from_somebody_elses_annotation_or_left_out(export):
    assert used(export(annotators=["2"])) == [(1, 10, 1), (2, 12, 1)]
    found = export(annotators=["1"])
    assert used(found) == [(1, 11, 2)]
    assert found.others == []
    assert found.left_out == {of_annotator(1): 2}


def test_an_annotator_is_known_by_the_email_address_in_any_case(export):
    assert used(export(annotators=["a@X"])) == [(1, 11, 2)]


def test_an_annotator_whom_label_studio_does_not_know_is_an_error_that_names_it(export):
    with pytest.raises(LabelStudioError, match="no user c@x"):
        export(annotators=["c@x"])


def test_an_excluded_annotator_without_annotations_is_told(export):
    """A mistyped id would otherwise exclude nobody, and nobody would notice."""
    excluded = resolve(["1", "12"], [], dict)
    told = list(excluded.told(export(annotators=["1", "12"]).omissions))
    assert told == [
        "Annotations of these annotators are excluded: 1, 12.",
        "No annotation is by the excluded annotators 12.",
    ]


def test_an_excluded_task_is_left_out_and_counted(export):
    found = export(tasks=[1])
    assert used(found) == [(2, 12, 1)]
    assert found.left_out == {TASK: 1}


def test_the_lists_of_the_settings_join_those_of_the_command_line():
    settings = TrainingSettings(exclude_annotators="a@x, 3", exclude_tasks="5,1").excluding(["3", "b@x"], [9, 1])
    assert settings.excluded_annotators == ("a@x", "3", "b@x")
    assert settings.excluded_tasks == (5, 1, 9)


def test_a_task_that_is_no_number_is_refused():
    with pytest.raises(ValidationError, match="no list of task ids"):
        TrainingSettings(exclude_tasks="5, nine")


def by_two(count):
    """Tasks of which every third is annotated by user 2, the others by user 1."""
    tasks = annotated(count)
    for task in tasks:
        task["annotations"][0]["completed_by"] = 1 + (task["id"] % 3 == 0)
    return tasks


def test_a_run_without_some_tasks_and_an_annotator_makes_another_version_whose_lineage_names_them(bench, studio):
    studio.projects[1].export = by_two(TASKS)
    studio.users = {1: "a@example.com", 2: "b@example.com"}
    one = bench()
    first = one.store.get(one.execute("run-1").version)
    told = bench(exclude_annotators="b@example.com", exclude_tasks="1,4,9999").execute("run-2")
    second = one.store.get(told.version)
    assert second.digest != first.digest
    assert (second.excluded_annotators, second.excluded_tasks) == ((2,), (1, 4, 9999))
    assert second.left_out == {of_annotator(2): 57, TASK: 2}
    assert sum(second.tasks.values()) == TASKS - 57 - 2
    assert "No annotated task has the excluded ids 9999." in told.message
    assert f"57 × {of_annotator(2)}" in told.message
    assert "No annotation is by" not in told.message
    assert (first.excluded_annotators, first.excluded_tasks) == ((), ())


def test_a_run_that_excludes_somebody_unknown_fails_and_names_the_address(bench, studio):
    studio.users = {1: "a@example.com"}
    one = bench(exclude_annotators="c@example.com")
    with pytest.raises(ExportFailed, match=r"no user c@example\.com.* Nothing was trained"):
        one.execute()
