from __future__ import annotations

import pytest

from service.versions.oci.backoff import Passing
from service.versions.oci.errors import RegistryError, RegistryStep

STEP = RegistryStep("host/name", "the upload", "No tag was changed.")


def failing(times, after=0.0):
    left = [times]

    def attempt():
        if left[0]:
            left[0] -= 1
            raise Passing("it answered 503", after)
        return "done"

    return attempt


def test_what_passes_is_tried_again_after_growing_jittered_pauses(pauses):
    assert pauses.backoff(first=1, most=8).run(failing(6), STEP) == "done"
    assert len(pauses.taken) == 6
    for pause, whole in zip(pauses.taken, [1, 2, 4, 8, 8, 8], strict=True):
        assert whole / 2 <= pause <= whole
    assert len(set(pauses.taken)) == 6


def test_past_the_deadline_the_error_says_where_what_and_why(pauses):
    with pytest.raises(
        RegistryError, match=r"host/name: the upload failed: it answered 503 \(\d+ attempts.*No tag was"
    ):
        pauses.backoff(deadline=60).run(failing(1000), STEP)
    assert sum(pauses.taken) <= 60


def test_the_registrys_own_pause_is_kept_to(pauses):
    assert pauses.backoff(first=1).run(failing(1, after=33), STEP) == "done"
    assert pauses.taken == [33]


def test_a_pause_past_the_deadline_is_not_waited_for(pauses):
    with pytest.raises(RegistryError, match="asks to wait 3600 s more"):
        pauses.backoff(deadline=60).run(failing(1, after=3600), STEP)
    assert pauses.taken == []


def test_what_does_not_pass_is_not_tried_again(pauses):
    def attempt():
        raise STEP.failed("it is forbidden", "Ask.")

    with pytest.raises(RegistryError, match="forbidden"):
        pauses.backoff().run(attempt, STEP)
    assert pauses.taken == []
