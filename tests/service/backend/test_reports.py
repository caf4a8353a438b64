"""The reports of versions, and who may read them."""

from __future__ import annotations

import pytest

from service.versions import lineage as lineages
from service.versions.store import BentoStore
from tests.support.asking import basic

REPORT = "<!doctype html><title>the report of v1</title>"
PATH = "/versions/v1/report.html"


@pytest.fixture
def reported(publish, settings):
    """A version with a report and one without, in the store of the backends of this test."""
    store = BentoStore(settings().folder)
    publish(store, "v1", report=True)
    publish(store, "v2")
    (store.fetch("v1") / lineages.REPORT_FILE).write_text(REPORT)
    return store


def published(client, until):
    until(lambda: "v1" in client.app.state.supervisor.version_names)
    return client


def test_the_page_links_to_the_report_of_each_version_that_has_one(reported, backend, until):
    client = published(backend(), until)
    page = client.get("/?fragment").text
    assert f'href="{PATH.removeprefix("/")}"' in page
    assert "versions/v2/report.html" not in page
    answer = client.get(PATH)
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.text == REPORT


def test_a_version_without_a_report_has_none(reported, backend, until):
    client = published(backend(), until)
    for version in ("v2", "v3", "..", "%2e%2e", "..%2f..%2fv1", "v1%2f..%2fv1", "%00"):
        answer = client.get(f"/versions/{version}/report.html")
        assert answer.status_code == 404
        assert answer.json()["error"]


def test_a_report_of_a_version_that_was_deleted_meanwhile_is_not_found(reported, backend, until):
    client = published(backend(), until)
    (reported.fetch("v1") / lineages.REPORT_FILE).unlink()
    answer = client.get(PATH)
    assert answer.status_code == 404
    assert "v1 has no report.html" in answer.json()["error"]


def test_a_report_wants_credentials_where_some_are_set(reported, backend, until):
    client = published(backend(basic_auth_username="anna", basic_auth_password="secret"), until)
    assert client.get(PATH).status_code == 401
    assert client.get(PATH, headers=basic("anna:secret")).text == REPORT
