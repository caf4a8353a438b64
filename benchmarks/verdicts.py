"""How often the judge is right, on simulated runs from stored predictions of real versions (`benchmarks.stored`).

    OPENBLAS_NUM_THREADS=1 python -m benchmarks.verdicts --stored FOLDER

A run draws texts that judge from those of a pair of versions. What is true of the run is known from how it is made:

- neutral: of two versions that differ in their seed each text takes one for the live version and the other for the new
  one, by a coin. Neither is better.
- harmful: the live version, and one that has learnt from wrong annotations as well, with these among the texts.
- gain: of a version and its base model each text's better answers are the new version's and the others the live one's,
  so often that F1 truly differs by so much.
- life: against one live version come twenty neutral versions, on the same texts.

The tables are written into docs/judging.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from random import Random
from typing import Annotated

import msgspec
import numpy as np
import typer

from benchmarks.bars import processor
from benchmarks.harms import HARMS
from service.files import replace_text
from service.versions.judgement import Decision
from service.versions.verdict import BASE, CHAMPION, NEW
from training.judge.counts import Array, counts, f1
from training.judge.evidence import Facts
from training.judge.rules import Rules
from training.judge.sheet import Sheet, Spans
from training.judge.verdict import Verdict, judge
from training.publish import code_version

DOCUMENT = Path("docs/judging.md")
BEGIN, END = "<!-- written by make study: begin -->", "<!-- written by make study: end -->"
SIZES = (50, 100, 200)
"""Texts that judge: as many as there are tasks, up to 399; a fifth of 500 and 1,000 tasks."""
GAINS = (0.05, 0.10)
TRIES = 20

Draw = Callable[[Random, int], Sheet]
"""Makes the sheet of a simulated run with so many texts."""


def main(
    stored: Annotated[Path, typer.Option(help="The folder of the stored predictions.")],
    runs: Annotated[int, typer.Option(help="Neutral and harmful runs of each size, in equal parts.")] = 1_000,
    lives: Annotated[int, typer.Option(help="Live versions against which twenty neutral ones are tried.")] = 200,
) -> None:
    """Simulate runs, and write the tables."""
    sheets = {path.stem: msgspec.json.decode(path.read_bytes(), type=Sheet) for path in sorted(stored.glob("*.json"))}
    if not any(name.startswith("again-") for name in sheets):
        raise typer.BadParameter(f"{stored} has no stored predictions: python -m benchmarks.stored makes them")
    decide = Judge(_named(sheets, "again"))
    blocks = [table(("runs", "true change", "texts", "number", *Decision, "right cause"), rows(sheets, runs, decide))]
    blocks.append(table(("rule", "lives with a promotion"), lived(_named(sheets, "again"), lives, decide)))
    blocks.append(table(("pair", "change (95 %)", "decision", "causes"), whole(sheets, decide)))
    write("\n\n".join(blocks))


def rows(sheets: dict[str, Sheet], runs: int, decide: Judge) -> Iterator[Sequence[object]]:
    """The shares of decisions on neutral, harmful and better versions."""
    again = _named(sheets, "again")
    harms = [name for name in HARMS if _named(sheets, name)]
    for size in SIZES:
        yield simulated("neutral", "0", of(neutral, again), size, runs // 2, decide)
        for harm in harms:
            kept = _named(sheets, harm)
            yield simulated(harm, f"{change(kept[0]):+.3f}", of(drawn, kept), size, runs // (2 * len(harms)), decide)
        for gain in GAINS:
            better = [gaining(one, gain) for one in again]
            yield simulated(
                "gain", f"{gain:+.2f}", lambda r, n, some=better: r.choice(some)(r, n), size, runs // 5, decide
            )


def any_of(draws: Sequence[Draw]) -> Draw:
    """A random one of some draws."""
    return lambda random, size: random.choice(draws)(random, size)


def of(draw: Callable[[Sheet, Random, int], Sheet], sheets: Sequence[Sheet]) -> Draw:
    """The draw from a random one of some sheets."""
    return lambda random, size: draw(random.choice(sheets), random, size)


def simulated(name: str, true_change: str, draw: Draw, size: int, runs: int, decide: Judge) -> Sequence[object]:
    """How a number of runs is judged."""
    random = Random(f"{name} {true_change} {size}")
    verdicts = [decide(draw(random, size)) for _ in range(runs)]
    decided = Counter(verdict.decision for verdict in verdicts)
    shares = [f"{decided[decision] / runs:.1%}" for decision in Decision]
    right = sum(is_named(name, verdict) for verdict in verdicts) / runs
    return (name, true_change, size, runs, *shares, f"{right:.0%}" if name in HARMS else "")


CAUSES = {
    "shuffled": {"other labels since", "labels confused"},
    "swapped": {"other labels since", "labels confused"},
    "shifted": {"other boundaries since", "boundaries shifted"},
    "deleted": {"unannotated", "label vanished", "spans lost", "fewer spans since"},
}
"""The causes that name a harm rightly."""


def is_named(harm: str, verdict: Verdict) -> bool:
    """Whether a verdict's first cause is right."""
    return bool(verdict.causes) and verdict.causes[0].cause.cause in CAUSES.get(harm, set())


