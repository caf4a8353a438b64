"""Runs a GLiNER model with ONNX Runtime in fp32, as GLiNER itself exports and runs it, for comparison.

    python -m benchmarks.onnx

compares its entities with those of `predict_entities`, for the starter and a DeBERTa. It needs the packages of the
extra "bench".
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
from service.model.computing import use_threads
from service.model.gliner import GLiNER

BATCH = 8
THRESHOLDS = {"starter": 0.5, "gliner_small": 0.3}
"""The thresholds of the compared shapes. A model with random weights gives low scores."""
PACKAGES = ("onnx", "onnxruntime")
Entities = list[list[dict[str, Any]]]
screen = Console()


def missing() -> list[str]:
    """The packages for ONNX Runtime that are not installed."""
    return [package for package in PACKAGES if find_spec(package) is None]


def session(
    gliner: Any, folder: Path, threads: int = 1, threshold: float = 0.5
) -> Callable[[Sequence[str], Sequence[str]], Entities]:
    """Export a model into `folder`, and return a function that finds the entities of texts in batches of 8.

    The model must be in fp32 and as GLiNER loads it: the exporter cannot follow `service.model.rewrites`.
    """
    import onnxruntime

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns that it is deprecated, and of every loop
        gliner.export_to_onnx(folder)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only: it warns of every shape that the export leaves open
    model: Any = GLiNER.from_pretrained(
        str(folder), local_files_only=True, runtime="onnxruntime", session_options=options
    )

    def entities(texts: Sequence[str], labels: Sequence[str]) -> Entities:
        found: Entities = model.inference(list(texts), list(labels), threshold=threshold, batch_size=BATCH)
        return found

    return entities


def main(
    data: Annotated[Path, typer.Option(help="The data sets.")] = Path("../shared/data"),
    texts: Annotated[int, typer.Option(min=1, help="Number of short texts.")] = 32,
) -> None:
    """Compare the entities of ONNX Runtime with those of `predict_entities`."""
    if missing():
        screen.print(f"Not measured: {', '.join(missing())} is not installed. Run pip install -e '.[bench]'.")
        return
    use_threads(1)
    sentences, labels = read(data, "short", texts), wordings(5)
    for shape, threshold in THRESHOLDS.items():
        with tempfile.TemporaryDirectory() as folder:
            gliner = SHAPES[shape](Path(folder) / "made")
            expected = [gliner.predict_entities(text, labels, threshold=threshold) for text in sentences]
            found = session(gliner, Path(folder) / "onnx", threshold=threshold)(sentences, labels)
        same = sum(spans(ours) == spans(theirs) for ours, theirs in zip(found, expected, strict=True))
        count = sum(map(len, expected))
        screen.print(f"{shape}: {same} of {len(sentences)} texts have the same entities, {count} entities")


def spans(entities: Sequence[dict[str, Any]]) -> list[tuple[int, int, str]]:
    """The entities without their scores, which differ in the last digits."""
    return [(entity["start"], entity["end"], entity["label"]) for entity in entities]


if __name__ == "__main__":
    typer.run(main)
