"""The text of a task as one control shows it, plain, HTML or a dialogue: what is read, and how a stretch is stored."""

from __future__ import annotations

import base64
import binascii
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar

import regex

from service.errors import Cause
from service.labelstudio import expressions
from service.labelstudio.controls import Control, Shown
from service.labelstudio.expressions import MAX_CHARACTERS
from service.labelstudio.html_tree import TooCostly
from service.labelstudio.hypertext import render
from service.labelstudio.paragraphs import dialogue
from service.labelstudio.unread import Unread, is_whole, no_text

log = logging.getLogger(__name__)

ReadT = TypeVar("ReadT")

SHOWN = regex.compile(r"[^\s\p{Cc}\p{Default_Ignorable_Code_Point}]")
"""A character that a reader sees: no blank, no control character, none that is invisible by itself."""
BLANKS = str.maketrans("", "", " \t\n\f\r")
"""What may stand anywhere in base64."""

Fetch = Callable[[str], str]
"""Gives the text at an address. Raises Unread where it cannot be had."""
Check = Callable[[], None]
"""Raises Stopped where the reading should end, and does nothing otherwise."""


class Stopped(Exception):
    """The reading of a task should end."""


class Passage(Protocol):
    """A text and the regions of Label Studio in it. Offsets are code points of `text`, ends exclusive."""

    @property
    def text(self) -> str: ...

    @property
    def size(self) -> int:
        """The bytes that the passage takes in memory, about."""
        ...

    def value(self, start: int, end: int) -> dict[str, Any]:
        """A stretch as in a region's value, without its labels. Raises ValueError where it cannot be stored."""
        ...

    def offsets(self, value: Mapping[str, Any]) -> tuple[int, int] | None:
        """The stretch that a region's value marks; None where it marks none of this text."""
        ...


class PlainText:
    """The text of a Text tag."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.size = len(text)

    def value(self, start: int, end: int) -> dict[str, Any]:
        return {"start": start, "end": end, "text": self.text[start:end]}

    def offsets(self, value: Mapping[str, Any]) -> tuple[int, int] | None:
        start, end = value.get("start"), value.get("end")
        if isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= len(self.text):
            return start, end
        return None


def passages_of(
    data: Mapping[str, object],
    controls: Sequence[Control],
    fetch: Fetch | None = None,
    most: int = MAX_CHARACTERS,
    check: Check = lambda: None,
) -> Iterator[tuple[Control, Passage | Unread]]:
    """Each control of a config as it stands in a task, with the passage that it marks, or why that is not read.

    However many controls mark a text, it is read once. `fetch`, `most` and `check` are those of `passage_of`; what
    `check` raises ends the reading of all controls.
    """
    read: dict[Shown, Passage | Unread] = {}
    for template in controls:
        check()
        own = _tried(partial(template.of, data))
        if isinstance(own, Unread):
            yield template, own
            continue
        for control in own:
            if control.shown not in read:
                read[control.shown] = _tried(partial(passage_of, data, control, fetch, most, check))
            yield control, read[control.shown]


def passage_of(
    data: Mapping[str, object],
    control: Control,
    fetch: Fetch | None = None,
    most: int = MAX_CHARACTERS,
    check: Check = lambda: None,
) -> Passage:
    """The passage that a control of a task (`Control.of`) marks in the task's data.

    `fetch` gives the text at an address, for a tag whose value is one. `check` is called now and then, and raises
    Stopped where the reading should end. Raises Unread where there is no text, where it cannot be read, and where it is
    over `most` characters long.
    """
    check()
    shown = control.shown
    found = _found(shown, data, most)
    if shown.is_url:
        found = _fetched(found, shown, fetch)
    if shown.tag == "paragraphs":
        found = _decoded_json(found) if shown.is_url else found
        passage: Passage = dialogue(found, shown.name_key, shown.text_key, shown.is_scrolled)
        _check(passage.text, most)
    else:
        text = _decoded(_text(found, shown), shown.encoding)
        _check(text, most)
        passage = _rendered(text, shown.is_inline, check) if shown.tag == "hypertext" else PlainText(text)
    if not SHOWN.search(passage.text):
        raise no_text(shown.where)
    return passage


def _tried(read: Callable[[], ReadT]) -> ReadT | Unread:
    """What `read` returns, or why it cannot: a task that breaks a reader must not take others with it."""
    try:
        return read()
    except Unread as error:
        return error
    except Stopped:
        raise
    except Exception:
        log.exception("a task could not be read")
        return Unread("reading it failed; the log has the cause", Cause.BAD_TEXT)


def _found(shown: Shown, data: Mapping[str, object], most: int) -> object:
    if not expressions.variables(shown.value):
        raise Unread(f"no field of the task under {shown.where}: is a $ missing?", Cause.NO_TEXT)
    try:
        found = expressions.resolve(shown.value, data, most)
    except expressions.TooLong:
        raise _too_long(most) from None
    except expressions.NotText:
        raise Unread(f"a part of {shown.where} is an object, not a text", Cause.BAD_TEXT) from None
    if found is None or found in ("", []):
        raise no_text(shown.where)
    return found


def _fetched(found: object, shown: Shown, fetch: Fetch | None) -> object:
    if not isinstance(found, str):
        raise Unread(f"what stands under {shown.where} is no address", Cause.BAD_TEXT)
    if fetch is None:
        raise Unread("its text is at an address, which is not fetched here", Cause.TEXT_FETCH, is_lasting=False)
    return fetch(found)


def _text(found: object, shown: Shown) -> str:
    try:
        return expressions.written(found)
    except expressions.NotText:
        raise Unread(f"what stands under {shown.where} is an object, not a text", Cause.BAD_TEXT) from None


def _decoded(text: str, encoding: str) -> str:
    """A text in its encoding, as the editor decodes it: base64 gives a character for each byte, unlike base64unicode.

    The padding may be missing, but not in part (https://infra.spec.whatwg.org/#forgiving-base64-decode). Raises Unread.
    """
    if not encoding:
        return text
    plain = text.translate(BLANKS)
    try:
        content = base64.b64decode(plain if "=" in plain else plain + "=" * (-len(plain) % 4), validate=True)
        return content.decode("utf-8" if encoding == "base64unicode" else "latin-1")
    except (binascii.Error, ValueError):
        raise Unread(f"the text is not in {encoding}", Cause.BAD_TEXT) from None


def _decoded_json(content: object) -> object:
    try:
        return json.loads(content) if isinstance(content, str) else content
    except (ValueError, RecursionError):
        raise Unread("what is at its address is not JSON", Cause.BAD_TEXT, is_lasting=False) from None


def _check(text: str, most: int) -> None:
    """Raises Unread for a text that is too long, or that is none."""
    if len(text) > most:
        raise _too_long(most)
    if not is_whole(text):
        raise Unread("the text has half a character in it", Cause.BAD_TEXT)


def _too_long(most: int) -> Unread:
    return Unread(f"the text is over {most} characters long", Cause.TOO_LARGE, is_lasting=False)


def _rendered(html: str, is_inline: bool, check: Check) -> Passage:
    try:
        return render(html, is_inline, check)
    except TooCostly as error:
        raise Unread(str(error), Cause.BAD_TEXT) from error
