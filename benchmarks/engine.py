"""How fast texts get their spans: GLiNER's own ways and this project's, on the same texts, one after another.

    python -m benchmarks.engine --data ../shared/data

Every round runs each way once (A B C A B C …) on the same texts, and a matrix product for its speed, so that whatever
else the machine does is in all of them; ratios are of one round, and what is told is the median of rounds with the
lowest and the highest.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Annotated, Any
from unittest.mock import patch

import torch
import typer
from rich.console import Console
from rich.table import Table
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import onnx
from benchmarks.bars import RESULTS, Bar, at_least, less_than, write
from benchmarks.correctness import f1, logits_apart, texts_alike
from benchmarks.shapes import SHAPES
from benchmarks.texts import read, wordings
from service.model.model import Model, bf16_is_native, use_threads
from service.model.packed.linear import PackedLinear

NAIVE, BATCHED, ONNX, OURS = "predict_entities", "inference, batch 8", "ONNX Runtime, fp32, batch 8", "Spanloop"
ROUNDS, SHORT, NOTES = 3, 24, 4
"""How often each way is run, and on how many texts of either kind: bars are of these."""
LEAST = 1.0
"""Seconds that each way runs in a round, at least."""
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
    peaks: list[float] = field(default_factory=list)
    """Billions of operations a second of a square matrix product in the same precision, in this process, by round."""
    apart: float = 0.0
    """How far logits are from GLiNER's own, in fp32."""
    alike: tuple[int, int] | None = None
    """Of how many texts the entities are GLiNER's own in fp32, of so many; None where weights are random."""

    def ratio(self, way: str) -> tuple[float, float, float]:
        """How many times as fast as the naive loop: median, lowest, highest of the rounds."""
        found = [fast / slow for fast, slow in zip(self.speeds[way], self.speeds[NAIVE], strict=True)]
        return median(found), min(found), max(found)

    @property
    def useful(self) -> float:
        """The share of the peak that went into texts."""
        return median(self.gflop * speed / peak for speed, peak in zip(self.speeds[OURS], self.peaks, strict=True))


SETTINGS = [
    *(Setting("gliner_small", "short", 5, threads) for threads in (1, 2)),
    *(Setting("starter", "short", 5, threads) for threads in (1, 2)),
    *(Setting("MiniLM", "short", 5, threads) for threads in (1, 2)),
    *(Setting("bi-encoder", "short", labels, 1) for labels in (5, 100)),
    *(Setting(shape, "notes", 5, threads) for shape in ("gliner_small", "starter") for threads in (1, 2)),
    *(Setting("gliner_small", "short", labels, 1) for labels in (25, 100)),
    Setting("starter", "short", 25, 1),  # of more than 30 it asks in groups, which GLiNER alone does not
]


def main(
    data: Annotated[Path, typer.Option(help="The data sets.")] = Path("../shared/data"),
    out: Annotated[Path, typer.Option(help="Where the JSON goes.")] = RESULTS,
    rounds: Annotated[int, typer.Option(min=1, help="How often each way is run.")] = ROUNDS,
    shape: Annotated[str, typer.Option(help="Only settings of this shape.")] = "",
) -> None:
    """Measure all settings, print a table, write the figures and the bars that they are held against."""
    found = []
    for setting in SETTINGS:
        if shape in ("", setting.shape):
            texts = read(data, setting.words, SHORT if setting.words == "short" else NOTES)
            found.append(measure(setting, texts, rounds))
            screen.print(table(found[-1]))
    if not shape and rounds >= ROUNDS:  # bars are of the whole
        figures = [{**asdict(one), "useful share of peak": one.useful} for one in found]
        write(out, "engine", figures, bars(found, f1_lost(data)))


def f1_lost(data: Path) -> float:
    """Points of F1 that the starter loses by what it serves in, on 1,000 sentences of BC5CDR."""
    model = Model(SHAPES["starter"](Path()))
    model.use("fp32")
    whole = f1(model, data, 1000)
    model.use("auto")
    served = f1(model, data, 1000)
    screen.print(f"starter: F1 {whole:.2f} in fp32, {served:.2f} as it is served")
    return abs(whole - served)


def measure(setting: Setting, texts: Sequence[str], rounds: int) -> Measured:
    """Run each way once to warm up, then `rounds` times in turn."""
    use_threads(setting.threads)
    labels = wordings(setting.labels)
    with tempfile.TemporaryDirectory() as folder:
        naive = SHAPES[setting.shape](Path(folder) / "naive")
        model = Model(SHAPES[setting.shape](Path(folder) / "ours"))
        exported = None if onnx.missing() else onnx.session(naive, Path(folder) / "onnx", setting.threads)
    found = Measured(setting, apart=logits_apart(naive, model, texts[:8], labels))
    if setting.shape == "starter":
        model.use("fp32")
        found.alike = texts_alike(naive, model, texts, labels)
    model.use("auto")
    ways: dict[str, Callable[[], Any]] = {
        NAIVE: lambda: [naive.predict_entities(text, labels) for text in texts],
        BATCHED: lambda: naive.inference(list(texts), labels, batch_size=8),
        **({ONNX: lambda: exported(texts, labels)} if exported else {}),
        OURS: lambda: model.extract(texts, labels, 0.5),
    }
    dtype = next(model.gliner.model.parameters()).dtype
    for number in range(rounds + 1):
        speeds = {way: len(texts) * speed(run) for way, run in ways.items()}
        fastest = peak(dtype) / 1e9
        if number:  # the first warms up
            found.peaks.append(fastest)
            for way, texts_a_second in speeds.items():
                found.speeds.setdefault(way, []).append(texts_a_second)
    model.gliner.model.requires_grad_(False)  # the counter of operations follows gradients where there are some
    found.gflop = operations(model, texts, labels) / 1e9
    return found


