"""How far long work is: what it tells while it goes on."""

from __future__ import annotations

from collections.abc import Callable

Told = Callable[[float], None]
"""Is told which share of the work is done, 0 to 1."""


def untold(done: float) -> None:
    """For work whose progress nobody watches."""


def part_of(told: Told, begin: float, end: float) -> Told:
    """What a part is to tell that takes the whole from the share `begin` to `end`."""
    return lambda done: told(begin + done * (end - begin))
