"""How BentoML is to run our services: as the process around an ASGI application that does the rest itself."""

from __future__ import annotations

from typing import Any

OPTIONS: dict[str, Any] = {
    "workers": 1,
    "metrics": {"enabled": False},  # ours have labels that bound their number
    "logging": {"access": {"enabled": False}},  # every probe would be a line
    "traffic": {"timeout": 120},
    "tracing": {"excluded_urls": ".*"},  # nobody collects spans, and each request would make some
}
