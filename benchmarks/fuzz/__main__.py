"""Odd requests to all routes of the backend and of the extractor.

    python -m benchmarks.fuzz --requests 20000 --seed 1
    python -m benchmarks.fuzz --replay benchmarks/results/fuzz/backend-17.json

No request may be answered with 5xx (but 503 and 504, which say that a service is loading or busy), remain without an
answer, or leave a traceback in the log. /health answers within a second meanwhile, and the memory does not grow without
end. A request after which something of this is not so is written to a file, from which it is sent again.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from starlette.routing import Route

from benchmarks import reliability
from benchmarks.bars import RESULTS
from benchmarks.fuzz.generator import Generator
from benchmarks.fuzz.request import Request, read
from benchmarks.fuzz.target import HEALTH_SECONDS, SERVICES, Target, serving
from benchmarks.processes import end_cleanly
from service.backend import app as backend
from service.backend.local import compose
from service.backend.local.settings import MachineSettings
from service.extractor import app as extractor
from service.extractor.settings import ExtractorSettings
from tests.support import tiny

EXTRACTOR_SHARE = 5
"""One request of so many goes to the extractor: it has three routes."""
GROWTH_MB = 300.0
"""The memory of a process may grow by so much in the second half of the requests."""
screen = Console(width=140)


@dataclass
class Report:
    """What came of the requests to one service."""

    service: str
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Requests by route and status."""
    findings: list[str] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    """MB before the first request, after the half of them, and after the last."""
    late: list[float] = field(default_factory=list)
    """Seconds of the answers of /health that came too late."""


def main(
    requests: Annotated[int, typer.Option(min=10, help="How many requests.")] = 20_000,
    seed: Annotated[int, typer.Option(help="Decides the requests.")] = 1,
    replay: Annotated[Path | None, typer.Option(help="Send the request of this file and nothing else.")] = None,
    model: Annotated[Path | None, typer.Option(help="The base model; the tests' tiny one without it.")] = None,
    out: Annotated[Path, typer.Option(help="The folder of the figures and of requests to send again.")] = RESULTS,
) -> None:
    """Send the requests and print what came of them. The exit status is 1 if something must not be."""
    end_cleanly()
    with tempfile.TemporaryDirectory(prefix="spanloop-fuzz-") as folder:
        base = model or tiny.build(Path(folder) / "model")
        if replay:
            again = read(replay)
            with serving(again.service, Path(folder) / "home", base) as target:
                told = Report(again.service)
                ask(target, [again], told, out)
                reports = [told]
        else:
            shares = {"extractor": requests // EXTRACTOR_SHARE, "backend": requests - requests // EXTRACTOR_SHARE}
            reports = [fuzz(name, shares[name], seed, Path(folder) / name, base, out / "fuzz") for name in SERVICES]
            keep(reports, seed, out)
    for one in reports:
        screen.print(table(one))
        screen.print("\n".join(one.findings) or f"{one.service}: nothing found", markup=False)
        if one.late:
            screen.print(f"/health took up to {max(one.late):.1f} s; {len(one.late)} answers came too late")
    raise typer.Exit(any(one.findings or one.late for one in reports))


def fuzz(service: str, count: int, seed: int, home: Path, model: Path, found: Path) -> Report:
    """Send odd requests to a service of its own."""
    generator, report = Generator(service, routes(service), seed), Report(service)
    with serving(service, home, model) as target:
        report.memory.append(target.memory)
        for half in (range(count // 2), range(count // 2, count)):
            ask(target, map(generator.request, half), report, found)
            report.memory.append(target.memory)
        report.late = target.late
    if report.memory[2] - report.memory[1] > GROWTH_MB:
        report.findings.append(f"the memory grows: {report.memory} MB")
    return report


def ask(target: Target, requests: Iterable[Request], report: Report, found: Path) -> None:
    """Send requests, count what became of them, and save those after which something is not as it must be."""
    for request in requests:
        status, findings = target.ask(request)
        report.counts[request.route, status] += 1
        if findings:
            found.mkdir(parents=True, exist_ok=True)
            file = found / f"{request.service}-{report.counts.total()}.json"
            request.save(file)
            report.findings += [f"{request.method} {request.route}: {one} (--replay {file})" for one in findings]


def routes(service: str) -> list[Route]:
    """All routes of a service."""
    made = backend.build(MachineSettings(), compose.supervisor)
    app = made if service == "backend" else extractor.build(ExtractorSettings())
    return [route for route in app.routes if isinstance(route, Route)]


def keep(reports: Iterable[Report], seed: int, out: Path) -> None:
    """Write the figures, and the table of the document."""
    measured = [{**asdict(one), "counts": by_route(one)} for one in reports]
    (out / "fuzz.json").write_text(json.dumps({"seed": seed, "measured": measured}, indent=1) + "\n", encoding="utf-8")
    head = ("service", "requests", "answered, by status", "findings", "slow `/health`", "MB before, half, after")
    rows = [
        [
            one.service,
            f"{one.counts.total():,}",
            ", ".join(f"{status}: {count:,}" for status, count in sorted(by_status(one).items())),
            str(len(one.findings)),
            f"{len(one.late)} over {HEALTH_SECONDS:.0f} s",
            " / ".join(f"{megabytes:.0f}" for megabytes in one.memory),
        ]
        for one in reports
    ]
    machine = reliability.machine([date.today().isoformat()], reliability.load())
    told = [f"- {finding}" for one in reports for finding in one.findings]
    blocks = [reliability.table(head, rows), "\n".join(told), f"Seed {seed}; {machine}"]
    reliability.write("fuzz", [block for block in blocks if block])


def by_status(report: Report) -> Counter[str]:
    found: Counter[str] = Counter()
    for (_, status), count in report.counts.items():
        found[status] += count
    return found


def by_route(report: Report) -> dict[str, dict[str, int]]:
    """Requests by route, then by status."""
    found: dict[str, dict[str, int]] = {}
    for (route, status), count in sorted(report.counts.items()):
        found.setdefault(route, {})[status] = count
    return found


def table(report: Report) -> Table:
    made = Table("route", "requests", "by status", title=f"{report.service}: odd requests")
    for route, counts in by_route(report).items():
        told = ", ".join(f"{status}: {count}" for status, count in counts.items())
        made.add_row(route, str(sum(counts.values())), told)
    return made


if __name__ == "__main__":
    typer.run(main)
