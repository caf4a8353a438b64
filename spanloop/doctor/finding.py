"""What a check has found."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    """How what was checked stands."""

    OK = "ok"
    WARNING = "look"
    WRONG = "wrong"
    UNCHECKED = "not checked"


class Finding(NamedTuple):
    """What a check has found, in sentences. No secret is in any of them."""

    check: str
    """What was checked: a noun."""
    state: State
    told: str
    """What was found; of what was not checked, why."""
    meaning: str = ""
    """What follows from it; empty where nothing is wrong."""
    cure: str = ""
    """What to do; empty where nothing is wrong."""


def ok(check: str, told: str) -> Finding:
    """Nothing is wrong."""
    return Finding(check, State.OK, told)


def look(check: str, told: str, meaning: str, cure: str) -> Finding:
    """Somebody should look at it; it may be meant."""
    return Finding(check, State.WARNING, told, meaning, cure)


def wrong(check: str, told: str, meaning: str, cure: str) -> Finding:
    """It must be mended."""
    return Finding(check, State.WRONG, told, meaning, cure)


def unchecked(check: str, because: str) -> Finding:
    """It was not checked. `because` ends the sentence "Not checked, because …"."""
    return Finding(check, State.UNCHECKED, f"Not checked, because {because}.")
