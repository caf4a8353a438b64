"""The servers of the examples: a Label Studio of its own, and a Spanloop that has its key."""

from __future__ import annotations

import sys
from pathlib import Path

from service.settings import ROOT
from tests.support import label_studio
from tests.support.servers import Server


def settings(home: Path, label_studio_url: str, **more: object) -> dict[str, str]:
    """Spanloop's environment. A run has fewer steps than by default, so that an example takes minutes."""
    given = {
        "home": home,
        "label_studio_url": label_studio_url,
        "label_studio_api_key": label_studio.TOKEN,
        "steps": 240,
        "cross_validated_texts": 100,  # else four models are tuned instead of one
        **more,
    }
    return {
        **{f"SPANLOOP_{name.upper()}": str(value) for name, value in given.items()},
        "BENTOML_HOME": str(home / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "True",
        "PYTHONPATH": str(ROOT),
    }


def start_spanloop(port: int, environment: dict[str, str]) -> Server:
    """Start Spanloop as `spanloop serve` does. Its home must not be there yet."""
    home = Path(environment["SPANLOOP_HOME"])
    home.mkdir(parents=True)
    command = [sys.executable, "-m", "spanloop", "serve", "--port", str(port)]
    return Server("Spanloop", command, environment, f"http://127.0.0.1:{port}", home / "log.txt")
