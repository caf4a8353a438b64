"""Sorting by prediction score in the real Label Studio's Data Manager."""

from __future__ import annotations

import re

from playwright.sync_api import Page

from .backend import Backend, until
from .browsing import picture, retrieve_predictions
from .studio import Studio

TEXTS = [
    "Alice works at Acme in Paris.",
    "Bob of Globex is in Oslo",
    "Carol lives in New York",
]
LOOK_SECONDS = 90
"""The backend looks twice a minute."""


def test_tasks_are_sorted_by_prediction_score_once_most_have_a_prediction(studio: Studio, backend: Backend, page: Page):
    project = studio.project(TEXTS, title="Sorted by score")
    model = studio.connect(project, backend.url)
    assert studio.shown_version(project) == "Spanloop", "what connecting sets"
    retrieve_predictions(page, studio.url, project)
    version = studio.model_version(model)
    until(lambda: studio.shown_version(project) == version, f"the project shows {version}", LOOK_SECONDS)

    by_task = {task: found[0]["score"] for task, found in studio.predictions(project, version).items()}
    for order in ("tasks:predictions_score", "-tasks:predictions_score"):
        view = studio.make_view(project, order)
        page.goto(f"{studio.url}/projects/{project}/data?tab={view}")
        page.locator("text=Prediction score").first.wait_for()
        shown = until(lambda: scores(page, len(TEXTS)), "a score for each task")
        assert shown == [f"{one:.3f}" for one in sorted(by_task.values(), reverse=order.startswith("-"))]
    picture(page, "sorted-by-score")


def scores(page: Page, count: int) -> list[str]:
    """The scores on the page, top down, as soon as there are so many."""
    found = re.findall(r"^\s*([01]\.\d{3})\s*$", page.locator("body").inner_text(), re.MULTILINE)
    return found if len(found) == count else []


def test_a_version_that_a_person_chose_stays(studio: Studio, backend: Backend):
    project = studio.project(TEXTS, title="Chosen by a person")
    studio.connect(project, backend.url)
    studio.retrieve_predictions(project)
    (task, *_) = studio.tasks(project)
    studio.predict(task["id"], "gold 2025", [])
    studio.show_version(project, "gold 2025")
    other = studio.project(TEXTS, title="Looked at later")
    studio.connect(other, backend.url)
    studio.retrieve_predictions(other)
    until(lambda: studio.shown_version(other) != "Spanloop", "the backend looks at the projects", LOOK_SECONDS)
    assert studio.shown_version(project) == "gold 2025"
