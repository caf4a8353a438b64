"""How long signing and verifying take for a model of one gigabyte: `python -m benchmarks.signatures`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from service.versions.keys import public_keys
from service.versions.signature import sign, verify

MEGABYTE = 10**6


def seconds(act: Callable[[], None]) -> float:
    """The least of three times."""
    took = []
    for _ in range(3):
        began = time.perf_counter()
        act()
        took.append(time.perf_counter() - began)
    return min(took)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        key, certificate, model = folder / "tls.key", folder / "tls.crt", folder / "model"
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        files = ["-subj", "/CN=benchmark", "-keyout", str(key), "-out", str(certificate)]
        subprocess.run([*command, *files], check=True, capture_output=True)
        model.mkdir()
        with (model / "model.safetensors").open("wb") as weights:
            for _ in range(1000):
                weights.write(os.urandom(MEGABYTE))
        keys = public_keys(certificate)
        sys.stdout.write(f"signed in {seconds(lambda: sign(key, model)):.1f} s\n")
        sys.stdout.write(f"verified in {seconds(lambda: verify(model, keys)):.1f} s\n")


if __name__ == "__main__":
    main()
