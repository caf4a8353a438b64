"""What HTTP, Label Studio's tasks and BentoML cost around the engine.

    python -m benchmarks.service --data ../shared/data

It asks the service, started as `make serve` does, and an engine in this process for the same texts, with the same
number of concurrent requests. Every round asks first the engine and then the service (A B A B …). Ratios and
differences compare figures of one round. The table shows the median of the rounds with the lowest and the highest.
Every answer of the service is checked against the engine's.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import Annotated, Any, NamedTuple

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.bars import RESULTS, Bar, at_least, less_than, write
from benchmarks.processes import resident, started
from benchmarks.texts import read, wordings
from service.extractor.engine import Engine
from service.extractor.loading import load
from service.extractor.questions import Question
from service.model.computing import use_threads
from service.model.spans import Extraction
from service.settings import STARTER
from tests.support.servers import free_port

TEXTS = 1200
"""Number of different texts, and of texts in the largest request."""
LABELS = wordings(5)
THRESHOLD = 0.5
DOUBT = 0.05
"""An entity whose score is this close to the threshold may be missing: in bf16 a score depends on the batch."""
ANSWER_SECONDS = 80.0
"""Seconds to wait for an answer."""
ROUNDS, THREADS = 5, 2
"""The defaults: rounds, and the threads of each model. Bars are written only for these."""
ANNOTATOR_PAUSE_SECONDS = 0.05
"""Seconds between an annotator's tasks."""
screen = Console()


