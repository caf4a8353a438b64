"""What Label Studio's frontend does with Paragraphs: `service.labelstudio.paragraphs` must do the same."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Page, expect

from service.labelstudio.paragraphs import Dialogue, dialogue

from . import browsing
from .backend import Backend, until
from .studio import Studio

CONFIG = """<View>
  <ParagraphLabels name="label" toName="dialogue">
    <Label value="person" background="#2ca02c"/><Label value="city" background="#d62728"/>
  </ParagraphLabels>
  <Paragraphs name="dialogue" value="$turns" layout="dialogue" nameKey="who" textKey="said"/>
</View>"""

TURNS = [
    {"who": "Nurse 😀", "said": "I saw  Alice 👩‍⚕️ near 😀 Paris <b>today</b>."},
    {"who": "Alice", "said": "Bob\nis in  London & Zoë."},
    {"who": "Bob", "said": "  Then Carol left New York"},
]


def shown() -> Dialogue:
    return dialogue(TURNS, "who", "said", is_scrolled=False)


def words(read: Dialogue) -> list[tuple[int, int]]:
    return [(found.start(), found.end()) for found in re.finditer(r"\w+", read.text)]


def project_of(studio: Studio) -> tuple[int, int]:
    project = studio.project(config=CONFIG, title="Paragraphs")
    studio.import_data(project, [{"turns": TURNS}])
    return project, studio.tasks(project)[0]["id"]


def open_task(page: Page, studio: Studio, project: int, task: int) -> None:
    page.goto(f"{studio.url}/projects/{project}/data?task={task}")
    page.locator("[data-testid='phrase:0']").wait_for()


def highlights(page: Page, expected: int) -> list[str]:
    return browsing.shown_highlights(page, expected)


def test_a_prediction_of_every_word_is_highlighted_at_that_word(page: Page, studio: Studio):
    project, task = project_of(studio)
    read = shown()
    stretches = words(read)
    regions = [
        {
            "id": f"r{start}",
            "from_name": "label",
            "to_name": "dialogue",
            "type": "paragraphlabels",
            "value": {**read.value(start, end), "paragraphlabels": ["person"]},
        }
        for start, end in stretches
    ]
    studio.predict(task, "v1", regions)
    open_task(page, studio, project, task)
    assert highlights(page, len(stretches)) == [read.text[start:end] for start, end in stretches]


def test_the_backends_predictions_are_highlighted_at_their_words(page: Page, studio: Studio, backend: Backend):
    project, task = project_of(studio)
    studio.connect(project, backend.url)
    browsing.retrieve_predictions(page, studio.url, project)
    found: list[dict[str, Any]] = until(lambda: studio.predictions(project)[task], "the prediction")[0]["result"]
    read = shown()
    texts = []
    for region in found:
        stretch = read.offsets(region["value"])
        assert stretch is not None
        assert read.text[slice(*stretch)] == region["value"]["text"]
        texts.append(region["value"]["text"])
    assert {"Alice", "Paris"} <= set(texts)
    open_task(page, studio, project, task)
    assert highlights(page, len(texts)) == texts


def test_what_an_annotator_marks_is_read_back_and_would_be_written_the_same(page: Page, studio: Studio):
    project, task = project_of(studio)
    read = shown()
    marked = ["Alice", "near", "Paris", "London", "Zoë", "Carol", "York"]
    open_task(page, studio, project, task)
    page.get_by_role("button", name="Submit").first.wait_for()
    page.wait_for_load_state("networkidle")
    for count, word in enumerate(marked, start=1):
        page.keyboard.press("Escape")
        page.locator(".lsf-label", has_text="person").first.click()
        place = until(lambda word=word: page.locator("body").evaluate(FIND, word), f"{word!r} on the page")
        page.mouse.dblclick(place["x"], place["y"])
        expect(page.locator(".htx-highlight")).to_have_count(count)
    page.get_by_role("button", name="Submit").first.click()
    until(lambda: studio.tasks(project)[0]["annotations"], "the annotation")
    stored = [region["value"] for region in studio.tasks(project)[0]["annotations"][0]["result"]]
    assert [value["text"] for value in stored] == marked
    for value in stored:
        stretch = read.offsets(value)
        assert stretch is not None
        assert read.text[slice(*stretch)] == value["text"]
        own = read.value(*stretch)
        assert own == {key: value[key] for key in own}


FIND = """
(body, words) => {
  for (const phrase of body.querySelectorAll("[data-testid^='phrase:']")) {
    const walker = document.createTreeWalker(phrase, NodeFilter.SHOW_TEXT);
    let node;
    while ((node = walker.nextNode())) {
      const at = node.data.indexOf(words);
      if (at < 0 || node.parentElement.closest("[data-skip-node]")) continue;
      const range = document.createRange();
      range.setStart(node, at);
      range.setEnd(node, at + words.length);
      const box = range.getBoundingClientRect();
      return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
    }
  }
  return null;
}
"""
