"""What many tests share: a tiny model, settings in a directory of their own, a Label Studio that is a small server."""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests.support.samples import Growth
from tests.support.studio import Studio, served

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")

hypothesis.settings.register_profile("here", deadline=None, database=None, max_examples=60)
hypothesis.settings.register_profile("ci", deadline=None, database=None, max_examples=60, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "here")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*os.environ]:
        if name.startswith("SPANLOOP_") or name in ("PROMETHEUS_MULTIPROC_DIR", "BENTOML_HOME"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """`logs.configure` changes the loggers of the whole process."""
    loggers = [logging.getLogger(name) for name in ("", "service", "training", "bentoml")]
    before = [(one.handlers, one.level, one.propagate) for one in loggers]
    hook = threading.excepthook
    yield
    threading.excepthook = hook
    for one, (handlers, level, propagate) in zip(loggers, before, strict=True):
        one.handlers, one.level, one.propagate = handlers, level, propagate


@pytest.fixture(scope="session")
def model_folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model (`tests/support/tiny.py`), made once and kept in pytest's cache."""
    import torch

    from tests.support import tiny

    torch.set_num_threads(1)  # the machine is shared, and the model too small to be divided
    code = hashlib.sha256(Path(tiny.__file__).read_bytes()).hexdigest()[:12]
    cache = getattr(request.config, "cache", None)
    kept = (cache.mkdir("tiny-gliner") if cache else tmp_path_factory.mktemp("kept")) / f"tiny-{code}"
    with kept.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # processes that test at the same time share one model
        if not (kept / "model.safetensors").exists():
            made = tiny.build(tmp_path_factory.mktemp("made"))
            partial = kept.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            shutil.copytree(made, partial)
            partial.replace(kept)
    return kept


@pytest.fixture(scope="session")
def shared_model(model_folder: Path) -> Any:
    """The tiny model, loaded once: for tests that do not change it."""
    from service.model.model import Model

    return Model.load(str(model_folder))


@pytest.fixture
def fresh_model(model_folder: Path) -> Any:
    """The tiny model, for tests that change it."""
    from service.model.model import Model

    return Model.load(str(model_folder))


@pytest.fixture
def bento_store() -> Iterator[None]:
    """BentoML finds its store once a process; forget it, so that each test has a store of its own."""
    from bentoml._internal.configuration.containers import BentoMLContainer as Container
    from simple_di import sentinel

    def forget() -> None:
        for name in ("bentoml_home", "bento_store", "tmp_bento_store", "model_store"):
            getattr(Container, name)._cache = sentinel
        for name in ("tmp_bento_store_dir", "bento_store_dir", "model_store_dir", "env_store_dir"):
            getattr(Container, name)._cache = sentinel

    forget()
    yield
    forget()


@pytest.fixture
def settings(tmp_path: Path, model_folder: Path) -> Callable[..., Any]:
    """Settings of a program, one machine's unless another is named, whose home is the test's own directory."""
    from service.backend.local.settings import MachineSettings
    from service.settings import Settings

    def make(kind: type[Settings] = MachineSettings, **overrides: Any) -> Settings:
        alike = {"threads": 1, "precision": "fp32"}  # scores that are the same on any machine
        return kind(**{"model": str(model_folder), "home": tmp_path / "home", **alike, **overrides})

    return make


@pytest.fixture
def service_log() -> Iterator[list[str]]:
    """Everything that the service and the training log, formatted as it would be written."""
    lines: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    collector = Collector()
    collector.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
    loggers = [logging.getLogger(name) for name in ("service", "training")]
    for one in loggers:
        one.addHandler(collector)
        one.setLevel(logging.DEBUG)
    yield lines
    for one in loggers:
        one.removeHandler(collector)


def until(condition: Callable[[], Any], seconds: float = 30.0, what: str = "the condition") -> Any:
    """Wait until `condition` holds and return what it gave; fail when it does not come to hold."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(f"{what} did not come to hold within {seconds} s")


@pytest.fixture(name="until")
def until_fixture() -> Callable[..., Any]:
    return until


@pytest.fixture
def no_labels_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that has found nothing yet, whatever other tests have found."""
    from service.extractor import metrics
    from service.metrics.labels import Capped

    monkeypatch.setattr(metrics, "_label", Capped(metrics.LABELS_MAX))


@pytest.fixture
def grown() -> Growth:
    """What is counted from the beginning of the test on."""
    return Growth()


@pytest.fixture
def studio() -> Iterator[Studio]:
    """A small Label Studio on a local port."""
    with served(Studio()) as state:
        yield state


@pytest.fixture
def lineage() -> Callable[..., Any]:
    """A lineage with plausible content; anything may be overridden."""
    from datetime import UTC, datetime

    from service.versions.lineage import Lineage, Score

    score = Score(precision=0.5, recall=0.5, f1=0.5, per_label={"person": 0.5}, support={"person": 3})

    def make(version: str = "20260101-000000-abcdef", **overrides: Any) -> Lineage:
        facts: dict[str, Any] = {
            "version": version,
            "created": datetime(2026, 1, 1, tzinfo=UTC),
            "run": "run-1",
            "base": "tiny-123456",
            "projects": (1,),
            "annotations": (1, 2),
            "digest": f"digest of {version}",
            "recipe": {"steps": 10},
            "code": "0.1.0+abcdef",
            "tasks": {"training": 30, "validation": 5, "held_out": 8},
            "scores": {"base": score, "champion": score, "new": score.model_copy(update={"f1": 0.75})},
            "champion": "tiny-123456",
            "better": True,
            "reason": "F1 on the held-out tasks: 0.500 → 0.750.",
        }
        return Lineage(**{**facts, **overrides})

    return make


@pytest.fixture
def publish(bento_store: None, model_folder: Path, lineage: Callable[..., Any]) -> Callable[..., Any]:
    """Publish the tiny model as a version into a store."""

    def make(store: Any, version: str, **overrides: Any) -> Any:
        made = lineage(version, **overrides)
        store.publish(made, lambda folder: shutil.copytree(model_folder, folder, dirs_exist_ok=True) and None)
        return made

    return make
