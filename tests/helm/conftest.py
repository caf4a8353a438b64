"""Helm, kubectl, promtool, and what the chart renders, each rendering made once."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from chart import Chart

from tests.support.lacking import missing


def _program(name: str) -> str:
    """Where a program is: on the PATH or beside this Python."""
    found = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    if not found:
        missing(f"{name} is neither on the PATH nor in {Path(sys.executable).parent}")
    return found


@pytest.fixture(scope="session")
def chart() -> Chart:
    return Chart(_program("helm"))


@pytest.fixture(scope="session")
def kubectl() -> str:
    return _program("kubectl")


@pytest.fixture(scope="session")
def promtool() -> str:
    """Prometheus' own judge of rules: Debian's package prometheus has it."""
    return _program("promtool")
