"""The Makefile's targets for a release, with a container engine and an audit that only say what they are told."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from service.settings import ROOT

DIGEST = "sha256:" + "1" * 64
TAG = "docker.io/library/python:3.11-slim"


@pytest.fixture
def checkout(tmp_path):
    """A copy of what the targets read, with an environment that is installed."""
    for name in ("Makefile", "Dockerfile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "requirements").mkdir()
    for name in ("base.txt", "torch.txt"):
        (tmp_path / "requirements" / name).write_text("attrs==25.4.0\n")
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    (tmp_path / "venv" / "bin" / ".installed").touch()
    return tmp_path


def program(path, script):
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def make(checkout, *arguments):
    """The exit status of a target, and what it says."""
    command = ["make", "--no-print-directory", "VENV=venv", *arguments]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def base_of(checkout):
    (line,) = [one for one in (checkout / "Dockerfile").read_text().splitlines() if one.startswith("ARG BASE=")]
    return line.removeprefix("ARG BASE=")


def test_the_base_is_pinned_by_the_digest_of_its_tag_and_later_by_the_next(checkout):
    engine = f'echo "$@" >> asked; test "$1" = pull || echo docker.io/library/python@{DIGEST}'
    program(checkout / "engine", engine)
    assert make(checkout, "base", "ENGINE=./engine")[0] == 0
    assert base_of(checkout) == f"{TAG}@{DIGEST}"
    newer = DIGEST.replace("1", "2")
    program(checkout / "engine", engine.replace(DIGEST, newer))
    assert make(checkout, "base", "ENGINE=./engine")[0] == 0
    assert base_of(checkout) == f"{TAG}@{newer}"
    assert f"pull -q {TAG}\n" in (checkout / "asked").read_text()


@pytest.mark.parametrize("script", ["exit 1", "true", "echo no such image; exit 1"])
def test_a_base_whose_digest_is_not_known_leaves_the_dockerfile_as_it_is(checkout, script):
    before = (checkout / "Dockerfile").read_text()
    program(checkout / "engine", script)
    status, _ = make(checkout, "base", "ENGINE=./engine")
    assert status != 0
    assert (checkout / "Dockerfile").read_text() == before


@pytest.mark.parametrize(
    ("script", "status", "says"),
    [
        ("echo No known vulnerabilities found >&2", 0, "No known vulnerabilities"),
        ("echo Found 1 known vulnerability in 1 package >&2; echo 'attrs 25.4.0 CVE-1'; exit 1", 1, "CVE-1"),
        ("echo 'requests.exceptions.ConnectionError: no route' >&2; exit 1", 2, "nothing is known"),
        ("echo 'ERROR: attrs: Dependency not found on PyPI' >&2; exit 1", 2, "pypi was not reached"),
    ],
)
def test_an_audit_tells_a_vulnerability_from_a_service_that_was_not_reached(checkout, script, status, says):
    program(checkout / "venv" / "bin" / "pip-audit", f'echo "$@" > asked; {script}')
    ended, said = make(checkout, "audit")
    assert says in said
    assert (ended != 0) is (status != 0)
    assert f"Error {status}" in said or status == 0
    asked = (checkout / "asked").read_text()
    assert "--strict" in asked
    assert "--requirement requirements/base.txt --requirement requirements/torch.txt" in asked
