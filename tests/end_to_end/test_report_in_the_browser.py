"""A version's report in a real browser, with the headers that the backend answers it with."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser

from service.backend.reports import HEADERS
from tests.support.reported import judged, sources
from training.report.document import render


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The address of a report."""
    content = render(sources(judged())).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            for name, value in {"Content-Type": "text/html; charset=utf-8", **HEADERS}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/versions/v1/report.html"
        server.shutdown()


COLOUR = "element => getComputedStyle(element).backgroundColor"


@pytest.mark.parametrize(("scheme", "paper"), [("light", "rgb(255, 255, 255)"), ("dark", "rgb(13, 17, 23)")])
def test_a_report_needs_nothing_else_and_fits_a_telephone(
    browser: Browser, address: str, scheme: Any, paper: str
) -> None:
    asked: list[str] = []
    told: list[str] = []
    with closing(browser.new_context(viewport={"width": 375, "height": 800}, color_scheme=scheme)) as context:
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: told.append(message.text))
        page.goto(address)
        body = page.locator("body")
        assert body.evaluate(COLOUR) == paper, "the styles are let through"
        assert page.get_by_role("heading", name="PROMOTE").is_visible()
        assert page.get_by_role("img").count() == body.locator("svg").count() > 3
        assert body.evaluate("() => document.documentElement.scrollWidth") == 375
    assert [url for url in asked if not url.endswith("/favicon.ico")] == [address]
    assert told == []


def test_a_report_is_printed_dark_on_light(browser: Browser, address: str) -> None:
    with closing(browser.new_context(color_scheme="dark")) as context:
        page = context.new_page()
        page.goto(address)
        page.emulate_media(media="print")
        assert page.locator("body").evaluate(COLOUR) == "rgb(255, 255, 255)"
        assert len(re.findall(rb"/Type\s*/Page\b", page.pdf())) > 1


def test_the_link_of_a_flip_opens_its_task(browser: Browser, address: str) -> None:
    """The page is sandboxed, so a browser could refuse to leave it."""
    with closing(browser.new_context()) as context:
        context.route("http://label-studio.example.com/**", lambda route: route.fulfill(body="the task"))
        page = context.new_page()
        page.goto(address)
        link = page.locator("a").first
        task = link.inner_text()
        link.click()
        page.wait_for_url(f"http://label-studio.example.com/projects/7/data?task={task}")
        assert "the task" in page.content()
