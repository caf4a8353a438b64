"""What Label Studio's frontend shows for the values of tags: `service.labelstudio` must read the same."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from service.labelstudio.label_config import parse
from service.labelstudio.passages import passage_of

from . import browsing
from .backend import Backend, until
from .studio import CONFIG, Studio

LABELS = '<Labels name="label" toName="text"><Label value="person"/></Labels>'
ENCODED = base64.b64encode("Zoë met Bob".encode()).decode()


@pytest.mark.parametrize(
    ("tag", "data"),
    [
        ('value="$m[0].text"', {"m": [{"text": "Alice met Bob"}]}),
        ('value="$m.text"', {"m": {"text": "Alice met Bob"}}),
        ('value="Title: $t - $n, $text"', {"t": "Visit", "n": 1.5, "text": "Alice met Bob"}),
        ('value="$text"', {"text": 12345}),
        ('value="$text"', {"text": 1e21}),
        ('value="$text"', {"text": ["Alice", 7, "Bob"]}),
        ('value="$text" encoding="base64"', {"text": ENCODED}),
        ('value="$text" encoding="base64unicode"', {"text": ENCODED}),
    ],
)
def test_a_text_is_read_as_it_is_shown(page: Page, studio: Studio, tag: str, data: dict[str, Any]):
    config = f'<View>{LABELS}<Text name="text" {tag}/></View>'
    project = studio.project(config=config, title="Values")
    studio.import_data(project, [data])
    (control,) = parse(config)
    browsing.open_task(page, studio.url, project, studio.tasks(project)[0]["id"])
    shown = page.locator("[class*=richtext__container]").first
    until(lambda: shown.text_content() == passage_of(data, control).text, "the text that is read")


def test_a_repeaters_predictions_are_highlighted_at_their_words(page: Page, studio: Studio, backend: Backend):
    config = (
        '<View><Repeater on="$u"><Text name="t_{{idx}}" value="$u[{{idx}}].text"/><Labels name="l_{{idx}}" '
        'toName="t_{{idx}}"><Label value="person"/></Labels></Repeater></View>'
    )
    project = studio.project(config=config, title="Repeater")
    studio.import_data(project, [{"u": [{"text": "the house of Alice"}, {"text": "Bob and Carol"}]}])
    (task,) = studio.tasks(project)
    studio.connect(project, backend.url)
    browsing.retrieve_predictions(page, studio.url, project)
    until(lambda: studio.predictions(project)[task["id"]], "the prediction")
    browsing.open_task(page, studio.url, project, task["id"])
    assert browsing.shown_highlights(page, 3) == ["Alice", "Bob", "Carol"]


def test_predictions_of_dynamic_labels_are_highlighted(page: Page, studio: Studio, backend: Backend):
    config = '<View><Labels name="label" toName="text" value="$options"/><Text name="text" value="$text"/></View>'
    project = studio.project(config=config, title="Dynamic")
    data = {"text": "Alice in Paris", "options": [{"value": "person"}, {"value": "city", "alias": "CTY"}]}
    studio.import_data(project, [data])
    (task,) = studio.tasks(project)
    studio.connect(project, backend.url)
    browsing.retrieve_predictions(page, studio.url, project)
    until(lambda: studio.predictions(project)[task["id"]], "the prediction")
    browsing.open_task(page, studio.url, project, task["id"])
    assert browsing.shown_highlights(page, 2) == ["Alice", "Paris"]


def test_a_task_that_is_not_read_is_stored_with_score_0_and_asked_for_once(
    studio: Studio, backend: Backend, page: Page
):
    project = studio.project(["Alice met Bob"])
    studio.import_data(project, [{"text": "", "other": "x"}])
    studio.connect(project, backend.url)
    browsing.retrieve_predictions(page, studio.url, project)
    stored = until(lambda: all(studio.predictions(project).values()) and studio.predictions(project), "predictions")
    scores = sorted(prediction["score"] for predictions in stored.values() for prediction in predictions)
    assert scores[0] == 0 < scores[1]
    assert "1 of 2 tasks: no text under $text." in backend.page


def test_a_config_that_cannot_be_served_is_refused_and_shown_as_an_error(page: Page, studio: Studio, backend: Backend):
    project = studio.project()
    model = studio.connect(project, backend.url)
    assert studio.model(model)["state"] == "CO"
    choices = CONFIG.replace("Labels", "Choices").replace("Label ", "Choice ")
    studio.change_config(project, choices)
    page.goto(f"{studio.url}/projects/{project}/settings/ml")
    expect(page.get_by_text("Error", exact=True).first).to_be_visible()
    assert "400" in studio.models(project)[0]["error_message"]
    assert "It has only Choices" in backend.page
    other = studio.project(config=choices)
    browsing.connect(page, studio.url, other, backend.url)
    expect(page.get_by_text("400 Client Error").first).to_be_visible()
    assert studio.models(other) == []
