"""How fast texts get their spans: GLiNER's own ways and this project's, on the same texts, one after another.

    python -m benchmarks.engine --data ../shared/data

Every round runs each way once (A B C A B C …), so that whatever else the machine does is in all of them; ratios are of
one round, and what is told is the median of rounds with the lowest and the highest.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.table import Table
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.bars import RESULTS, Bar, at_least, write
from benchmarks.shapes import SHAPES
from service.model import Model, bf16_is_native, use_threads

NOTE = 300
"""Words of a note."""
NAIVE, BATCHED, OURS = "predict_entities", "inference, batch 8", "Spanloop"
screen = Console()


@dataclass(frozen=True)
class Setting:
    """What is measured: a model's shape, what it is asked, on how many threads."""

    shape: str
    words: str
    labels: int
    threads: int


@dataclass
class Measured:
    """Texts a second of each way, round by round; what one text costs, and what the processor can do."""

    setting: Setting
    speeds: dict[str, list[float]] = field(default_factory=dict)
    gflop: float = 0.0
    """Billions of operations for one text, by the way that is fastest, padding not counted."""
    peak: float = 0.0
    """Billions of operations a second of a square matrix product in the same precision, in this process."""

    def ratio(self, way: str) -> tuple[float, float, float]:
        """How many times as fast as the naive loop: median, lowest, highest of the rounds."""
        found = [fast / slow for fast, slow in zip(self.speeds[way], self.speeds[NAIVE], strict=True)]
        return median(found), min(found), max(found)

    @property
    def useful(self) -> float:
        """The share of the peak that went into texts."""
        return self.gflop * median(self.speeds[OURS]) / self.peak


SETTINGS = [
    *(Setting("gliner_small", "short", 5, threads) for threads in (1, 2)),
    Setting("starter", "short", 5, 1),
    Setting("starter", "short", 5, 2),
    Setting("MiniLM", "short", 5, 1),
    Setting("bi-encoder", "short", 5, 1),
    Setting("gliner_small", "notes", 5, 1),
    Setting("gliner_small", "short", 25, 1),
    Setting("gliner_small", "short", 100, 1),
]


def main(
    data: Annotated[Path, typer.Option(help="The data sets.")] = Path("../shared/data"),
    out: Annotated[Path, typer.Option(help="Where the JSON goes.")] = RESULTS,
    rounds: Annotated[int, typer.Option(min=1, help="How often each way is run.")] = 5,
    texts: Annotated[int, typer.Option(min=8, help="Short texts a round; of notes an eighth.")] = 96,
    shape: Annotated[str, typer.Option(help="Only settings of this shape.")] = "",
) -> None:
    """Measure all settings, print a table, write the figures and the bars that they are held against."""
    found = []
    for setting in SETTINGS:
        if shape in ("", setting.shape):
            found.append(measure(setting, read(data, setting.words, texts), rounds))
            screen.print(table(found[-1]))
    write(out, "engine", [{**asdict(one), "useful share of peak": one.useful} for one in found], bars(found))


