"""Versions by hand on one machine."""

from __future__ import annotations

import pytest

from service.backend.local.line import LocalLine
from service.versions.history import INITIAL, Conflict, LiveFile


def test_a_rollback_does_not_leave_a_version_that_went_live_meanwhile(tmp_path, bento_store, monkeypatch):
    line, file = LocalLine(tmp_path), LiveFile(tmp_path)
    for before, version in ((INITIAL, "v1"), ("v1", "v2")):
        file.swap(before, version, "better")
    looked = line.live

    def looked_at_and_then_changed():
        live = looked()
        file.swap("v2", "v3", "better still")
        return live

    monkeypatch.setattr(line, "live", looked_at_and_then_changed)
    with pytest.raises(Conflict, match=r"live version is v3, not v2.*Nothing was done"):
        line.rollback()
    assert (file.read().live, file.read().given_up) == ("v3", ())
