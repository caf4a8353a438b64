"""What `spanloop doctor` prints: a line a check for people, or one document for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from spanloop.doctor.finding import Finding, State

SIGNS = {State.OK: "✓", State.WARNING: "!", State.WRONG: "✗", State.UNCHECKED: "–"}
STYLES = {State.OK: "green", State.WARNING: "yellow", State.WRONG: "red", State.UNCHECKED: "dim"}
WIDTH = max(len(f"{SIGNS[state]} {state}") for state in State)


def show(finding: Finding, screen: Console) -> None:
    """Print a finding; below one that asks for something, what it means and what to do."""
    told = Text(f"{finding.check}: {finding.told}")
    for word, sentence in (("It means:", finding.meaning), ("To do:", finding.cure)):
        if sentence:
            told.append(f"\n{word} {sentence}")
    row = Table.grid(padding=(0, 1))
    row.add_column(min_width=WIDTH)
    row.add_row(Text(f"{SIGNS[finding.state]} {finding.state}", style=STYLES[finding.state]), told)
    screen.print(row)


def close(findings: Sequence[Finding], screen: Console) -> None:
    """Print how many findings there are of what a person must or may do."""
    counts = [sum(finding.state is state for finding in findings) for state in (State.WRONG, State.WARNING)]
    screen.print(Text("Nothing is wrong." if not any(counts) else f"To mend: {counts[0]}. To look at: {counts[1]}."))


def document(findings: Sequence[Finding]) -> str:
    """The findings as JSON."""
    healthy = is_healthy(findings)
    return json.dumps({"healthy": healthy, "findings": [finding._asdict() for finding in findings]}, ensure_ascii=False)


def is_healthy(findings: Sequence[Finding]) -> bool:
    """Whether nothing must be mended."""
    return all(finding.state is not State.WRONG for finding in findings)
