"""Whether the volume has room for what a run keeps."""

from __future__ import annotations

from collections import namedtuple

import pytest
import torch

from training import space

Usage = namedtuple("Usage", "total used free")


@pytest.mark.parametrize(
    ("free", "suffices"), [(space.MODELS_KEPT * 4000, True), (space.MODELS_KEPT * 4000 - 1, False)]
)
def test_a_volume_without_room_for_a_run_is_told_before_it_learns(tmp_path, monkeypatch, free, suffices):
    monkeypatch.setattr(space.shutil, "disk_usage", lambda folder: Usage(1 << 40, 0, free))
    weights = [torch.zeros(500), torch.zeros(500)]
    if suffices:
        space.require(tmp_path, weights)
        return
    with pytest.raises(space.NoSpace, match=r"The run has stopped.*training\.persistence\.size"):
        space.require(tmp_path, weights)


def test_a_run_that_is_resumed_needs_no_room_for_the_checkpoint_that_is_there(tmp_path, monkeypatch):
    (tmp_path / "folds").mkdir()
    (tmp_path / "folds" / "checkpoint.pt").write_bytes(bytes(3 * 4000))
    monkeypatch.setattr(space.shutil, "disk_usage", lambda folder: Usage(1 << 40, 0, 2 * 4000))
    space.require(tmp_path, [torch.zeros(1000)])
