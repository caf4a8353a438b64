"""The `value` of a tag, resolved in a task's data as Label Studio's editor does it.

Read in the source of the editor of Label Studio 1.23.2 (`parseValue` and `get`), and seen in the browser
(tests/end_to_end/test_values_in_the_browser.py). `$a.b[0]` alone gives the value at that path, of any type. In any
other text each `$a.b[0]` is replaced by that value, written as JavaScript writes it. The rest of the text stays.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Decimal

VARIABLE = re.compile(r"\$[\w\[\].{}]+", re.ASCII)
STEP = re.compile(r"[^.\[\]]+")
INDEX = re.compile(r"[0-9]{1,9}")
"""A place in a list: no list has one of more digits, and Python reads no number of thousands of them."""
MAX_CHARACTERS = 1_000_000
"""Longest text, in characters, unless a caller says otherwise."""
MISSING = "undefined"
"""What the editor writes where a variable within a text leads nowhere."""

DIGITS_MAX = 21
"""JavaScript writes numbers below 10 to the power of so many without an exponent."""
SMALLEST_EXPONENT = -6
"""JavaScript writes numbers from 10 to the power of this on without an exponent."""


class NotText(ValueError):
    """A value that the editor shows as no text."""


class TooLong(NotText):
    """A text that is put together is longer than it may be."""


def variables(expression: str) -> list[str]:
    """The variables of an expression, as they are written: `$text`."""
    return VARIABLE.findall(expression)


def resolve(expression: str, data: Mapping[str, object], most: int = MAX_CHARACTERS) -> object:
    """What stands in a task under an expression; None where there is nothing.

    A text around variables of which none leads anywhere is nothing. Raises NotText where a variable within a text
    leads to an object, and TooLong where the variables of a text together have over `most` characters.
    """
    found = variables(expression)
    if found and found[0] == expression:
        return at(data, expression[1:])
    if found and all(at(data, name[1:]) is None for name in found):
        return None
    left = most

    def put(match: re.Match[str]) -> str:
        nonlocal left
        text = _within(at(data, match[0][1:]))
        left -= len(text)
        if left < 0:
            raise TooLong(f"The variables have over {most} characters.")
        return text

    return VARIABLE.sub(put, expression)


def at(data: Mapping[str, object], path: str) -> object:
    """What stands under a path such as `a.b[0]`; None where it leads nowhere. A key of that very name goes first."""
    if path in data:
        return data[path]
    found: object = data
    for step in STEP.findall(path):
        if isinstance(found, Mapping):
            found = found.get(step)
        elif isinstance(found, list) and INDEX.fullmatch(step) and int(step) < len(found):
            found = found[int(step)]
        else:
            return None
    return None if found is data else found


def written(value: object) -> str:
    """A value as JavaScript writes it: lists with commas between their elements, also those of lists within them.

    Raises NotText for an object.
    """
    if not isinstance(value, list):
        return _written(value)
    pieces: list[str] = []
    waiting: list[object] = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list) and one:
            waiting += reversed(one)
        else:
            pieces.append("" if one is None or one == [] else _written(one))
    return ",".join(pieces)


def _written(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _number(value)
    raise NotText("an object or nothing")


def _within(value: object) -> str:
    return MISSING if value is None else written(value)


def _number(value: int | float) -> str:
    """ECMAScript's Number::toString: the shortest digits that are read back as the same double."""
    try:
        number = float(value)
    except OverflowError:
        number = math.inf if value > 0 else -math.inf
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    if number == 0:
        return "0"
    sign, digit_tuple, exponent = Decimal(repr(number)).normalize().as_tuple()
    digits = "".join(map(str, digit_tuple))
    point = len(digits) + int(exponent)
    minus = "-" if sign else ""
    if len(digits) <= point <= DIGITS_MAX:
        return minus + digits + "0" * (point - len(digits))
    if 0 < point <= DIGITS_MAX:
        return f"{minus}{digits[:point]}.{digits[point:]}"
    if SMALLEST_EXPONENT < point <= 0:
        return f"{minus}0.{'0' * -point}{digits}"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{minus}{digits[0]}{fraction}e{'+' if point > 0 else '-'}{abs(point - 1)}"
