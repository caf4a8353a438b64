"""Honest load on a release on a cluster whose pods are killed, evicted and drained while versions are rolled out.

    tests/cluster/run .venv/bin/python -m benchmarks.storm --requests 10000 --rollouts 20 --kills 50 --seed 1

The release has two backends and two extractors. Every request is counted by its outcome and by what happened to the
release then. The figures are written between the markers of docs/reliability.md.
"""

from __future__ import annotations

import json
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from statistics import quantiles
from typing import Annotated, Any

import typer
from rich.console import Console

from benchmarks import reliability
from benchmarks.bars import RESULTS
from benchmarks.cluster_faults import (
    BACKEND_KILL,
    COMPONENTS,
    DRAIN,
    EVICTION,
    EXTRACTOR_KILL,
    PODS,
    ROLLOUT,
    UNFINISHED_DRAIN,
    Event,
    Faults,
)
from benchmarks.load import CUT, OUTCOMES, PREDICT, Failed, Load
from benchmarks.processes import end_cleanly
from tests.cluster.kubectl import kubectl
from tests.cluster.neighbours import label_studio_in, registry_in
from tests.cluster.release import FEW, Release, released
from tests.end_to_end.studio import Studio
from tests.support.past_release import last

CLIENTS = 3
LATER_SECONDS = 10.0
"""So long after an event a request may still meet it: a node learns a little later that a pod is gone."""
CAUSES = (BACKEND_KILL, EXTRACTOR_KILL, EVICTION, DRAIN, UNFINISHED_DRAIN, ROLLOUT)
"""What may be to blame for a request, the likeliest first."""
NOTHING = "nothing"
KILLS_AN_EVICTION, KILLS_A_DRAIN = 5, 25
"""For so many kills there is one eviction, and one drain."""
AFTERWARDS = 20
"""Right answers that must still come when all is over."""
LOAD_SECONDS = 3600.0
screen = Console(width=140)


def main(
    requests: Annotated[int, typer.Option(min=100, help="Fewest requests.")] = 10_000,
    rollouts: Annotated[int, typer.Option(min=1, help="Promotions and rollbacks.")] = 20,
    kills: Annotated[int, typer.Option(min=1, help="Pods that are killed.")] = 50,
    seed: Annotated[int, typer.Option(help="Decides what is asked and what happens.")] = 1,
    out: Annotated[Path, typer.Option(help="The file of the figures.")] = RESULTS / "storm.json",
) -> None:
    """Let a storm pass over a release, and write what became of every request."""
    end_cleanly()
    if "SPANLOOP_TEST_CLUSTER" not in os.environ:
        screen.print("There is no cluster, and nothing was done. `make storm` starts this by tests/cluster/run.")
        raise typer.Exit(2)
    with (
        tempfile.TemporaryDirectory(prefix="spanloop-storm-") as folder,
        label_studio_in(Path(folder) / "studio") as studio,
        registry_in(Path(folder) / "registry") as registry,
        paired(registry.address, studio) as release,
    ):
        began, faults, broken = time.monotonic(), Faults(release, random.Random(seed)), []
        with Load(release.url, release.login, CLIENTS, seed) as load:
            try:
                storm(faults, load, requests, rollouts, kills, seed)
            except (AssertionError, TimeoutError) as error:
                broken = [f"broken off: {error}"]  # what was measured until then is told all the same
        figures = told(load, faults.events, (time.monotonic() - began) / 60, broken)
    out.write_text(json.dumps(figures, indent=1) + "\n")
    reliability.write("storm", document(figures))
    screen.print(figures)
    raise typer.Exit(bool(figures["findings"]))


@contextmanager
def paired(registry: str, studio: Studio) -> Iterator[Release]:
    """A release with two pods of each component that serves a version which it did not learn itself."""
    past, pair = last(), {"replicas": PODS}
    values = {"backend": pair, "extractor": {**pair, "resources": FEW}, "rolloutSeconds": 600}
    with released(registry, studio, past, **values) as release:
        release.until_version(past.live)
        yield release


