"""Bad annotations are held back and named, and their repair goes live: what a person sees in a browser."""

from __future__ import annotations

import random
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from . import browsing
from .backend import Backend, until
from .conftest import MakeBackend
from .material import CONFIG, QUICK, annotate, sentences
from .studio import Studio, marked

Gold = dict[str, list[tuple[str, str]]]
KNOWN, NEW = 120, 120
"""Tasks that the live version has learnt from, and tasks that are annotated badly at first."""


def gold(places: bool, count: int) -> Gold:
    """Texts with places, or without."""
    found = {text: names for text, names in sentences(600).items() if places == any(of == "place" for _, of in names)}
    return dict(list(found.items())[:count])


def with_any_label(annotated: Gold) -> Gold:
    """The same names, each with a label by chance."""
    rng = random.Random(0)
    return {
        text: [(name, rng.choice(["human", "firm", "place"])) for name, _ in names] for text, names in annotated.items()
    }


@pytest.fixture(scope="module")
def loop(studio: Studio, make_backend: MakeBackend) -> tuple[Backend, int]:
    """A backend whose live version has learnt from tasks without places, and the project of these."""
    backend = make_backend(**QUICK)
    known = gold(places=False, count=KNOWN)
    project = studio.project(known, CONFIG, "Discharge letters")
    model = studio.connect(project, backend.url)
    annotate(studio, project, known)
    studio.start_training(model)
    first = backend.ended()
    assert first["outcome"] == "promoted"
    until(lambda: backend.version == first["version"], "the swap")
    return backend, project


def trained(backend: Backend, page: Page, studio: Studio, project: int) -> dict[str, Any]:
    """Start Training in Label Studio, and wait for the end of the run."""
    before = backend.job()["job"]
    browsing.start_training(page, studio.url, project)
    run = until(lambda: (job := backend.job())["job"] != before and job, "a new run")
    return backend.ended(run["job"])


def test_bad_annotations_are_held_back_with_the_reason_and_their_repair_goes_live(
    loop: tuple[Backend, int], studio: Studio, page: Page
) -> None:
    backend, project = loop
    live = backend.version
    right = gold(places=True, count=NEW)
    studio.import_data(project, [{"text": text} for text in right])
    annotations = annotate(studio, project, with_any_label(right))
    held = trained(backend, page, studio, project)
    page.goto(backend.url)
    last = page.locator(".card", has_text="Last training")
    expect(last).to_contain_text("No clear difference")
    expect(last).to_contain_text("The live version stays.")
    expect(last).to_contain_text("other labels to the same words")
    expect(page.locator(".card", has_text="Live now")).to_contain_text(live)
    last.get_by_role("link", name="report").click()
    expect(page.get_by_role("heading", name="HOLD")).to_be_visible()
    expect(page.locator("body")).to_contain_text("Let the annotators agree on what these labels mean")
    assert backend.version == live

    for task in studio.tasks(project):
        if task["id"] in annotations:
            studio.edit(annotations[task["id"]], marked(task["data"]["text"], *right[task["data"]["text"]]))
    promoted = trained(backend, page, studio, project)
    assert promoted["version"] not in (held["version"], live)
    page.goto(backend.url)
    expect(last).to_contain_text("Now live")
    expect(page.locator(".card", has_text="Live now")).to_contain_text(promoted["version"])
    until(lambda: backend.version == promoted["version"], "the swap")
