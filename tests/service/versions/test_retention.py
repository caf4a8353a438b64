from __future__ import annotations

import pytest

from service.versions.reference import Reference
from service.versions.retention import Stays, retained

PUBLISHED = [Reference(f"v{n}", f"sha256:{n:064}") for n in (5, 4, 3, 2, 1)]


def test_the_newest_stay_and_those_in_use_and_those_that_another_tag_names():
    assert retained(PUBLISHED, 1, {"v3"}, {"v2"}) == {"v5": Stays.NEW, "v3": Stays.IN_USE, "v2": Stays.TAGGED}


def test_the_first_reason_that_holds_is_told():
    assert retained(PUBLISHED, 1, {"v5", "v4"}, {"v5", "v4"}) == {"v5": Stays.NEW, "v4": Stays.IN_USE}


@pytest.mark.parametrize("form", ["v2", "elsewhere/spanloop:v2", "copied@sha256:" + "2".zfill(64)])
def test_what_is_in_use_stays_by_its_name_or_its_digest(form):
    assert retained(PUBLISHED, 0, {form, ""}) == {"v2": Stays.IN_USE}


def test_a_version_without_a_digest_is_not_taken_for_another():
    assert retained([Reference("v2"), Reference("v1")], 0, {"v1"}) == {"v1": Stays.IN_USE}


@pytest.mark.parametrize("keep", [5, 9])
def test_few_versions_all_stay(keep):
    assert retained(PUBLISHED, keep, ()).keys() == {one.version for one in PUBLISHED}


@pytest.mark.parametrize(("keep", "in_use"), [(-1, ()), (0, {"no/version"})])
def test_nonsense_is_refused(keep, in_use):
    with pytest.raises(ValueError, match=r"no version|cannot be kept"):
        retained(PUBLISHED, keep, in_use)
