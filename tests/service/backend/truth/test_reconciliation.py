"""What people's work says is counted exactly, whatever events come."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from service.backend.local.projects import FileProjects
from service.backend.truth.places import Place
from service.backend.truth.reconciliation import (
    HINTED_SECONDS,
    LOOK_SECONDS,
    RECOUNT_SECONDS,
    Reconciliation,
    Where,
)
from service.backend.truth.standing import standing
from service.backend.truth.tally import Tally
from service.labelstudio.client import LabelStudio
from tests.support.annotated import AnnotatedStudio
from tests.support.annotator import Annotator, region, sums, text_of
from tests.support.clock import Clock
from tests.support.studio import KEY, LABEL_CONFIG, served

V1, V2 = "v1.aaaaaa", "v2.bbbbbb"
TEXT = text_of(0)
ALICE = region(TEXT, 6, 11, "person")
ACME = region(TEXT, 20, 25, "company")


@pytest.fixture
def studio():
    with served(AnnotatedStudio()) as state:
        yield state


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def projects(tmp_path):
    known = FileProjects(tmp_path)
    known.configure(1, "")
    return known


@pytest.fixture
def make(studio, settings, projects, clock):
    def made():
        client = LabelStudio(settings(label_studio_url=studio.url, label_studio_api_key=KEY))
        return Reconciliation(projects, client, clock)

    return made


@pytest.fixture
def reconciliation(make):
    return make()


def _spans(reconciliation, version, project):
    tally = reconciliation.totals.tallies.get(Where(project, version), Tally())
    return sums([tally.spans])


@pytest.fixture
def spans(reconciliation):
    """The spans of a version in project 1 by label and fate, after a look."""

    def found(version="v1", project=1):
        reconciliation.look()
        return _spans(reconciliation, version, project)

    return found


def test_a_scripted_annotators_edits_are_counted_exactly_in_any_order_of_work_and_looks(studio, reconciliation):
    chance, annotator = random.Random(5), Annotator()
    texts = [text_of(number) for number in range(60)]
    tasks = studio.project(1, texts)
    truth: dict[int, tuple[str, Counter[Place]]] = {}
    work = []
    for task, text in zip(tasks, texts, strict=True):
        predicted, annotated, counts = annotator.script(text)
        version = chance.choice([V1, V2])
        work.append((task, studio.predict(task, version, predicted), annotated, counts, version))
    chance.shuffle(work)
    annotations = {}
    for task, prediction, annotated, counts, version in work:
        annotations[task] = studio.annotate(task, annotated, parent_prediction=prediction)
        truth[task] = (version.partition(".")[0], counts)
        what = chance.random()
        if what < 0.2:  # the person takes everything back
            studio.edit(annotations[task], [])
            predicted = studio.kept[1][task]["predictions"][0]["result"]
            removed = Counter(Place(one["value"]["labels"][0], "added") for one in predicted)
            truth[task] = (truth[task][0], removed)
        elif what < 0.3:
            studio.delete(annotations[task])
            del truth[task]
        elif what < 0.35:
            studio.delete_task(task)
            del truth[task]
        if what > 0.7:
            reconciliation.look()
    reconciliation.look()
    for version in ("v1", "v2"):
        of_version = [counts for known, counts in truth.values() if known == version]
        assert _spans(reconciliation, version, 1) == sums(of_version)
        assert reconciliation.totals.tallies[Where(1, version)].tasks == len(of_version)
        fresh = Tally()
        for counts in of_version:
            fresh.add(counts)
        assert reconciliation.totals.standings[version] == standing(version, fresh)


def test_an_annotation_that_is_edited_counts_once_by_its_latest_state(studio, spans):
    (task,) = studio.project(1, [TEXT])
    prediction = studio.predict(task, V1, [ALICE])
    annotation = studio.annotate(task, [], parent_prediction=prediction)
    assert spans() == {("person", "added"): 1}
    studio.edit(annotation, [ALICE, ACME])
    assert spans() == spans() == {("person", "right"): 1, ("company", "missed"): 1}


def test_what_is_deleted_counts_no_more(studio, spans):
    tasks = studio.project(1, [TEXT, TEXT, TEXT])
    annotations = [
        studio.annotate(task, [ALICE], parent_prediction=studio.predict(task, V1, [ALICE])) for task in tasks
    ]
    assert spans() == {("person", "right"): 3}
    studio.delete(annotations[0])
    assert spans() == {("person", "right"): 2}
    studio.delete_task(tasks[1])
    assert spans() == {("person", "right"): 1}
    studio.annotate(tasks[0], [ALICE, ACME])  # as many annotated tasks as before, but others
    studio.delete(annotations[2])
    assert spans() == {("person", "right"): 1, ("company", "missed"): 1}


def test_the_annotations_of_several_people_count_each_and_skipped_tasks_do_not(studio, spans, reconciliation):
    (task, skipped) = studio.project(1, [TEXT, TEXT])
    prediction = studio.predict(task, V1, [ALICE])
    studio.predict(skipped, V1, [ALICE])
    studio.annotate(task, [ALICE], parent_prediction=prediction)
    studio.annotate(task, [], parent_prediction=prediction)
    studio.annotate(task, [], was_cancelled=True)
    studio.annotate(skipped, [], was_cancelled=True)
    assert spans() == {("person", "right"): 1, ("person", "added"): 1}
    assert reconciliation.totals.standings["v1"].tasks == 1
    assert not reconciliation.totals.left_out[1]


def test_work_counts_for_the_version_that_it_began_with(studio, spans):
    """The first annotation was begun before v2 predicted the task. The second names no prediction: the newest counts.
    The third began with the prediction of v1 although there is a newer one."""
    one, two, three = studio.project(1, [TEXT] * 3)
    first = {task: studio.predict(task, V1, [ALICE]) for task in (one, two, three)}
    annotation = studio.annotate(one, [ALICE])
    for task in (one, two, three):
        studio.predict(task, V2, [ALICE, ACME])
    studio.edit(annotation, [])
    studio.annotate(two, [ACME])
    studio.annotate(three, [ALICE], parent_prediction=first[three])
    assert spans("v1") == {("person", "added"): 1, ("person", "right"): 1}
    assert spans("v2") == {("person", "added"): 1, ("company", "right"): 1}


def test_a_draft_that_was_begun_before_the_prediction_is_not_work_with_it(studio, spans):
    (task,) = studio.project(1, [TEXT])
    began = studio._now()
    studio.predict(task, V1, [ALICE])
    studio.annotate(task, [], draft_created_at=began)
    assert spans() == {}


def test_copies_imports_and_predictions_of_others_are_left_out_and_told(studio, spans, reconciliation):
    copied, imported, others = studio.project(1, [TEXT] * 3)
    copy = studio.annotate(copied, [ALICE], parent_prediction=studio.predict(copied, V1, [ALICE]), updated_by=None)
    studio.annotate(imported, [ALICE])
    studio.annotate(others, [ALICE], parent_prediction=studio.predict(others, "another-model", [ALICE]))
    assert spans() == {}
    assert reconciliation.totals.left_out[1] == {
        "nobody has saved them since they were imported or copied from predictions": 1,
        "they did not begin with a prediction of Spanloop": 2,
    }
    studio.edit(copy, [])
    assert spans() == {("person", "added"): 1}


def test_a_task_whose_text_is_not_read_is_left_out(studio, spans, reconciliation):
    (task,) = studio.project(1, [TEXT])
    studio.kept[1][task]["data"] = {"text": ""}
    studio.annotate(task, [], parent_prediction=studio.predict(task, V1, []))
    assert spans() == {}
    assert reconciliation.totals.left_out[1] == {"the text was not read: no text under $text": 1}


def test_a_task_that_changes_while_pages_are_read_is_read_at_the_next_look(studio, spans):
    tasks = studio.project(1, [TEXT] * 250)
    annotations = [
        studio.annotate(task, [ALICE], parent_prediction=studio.predict(task, V1, [ALICE])) for task in tasks
    ]
    assert spans() == {("person", "right"): 250}
    studio.seconds += 1000
    for annotation in annotations:
        studio.edit(annotation, [])

    def tasks_of_both_pages_change():
        studio.edit(annotations[0], [ALICE])
        studio.seconds += 1000
        studio.edit(annotations[-1], [ALICE])

    def first_page_was_read():
        studio.while_listing = tasks_of_both_pages_change

    studio.while_listing = first_page_was_read
    assert spans() == {("person", "added"): 249, ("person", "right"): 1}
    assert spans() == {("person", "added"): 248, ("person", "right"): 2}


def test_another_label_config_counts_all_anew(studio, spans):
    (task,) = studio.project(1, [TEXT])
    studio.annotate(task, [ALICE, ACME], parent_prediction=studio.predict(task, V1, [ALICE, ACME]))
    assert spans() == {("person", "right"): 1, ("company", "right"): 1}
    studio.projects[1].label_config = LABEL_CONFIG.replace('<Label value="company"/>', "")
    assert spans() == {("person", "right"): 1}


def test_a_look_reads_what_has_changed_and_nothing_where_nothing_has(studio, reconciliation, clock):
    tasks = studio.project(1, [TEXT] * 20)
    for task in tasks:
        studio.seconds += 100
        studio.annotate(task, [])
    reconciliation.look()
    studio.seconds += 100
    clock.seconds += LOOK_SECONDS
    studio.pages.clear()
    studio.annotate(tasks[3], [ALICE])
    reconciliation.look()
    assert sorted({task for page in studio.pages for task in page}) == [tasks[3], tasks[19]]
    for _ in range(3):
        clock.seconds += LOOK_SECONDS
        reconciliation.look()
    studio.pages.clear()
    studio.asked.clear()
    reconciliation.look()
    assert studio.asked == ["GET /api/projects/1/", "GET /api/tasks/"]
    assert not studio.pages


def test_a_change_that_can_be_read_late_is_found_though_nothing_else_changes(studio, spans, clock):
    """A change gets its time before it is stored: another one, with a later time, may be read first."""
    one, two = studio.project(1, [TEXT, TEXT])
    early = studio.annotate(one, [], parent_prediction=studio.predict(one, V1, [ALICE]))
    at = studio._now()
    studio.annotate(two, [], parent_prediction=studio.predict(two, V1, [ACME]))
    assert spans() == {("person", "added"): 1, ("company", "added"): 1}
    studio._found(early)[1]["result"] = [ALICE]
    studio.kept[1][one]["updated_at"] = at
    clock.seconds += LOOK_SECONDS
    assert spans() == {("person", "right"): 1, ("company", "added"): 1}


def test_once_a_day_all_is_read_again(studio, spans, clock):
    (task,) = studio.project(1, [TEXT])
    annotation = studio.annotate(task, [], parent_prediction=studio.predict(task, V1, [ALICE]))
    studio.seconds += 1000
    assert spans() == {("person", "added"): 1}
    studio._found(annotation)[1]["result"] = [ALICE]  # by a program that leaves the task's updated_at alone
    clock.seconds += RECOUNT_SECONDS
    assert spans() == {("person", "right"): 1}


def test_it_looks_now_and_then_and_sooner_where_an_event_has_come(studio, reconciliation, clock):
    studio.project(1, [TEXT])
    assert reconciliation.tick()
    assert not reconciliation.tick()
    reconciliation.hint()
    assert not reconciliation.tick()
    clock.seconds += HINTED_SECONDS
    assert reconciliation.tick()
    clock.seconds += HINTED_SECONDS
    assert not reconciliation.tick()
    clock.seconds += LOOK_SECONDS
    assert reconciliation.tick()


def test_a_label_studio_that_does_not_answer_leaves_the_figures_as_they_were(
    studio, spans, reconciliation, service_log
):
    (task,) = studio.project(1, [TEXT])
    studio.annotate(task, [ALICE], parent_prediction=studio.predict(task, V1, [ALICE]))
    assert spans() == {("person", "right"): 1}
    at = reconciliation.totals.at
    studio.broken = 403
    assert spans() == spans() == {("person", "right"): 1}
    assert reconciliation.totals.at == at
    assert sum("is not compared with predictions" in line for line in service_log) == 1
    studio.broken = 0
    studio.annotate(task, [])
    assert spans() == {("person", "right"): 1, ("person", "added"): 1}
    assert reconciliation.totals.at > at


def test_a_project_that_is_gone_or_forgotten_counts_no_more(studio, spans, projects):
    for number in (1, 2):
        projects.configure(number, "")
        (task,) = studio.project(number, [TEXT])
        studio.annotate(task, [ALICE], parent_prediction=studio.predict(task, V1, [ALICE]))
    assert spans(project=1) == spans(project=2) == {("person", "right"): 1}
    del studio.projects[1]
    assert spans(project=1) == {}
    projects.forget(2, "forgotten by hand")
    assert spans(project=2) == {}


def test_a_backend_that_starts_counts_the_same(studio, make):
    tasks = studio.project(1, [TEXT] * 3)
    first = make()
    for task in tasks:
        studio.annotate(task, [ALICE], parent_prediction=studio.predict(task, V1, [ALICE]))
        first.look()
    second = make()
    second.look()
    assert first.totals.tallies == second.totals.tallies
    assert first.totals.standings == second.totals.standings


def test_a_project_that_has_nothing_to_compare_does_not_keep_the_others_from_being_up_to_date(
    studio, spans, projects, reconciliation
):
    projects.configure(2, "")
    (task,) = studio.project(1, [TEXT])
    studio.project(2, [TEXT], label_config='<View><Text name="text" value="$text"/></View>')
    studio.annotate(task, [ALICE], parent_prediction=studio.predict(task, V1, [ALICE]))
    assert spans() == {("person", "right"): 1}
    assert reconciliation.totals.at


def test_the_work_on_a_version_counts_over_all_projects(studio, spans, projects, reconciliation):
    projects.configure(2, "")
    for number in (1, 2):
        (task,) = studio.project(number, [TEXT])
        for version in (V1, V2):
            studio.annotate(task, [ALICE], parent_prediction=studio.predict(task, version, [ALICE, ACME]))
    assert spans() == {("person", "right"): 1, ("company", "added"): 1}
    assert {one.version: (one.tasks, one.acceptance.value) for one in reconciliation.totals.standings.values()} == {
        "v1": (2, 0.5),
        "v2": (2, 0.5),
    }
