"""The limits of the chart's alerts, from its default values. The dashboards show the same limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

VALUES: dict[str, Any] = yaml.safe_load((Path(__file__).parent.parent / "spanloop" / "values.yaml").read_text("utf-8"))
ALERTS: dict[str, Any] = VALUES["monitoring"]["alerts"]
DEADLINE: int = VALUES["backend"]["predictDeadline"]
LONGEST_RUN: int = VALUES["training"]["activeDeadlineSeconds"]
