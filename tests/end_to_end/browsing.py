"""A person's actions on Label Studio's pages, and screenshots of them."""

from __future__ import annotations

import os
import re
from typing import Any

from playwright.sync_api import FrameLocator, Page

from service.settings import ROOT

from .backend import until

FRAME = "iframe[class*=richtext]"
SHOWN = f"{FRAME}, [class*=richtext__container]"

IMAGES = ROOT / "docs" / "images"
KEEP = os.environ.get("SPANLOOP_SCREENSHOTS") == "1"


def picture(page: Page, name: str, **options: Any) -> None:
    """Save a picture of the page for the documentation if SPANLOOP_SCREENSHOTS=1."""
    if KEEP:
        IMAGES.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=IMAGES / f"{name}.png", animations="disabled", **options)


def connect(page: Page, studio: str, project: int, url: str, credentials: tuple[str, str] | None = None) -> None:
    """Connect a model with interactive pre-annotation in the project's settings."""
    page.goto(f"{studio}/projects/{project}/settings/ml")
    page.get_by_role("button", name="Add machine learning model").first.click()
    page.fill("input[name=title]", "Spanloop")
    page.fill("input[name=url]", url)
    if credentials:
        page.locator("[data-testid^=select-trigger-auth_method]").click()
        page.get_by_role("option", name="Basic Authentication").click()
        page.fill("input[name=basic_auth_user]", credentials[0])
        page.fill("input[name=basic_auth_pass]", credentials[1])
    page.locator("input[name=is_interactive]").check(force=True)
    picture(page, "connect-basic-auth" if credentials else "connect")
    page.get_by_role("button", name="Save machine learning form").click()


def start_training(page: Page, studio: str, project: int) -> None:
    """Choose Start Training in the model's menu."""
    page.goto(f"{studio}/projects/{project}/settings/ml")
    page.get_by_role("button", name="Machine learning model options").click()
    page.locator("span.lsf-main-menu__item", has_text="Start Training").click()
    confirm = page.locator("[class*=modal] button", has_text="Start Training")
    confirm.wait_for()
    picture(page, "start-training")
    confirm.click()
    confirm.wait_for(state="detached")


def retrieve_predictions(page: Page, studio: str, project: int) -> None:
    """Tick all tasks, then choose Retrieve Predictions."""
    page.goto(f"{studio}/projects/{project}/data")
    page.locator("input[type=checkbox]").nth(1).wait_for(state="attached")
    page.locator("input[type=checkbox]").first.check(force=True)
    page.locator("button", has_text=re.compile(r"^\d+ Tasks?")).click()
    page.get_by_text("Retrieve Predictions").click()
    page.locator("button", has_text=re.compile("^OK$")).click()


def open_task(page: Page, studio: str, project: int, task: int) -> None:
    page.goto(f"{studio}/projects/{project}/data?task={task}")
    page.locator(SHOWN).first.wait_for()


def frame(page: Page) -> FrameLocator:
    """The frame that shows a HyperText."""
    return page.frame_locator(FRAME)


def double_click(page: Page, words: str, framed: bool = False) -> None:
    """Double-click words of the task's text, in the page or in the frame of a HyperText."""
    body = (frame(page) if framed else page).locator("body")
    place = until(lambda: body.evaluate(FIND, words), f"{words!r} on the page")
    origin = (page.locator(FRAME).bounding_box() if framed else None) or {"x": 0, "y": 0}
    page.mouse.dblclick(origin["x"] + place["x"], origin["y"] + place["y"])


def shown_highlights(where: Page | FrameLocator, expected: int) -> list[str]:
    """Wait until `expected` pieces are highlighted. Returns their texts in document order."""
    pieces = where.locator(".htx-highlight")

    def all_of_them() -> list[str]:
        found: list[str] = pieces.evaluate_all("all => all.map(one => one.textContent)")
        return found if len(found) == expected else []

    return until(all_of_them, f"{expected} highlighted pieces of text")


FIND = """
(body, words) => {
  const root = body.querySelector("[class*=richtext__container]") || body;
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  let node;
  while ((node = walker.nextNode())) {
    const at = node.data.indexOf(words);
    if (at < 0 || node.parentElement.closest("style, noscript")) continue;
    const range = document.createRange();
    range.setStart(node, at);
    range.setEnd(node, at + words.length);
    const box = range.getBoundingClientRect();
    return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  }
  return null;
}
"""