def storm(faults: Faults, load: Load, requests: int, rollouts: int, kills: int, seed: int) -> None:
    """Let all this happen under a load that has begun, until so many requests were asked. `faults` has what happened.

    Raises AssertionError where pods do not become ready again or a rollout does not end, and TimeoutError where
    answers do not come.
    """
    version = last().live
    load.wait(AFTERWARDS)
    with ThreadPoolExecutor(1) as beside:
        rolled = beside.submit(lambda: [faults.roll(version) for _ in range(rollouts)])
        for act, component in planned(kills, random.Random(seed)):
            getattr(faults, act)(component)
            screen.print(f"{load.total} requests; {faults.events[-1].what}")
        rolled.result()
    load.wait(AFTERWARDS)
    load.wait(max(0, requests - load.total), LOAD_SECONDS)


def planned(kills: int, rng: random.Random) -> list[tuple[str, str]]:
    """What is done, and to a pod of which component, in the order of a seed."""
    counts = {"kill": kills, "evict": max(2, kills // KILLS_AN_EVICTION), "drain": max(1, kills // KILLS_A_DRAIN)}
    plan = [(act, COMPONENTS[number % 2]) for act, count in counts.items() for number in range(count)]
    rng.shuffle(plan)
    return plan


def cause_of(failed: Failed, events: Sequence[Event]) -> str:
    """What happened to the release while a request was under way or shortly before; the likeliest cause of several."""
    near = {one.what for one in events if one.began <= failed.ended and failed.began <= one.ended + LATER_SECONDS}
    return next((cause for cause in CAUSES if cause in near), NOTHING)


def findings_of(load: Load, events: Sequence[Event]) -> list[str]:
    """What may not happen to a request: anything but a cut connection to a backend that was killed."""
    causes = Counter((one.outcome, cause_of(one, events)) for one in load.failed)
    others = {pair: count for pair, count in causes.items() if pair != (CUT, BACKEND_KILL)}
    return [f"{count} {outcome}: {cause}" for (outcome, cause), count in sorted(others.items())]


def told(load: Load, events: Sequence[Event], minutes: float, broken: Sequence[str] = ()) -> dict[str, Any]:
    """The figures. `broken`: why the storm was broken off."""
    times = quantiles(load.seconds[PREDICT], n=100)
    failed = Counter((one.outcome, cause_of(one, events), one.why) for one in load.failed)
    return {
        "requests": {outcome: load.count(outcome) for outcome in OUTCOMES},
        "ms of a prediction": {f"p{part}": round(1000 * times[part - 1]) for part in (50, 95, 99)},
        "ms of the slowest": round(1000 * max(load.seconds[PREDICT])),
        "events": dict(Counter(one.what for one in events)),
        "not right": [[*what, count] for what, count in sorted(failed.items())],
        "findings": [*broken, *findings_of(load, events)],
        "nodes": len(kubectl("get", "nodes", "--output", "name").split()),
        "minutes": round(minutes, 1),
        "date": date.today().isoformat(),
        "load": reliability.load(),
    }


def document(figures: Mapping[str, Any]) -> list[str]:
    """The blocks of the document."""
    asked = figures["requests"]
    failed: Counter[tuple[str, str]] = Counter()
    for outcome, cause, _, count in figures["not right"]:
        failed[outcome, cause] += count
    causes = [[f"`{outcome}`", cause, f"{count:,}"] for (outcome, cause), count in sorted(failed.items())]
    events = [[what, f"{count:,}"] for what, count in sorted(figures["events"].items())]
    took = ", ".join(f"{part} {ms:,} ms" for part, ms in figures["ms of a prediction"].items())
    return [
        reliability.table(
            ("requests", *OUTCOMES), [[f"{sum(asked.values()):,}", *(f"{asked[one]:,}" for one in OUTCOMES)]]
        ),
        reliability.table(("not `right`", "what happened then", "requests"), causes) if causes else "All were `right`.",
        reliability.table(("what happened", "times"), events),
        f"Predictions took {took}, the slowest {figures['ms of the slowest']:,} ms. Findings: "
        f"{'; '.join(figures['findings']) or 'none'}. {figures['minutes']:g} minutes, {figures['nodes']} node; "
        f"{reliability.machine([figures['date']], figures['load'])}",
    ]


if __name__ == "__main__":
    typer.run(main)
