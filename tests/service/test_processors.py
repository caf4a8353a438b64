"""How many processors a process takes itself to have."""

from __future__ import annotations

import os

import pytest

from service.processors import available

OWN = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("files", "count"),
    [
        ({"cpu.max": "100000 100000"}, 1),
        ({"cpu.max": "50000 100000"}, 1),
        ({"cpu.max": "150000 100000"}, 2),
        ({"cpu.max": "max 100000"}, OWN),
        ({"cpu.max": "9900000 100000"}, OWN),
        ({"cpu/cpu.cfs_quota_us": "100000", "cpu/cpu.cfs_period_us": "100000"}, 1),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, OWN),
        ({"cpu.max": "what is this"}, OWN),
        ({}, OWN),
    ],
    ids=str,
)
def test_a_containers_limit_counts_where_it_has_one(tmp_path, files, count):
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content + "\n")
    assert available(tmp_path) == min(count, OWN)