def speed(run: Callable[[], Any]) -> float:
    """How often a second something can be done: what follows another way finds its weights in no cache."""
    began, times = time.perf_counter(), 0
    while (passed := time.perf_counter() - began) < LEAST:
        run()
        times += 1
    return times / passed


def operations(model: Model, texts: Sequence[str], labels: Sequence[str]) -> float:
    """Operations of the matrix products for one text: the mean over texts that run alone, so without padding.

    An LSTM's are left out where oneDNN runs it. No rows are filled up here to numbers that recur.
    """
    counted = {torch.ops.mkldnn._linear_pointwise: _operations}
    with FlopCounterMode(display=False, custom_mapping=counted) as counter, ExitStack() as unfilled:
        for module in ("attention", "head", "labels", "shapes"):
            unfilled.enter_context(patch(f"service.model.packed.{module}.rounded", lambda rows: rows))
        unfilled.enter_context(patch("service.model.packed.head.BLOCK", 1))
        for text in texts:
            model.extract([text], labels, 0.5)
    return float(counter.get_total_flops()) / len(texts)


def _operations(rows: Sequence[int], *_: object, out_shape: Sequence[int], **__: object) -> int:
    """Of a linear layer of [rows, inputs] to [rows, outputs]."""
    return 2 * rows[0] * rows[1] * out_shape[1]


@torch.inference_mode()
def peak(dtype: torch.dtype, size: int = 1024, times: int = 60) -> float:
    """Operations a second of a square matrix product, one factor laid out beforehand: the median of so many times."""
    square = torch.randn(size, size, dtype=dtype)
    product = PackedLinear(square, None)
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        product(square)
        seconds.append(time.perf_counter() - began)
    return 2 * size**3 / median(seconds)


def table(one: Measured) -> Table:
    setting = one.setting
    title = f"{setting.shape}, {setting.words} texts, {setting.labels} labels, {setting.threads} threads"
    caption = f"{one.useful:.0%} of peak useful; logits at most {one.apart:.0e} apart in fp32"
    if one.alike:
        caption += f"; entities alike in {one.alike[0]} of {one.alike[1]} texts that GLiNER reads whole"
    made = Table("way", "texts/s", "× naive (lowest to highest)", title=title, caption=caption)
    for way, speeds in one.speeds.items():
        middle, lowest, highest = one.ratio(way)
        made.add_row(way, f"{median(speeds):.1f}", f"{middle:.2f} ({lowest:.2f} to {highest:.2f})")
    return made


def bars(found: Sequence[Measured], lost: float) -> Iterator[Bar]:
    """What the engine is held to, of what was measured."""
    known = {one.setting: one for one in found}
    for setting, bar in (
        (Setting("gliner_small", "short", 5, 1), 6.0),
        (Setting("gliner_small", "short", 5, 2), 5.0),
        *((Setting("starter", "short", 5, threads), 4.0) for threads in (1, 2)),
        *((Setting(shape, "notes", 5, threads), 3.0) for shape in ("gliner_small", "starter") for threads in (1, 2)),
        (Setting("gliner_small", "short", 100, 1), 4.0),
    ):
        name = f"{setting.shape}, {setting.words}, {setting.labels} labels, {setting.threads} threads"
        yield at_least(name, known[setting].ratio(OURS)[0], "× naive", bar)
    for threads, bar in ((1, 0.7), (2, 0.6)):
        setting = Setting("gliner_small", "short", 5, threads)
        name = f"gliner_small, useful share of the bf16 peak, {threads} threads"
        if not bf16_is_native(torch.device("cpu")):
            yield Bar(name, None, "bf16 is not native here", bar, None)
        else:
            yield at_least(name, known[setting].useful, "share", bar)
    yield less_than("starter, F1 lost by what it is served in", lost, "points", 0.2)
    apart = 1e6 * max(one.apart for one in found)
    yield less_than("logits in fp32, all shapes", apart, "millionths of the largest, where that is above 1", 10)
    differ = sum(one.alike[1] - one.alike[0] for one in found if one.alike)
    yield less_than("starter in fp32, texts with other entities than predict_entities'", differ, "texts", 1)


if __name__ == "__main__":
    typer.run(main)
