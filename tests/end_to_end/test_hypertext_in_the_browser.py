"""What Label Studio's frontend does with HyperText: `service.labelstudio.hypertext` must do the same."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from service.labelstudio.hypertext import Rendered, render

from . import browsing
from .backend import until
from .studio import Studio

CONFIG = """<View>
  <HyperTextLabels name="label" toName="html">
    <Label value="Drug" background="#d62728"/><Label value="Person" background="#2ca02c"/>
  </HyperTextLabels>
  <HyperText name="html" value="$html"/>
</View>"""

HTML = """<!DOCTYPE html>
<title>not shown</title><style>p { margin: 1em }</style>
<h1>Patient&nbsp;report &amp; notes</h1>
<!-- a comment -->
<p>Alice <b>took <i>aspirin</i></b> twice.<br>Then   she
slept <!-- inner --> well 👩‍⚕️ near 😀 Oslo.</p><p>Glued block</p>
<script>var hidden = "script text";</script>
<style>b { color: darkred }</style>
<table><tr><th>Medicine<th>Dose<tr><td>Ibuprofen</td><td>400&thinsp;mg</td></table>
<p>after <script>x</script>script, a <iframe src="https://example.com">frame</iframe>cut, <span>🇫🇷 Zo&eacute;</span></p>
<ul><li>first<li>second item</ul><br><br>tail text <noscript>no</noscript> 𝔘𝔫𝔦 end"""

PATHS = ("start", "end", "startOffset", "endOffset", "globalOffsets")


def words(rendered: Rendered) -> list[tuple[int, int]]:
    return [(found.start(), found.end()) for found in re.finditer(r"\w+", rendered.text)]


def regions(rendered: Rendered, stretches: list[tuple[int, int]], kind: str) -> list[dict[str, Any]]:
    return [
        {
            "id": f"r{start}",
            "from_name": "label",
            "to_name": "html",
            "type": kind,
            "value": {**rendered.value(start, end), kind: ["Drug"]},
        }
        for start, end in stretches
    ]


def project_of(studio: Studio, config: str, html: str = HTML) -> tuple[int, int]:
    project = studio.project(config=config, title="HyperText")
    studio.import_data(project, [{"html": html}])
    return project, studio.tasks(project)[0]["id"]


def inline(config: str) -> str:
    return config.replace("<HyperText ", '<HyperText inline="true" ')


def plain(config: str) -> str:
    return config.replace("HyperTextLabels", "Labels")


@pytest.mark.parametrize("variant", [str, inline, plain], ids=["in a frame", "inline", "with Labels"])
def test_a_prediction_of_every_word_is_highlighted_at_that_word(page: Page, studio: Studio, variant: Any):
    config = variant(CONFIG)
    project, task = project_of(studio, config)
    rendered = render(HTML, inline=variant is inline)
    stretches = words(rendered)
    kind = "labels" if variant is plain else "hypertextlabels"
    studio.predict(task, "v1", regions(rendered, stretches, kind))
    browsing.open_task(page, studio.url, project, task)
    where = page if variant is inline else browsing.frame(page)
    assert browsing.shown_highlights(where, len(stretches)) == [rendered.text[start:end] for start, end in stretches]


def test_predictions_across_elements_are_highlighted_from_first_to_last_word(page: Page, studio: Studio):
    project, task = project_of(studio, CONFIG)
    rendered = render(HTML)
    bounds = [("took", "twice"), ("Then", "slept"), ("near", "Oslo"), ("Ibuprofen", "400"), ("first", "second")]
    stretches = [(rendered.text.index(first), rendered.text.index(last) + len(last)) for first, last in bounds]
    studio.predict(task, "v1", regions(rendered, stretches, "hypertextlabels"))
    browsing.open_task(page, studio.url, project, task)
    shown = browsing.shown_highlights(browsing.frame(page), 9)
    wanted = [rendered.text[start:end] for start, end in stretches]
    assert "".join("".join(shown).split()) == "".join("".join(wanted).split())


@pytest.mark.parametrize("variant", [str, inline], ids=["in a frame", "inline"])
def test_what_an_annotator_marks_is_read_back_and_would_be_written_the_same(page: Page, studio: Studio, variant: Any):
    project, task = project_of(studio, variant(CONFIG))
    rendered = render(HTML, inline=variant is inline)
    marked = ["report", "aspirin", "twice", "slept", "Oslo", "Glued", "Dose", "400", "script", "Zoé", "second", "end"]
    browsing.open_task(page, studio.url, project, task)
    framed = variant is not inline
    place = browsing.frame(page) if framed else page
    page.get_by_role("button", name="Submit").first.wait_for()
    page.wait_for_load_state("networkidle")
    for count, word in enumerate(marked, start=1):
        page.keyboard.press("Escape")
        page.locator(".lsf-label", has_text="Drug").first.click()
        browsing.double_click(page, word, framed)
        expect(place.locator(".htx-highlight")).to_have_count(count)
    page.get_by_role("button", name="Submit").first.click()
    until(lambda: studio.tasks(project)[0]["annotations"], "the annotation")
    stored = [region["value"] for region in studio.tasks(project)[0]["annotations"][0]["result"]]
    assert [value["text"] for value in stored] == marked
    for value in stored:
        stretch = rendered.offsets(value)
        assert stretch is not None
        assert rendered.text[slice(*stretch)] == value["text"]
        assert {key: rendered.value(*stretch)[key] for key in PATHS} == {key: value[key] for key in PATHS}
