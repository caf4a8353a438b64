"""The loop as a person sees it: Label Studio and Spanloop's page in a real browser."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from examples.demo import gold
from service.settings import STARTER

from . import browsing
from .backend import CREDENTIALS, Backend, until
from .browsing import picture
from .conftest import MakeBackend
from .material import CONFIG, QUICK, annotate, sentences
from .studio import Studio

TEXT = "😀 Alice met Bob of Globex in Oslo, and Carol of Acme in New York."
NAMES = ["Alice", "Bob", "Globex", "Oslo", "Carol", "Acme", "New York"]


def test_the_dialog_connects_the_model(page: Page, studio: Studio, backend: Backend):
    project = studio.project([TEXT], title="Connect")
    browsing.connect(page, studio.url, project, backend.url)
    expect(page.get_by_text("Connected", exact=True)).to_be_visible()
    assert [model["is_interactive"] for model in studio.models(project)] == [True]
    picture(page, "connected")
    page.goto(backend.url)
    expect(page.locator(".signs .good", has_text="Label Studio")).to_be_visible(timeout=60_000)
    expect(page.get_by_role("row", name=f"Project {project} ")).to_contain_text("of 1")


def test_the_dialog_connects_a_guarded_model(page: Page, studio: Studio, guarded: Backend):
    project = studio.project([TEXT], title="Connect with a password")
    browsing.connect(page, studio.url, project, guarded.url, CREDENTIALS)
    expect(page.get_by_text("Connected", exact=True)).to_be_visible()
    assert [model["is_interactive"] for model in studio.models(project)] == [True]


def test_a_task_is_opened_with_its_pre_annotations(page: Page, studio: Studio, embedded: Backend):
    texts = [document.text for document in gold.documents()[:24]]
    project = studio.project(texts, gold.LABEL_CONFIG, title="Medical notes")
    studio.connect(project, embedded.url)
    studio.retrieve_predictions(project)
    marked = [task for task in studio.tasks(project) if len(task["predictions"][0]["result"]) > 1]
    assert marked, "the embedded model finds hardly anything in two dozen medical texts"
    task = max(marked, key=lambda task: task["predictions"][0]["score"])
    regions = sorted(task["predictions"][0]["result"], key=lambda region: region["value"]["start"])
    browsing.open_task(page, studio.url, project, task["id"])
    assert browsing.shown_highlights(page, len(regions)) == [region["value"]["text"] for region in regions]
    picture(page, "pre-annotated")


def test_a_double_click_brings_the_other_suggestions(page: Page, studio: Studio, backend: Backend):
    project = studio.project([TEXT], title="Interactive")
    studio.show_no_predictions(project)
    studio.connect(project, backend.url)
    (task,) = studio.tasks(project)
    browsing.open_task(page, studio.url, project, task["id"])
    page.get_by_text("Auto-Annotation").first.click()
    page.locator(".lsf-label", has_text="person").first.click()
    browsing.double_click(page, "Alice")
    assert browsing.shown_highlights(page, len(NAMES)) == NAMES
    picture(page, "interactive")


def test_start_training_from_the_menu_to_a_second_version_in_a_task(
    page: Page, studio: Studio, make_backend: MakeBackend
):
    backend, project, spare = medical(studio, make_backend) if browsing.KEEP else names(studio, make_backend)
    model = studio.models(project)[0]["id"]
    first = studio.model_version(model)

    browsing.start_training(page, studio.url, project)
    page.goto(backend.url)
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.locator("#runs")).to_contain_text(re.compile(r"\d of \d"), timeout=120_000)
    run = backend.ended(seconds=900)
    assert run["outcome"] == "promoted", run["message"]
    expect(page.get_by_text("Now live", exact=True)).to_be_visible()
    expect(page.locator(".card", has_text="Live now")).to_contain_text(run["version"])

    second = studio.model_version(model)
    browsing.retrieve_predictions(page, studio.url, project)
    until(
        lambda: all(len(found) == 2 for found in studio.predictions(project).values()), "a second prediction each", 90
    )
    browsing.open_task(page, studio.url, project, spare)
    for version in (first, second):
        expect(page.get_by_text(f"{version[:8]}...{version[-6:]}").first).to_be_visible()
    picture(page, "two-versions")


def names(studio: Studio, make_backend: MakeBackend) -> tuple[Backend, int, int]:
    """A backend, an annotated project, and a task of it that nobody has annotated: quick."""
    backend = make_backend(**QUICK)
    made = sentences(170, seed=5)  # so many that some are held out, and one tuning suffices
    project = studio.project(made, CONFIG, title="Names")
    studio.connect(project, backend.url)
    studio.retrieve_predictions(project)
    annotate(studio, project, dict(list(made.items())[:-5]))
    return backend, project, studio.tasks(project)[-1]["id"]


def medical(studio: Studio, make_backend: MakeBackend) -> tuple[Backend, int, int]:
    """The same with the embedded model and the medical examples: slow, for the pictures."""
    backend = make_backend(model=STARTER, threads=2)
    documents = {document.text: document for document in gold.documents()}
    project = studio.project(documents, gold.LABEL_CONFIG, title="Medical notes")
    studio.connect(project, backend.url)
    studio.retrieve_predictions(project)
    tasks = studio.tasks(project)
    for task in tasks[:-5]:
        studio.annotate(task["id"], gold.regions(documents[task["data"]["text"]]))
    return backend, project, tasks[-1]["id"]
