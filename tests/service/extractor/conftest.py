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
    """Every batch waits until it is full or all windows are made, even on a slow machine."""
    monkeypatch.setattr("service.extractor.engine.GATHER_SECONDS", 20.0)
