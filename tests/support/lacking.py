"""Components that a test needs and a machine may lack."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def missing(reason: str) -> NoReturn:
    """Skip a test because this machine lacks a component. In CI, where all tests must run, fail it."""
    if os.environ.get("CI"):
        pytest.fail(f"{reason}; in CI no test may be skipped")
    pytest.skip(reason)
