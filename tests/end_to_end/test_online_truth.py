"""People's work with a real Label Studio is counted exactly, though webhooks are lost, doubled and out of order."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page

from tests.support.annotator import Annotator, Region, region, sums, text_of
from tests.support.samples import Scrape

from . import browsing
from .backend import Backend, until
from .conftest import MakeBackend
from .studio import Studio

TASKS = 60
SUFFIX = ".aaaaaa"
SPANS = "spanloop_annotated_spans"
Truth = dict[int, Counter[Any]]


class BadWire:
    """Stands between Label Studio and the backend's webhook. It loses events, holds some back, and sends some twice."""

    def __init__(self, target: str) -> None:
        self.url = ""
        self.lost = self.doubled = self.late = 0
        self._target = target
        self._chance = random.Random(7)
        self._held: list[bytes] = []
        self._lock = threading.Lock()

    def take(self, body: bytes) -> None:
        with self._lock:
            fate = self._chance.choice(["lost", "doubled", "late", "late"])
            if fate == "lost":
                self.lost += 1
            elif fate == "late":
                self.late += 1
                self._held.append(body)
            else:
                self.doubled += 1
                self._send(body)
                self._send(body)

    def deliver(self) -> None:
        """Send what is held back, the last first."""
        with self._lock:
            for body in reversed(self._held):
                self._send(body)
            self._held.clear()

    def _send(self, body: bytes) -> None:
        httpx.post(f"{self._target}/webhook", content=body, headers={"content-type": "application/json"})


@contextmanager
def between(backend: Backend) -> Iterator[BadWire]:
    wire = BadWire(backend.url)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            wire.take(self.rfile.read(int(self.headers.get("content-length") or 0)))
            self.send_response(201)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    wire.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield wire
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def own(make_backend: MakeBackend) -> Backend:
    """A backend that counts the work of these tests alone."""
    return make_backend()


class Person:
    """Annotates tasks by a script, and keeps what is true of each task."""

    def __init__(self, studio: Studio, project: int, version: str) -> None:
        self.truth: Truth = {}
        self._studio = studio
        self._scripts = {}
        self._annotations: dict[int, int] = {}
        annotator = Annotator()
        for task in studio.tasks(project):
            self._scripts[task["id"]] = annotator.script(task["data"]["text"])
            studio.predict(task["id"], version, self._scripts[task["id"]][0])
        self._predictions = {task: found[0]["id"] for task, found in studio.predictions(project).items()}
        self.tasks = list(self._scripts)

    def annotate(self, task: int) -> None:
        _, regions, counts = self._scripts[task]
        self._annotations[task] = self._studio.annotate_from(task, self._predictions[task], regions)
        self.truth[task] = counts

    def clear(self, task: int) -> None:
        """Delete all regions of an annotation, and submit it once more."""
        predicted = self._scripts[task][0]
        self._studio.edit(self._annotations[task], [])
        self.truth[task] = Counter((region["value"]["labels"][0], "added") for region in predicted)

    def accept(self, task: int) -> None:
        """Take all predicted regions over as they are."""
        predicted: Sequence[Region] = self._scripts[task][0]
        self._studio.edit(self._annotations[task], predicted)
        self.truth[task] = Counter((region["value"]["labels"][0], "right") for region in predicted)

    def delete(self, task: int) -> None:
        self._studio.delete_annotation(self._annotations[task])
        del self.truth[task]

    def delete_task(self, task: int) -> None:
        self._studio.delete_task(task)
        del self.truth[task]


def counted(backend: Backend, project: int) -> dict[tuple[str, str], float]:
    """What the backend exposes of a project, by label and fate."""
    found = Scrape(backend.http.get("/metrics").raise_for_status().text).of(SPANS)
    return {(label, fate): n for (fate, label, number, _), n in found.items() if n and number == str(project)}


def test_the_figures_are_exact_though_webhooks_are_lost_doubled_and_out_of_order(studio: Studio, own: Backend) -> None:
    with between(own) as wire:
        project = studio.project([text_of(number) for number in range(TASKS)])
        studio.connect(project, own.url)
        for webhook in studio.webhooks(project):  # the wire is the only way by which events come
            studio.delete_webhook(webhook)
        studio.make_webhook(project, wire.url)
        person = Person(studio, project, own.version + SUFFIX)

        def is_exact() -> bool:
            return counted(own, project) == sums(list(person.truth.values()))

        for task in person.tasks[:40]:
            person.annotate(task)
        for task in person.tasks[:10]:
            person.clear(task)
        for task in person.tasks[5:20]:
            person.accept(task)
        wire.deliver()
        until(is_exact, "exact figures of what was annotated and changed", 120)
        person.delete(person.tasks[0])
        person.delete_task(person.tasks[1])
        for task in person.tasks[40:]:
            person.annotate(task)
        studio.skip(person.tasks[0])
        studio.delete_annotations(project, person.tasks[2:6])
        for task in person.tasks[2:6]:
            del person.truth[task]
        wire.deliver()
        until(is_exact, "exact figures of what was deleted", 120)
        assert min(wire.lost, wire.doubled, wire.late) >= 5
    f1 = own.metric("spanloop_version_f1", on="annotators")
    assert f1 == pytest.approx(_f1(person.truth))
    assert f"On {len(person.truth)} tasks" in own.page
    studio.delete(project)


def _f1(truth: Truth) -> float:
    spans: Counter[str] = Counter()
    for (_, fate), number in sums(list(truth.values())).items():
        spans[fate] += number
    pairs = spans["right"] + spans["shifted"] + spans["relabelled"]
    return 2 * spans["right"] / (2 * pairs + spans["added"] + spans["missed"])


def test_copies_of_predictions_are_nobodys_work(studio: Studio, own: Backend) -> None:
    project = studio.project([text_of(number) for number in range(4)])
    studio.connect(project, own.url)
    person = Person(studio, project, own.version + SUFFIX)
    studio.copy_predictions(project)
    told = "not compared with predictions: 4 × nobody has saved them since"
    until(lambda: told in own.page, "the copies on the page", 90)
    assert counted(own, project) == {}
    assert not person.truth
    studio.delete(project)


def test_what_a_person_submits_in_the_editor_began_with_the_prediction_that_it_showed(
    page: Page, studio: Studio, own: Backend
) -> None:
    """The person deletes one of the regions and submits the rest, while a newer prediction is stored meanwhile."""
    project = studio.project([text_of(0)], title="Online truth")
    studio.connect(project, own.url)
    (task,) = studio.tasks(project)
    text = task["data"]["text"]
    regions = [region(text, text.index(f"Aaaa{place}"), text.index(f" Bbbb{place}"), "person") for place in range(3)]
    studio.predict(task["id"], own.version + SUFFIX, regions)
    browsing.open_task(page, studio.url, project, task["id"])
    assert browsing.shown_highlights(page, 3) == ["Aaaa0", "Aaaa1", "Aaaa2"]
    page.wait_for_load_state("networkidle")
    studio.predict(task["id"], "later" + SUFFIX, [])
    page.locator(".htx-highlight").nth(1).click()
    page.keyboard.press("Backspace")
    assert browsing.shown_highlights(page, 2) == ["Aaaa0", "Aaaa2"]
    page.get_by_role("button", name="Submit").first.click()
    until(lambda: counted(own, project) == {("person", "right"): 2, ("person", "added"): 1}, "the work", 90)
    studio.delete(project)