class Setting(NamedTuple):
    """The number of concurrent requests, and of texts in each request."""

    concurrency: int
    batch: int

    @property
    def asks(self) -> int:
        """Requests in a round: enough for 200 texts, and at least two for each concurrent client."""
        return max(2 * self.concurrency, 200 // self.batch)


SETTINGS = [Setting(concurrency, batch) for concurrency in (1, 8, 32) for batch in (1, 25, 200)]


@dataclass
class Timed:
    """The figures of one way: texts per second of each round, and for each round the seconds of every request."""

    speeds: list[float] = field(default_factory=list)
    seconds: list[list[float]] = field(default_factory=list)

    @property
    def medians(self) -> list[float]:
        """The median of each round, in milliseconds."""
        return [1000 * median(seconds) for seconds in self.seconds]

    def figures(self) -> dict[str, object]:
        """Speeds and percentiles for the JSON."""
        times = sorted(1000 * seconds for round_ in self.seconds for seconds in round_)
        return {"texts a second": self.speeds, "ms": {f"p{part}": percentile(times, part) for part in (50, 95, 99)}}


@dataclass
class Measured:
    """The figures of both ways for one setting."""

    setting: Setting
    engine: Timed = field(default_factory=Timed)
    service: Timed = field(default_factory=Timed)

    @property
    def ratios(self) -> list[float]:
        """The service's texts per second as a share of the engine's, for each round."""
        return [service / engine for service, engine in zip(self.service.speeds, self.engine.speeds, strict=True)]

    @property
    def overheads(self) -> list[float]:
        """Milliseconds by which the service's median answer is later than the engine's, for each round."""
        return [service - engine for service, engine in zip(self.service.medians, self.engine.medians, strict=True)]


class Client:
    """Asks a running service as Label Studio does. Only one thread at a time may use it."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)

    def predict(self, body: bytes) -> bytes:
        self._connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
        response = self._connection.getresponse()
        content = response.read()
        if response.status != http.client.OK:
            raise RuntimeError(f"/predict answered {response.status}: {content[:200]!r}")
        return content

    def close(self) -> None:
        self._connection.close()


class Material:
    """The texts, their batches, and the spans that the engine finds in them."""

    def __init__(self, texts: Sequence[str], engine: Engine) -> None:
        self.texts = texts
        answer = asyncio.run(engine.ask([Question(texts, LABELS)], THRESHOLD, 10 * ANSWER_SECONDS))
        self._expected: list[Any] = list(answer.items[0])
        self.differences = 0
        """Number of checked answers with other entities, all of them close to the threshold."""

    def batches(self, setting: Setting) -> list[range]:
        """The indices of the texts of each request of a round."""
        return [self._batch(number, setting.batch) for number in range(setting.asks)]

    def _batch(self, number: int, size: int) -> range:
        start = number * size % (len(self.texts) - size + 1)
        return range(start, start + size)

    def check(self, batch: Sequence[int], items: Sequence[dict[str, Any]]) -> None:
        """Raises AssertionError if a task lacks a prediction or has clearly other entities than the engine finds."""
        assert len(items) == len(batch)
        for index, item in zip(batch, items, strict=True):
            expected: Extraction = self._expected[index]
            known = {(span.start, span.end, span.label): span.score for span in expected.spans}
            found = {_entity(region): region["score"] for region in item["result"]}
            others = {**known, **found}.keys() - (known.keys() & found.keys())
            assert all(abs({**known, **found}[entity] - THRESHOLD) < DOUBT for entity in others), (item, expected)
            self.differences += bool(others)


def main(
    data: Annotated[Path, typer.Option(help="The data sets.")] = Path("../shared/data"),
    out: Annotated[Path, typer.Option(help="The folder for the JSON.")] = RESULTS,
    rounds: Annotated[int, typer.Option(min=1, help="How often each way is asked.")] = ROUNDS,
    threads: Annotated[int, typer.Option(min=1, help="Threads that each model computes with.")] = THREADS,
    batch: Annotated[int, typer.Option(help="Only settings with this number of texts per request; 0: all.")] = 0,
    concurrency: Annotated[int, typer.Option(help="Only settings with this many concurrent requests; 0: all.")] = 0,
) -> None:
    """Measure all settings, print a table, and write the figures and their bars."""
    use_threads(threads)
    chosen = [one for one in SETTINGS if batch in (0, one.batch) and concurrency in (0, one.concurrency)]
    with closing(Engine()) as engine, served(threads) as (process, port):
        engine.swap(load(str(STARTER), "cpu", "auto"))
        material = Material(read(data, "short", TEXTS), engine)
        idle = resident(process)
        measured = [measure(setting, engine, port, material, rounds) for setting in chosen]
        singles = [annotate(port, material) for _ in range(rounds)]
        memory = {"MB before the first task": idle, "MB behind the last": resident(process)}
    screen.print(table(measured))
    screen.print(
        f"p95 of an annotator's tasks during a request for {TEXTS}: {spread([p95(one) for one in singles])} ms"
    )
    screen.print(f"memory of the service's processes, MB: {memory}")
    screen.print(f"answers with other entities close to the threshold: {material.differences}")
    figures = [
        {**one.setting._asdict(), "engine": one.engine.figures(), "service": one.service.figures()} for one in measured
    ]
    others = {
        "threads": threads,
        "annotator's ms beside a large request": singles,
        "memory": memory,
        "answers that have other entities of little certainty than the engine's": material.differences,
    }
    if not batch and not concurrency and (rounds, threads) == (ROUNDS, THREADS):  # bars need the whole measurement
        write(out, "service", [*figures, others], bars(measured, singles))


@contextmanager
def served(threads: int) -> Iterator[tuple[int, int]]:
    """Serve the starter with a new home while the context lasts. Yields the process id and the port."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port(0)
        environment = {"SPANLOOP_DEVICE": "cpu", "SPANLOOP_THREADS": str(threads)}
        server = started("service.main:Spanloop", port, Path(folder), environment)
        try:
            server.wait()
            with closing(Client(port)) as client:
                client.predict(body(["The first task waits for the model."]))
            yield server.process, port
        finally:
            server.stop()


def body(texts: Sequence[str]) -> bytes:
    """A request for predictions as Label Studio sends it, with all fields of its tasks."""
    tasks = [{**TASK, "id": number, "inner_id": number, "data": {"text": text}} for number, text in enumerate(texts)]
    request = {"tasks": tasks, "project": "1.1795459342", "label_config": LABEL_CONFIG, "params": PARAMS}
    return json.dumps(request).encode()


def measure(setting: Setting, engine: Engine, port: int, material: Material, rounds: int) -> Measured:
    """Ask each way in turn. The first round warms both up and does not count."""
    measured = Measured(setting)
    batches = material.batches(setting)
    bodies = [body([material.texts[index] for index in batch]) for batch in batches]
    for number in range(rounds + 1):
        warming = Timed()
        ask_engine(setting, engine, material, batches, measured.engine if number else warming)
        for batch, answer in zip(
            batches, ask_service(setting, port, bodies, measured.service if number else warming), strict=True
        ):
            material.check(batch, json.loads(answer)["results"])
    return measured


def ask_engine(setting: Setting, engine: Engine, material: Material, batches: Sequence[range], timed: Timed) -> None:
    """Ask the engine for all batches in one event loop, with as many concurrent requests as the setting says."""
    seconds: list[float] = []
    waiting = deque([material.texts[index] for index in batch] for batch in batches)

    async def ask() -> None:
        while waiting:
            texts = waiting.popleft()
            began = time.perf_counter()
            await engine.ask([Question(texts, LABELS)], THRESHOLD, ANSWER_SECONDS)
            seconds.append(time.perf_counter() - began)

    async def all_of_them() -> None:
        await asyncio.gather(*(ask() for _ in range(setting.concurrency)))

    began = time.perf_counter()
    asyncio.run(all_of_them())
    timed.speeds.append(sum(map(len, batches)) / (time.perf_counter() - began))
    timed.seconds.append(seconds)


def ask_service(setting: Setting, port: int, bodies: Sequence[bytes], timed: Timed) -> list[bytes]:
    """Send all bodies from one thread and connection per concurrent request. Returns the answers in order."""
    seconds: list[float] = []
    answers = [b""] * len(bodies)
    waiting = deque(enumerate(bodies))

    def ask() -> None:
        with closing(Client(port)) as client:
            while True:
                try:
                    number, request = waiting.popleft()
                except IndexError:
                    return
                began = time.perf_counter()
                answers[number] = client.predict(request)
                seconds.append(time.perf_counter() - began)

    began = time.perf_counter()
    with ThreadPoolExecutor(setting.concurrency) as clients:
        for client in [clients.submit(ask) for _ in range(setting.concurrency)]:
            client.result()
    timed.speeds.append(setting.asks * setting.batch / (time.perf_counter() - began))
    timed.seconds.append(seconds)
    return answers


def annotate(port: int, material: Material) -> list[float]:
    """Milliseconds of an annotator's consecutive single tasks while the service answers a request for all texts."""
    waits: list[float] = []
    with ThreadPoolExecutor(1) as other, closing(Client(port)) as client, closing(Client(port)) as large:
        everything = other.submit(large.predict, body(material.texts))
        while not everything.done():
            time.sleep(ANNOTATOR_PAUSE_SECONDS)
            index = len(waits) % len(material.texts)
            request = body([material.texts[index]])
            began = time.perf_counter()
            answer = client.predict(request)
            waits.append(1000 * (time.perf_counter() - began))
            material.check([index], json.loads(answer)["results"])
        material.check(range(len(material.texts)), json.loads(everything.result())["results"])
    return waits[:-1]  # the large request may have ended before the last task


def percentile(values: Sequence[float], part: int) -> float:
    """The `part`th percentile of the values."""
    return quantiles(values, n=100, method="inclusive")[part - 1] if len(values) > 1 else values[0]


def p95(values: Sequence[float]) -> float:
    return percentile(values, 95)


def spread(values: Sequence[float]) -> str:
    return f"{median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def table(measured: Sequence[Measured]) -> Table:
    made = Table(
        *("concurrent", "texts a request", "engine texts/s", "service texts/s", "share of the engine's"),
        *("service ms p50 / p95 / p99", "ms over the engine's median"),
        title="The service and the engine: median of the rounds (lowest to highest)",
    )
    for one in measured:
        times = sorted(1000 * seconds for round_ in one.service.seconds for seconds in round_)
        made.add_row(
            *(str(one.setting.concurrency), str(one.setting.batch)),
            *(f"{median(way.speeds):.1f}" for way in (one.engine, one.service)),
            spread(one.ratios),
            " / ".join(f"{percentile(times, part):.1f}" for part in (50, 95, 99)),
            spread(one.overheads),
        )
    return made


def bars(measured: Sequence[Measured], singles: Sequence[Sequence[float]]) -> Iterator[Bar]:
    """The limits for the service, for the settings that were measured."""
    by_setting = {one.setting: one for one in measured}
    if many := by_setting.get(Setting(8, 25)):
        name = "/predict, batches of 25, 8 at once, against the engine's texts a second"
        yield at_least(name, median(many.ratios), "share", 0.85)
    if single := by_setting.get(Setting(1, 1)):
        name = "/predict, one task, one at a time, median over the engine's"
        yield less_than(name, median(single.overheads), "ms", 3.0)
    name = f"/predict, an annotator's task beside a request for {TEXTS}, p95"
    yield less_than(name, median([p95(one) for one in singles]), "ms", 300.0)


def _entity(region: dict[str, Any]) -> tuple[int, int, str]:
    value = region["value"]
    return value["start"], value["end"], value["labels"][0]


LABEL_CONFIG = (
    '<View><Labels name="label" toName="text">'
    + "".join(f'<Label value="{label}"/>' for label in LABELS)
    + '</Labels><Text name="text" value="$text"/></View>'
)
PARAMS = {"login": None, "password": None, "context": None}
TASK = {
    "meta": {},
    "created_at": "2026-11-23T18:42:22.842424Z",
    "updated_at": "2026-11-23T18:42:22.842462Z",
    "is_labeled": False,
    "overlap": 1,
    "total_annotations": 0,
    "cancelled_annotations": 0,
    "total_predictions": 0,
    "comment_count": 0,
    "unresolved_comment_count": 0,
    "last_comment_updated_at": None,
    "project": 1,
    "updated_by": None,
    "file_upload": None,
    "comment_authors": [],
    "annotations": [],
    "predictions": [],
}
"""The fields that Label Studio sends with a task without annotations, as recorded."""


if __name__ == "__main__":
    typer.run(main)
