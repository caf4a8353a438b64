from __future__ import annotations

import pytest

from service.extractor.engine import Engine


@pytest.fixture
def engine():
    made = Engine()
    yield made
    made.close()


@pytest.fixture
def gathering(monkeypatch):
    """A batch begins with all that it has room for, however slow the machine makes windows."""
    monkeypatch.setattr("service.extractor.engine.GATHER_SECONDS", 20.0)
