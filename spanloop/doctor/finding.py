"""What a check has found."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

LOGIN = re.compile(r"//[^/?#\s]*@")
"""A login in an address."""


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
    return _without_logins(Finding(check, State.OK, told))


def look(check: str, told: str, meaning: str, cure: str) -> Finding:
    """Somebody should look at it; it may be meant."""
    return _without_logins(Finding(check, State.WARNING, told, meaning, cure))


def wrong(check: str, told: str, meaning: str, cure: str) -> Finding:
    """It must be mended."""
    return _without_logins(Finding(check, State.WRONG, told, meaning, cure))


def unchecked(check: str, because: str) -> Finding:
    """It was not checked. `because` ends the sentence "Not checked, because …"."""
    return _without_logins(Finding(check, State.UNCHECKED, f"Not checked, because {because}."))


def _without_logins(finding: Finding) -> Finding:
    return finding._replace(told=LOGIN.sub("//", finding.told), cure=LOGIN.sub("//", finding.cure))
