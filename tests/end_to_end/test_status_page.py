"""The status page in a real browser: who can read it, what it loads, and that it changes in place."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from service.backend.app import build
from service.backend.local import compose
from service.backend.local.settings import MachineSettings
from service.runs.files import Runs
from service.runs.run import Run, now
from service.versions.history import LiveFile
from tests.support.annotated import AnnotatedStudio
from tests.support.lacking import missing
from tests.support.status_page import FIRST, LIVE, NEWEST, SECOND, fill, people, serving
from tests.support.studio import KEY, LABEL_CONFIG, served

from .backend import until
from .browsing import picture
from .conftest import CACHE

AXE = CACHE / "axe-core-4.12.1" / "axe.min.js"
PHONE = {"width": 375, "height": 812}
DESK = {"width": 1180, "height": 900}


class Shown(NamedTuple):
    """A backend whose page is looked at."""

    url: str
    home: Path
    studio: AnnotatedStudio

    @property
    def runs(self) -> Runs:
        return Runs(self.home)


@contextmanager
def backend(home: Path, studio: AnnotatedStudio, **settings: Any) -> Iterator[Shown]:
    given = {"home": home, "threads": 1, "label_studio_url": studio.url, "label_studio_api_key": KEY, **settings}
    with serving(build(MachineSettings(**given), compose.supervisor)) as url:
        until(lambda: "answers on CPU" in httpx.get(url).text, "a loaded model", 60)
        yield Shown(url, home, studio)


@pytest.fixture(scope="module")
def quick() -> Iterator[None]:
    """Looks at Label Studio follow each other soon."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("service.backend.truth.reconciliation.LOOK_SECONDS", 0.5)
        patch.setattr("service.backend.studio_watch.LOOK_SECONDS", 0.5)
        yield


