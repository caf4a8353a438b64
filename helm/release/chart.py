"""The chart of a release: the committed chart, which names the published image by its digest."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from helm.readme import readme
from helm.release.programs import Refused, output
from helm.release.source import Source


def package(source: Source, chart: str, image: str, digest: str, folder: Path) -> Path:
    """Package the chart for its place in the registry, `chart`, and an image in its repository with its digest.

    The same commit and image give the same bytes. Returns the archive. Raises Refused.
    """
    with tempfile.TemporaryDirectory() as stage:
        archive = Path(stage, "source.tar")
        # git gives all files the commit's time, which helm keeps.
        output("git", "archive", f"--output={archive}", source.commit, "helm/spanloop")
        output("tar", "--extract", f"--file={archive}", f"--directory={stage}")
        copy = Path(stage, "helm", "spanloop")
        _name_image(copy, image, digest)
        _name_chart(copy, f"oci://{chart} --version {source.chart_version}")
        for path in copy.rglob("*"):
            _set_time(path, source)
        output("helm", "package", str(copy), "--destination", str(folder))
    made = folder / f"spanloop-{source.chart_version}.tgz"
    _set_time(made, source)  # helm writes it into the chart's manifest
    return made


def push(archive: Path, chart: str, credentials: Path) -> None:
    """Push a packaged chart to its place in the registry. Raises Refused."""
    command = ["helm", "push", str(archive), f"oci://{chart.rpartition('/')[0]}"]
    output(*command, "--registry-config", str(credentials))


def _name_image(chart: Path, image: str, digest: str) -> None:
    _replace(chart / "values.yaml", "  repository: spanloop\n", f"  repository: {image}\n")
    _replace(chart / "values.yaml", '  digest: ""\n', f'  digest: "{digest}"\n')
    _replace(chart / "Chart.yaml", "      image: spanloop:", f"      image: {image}:")


def _name_chart(chart: Path, place: str) -> None:
    """Let the README install the published chart, whose values have other defaults."""
    path = chart / "README.md"
    path.write_text(readme(chart), encoding="utf-8")
    _replace(path, "helm install spanloop helm/spanloop", f"helm install spanloop {place}")
    _replace(path, "helm template spanloop helm/spanloop", f"helm template spanloop {place}")
    _replace(path, "      --set image.repository=REGISTRY/spanloop \\\n", "")


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    if text.count(old) != 1:
        raise Refused(f"{path.name} of the chart has not one {old.strip()!r} to replace. Nothing was pushed.")
    path.write_text(text.replace(old, new), encoding="utf-8")


def _set_time(path: Path, source: Source) -> None:
    time = source.time.timestamp()
    os.utime(path, (time, time))
