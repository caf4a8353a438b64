"""The body of /predict, read so that a task that cannot be read costs no other its prediction.

Label Studio sends all tasks of a selection in one body. JSON allows in it what neither msgspec nor a text of Unicode
does: half a surrogate pair ("\\ud83d"), numbers beyond a double (1e400), nesting without end.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from service.labelstudio.messages import Predict, Task, UnreadableTask

TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\Z)|[\[\]{},]', re.DOTALL)
"""A string, or a mark of structure: all that tells where an element ends.

Possessive, and a string that is not closed ends with the text: time and memory grow with the text's length alone."""
TASKS = re.compile(r"\s*:\s*(?=\[)")
INTEGER_DIGITS_MAX = 400
"""An integer with more digits is beyond any double."""


def decode(body: bytes | bytearray) -> Predict:
    """A body of /predict.

    Raises msgspec.ValidationError for another shape, and ValueError or RecursionError for what is no JSON.
    """
    try:
        return msgspec.json.decode(body or b"{}", type=Predict)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _task_by_task(body.decode("utf-8", "surrogatepass"))


def _task_by_task(text: str) -> Predict:
    """The body with its tasks read apart, each as its own JSON."""
    start, elements = _tasks_in(text)
    end = elements[-1].stop if elements else start + 1
    request = msgspec.convert(_loads(f"{text[: start + 1]}{text[end:]}"), Predict)
    request.tasks = [_task(text[place]) for place in elements]
    return request


def _task(text: str) -> Task:
    try:
        task = _loads(text)
    except RecursionError:
        if not _is_balanced(text):
            raise
        return UnreadableTask(reason="the task's data nests too deep")
    if not isinstance(task, dict):
        return UnreadableTask(reason="the task is not a JSON object")
    return Task(task.get("id"), task.get("data"))


def _loads(text: str) -> Any:
    return json.loads(text, parse_int=_integer)


def _tasks_in(text: str) -> tuple[int, list[slice]]:
    """Where the list of tasks begins in a body, and where each task is. -1 and nothing where there is no such list."""
    depth, at, begun, element = 0, -1, -1, -1
    elements: list[slice] = []
    for token in _tokens(text):
        mark = token[0]
        if mark == '"tasks"' and depth == 1 and begun < 0:
            at = match.end() if (match := TASKS.match(text, token.end())) else -1
        elif mark in "[{":
            depth += 1
            if token.start() == at:
                begun, element = at, at + 1
        elif mark in "]}" or (mark == "," and depth == 2):
            if begun >= 0 and depth == 2:
                if text[element : token.start()].strip():
                    elements.append(slice(element, token.start()))
                element = token.end()
                if mark != ",":
                    return begun, elements
            depth -= mark != ","
    return -1, []


def _tokens(text: str) -> Iterator[re.Match[str]]:
    return TOKEN.finditer(text)


def _is_balanced(text: str) -> bool:
    """Whether all brackets of a text are closed, by their own kind: else it is no JSON at all."""
    opened: list[str] = []
    for token in _tokens(text):
        if token[0] in "[{":
            opened.append("]" if token[0] == "[" else "}")
        elif token[0] in "]}" and (not opened or opened.pop() != token[0]):
            return False
    return not opened


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < INTEGER_DIGITS_MAX else float(digits)