@pytest.fixture(scope="module")
def past(quick: None, model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """A backend with versions, runs, projects and people's work."""
    home = tmp_path_factory.mktemp("past")
    fill(home, model_folder)
    with ExitStack() as running:
        studio = running.enter_context(served(AnnotatedStudio()))
        people(studio)
        shown = running.enter_context(backend(home, studio, model=str(model_folder)))
        for project in (1, 2):
            httpx.post(f"{shown.url}/setup", json={"project": f"{project}.1", "schema": LABEL_CONFIG})
        for words in ("Discharge letters", "On 118 tasks", "Each flip"):
            until(lambda words=words: words in httpx.get(shown.url).text, f"{words!r} on the page")
        yield shown


@pytest.fixture(scope="module")
def new(quick: None, model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """A backend that nobody has used yet, and whose Label Studio is not set."""
    with served(AnnotatedStudio()) as studio:
        home = tmp_path_factory.mktemp("new")
        with backend(home, studio, model=str(model_folder), label_studio_api_key="") as shown:
            yield shown


Look = Callable[..., Page]


@pytest.fixture
def look(browser: Browser) -> Iterator[Look]:
    """Open a page in a new window; the options are those of a browser's context."""
    with ExitStack() as windows:

        def opened(url: str, width: dict[str, int] = DESK, **options: Any) -> Page:
            options = {"viewport": width, "locale": "en-GB", "timezone_id": "Europe/Berlin", **options}
            context: Any = browser.new_context(**options)
            page: Page = windows.enter_context(closing(context)).new_page()
            page.goto(url)
            return page

        yield opened


def axe(page: Page) -> list[str]:
    """What axe-core finds, as a line for each rule and place."""
    if not AXE.exists():
        missing(f"axe-core is not at {AXE}: `make test` fetches it")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("() => axe.run()")
    return [f"{one['id']}: {node['html']}" for one in found["violations"] for node in one["nodes"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [DESK, PHONE], ids=["desk", "phone"])
def test_everybody_can_read_the_page(past: Shown, new: Shown, look: Look, scheme: str, width: dict[str, int]):
    for shown in (past, new):
        page = look(shown.url, width, color_scheme=scheme)
        for summary in page.locator("summary").all():
            summary.click()
        assert axe(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") == width["width"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_the_question_before_a_change(past: Shown, look: Look, scheme: str):
    page = look(f"{past.url}/versions/{NEWEST}/serve", PHONE, color_scheme=scheme)
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def test_the_page_loads_nothing_from_other_hosts_and_draws_two_charts(past: Shown, browser: Browser):
    asked: list[str] = []
    told: list[str] = []
    with closing(browser.new_context()) as context:
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: told.append(message.text))
        page.on("pageerror", lambda error: told.append(str(error)))
        page.goto(past.url)
        expect(page.locator(".plot canvas")).to_have_count(2)
        with page.expect_response("**/?fragment"):
            pass
    assert [url for url in asked if not url.startswith(past.url)] == []
    assert told == []


def test_twenty_seconds_suffice(past: Shown, look: Look):
    page = look(past.url)
    live = page.locator(".card", has_text="Live now")
    expect(live).to_contain_text("± ")
    expect(live).to_contain_text("of 100 entities")
    expect(live).to_contain_text("On 118 tasks people kept")
    expect(page.locator(".card", has_text="Last training")).to_contain_text("The live version stays.")
    expect(page.get_by_role("row", name="Procedure").first).to_contain_text("More tasks with it help most.")
    expect(page.get_by_text("179 tasks are annotated.")).to_be_visible()
    expect(page.get_by_role("row", name="Discharge letters")).to_contain_text("118")
    newest = page.get_by_role("row", name=NEWEST)
    expect(newest).to_contain_text("held back")
    expect(page.get_by_role("row", name=FIRST)).to_contain_text("±")


def test_a_missing_key_is_told_before_start_training(new: Shown, look: Look):
    page = look(new.url)
    expect(page.get_by_text("Start Training would fail")).to_contain_text("SPANLOOP_LABEL_STUDIO_API_KEY")
    expect(page.get_by_text("The base model, as it came")).to_be_visible()


def test_the_page_works_without_javascript(past: Shown, look: Look):
    page = look(past.url, PHONE, java_script_enabled=False)
    expect(page.get_by_text("does not update itself")).to_be_visible()
    expect(page.get_by_text("UTC").first).to_be_visible()
    page.get_by_role("row", name=SECOND).get_by_role("link", name="Serve this").click()
    expect(page.get_by_role("heading")).to_contain_text(f"Serve version {SECOND}?")
    page.get_by_role("button", name="Serve this").click()
    expect(page.get_by_role("heading", name="Live now")).to_be_visible()
    until(lambda: httpx.get(f"{past.url}/health").json()["model_version"] == SECOND, "the swap")
    page.goto(past.url)
    page.get_by_role("link", name="Roll back to").click()
    page.get_by_role("button", name="Roll back").click()
    until(lambda: httpx.get(f"{past.url}/health").json()["model_version"] == LIVE, "the swap back")
    assert LiveFile(past.home).read().live == LIVE


@pytest.fixture
def run(past: Shown) -> Iterator[Callable[..., None]]:
    """A run at work, in the phase and so far as it is told."""
    held = past.runs.acquire("run-now")
    assert held is not None

    def stands(**facts: Any) -> None:
        past.runs.save(Run(id="run-now", projects=(1, 2), why="Start Training", **facts))

    stands(phase="tune", percent=40, detail="step 120 of 600", seconds_left=410.0)
    yield stands
    (past.runs.folder / "run-now.json").unlink()
    os.close(held)


def test_an_update_keeps_the_focus_the_selection_and_what_is_open(past: Shown, look: Look, run: Callable[..., None]):
    page = look(past.url)
    page.locator("#all-runs summary").click()
    button = page.get_by_role("row", name="Discharge letters").get_by_role("button", name="Pre-label")
    button.focus()
    page.evaluate("getSelection().selectAllChildren(document.getElementById('projects'))")
    page.evaluate("document.querySelector('#versions').mark = 'the same element'")
    run(phase="tune", percent=55, detail="step 330 of 600", seconds_left=300.0)
    expect(page.locator("#runs")).to_contain_text("step 330 of 600")
    expect(page.get_by_role("progressbar", name="Training run run-now")).to_have_attribute("value", "55.0")
    expect(button).to_be_focused()
    assert page.evaluate("getSelection().toString()") == "Learns from"
    assert page.evaluate("document.querySelector('#versions').mark") == "the same element"
    expect(page.locator("#all-runs table")).to_be_visible()
    expect(page.locator(".plot canvas")).to_have_count(2)


def test_only_a_new_phase_is_read_aloud(past: Shown, look: Look, run: Callable[..., None]):
    page = look(past.url)
    said = page.locator("[aria-live]")
    expect(said).to_have_count(1)
    expect(page.locator("#runs")).to_contain_text("Learning")
    run(phase="tune", percent=70, detail="step 420 of 600")
    expect(page.locator("#runs")).to_contain_text("step 420 of 600")
    expect(said).to_be_empty()
    run(phase="judge", percent=86)
    expect(said).to_have_text("Training: testing")


def test_a_backend_that_does_not_answer_is_said(past: Shown, look: Look):
    page = look(past.url)
    page.route("**/?fragment", lambda route: route.abort())
    expect(page.get_by_text("The backend does not answer. What you see is as of")).to_be_visible()
    expect(page.locator("#beat")).to_contain_text("does not answer")
    page.unroute("**/?fragment")
    expect(page.get_by_text("The backend does not answer")).to_be_hidden()
    expect(page.locator("#beat")).to_contain_text("Backend answers")


def test_a_label_studio_that_does_not_answer_is_said(past: Shown, look: Look):
    page = look(past.url)
    past.studio.broken = 502
    expect(page.locator(".signs .bad")).to_contain_text("Label Studio cannot be used")
    expect(page.get_by_text("Start Training would fail")).to_contain_text("502")
    past.studio.broken = 0
    expect(page.locator(".signs .bad")).to_have_count(0)


def test_times_are_those_of_the_reader(past: Shown, look: Look, run: Callable[..., None]):
    page = look(past.url, timezone_id="Asia/Tokyo")
    time = page.locator("#runs time").first
    expect(time).to_contain_text("just now")
    tokyo = page.evaluate("new Date().toLocaleTimeString('en-GB', {hour: '2-digit', timeZone: 'Asia/Tokyo'})")
    assert str(time.text_content())[:2] in (tokyo, f"{(int(tokyo) - 1) % 24:02d}")
    assert now().strftime("%Y-%m-%d") in str(time.get_attribute("datetime"))


def test_the_pictures_of_the_documentation(past: Shown, look: Look, run: Callable[..., None]):
    """What the documents show; the files are written only if SPANLOOP_SCREENSHOTS=1."""
    run(phase="tune", percent=62, detail="step 372 of 600", seconds_left=260.0)
    for name, width, scheme in (
        ("page-light", DESK, "light"),
        ("page-dark", DESK, "dark"),
        ("page-phone", PHONE, "light"),
    ):
        page = look(past.url, width, color_scheme=scheme)
        expect(page.locator("#runs")).to_contain_text("step 372 of 600")
        expect(page.locator(".plot canvas")).to_have_count(2)
        picture(page, name, full_page=name != "page-phone")
        if name == "page-light":
            picture(page, "page")
    page = look(f"{past.url}/versions/{NEWEST}/serve", {"width": 720, "height": 420})
    expect(page.get_by_role("button", name="Serve this")).to_be_visible()
    picture(page, "page-serve")
