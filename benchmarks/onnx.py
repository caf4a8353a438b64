"""A GLiNER model run by ONNX Runtime in fp32, as GLiNER itself exports and runs it: another way for the benchmarks.

    python -m benchmarks.onnx

tries it on the starter and on a DeBERTa, and says whether the entities are those of `predict_entities`. It wants the
packages of the extra "bench".
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from benchmarks.shapes import SHAPES
from benchmarks.texts import read, wordings
from service.model.gliner import GLiNER
from service.model.model import use_threads

BATCH = 8
THRESHOLDS = {"starter": 0.5, "gliner_small": 0.3}
"""What is tried, and at which threshold: random weights are sure of little."""
PACKAGES = ("onnx", "onnxruntime")
Entities = list[list[dict[str, Any]]]
screen = Console()


def missing() -> list[str]:
    """The packages that this way of running a model lacks here; empty where it can be measured."""
    return [package for package in PACKAGES if find_spec(package) is None]


def session(
    gliner: Any, folder: Path, threads: int = 1, threshold: float = 0.5
) -> Callable[[Sequence[str], Sequence[str]], Entities]:
    """Export a model into `folder`; what is returned finds the entities of texts, in batches of 8 on so many threads.

    The model must be as GLiNER loads it, in fp32: `service.model.rewrites` rewrites what the exporter follows.
    """
    import onnxruntime

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own successor and of every loop that it follows
        gliner.export_to_onnx(folder)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # it warns of every shape that the export says nothing of
    run: Any = GLiNER.from_pretrained(
        str(folder), local_files_only=True, runtime="onnxruntime", session_options=options
    )

    def entities(texts: Sequence[str], labels: Sequence[str]) -> Entities:
        found: Entities = run.inference(list(texts), list(labels), threshold=threshold, batch_size=BATCH)
        return found

    return entities


def main(
    data: Annotated[Path, typer.Option(help="The data sets.")] = Path("../shared/data"),
    texts: Annotated[int, typer.Option(min=1, help="Short texts that are asked.")] = 32,
) -> None:
    """Compare the entities with those of `predict_entities`."""
    if missing():
        screen.print(f"not measured: {', '.join(missing())} is not installed; pip install -e '.[bench]'")
        return
    use_threads(1)
    asked, labels = read(data, "short", texts), wordings(5)
    for shape, threshold in THRESHOLDS.items():
        with tempfile.TemporaryDirectory() as folder:
            gliner = SHAPES[shape](Path(folder) / "made")
            expected = [gliner.predict_entities(text, labels, threshold=threshold) for text in asked]
            found = session(gliner, Path(folder) / "onnx", threshold=threshold)(asked, labels)
        same = sum(spans(one) == spans(other) for one, other in zip(found, expected, strict=True))
        count = sum(map(len, expected))
        screen.print(f"{shape}: {same} of {len(asked)} texts alike, {count} entities")


def spans(entities: Sequence[dict[str, Any]]) -> list[tuple[int, int, str]]:
    """Entities without their scores, which differ in the last digits."""
    return [(entity["start"], entity["end"], entity["label"]) for entity in entities]


if __name__ == "__main__":
    typer.run(main)
