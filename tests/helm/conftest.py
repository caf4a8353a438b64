"""Helm, kubectl, promtool, and the chart, which makes each rendering once."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from chart import Chart

from tests.support.lacking import missing


def _program(name: str) -> str:
    """The path of a program, which is on the PATH or beside this Python."""
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
    """Prometheus' own program for checking rules, from Debian's package prometheus."""
    return _program("promtool")
