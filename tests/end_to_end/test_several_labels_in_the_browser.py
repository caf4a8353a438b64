"""Several labels on one stretch: Label Studio's editor makes and shows one region, and so does Spanloop."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from service.labelstudio.label_config import parse
from service.labelstudio.passages import PlainText
from service.labelstudio.regions import marked

from . import browsing
from .backend import Backend, until
from .studio import Studio

CONFIG = """<View>
  <Labels name="label" toName="text" choice="multiple">
    <Label value="PER" predicted_values="person" background="#1f77b4"/>
    <Label value="NOW" predicted_values="person today" background="#d62728"/>
  </Labels>
  <Text name="text" value="$text"/>
</View>"""
"""Labels of which the tiny model finds both on each person."""

TEXT = "Then Alice met Bob"
BOTH = re.compile(r"\d+:(PER,NOW|NOW,PER)")
"""What the editor writes at a region that has both labels."""


def submitted(page: Page, studio: Studio, project: int) -> list[tuple[str, list[str]]]:
    """Submit the open annotation. Returns the words and the labels of each of its regions."""
    page.get_by_role("button", name="Submit").first.click()
    until(lambda: studio.tasks(project)[0]["annotations"], "the annotation")
    result = studio.tasks(project)[0]["annotations"][0]["result"]
    return sorted((region["value"]["text"], sorted(region["value"]["labels"])) for region in result)


def test_a_prediction_with_two_labels_on_a_stretch_is_one_region_with_both(
    page: Page, studio: Studio, backend: Backend
):
    project = studio.project([TEXT], CONFIG, title="Several labels")
    model = studio.connect(project, backend.url, extra_params={"overlap": "multi"})
    studio.retrieve_predictions(project)
    (task,) = studio.tasks(project)
    (prediction,) = task["predictions"]
    assert prediction["model_version"] == studio.model_version(model)
    browsing.open_task(page, studio.url, project, task["id"])
    assert browsing.shown_highlights(page, 2) == ["Alice", "Bob"]
    for index in range(2):
        expect(page.locator(".htx-highlight").nth(index)).to_have_attribute("data-label", BOTH)
    assert submitted(page, studio, project) == [("Alice", ["NOW", "PER"]), ("Bob", ["NOW", "PER"])]


def test_what_an_annotator_gives_two_labels_is_one_region_that_is_read_as_two_spans(page: Page, studio: Studio):
    project = studio.project([TEXT], CONFIG, title="Several labels by hand")
    (task,) = studio.tasks(project)
    browsing.open_task(page, studio.url, project, task["id"])
    page.wait_for_load_state("networkidle")
    for label in ("PER", "NOW"):
        page.locator(".lsf-label", has_text=label).first.click()
    browsing.double_click(page, "Alice")
    assert browsing.shown_highlights(page, 1) == ["Alice"]
    assert submitted(page, studio, project) == [("Alice", ["NOW", "PER"])]
    (control,) = parse(CONFIG)
    stored = studio.tasks(project)[0]["annotations"][0]["result"]
    spans = {(*span[:2], span.label) for span in marked(stored, control, PlainText(TEXT))}
    assert spans == {(5, 10, "person"), (5, 10, "person today")}


def test_the_page_says_that_the_project_has_set_how_it_is_decoded(page: Page, studio: Studio, backend: Backend):
    project = studio.project([TEXT], CONFIG, title="A way of its own")
    studio.connect(project, backend.url, extra_params={"overlap": "nested"})
    page.goto(backend.url)
    row = page.get_by_role("row").filter(has_text=re.compile(rf"Project {project}\b"))
    expect(row).to_contain_text("A span may lie within another")
    expect(row).to_contain_text("set by the project")
    studio.delete(project)
