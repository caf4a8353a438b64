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
    with pytest.raises(space.NoSpace, match=r"Nothing was trained.*training\.persistence\.size"):
        space.require(tmp_path, weights)
