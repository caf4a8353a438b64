"""A Label Studio that sends its answers byte by byte, or sends more than memory holds."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from service.labelstudio import bounded
from service.labelstudio.client import LabelStudio
from service.labelstudio.errors import LabelStudioError
from service.labelstudio.pages import TaskPages
from service.labelstudio.patience import Patience
from tests.support.studio import KEY, PERSONAL_KEY, StudioProject


@contextmanager
def dripping(ended):
    """A server whose answers never end."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", "1000000")
            self.end_headers()
            while not ended.wait(0.02):
                self.wfile.write(b" ")

        def log_message(self, *told):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        ended.set()
        server.shutdown()
        server.server_close()


def test_an_answer_that_drips_ends_with_a_clear_error(settings, monkeypatch):
    monkeypatch.setattr(bounded, "ANSWER_SECONDS", 0.3)
    with dripping(threading.Event()) as url:
        label_studio = LabelStudio(settings(label_studio_url=url, label_studio_api_key=KEY))
        with pytest.raises(LabelStudioError, match="its answer has not come as a whole"):
            label_studio.annotation_state([1])


def test_an_answer_that_no_memory_holds_is_not_read_to_its_end_and_not_waited_for(settings, studio, monkeypatch):
    monkeypatch.setattr(bounded, "ANSWER_BYTES", 10_000)
    studio.projects[1] = StudioProject(label_config="x" * 20_000)
    waits = []
    patient = LabelStudio(
        settings(label_studio_url=studio.url, label_studio_api_key=KEY), patience=Patience(waits.append)
    )
    with pytest.raises(LabelStudioError, match="sends more than 0 MB"):
        patient.annotation_state([1])
    assert waits == []


def test_a_page_of_tasks_that_is_too_large_is_asked_for_with_fewer_tasks(settings, studio, monkeypatch):
    monkeypatch.setattr(bounded, "ANSWER_BYTES", 10_000)
    monkeypatch.setattr("service.labelstudio.pages.RETRY_SECONDS", (0.0,) * 5)
    studio.projects[1] = StudioProject(
        export=[{"id": n, "data": {"text": "x" * 1000}, "annotations": []} for n in range(1, 31)]
    )
    label_studio = LabelStudio(settings(label_studio_url=studio.url, label_studio_api_key=KEY))
    with label_studio.connect() as connection:
        pages = list(TaskPages(connection, studio.url, 1).read([]))
    assert [task["id"] for page in pages for task in page.tasks] == list(range(1, 31))
    assert len(pages) > 3


def test_the_answer_to_a_personal_access_token_is_bounded_too(settings, studio, monkeypatch):
    monkeypatch.setattr(bounded, "ANSWER_BYTES", 10)
    with pytest.raises(LabelStudioError, match="sends more than 0 MB"):
        LabelStudio(settings(label_studio_url=studio.url, label_studio_api_key=PERSONAL_KEY)).annotation_state([1])


def test_a_compressed_answer_is_refused_before_it_is_unpacked():
    with pytest.raises(bounded.TooLarge, match="gzip that was not asked for"):
        bounded.bound(httpx.Response(200, headers={"content-encoding": "gzip"}, content=b""))
