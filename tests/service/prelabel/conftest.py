"""What the tests of one process of a pre-labelling share."""

from __future__ import annotations

import pytest

from service.labelstudio import pages
from service.labelstudio.client import LabelStudio
from service.labelstudio.predictions import Predictions
from service.prelabel import writing
from service.prelabel.progress import Prelabelling
from tests.support.predicted import PredictedStudio
from tests.support.prelabelling import COUNT, Process, Source
from tests.support.studio import KEY, LABEL_CONFIG, served


@pytest.fixture
def no_pauses(monkeypatch):
    monkeypatch.setattr(writing, "UNKNOWN_SECONDS", 0.0)
    monkeypatch.setattr(writing, "GATHERED_SECONDS_MIN", 0.0)  # each batch is written
    monkeypatch.setattr(writing, "WRITE_SHARE", 0.0)
    monkeypatch.setattr(pages, "RETRY_SECONDS", (0.0,))


@pytest.fixture
def studio():
    with served(PredictedStudio(texts={number: f"text {number}" for number in range(1, COUNT + 1)})) as state:
        yield state


@pytest.fixture
def source():
    return Source()


@pytest.fixture
def connection(studio, settings):
    with LabelStudio(settings(label_studio_url=studio.url, label_studio_api_key=KEY)).connect() as made:
        yield made


@pytest.fixture
def make(studio, source, connection, no_pauses):
    """A new process of a pre-labelling; `facts` is what it knows at its start."""

    def made(filters=(), report=lambda stands: None, settle=0.0, read_config=lambda: LABEL_CONFIG, **facts):
        stands = Prelabelling(project=1, version=source.version_now, **facts)
        predictions = Predictions(connection, studio.url, 1, stands.version)
        return Process(stands, filters, source, predictions, report, settle, read_config)

    return made
