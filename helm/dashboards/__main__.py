"""Writes the chart's Grafana dashboards, spanloop/dashboards/*.json.

python helm/dashboards
"""

from __future__ import annotations

from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from panels import build
from runs import TRAINING
from serving import SERVING

FOLDER = Path(__file__).parent.parent / "spanloop" / "dashboards"
BOARDS = {"serving": SERVING, "training": TRAINING}


def files() -> dict[str, str]:
    """The text of each dashboard's file, by the file's name."""
    encoder = JSONEncoder(indent=1, sort_keys=True, ensure_ascii=False)
    return {f"{name}.json": encoder.encode(build(board)) + "\n" for name, board in BOARDS.items()}


if __name__ == "__main__":
    for name, text in files().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
