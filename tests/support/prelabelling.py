"""A process of a pre-labelling, with a backend that answers from memory."""

from __future__ import annotations

from service.labelstudio.regions import unread_item
from service.prelabel.backend import BatchFailed
from service.prelabel.batches import Batches
from service.prelabel.live import Live
from service.prelabel.progress import Standing
from service.prelabel.stopping import Stopping
from service.prelabel.work import Work
from service.prelabel.writing import Writer
from tests.support.studio import LABEL_CONFIG

V1, V2 = "base.111111", "base.222222"
COUNT = 450


class Source:
    """A backend. It answers with `version`, and with an error for a text that says so."""

    def __init__(self):
        self.version_now = V1
        self.named = ""
        """The version that it names, where it is not the one that answers."""
        self.asked = []
        self.configs = []
        """The label config of each request."""
        self.before = lambda tasks: None
        self.result = []
        self.results = {}
        """The result for a text, where it is not `result`."""

    def version(self, project, label_config):
        return V2 if "disease" in label_config else self.named or self.version_now

    def predict(self, project, label_config, tasks):
        self.configs.append(label_config)
        self.before(tasks)
        if any(task["data"]["text"] == "poisonous" for task in tasks):
            raise BatchFailed("the backend gave no prediction (500)")
        self.asked += [task["id"] for task in tasks]
        return [self._item(task["data"]["text"]) for task in tasks]

    def _item(self, text):
        if "unreadable" in text:
            return {"error": "the text has half a character in it", "model_version": self.version_now}
        if text == "blank":
            return unread_item("no text under $text", self.version_now, is_lasting=True)
        result = self.results.get(text, self.result)
        return {"result": result, "score": 0.5, "model_version": self.version_now}


class Process:
    """A process of a pre-labelling."""

    def __init__(self, stands, filters, source, predictions, report, settle, read_config):
        self._standing = Standing(stands, report)
        self.stopping = Stopping()
        writer = Writer(predictions, filters, stands.version, self._standing, self.stopping, settle)
        batches = Batches(source, 1, LABEL_CONFIG, self.stopping)
        self._work = Work(
            self._standing,
            Live(source, 1, read_config, self.stopping, self._wait),
            filters,
            batches,
            predictions,
            writer,
            self.stopping,
        )
        self.run = self._work.run
        self.stop = self.stopping.set

    @property
    def stands(self):
        return self._standing.now

    def _wait(self, why):
        self._standing.know(waits=why)
