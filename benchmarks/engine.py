"""How fast spans are found: GLiNER's own ways and Spanloop's, on the same texts.

    python -m benchmarks.engine --data ../shared/data

Every round runs each way once (A B C A B C …) and measures the speed of a matrix product, so that other load on the
machine affects all of them. Each ratio compares figures of one round. The table shows the median of the rounds with the
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
from service.model.computing import bf16_is_native, use_threads
from service.model.model import Model
from service.model.packed.linear import PackedLinear

NAIVE, BATCHED, ONNX, OURS = "predict_entities", "inference, batch 8", "ONNX Runtime, fp32, batch 8", "Spanloop"
ROUNDS, SHORT, NOTES = 3, 24, 4
"""The defaults: rounds, and the number of short texts and of notes. Bars are written only for these."""
ROUND_SECONDS_MIN = 1.0
"""The fewest seconds that each way runs in a round."""
screen = Console()


@dataclass(frozen=True)
class Setting:
    """One measurement: the model's shape, the kind of texts, the number of labels and of threads."""

    shape: str
    words: str
    labels: int
    threads: int


@dataclass
class Measured:
    """Texts per second of each way and round, the operations of one text, and the CPU's peak speed."""

    setting: Setting
    speeds: dict[str, list[float]] = field(default_factory=dict)
    gflop: float = 0.0
    """Billions of operations for one text by Spanloop's way, without padding."""
    peaks: list[float] = field(default_factory=list)
    """Billions of operations per second of a square matrix product in the same precision, for each round."""
    apart: float = 0.0
    """The largest difference of the logits from GLiNER's own in fp32; see `logits_apart`."""
    alike: tuple[int, int] | None = None
    """In fp32: the texts with GLiNER's own entities, and all texts compared; None for random weights."""

    def ratio(self, way: str) -> tuple[float, float, float]:
        """The speed as a multiple of the naive loop's: median, lowest and highest of the rounds."""
        ratios = [fast / slow for fast, slow in zip(self.speeds[way], self.speeds[NAIVE], strict=True)]
        return median(ratios), min(ratios), max(ratios)

    @property
    def useful(self) -> float:
        """The share of the CPU's peak speed that went into texts."""
        return median(self.gflop * speed / peak for speed, peak in zip(self.speeds[OURS], self.peaks, strict=True))


SETTINGS = [
    *(Setting("gliner_small", "short", 5, threads) for threads in (1, 2)),
    *(Setting("starter", "short", 5, threads) for threads in (1, 2)),
    *(Setting("MiniLM", "short", 5, threads) for threads in (1, 2)),
    *(Setting("bi-encoder", "short", labels, 1) for labels in (5, 100)),
    *(Setting(shape, "notes", 5, threads) for shape in ("gliner_small", "starter") for threads in (1, 2)),
    *(Setting("gliner_small", "short", labels, 1) for labels in (25, 100)),
    Setting("starter", "short", 25, 1),  # Spanloop splits more than 30 labels into groups, GLiNER does not
]


def main(
    data: Annotated[Path, typer.Option(help="The data sets.")] = Path("../shared/data"),
    out: Annotated[Path, typer.Option(help="The folder for the JSON.")] = RESULTS,
    rounds: Annotated[int, typer.Option(min=1, help="How often each way runs.")] = ROUNDS,
    shape: Annotated[str, typer.Option(help="Only settings of this shape.")] = "",
) -> None:
    """Measure all settings, print tables, and write the figures and their bars."""
    measured = []
    for setting in SETTINGS:
        if shape in ("", setting.shape):
            texts = read(data, setting.words, SHORT if setting.words == "short" else NOTES)
            measured.append(measure(setting, texts, rounds))
            screen.print(table(measured[-1]))
    if not shape and rounds >= ROUNDS:  # bars need the whole measurement
        figures = [{**asdict(one), "useful share of peak": one.useful} for one in measured]
        write(out, "engine", figures, bars(measured, f1_lost(data)))


def f1_lost(data: Path) -> float:
    """Points of F1 by which the serving precision of the starter differs from fp32, on 1,000 sentences of BC5CDR."""
    model = Model(SHAPES["starter"](Path()))
    model.use("fp32")
    full = f1(model, data, 1000)
    model.use("auto")
    served = f1(model, data, 1000)
    screen.print(f"starter: F1 {full:.2f} in fp32, {served:.2f} in the precision that serves")
    return abs(full - served)