def read(data: Path, words: str, count: int) -> list[str]:
    """Sentences of BC5CDR, or notes of 300 words put together from them."""
    lines = (data / "bc5cdr" / "dev.jsonl").read_text(encoding="utf-8").splitlines()
    sentences = [json.loads(line)["text"] for line in lines]
    if words == "short":
        return sentences[:count]
    joined = " ".join(sentences).split()
    return [" ".join(joined[start : start + NOTE]) for start in range(0, NOTE * (count // 8), NOTE)]


def measure(setting: Setting, texts: Sequence[str], rounds: int) -> Measured:
    """Run each way once to warm up, then `rounds` times in turn."""
    use_threads(setting.threads)
    labels = wordings(setting.labels)
    with tempfile.TemporaryDirectory() as folder:
        naive = SHAPES[setting.shape](Path(folder) / "naive")
        model = Model(SHAPES[setting.shape](Path(folder) / "ours"))
    model.use("auto")
    model.gliner.model.requires_grad_(False)  # the counter of operations follows gradients where there are some
    few = texts[: max(8, len(texts) // 4)]  # the slow ways need fewer texts to be known
    ways: dict[str, tuple[Sequence[str], Callable[[Sequence[str]], Any]]] = {
        NAIVE: (few, lambda some: [naive.predict_entities(text, labels) for text in some]),
        BATCHED: (few, lambda some: naive.inference(list(some), labels, batch_size=8)),
        OURS: (texts, lambda some: model.extract(some, labels, 0.5)),
    }
    found = Measured(setting)
    for number in range(rounds + 1):
        for way, (some, run) in ways.items():
            began = time.perf_counter()
            run(some)
            speed = len(some) / (time.perf_counter() - began)
            if number:
                found.speeds.setdefault(way, []).append(speed)
    found.gflop = operations(model, few, labels) / 1e9
    found.peak = peak(next(model.gliner.model.parameters()).dtype) / 1e9
    return found


def wordings(count: int) -> list[str]:
    """So many labels of one or two words, as people name them."""
    kinds = ["chemical", "disease", "gene", "person", "city", "company", "device", "symptom", "procedure", "organ"]
    return [kinds[n] if n < len(kinds) else f"{kinds[n % len(kinds)]} {n // len(kinds)}" for n in range(count)]


def operations(model: Model, texts: Sequence[str], labels: Sequence[str]) -> float:
    """Operations of the matrix products for one text: the mean over texts that run alone, so without padding."""
    with FlopCounterMode(display=False) as counter:
        for text in texts:
            model.extract([text], labels, 0.5)
    return counter.get_total_flops() / len(texts)


def peak(dtype: torch.dtype, size: int = 1024, seconds: float = 1.0) -> float:
    """Operations a second of a square matrix product: the median of as many as fit into `seconds`."""
    square = torch.randn(size, size, dtype=dtype)
    times: list[float] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        began = time.perf_counter()
        square @ square
        times.append(time.perf_counter() - began)
    return 2 * size**3 / median(times)


def table(one: Measured) -> Table:
    setting = one.setting
    title = f"{setting.shape}, {setting.words} texts, {setting.labels} labels, {setting.threads} threads"
    made = Table(
        "way", "texts/s", "× naive (lowest to highest)", title=title, caption=f"{one.useful:.0%} of peak useful"
    )
    for way, speeds in one.speeds.items():
        middle, lowest, highest = one.ratio(way)
        made.add_row(way, f"{median(speeds):.1f}", f"{middle:.2f} ({lowest:.2f} to {highest:.2f})")
    return made


def bars(found: Sequence[Measured]) -> Iterator[Bar]:
    """What the engine is held to, of what was measured."""
    known = {one.setting: one for one in found}
    for setting, bar in (
        (Setting("gliner_small", "short", 5, 1), 6.0),
        (Setting("gliner_small", "short", 5, 2), 5.0),
        (Setting("starter", "short", 5, 1), 4.0),
        (Setting("gliner_small", "notes", 5, 1), 3.0),
        (Setting("gliner_small", "short", 100, 1), 4.0),
    ):
        if setting in known:
            name = f"{setting.shape}, {setting.words}, {setting.labels} labels, {setting.threads} threads"
            yield at_least(name, known[setting].ratio(OURS)[0], "× naive", bar)
    for threads, bar in ((1, 0.7), (2, 0.6)):
        setting = Setting("gliner_small", "short", 5, threads)
        name = f"gliner_small, useful share of the bf16 peak, {threads} threads"
        if not bf16_is_native(torch.device("cpu")):
            yield Bar(name, None, "bf16 is not native here", bar, None)
        elif setting in known:
            yield at_least(name, known[setting].useful, "share", bar)


if __name__ == "__main__":
    typer.run(main)
