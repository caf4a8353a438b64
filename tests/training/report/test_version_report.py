"""The report of a version, from what is stored of it."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from service.settings import ROOT
from tests.support.reported import judged, sources
from tests.support.sheets import gold, sheet
from training.judge.evidence import Expected, Facts
from training.report.document import MOST_FLIPS, render


class Page(HTMLParser):
    """What a page consists of."""

    def __init__(self, document):
        super().__init__()
        self.ids, self.references, self.tags, self.tables, self.words = [], [], [], [], []
        self.links = []
        self.feed(document)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "table":
            self.tables.append({"caption": 0, "loose": 0})
        if tag == "caption":
            self.tables[-1]["caption"] += 1
        if tag == "th" and not dict(attrs).get("scope"):
            self.tables[-1]["loose"] += 1
        self.links += [dict(attrs).get("href")] if tag == "a" else []
        for name, value in attrs if tag != "a" else []:
            if name == "id":
                self.ids.append(value)
            if name in ("src", "href", "xlink:href", "data", "action"):
                self.references.append(value)
            self.references += re.findall(r"url\(([^)]*)\)", value or "")

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.words))


def test_a_report_has_the_verdict_its_reason_its_interval_and_each_label():
    known = sources(judged())
    text = Page(render(known)).text
    gain = known.verdict.gain
    assert known.verdict.decision == "PROMOTE"
    for shown in (
        "PROMOTE",
        known.verdict.reason,
        f"{gain.low:+.3f} to {gain.high:+.3f}",
        known.lineage.version,
        "longer than 12 words",
        "The scores of the network were too sure.",
        "0.123",
        "score of the network 0.210 0.050 25",
        "probability 0.070 0.050 25",
        "share that is right",
        "0.41",
    ):
        assert shown in text
    for label in known.sheet.labels:
        one = known.verdict.over["champion"].differences[f"label {label}"]
        assert f"{one.value:+.3f} {one.low:+.3f} to {one.high:+.3f}" in text


def test_a_report_asks_for_nothing_and_runs_nothing():
    page = Page(render(sources(judged())))
    assert {"svg", "table", "h1"} <= set(page.tags)
    assert not {"script", "link", "iframe", "object", "embed", "img", "form"} & set(page.tags)
    assert page.references
    assert all(re.fullmatch(r"#[\w-]+", reference) for reference in page.references)


def test_each_flip_links_to_its_task_in_label_studio():
    known = sources(judged())
    links = Page(render(known)).links
    assert links
    tasks = {f"http://label-studio.example.com/projects/7/data?task={place.task}" for place in known.places}
    assert set(links) <= tasks


def test_the_parts_of_the_charts_have_identifiers_of_their_own_and_find_each_other():
    page = Page(render(sources(judged())))
    assert len(page.ids) == len(set(page.ids))
    assert {reference.removeprefix("#") for reference in page.references} <= set(page.ids)


def test_every_table_has_a_caption_and_every_heading_of_it_says_what_it_heads():
    tables = Page(render(sources(judged()))).tables
    assert tables
    assert all(table == {"caption": 1, "loose": 0} for table in tables)


def test_the_same_version_has_the_same_report_in_any_process():
    program = (
        "from tests.support.reported import judged, sources; from training.report.document import render; "
        "import sys; sys.stdout.write(render(sources(judged(30))))"
    )
    one, other = (
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": "/tmp"},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    )
    assert one
    assert one == other


def test_labels_are_shown_as_they_are_written_and_are_no_markup():
    labels = ("<script>alert(1)</script>", "$a_1$ & 'b' \"c\"", "疾病 url(#x)")
    wanted = gold(60, labels)
    report = render(sources(sheet(wanted, labels=labels, base=[()] * 60, new=wanted)))
    page = Page(report)
    assert "script" not in page.tags
    for label in labels:
        assert label in page.text


def test_a_report_of_many_long_labels_has_all_of_them():
    labels = tuple(sorted(f"label {number:02d} with a name that is too long for a chart" for number in range(40)))
    wanted = gold(100, labels)
    text = Page(render(sources(sheet(wanted, labels=labels, base=[()] * 100, new=wanted)))).text
    assert all(label in text for label in labels)


def test_a_report_lists_the_first_flips_and_says_how_many_there_are():
    text = Page(render(sources(judged(400)))).text
    gained = re.search(r"Gained: the new version is right: (\d+), of which the first (\d+) are listed", text)
    assert gained
    assert int(gained[1]) > int(gained[2]) == MOST_FLIPS


def nothing_found():
    wanted = gold(40)
    return sources(sheet(wanted, base=[()] * 40, new=[()] * 40))


def nothing_known():
    bare = judged()
    return sources(bare, blend=None, calibrated=None, left_out={})._replace(trace=[])


def expected_of_the_live_version():
    wanted = gold(60)
    facts = Facts(
        on="out_of_fold",
        told="60 texts",
        versions={"base": "tiny-123456", "champion": "20260101-000000-aaaaaa"},
        tries=3,
        expected=Expected(f1=0.9, deviation=0.01),
        unread={"20250101-000000-cccccc": "it cannot be loaded: OSError"},
    )
    return sources(sheet(wanted, base=[()] * 60, new=wanted), facts)


@pytest.mark.parametrize(
    ("make", "shown"),
    [
        (nothing_found, ["base model (live)", "HOLD", "Gained: the new version is right: none"]),
        (nothing_known, ["This version is not calibrated.", "No annotated span was left out.", "was not kept"]),
        (expected_of_the_live_version, ["live version", "20250101-000000-cccccc", "it cannot be loaded: OSError"]),
    ],
)
def test_a_report_says_what_is_not_known(make, shown):
    text = Page(render(make())).text
    for words in shown:
        assert words in text