def lived(sheets: Sequence[Sheet], lives: int, decide: Judge) -> Iterator[Sequence[object]]:
    """How many live versions are replaced by one of twenty neutral ones, by the judge and by simpler rules."""
    random = Random(0)
    kept = [list(life(random.choice(sheets), random, SIZES[0])) for _ in range(lives)]
    by_judge = [[decide(one, tries) for tries, one in enumerate(tried, 1)] for tried in kept]
    of_rules: dict[str, Callable[[Verdict], bool]] = {
        "the judge": lambda verdict: verdict.better,
        "P ≥ .95 at every try": lambda verdict: verdict.gain.higher >= 0.95,
        "a higher F1": lambda verdict: verdict.gain.value > 0,
    }
    for name, rule in of_rules.items():
        promoted = sum(any(map(rule, verdicts)) for verdicts in by_judge)
        yield name, f"{promoted / lives:.1%} of {lives}"


def whole(sheets: dict[str, Sheet], decide: Judge) -> Iterator[Sequence[object]]:
    """The verdicts on the real pairs, each on all its texts."""
    for name, one in sheets.items():
        verdict = decide(one)
        gain = verdict.gain
        causes = ", ".join(cause.cause.cause for cause in verdict.causes)
        yield name, f"{gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})", verdict.decision, causes


class Judge:
    """Judges sheets by the default rules. It knows what was annotated before anything was deleted; no forgetting is
    simulated."""

    def __init__(self, again: Sequence[Sheet]) -> None:
        self._clean = {one.mark: one.annotated for sheet in again for one in sheet.documents}

    def __call__(self, sheet: Sheet, tries: int = 1) -> Verdict:
        spans = [span for one in sheet.documents for span in self._clean[one.mark]]
        supports = Counter(label for _, _, label in spans)
        known = Facts("held_out", "the held-out tasks", {}, tries, supports={k: float(n) for k, n in supports.items()})
        return judge(sheet, known, Rules())


def drawn(sheet: Sheet, random: Random, size: int) -> Sheet:
    """Some of the texts of a sheet."""
    return sheet.of(random.sample(range(len(sheet.documents)), size))


def neutral(sheet: Sheet, random: Random, size: int) -> Sheet:
    """Some of the texts, of which each gives the answers of the two versions to either by a coin."""
    some = drawn(sheet, random, size)
    return _dealt(some, [random.random() < 0.5 for _ in range(size)])


def life(sheet: Sheet, random: Random, size: int) -> Iterator[Sheet]:
    """Twenty versions on the same texts against the same live version: each text takes one of two answers by a coin,
    the live version's once."""
    some = drawn(sheet, random, size)
    live = _mixed(some, random)
    for _ in range(TRIES):
        yield Sheet(some.labels, some.documents, {**some.answers, CHAMPION: live, NEW: _mixed(some, random)})


def gaining(sheet: Sheet, gain: float) -> Draw:
    """Draws texts whose better answers of base model and version are the new version's in such a share that its F1 is
    higher by the gain, in the mean."""
    pair = Sheet(sheet.labels, sheet.documents, {**sheet.answers, CHAMPION: sheet.answers[BASE]})
    counted = {model: counts(pair, model).sum(axis=1) for model in (CHAMPION, NEW)}
    swap = f1(counted[CHAMPION]) > f1(counted[NEW])
    best = _dealt(pair, list(swap))
    better, worse = (counts(best, model).sum(axis=(0, 1)) for model in (NEW, CHAMPION))
    share = next(share for share in np.arange(0.5, 1.0, 0.001) if _gain(better, worse, share) >= gain)

    def draw(random: Random, size: int) -> Sheet:
        return _dealt(drawn(best, random, size), [random.random() >= share for _ in range(size)])

    return draw


def _gain(better: Array, worse: Array, share: float) -> float:
    """The F1 of a model that has so large a share of the better answers, minus that of the other one."""
    return float(f1(share * better + (1 - share) * worse) - f1(share * worse + (1 - share) * better))


def _dealt(sheet: Sheet, swap: Sequence[bool]) -> Sheet:
    """The sheet with the answers of both versions swapped in some texts."""
    pairs = list(zip(sheet.answers[CHAMPION], sheet.answers[NEW], swap, strict=True))
    new = tuple(first if is_swapped else second for first, second, is_swapped in pairs)
    live = tuple(second if is_swapped else first for first, second, is_swapped in pairs)
    return Sheet(sheet.labels, sheet.documents, {**sheet.answers, CHAMPION: live, NEW: new})


def _mixed(sheet: Sheet, random: Random) -> tuple[Spans | None, ...]:
    return tuple(random.choice(pair) for pair in zip(sheet.answers[CHAMPION], sheet.answers[NEW], strict=True))


def change(sheet: Sheet) -> float:
    """How much higher the new version's F1 is on all texts of a sheet."""
    new, live = (float(f1(counts(sheet, model).sum(axis=(0, 1)))) for model in (NEW, CHAMPION))
    return new - live


def table(heads: Sequence[object], some: Iterator[Sequence[object]]) -> str:
    """A table in Markdown."""
    lines = [f"| {' | '.join(map(str, row))} |" for row in (heads, ["---"] * len(heads), *some)]
    return "\n".join(lines)


def write(tables: str) -> None:
    """Put the tables between the document's markers."""
    text = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    stand = f"{processor()}, {date.today()}; code {code_version()}."
    replace_text(DOCUMENT, f"{before}{BEGIN}\n\n{tables}\n\n{stand}\n\n{END}{after}")


def _named(sheets: dict[str, Sheet], pair: str) -> list[Sheet]:
    """The stored predictions of a pair, of all repeats."""
    return [sheet for name, sheet in sheets.items() if name.startswith(f"{pair}-")]


if __name__ == "__main__":
    typer.run(main)
