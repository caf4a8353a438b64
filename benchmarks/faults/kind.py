"""A kind of fault, and what came of each try."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from benchmarks.machine import Machine


@dataclass(frozen=True)
class Tried:
    """What came of one try."""

    seconds: float
    """From the fault, or from its end where it lasts, until all went on."""
    findings: list[str] = field(default_factory=list)
    """What was not well; empty where all was."""
    figures: dict[str, float] = field(default_factory=dict)
    """What else was measured, by its name."""


class Place(NamedTuple):
    """Where faults are tried."""

    folder: Path
    """An empty folder of the kind's own."""
    model: Path
    """The base model."""
    rng: random.Random
    """Decides the moments."""
    times: int
    """How often the fault is tried."""


@dataclass(frozen=True)
class Kind:
    """A kind of fault."""

    name: str
    done: str
    """What is done to the machine."""
    seen: str
    """What a user sees of it."""
    tries: Callable[[Place], Iterator[Tried]]
    times: int
    """How often it is tried unless another number is asked for."""
    needs_root: bool = False
    """Whether a file system must be mounted for it."""


def since(machine: Machine, version: str) -> list[str]:
    """What has changed that must not: the live version."""
    now = machine.version
    return [] if now == version else [f"{now} serves instead of {version}"]
