"""A project of annotated tasks in a small Label Studio, and runs of the tiny model on it."""

from __future__ import annotations

import random

from service.runs.files import Runs
from service.runs.run import Run
from service.versions.history import LiveFile
from service.versions.store import BentoStore
from tests.support import tiny
from tests.support.studio import KEY
from training.progress import Reporter
from training.run import TrainingRun
from training.settings import TrainingSettings
from training.shelf import LocalShelf

CONFIG = """<View><Labels name="label" toName="text"><Label value="person"/><Label value="city"/></Labels>
<Text name="text" value="$text"/></View>"""


TASKS = 170
"""So many that some are held out."""

GUARD = ["Alice met Bob", "Carol lives in Paris", "Dave and Erin in Rome", "Judy met Ivan in Oslo", "the house"]


def annotated(count, seed=1, label="person"):
    """Tasks in which only people are marked. The tiny model also finds cities, and soon learns to leave them out."""
    rng = random.Random(seed)
    tasks = []
    for number in range(count):
        name = rng.choice(tiny.PEOPLE)
        text = f"{number} the {rng.choice(['old', 'new'])} house where {name} lives in {rng.choice(tiny.CITIES)}"
        start = text.index(name)
        value = {"start": start, "end": start + len(name), "text": name, "labels": [label]}
        result = [{"id": "r", "from_name": "label", "to_name": "text", "type": "labels", "value": value}]
        annotation = {"id": 100 + number, "result": result, "was_cancelled": False, "ground_truth": False}
        tasks.append({"id": number, "data": {"text": text}, "annotations": [annotation]})
    return tasks


class Bench:
    def __init__(self, tmp_path, model_folder, studio, **overrides):
        facts = {
            "model": str(model_folder),
            "home": tmp_path / "home",
            "label_studio_url": studio.url,
            "label_studio_api_key": KEY,
            "steps": 30,
            "patience": 0,
            "cross_validated_texts": 100,
            "curve": False,  # three more tunings: the tests of curves switch it on
            "forgetting_limit": 1,
            "batch_size": 8,
            "head_rate": 4e-3,
            "encoder_rate": 4e-3,
        }
        self.settings = TrainingSettings(**{**facts, **overrides})
        self.studio = studio
        self.runs = Runs(self.settings.folder)
        self.live = LiveFile(self.settings.folder)
        self.store = BentoStore(self.settings.folder)

    def prepare(self, run_id="run-1"):
        state = self.runs.get(run_id) or Run(id=run_id, projects=tuple(self.studio.projects))
        return TrainingRun(self.settings, Reporter(self.runs, state, bar=False), LocalShelf(self.settings.folder))

    def execute(self, run_id="run-1"):
        self.prepare(run_id).execute()
        return self.runs.get(run_id)


class Killed(BaseException):
    """Stands for SIGKILL: no code catches it."""