def measure(setting: Setting, texts: Sequence[str], rounds: int) -> Measured:
    """Run each way once to warm up, then `rounds` times in turn."""
    use_threads(setting.threads)
    labels = wordings(setting.labels)
    with tempfile.TemporaryDirectory() as folder:
        naive = SHAPES[setting.shape](Path(folder) / "naive")
        model = Model(SHAPES[setting.shape](Path(folder) / "ours"))
        exported = None if onnx.missing() else onnx.session(naive, Path(folder) / "onnx", setting.threads)
    measured = Measured(setting, apart=logits_apart(naive, model, texts[:8], labels))
    if setting.shape == "starter":
        model.use("fp32")
        measured.alike = texts_alike(naive, model, texts, labels)
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
        peak_gflops = peak(dtype) / 1e9
        if number:  # the first round warms up
            measured.peaks.append(peak_gflops)
            for way, texts_a_second in speeds.items():
                measured.speeds.setdefault(way, []).append(texts_a_second)
    model.gliner.model.requires_grad_(False)  # the counter of operations would follow gradients
    measured.gflop = operations(model, texts, labels) / 1e9
    return measured


def speed(run: Callable[[], Any]) -> float:
    """Calls of `run` per second, over at least ROUND_SECONDS_MIN, because the first call finds no weights in caches."""
    began, times = time.perf_counter(), 0
    while (passed := time.perf_counter() - began) < ROUND_SECONDS_MIN:
        run()
        times += 1
    return times / passed


def operations(model: Model, texts: Sequence[str], labels: Sequence[str]) -> float:
    """Operations of the matrix products for one text: the mean over texts that run alone, so without padding.

    Rows are not filled up to `rounded` numbers here. An LSTM that oneDNN runs is not counted.
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
    """The operations of a linear layer from [rows, inputs] to [rows, outputs]."""
    return 2 * rows[0] * rows[1] * out_shape[1]


@torch.inference_mode()
def peak(dtype: torch.dtype, size: int = 1024, times: int = 60) -> float:
    """Operations per second of a square matrix product with one packed factor: the median of `times` products."""
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
    caption = f"{one.useful:.0%} of the peak went into texts; logits differ by at most {one.apart:.0e} in fp32"
    if one.alike:
        caption += f"; {one.alike[0]} of {one.alike[1]} texts that GLiNER does not cut have the same entities"
    made = Table("way", "texts/s", "× naive (lowest to highest)", title=title, caption=caption)
    for way, speeds in one.speeds.items():
        middle, lowest, highest = one.ratio(way)
        made.add_row(way, f"{median(speeds):.1f}", f"{middle:.2f} ({lowest:.2f} to {highest:.2f})")
    return made


def bars(measured: Sequence[Measured], lost: float) -> Iterator[Bar]:
    """The limits for the engine."""
    by_setting = {one.setting: one for one in measured}
    for setting, bar in (
        (Setting("gliner_small", "short", 5, 1), 6.0),
        (Setting("gliner_small", "short", 5, 2), 5.0),
        *((Setting("starter", "short", 5, threads), 4.0) for threads in (1, 2)),
        *((Setting(shape, "notes", 5, threads), 3.0) for shape in ("gliner_small", "starter") for threads in (1, 2)),
        (Setting("gliner_small", "short", 100, 1), 4.0),
    ):
        name = f"{setting.shape}, {setting.words}, {setting.labels} labels, {setting.threads} threads"
        yield at_least(name, by_setting[setting].ratio(OURS)[0], "× naive", bar)
    for threads, bar in ((1, 0.7), (2, 0.6)):
        setting = Setting("gliner_small", "short", 5, threads)
        name = f"gliner_small, useful share of the bf16 peak, {threads} threads"
        if not bf16_is_native(torch.device("cpu")):
            yield Bar(name, None, "bf16 is not native here", bar, None)
        else:
            yield at_least(name, by_setting[setting].useful, "share", bar)
    yield less_than("starter, F1 lost by what it is served in", lost, "points", 0.2)
    apart = 1e6 * max(one.apart for one in measured)
    yield less_than("logits in fp32, all shapes", apart, "millionths of the largest, where that is above 1", 10)
    differ = sum(one.alike[1] - one.alike[0] for one in measured if one.alike)
    yield less_than("starter in fp32, texts with other entities than predict_entities'", differ, "texts", 1)


if __name__ == "__main__":
    typer.run(main)
