from __future__ import annotations

import pytest

from service.versions.reference import Reference, Repository

DIGEST = "sha256:" + "0a" * 32


@pytest.mark.parametrize(
    "text",
    ["registry.example.com/spanloop", "localhost:5000/team/span_loop", "[::1]:5000/a.b", "10.0.0.1:5000/a/b-c/d"],
)
def test_a_repository_reads_back_as_it_is_written(text):
    assert str(Repository.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "spanloop", "https://host/name", "host/", "host/Name", "host/a//b", "a b/c", "host/a:v1"]
)
def test_what_is_no_repository_is_refused_with_how_to_write_one(text):
    with pytest.raises(ValueError, match=r"host\[:port\]/name"):
        Repository.parse(text)


def test_the_hub_answers_under_another_name():
    assert Repository.parse("docker.io/team/spanloop").api_host == "registry-1.docker.io"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v1", Reference("v1")),
        (f"v1@{DIGEST}", Reference("v1", DIGEST)),
        ("host:5000/a/b:v1", Reference("v1", "", Repository("host:5000", "a/b"))),
        (f"host:5000/a/b:v1@{DIGEST}", Reference("v1", DIGEST, Repository("host:5000", "a/b"))),
    ],
)
def test_a_reference_reads_back_as_it_is_written(text, expected):
    assert Reference.parse(text) == expected
    assert str(expected) == text


@pytest.mark.parametrize(
    "text", ["", "..", ".hidden", "a/b", "host:5000/a/b", DIGEST, "v1@", "v1@sha256:abc", f"v1@{DIGEST}0", "name:v1"]
)
def test_what_names_no_version_is_refused(text):
    with pytest.raises(ValueError, match="names no"):
        Reference.parse(text)
