"""What the demonstration ends with: the verdict on the new version, and its report."""

from __future__ import annotations

from pathlib import Path

from service.versions import lineage as lineages
from service.versions.store import BentoStore

REPORT = "demo-report.html"
"""The copy of the report, which outlives the servers."""


def ending(home: Path, version: str, folder: Path) -> list[str]:
    """The verdict on a version with its interval, and where its report is, as lines.

    `home` is that of the backend, and `folder` gets a copy of the report. Raises UnknownVersion and OSError.
    """
    store = BentoStore(home)
    verdict = store.get(version).verdict
    file = folder / REPORT
    file.write_bytes(store.document(version, lineages.REPORT_FILE))
    told = (
        f"{verdict.decision}: F1 {verdict.difference:+.3f}, 95 % interval {verdict.low:+.3f} to {verdict.high:+.3f}, "
        f"on {verdict.texts} texts"
        if verdict
        else "none"
    )
    return [f"Verdict       {told}", f"Report        {file.absolute()}"]
