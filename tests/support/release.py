"""A checkout that `make release` can publish, and what registries hold after it."""

from __future__ import annotations

import base64
import json
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

from service.settings import ROOT
from tests.support.lacking import missing

PATHS = ("Makefile", "Dockerfile", ".gitignore", "pyproject.toml", "requirements", "service", "helm", "tests/helm")
MANIFESTS = ", ".join(f"application/vnd.oci.image.{kind}.v1+json" for kind in ("manifest", "index"))


def needed(*names: str) -> None:
    """Skip the test if a program is not installed."""
    lacking = [name for name in names if not shutil.which(name)]
    if lacking:
        missing(f"{', '.join(lacking)} not on the PATH (Debian: skopeo, docker-registry; helm: `make test` brings it)")


@dataclass(frozen=True)
class Checkout:
    """A repository of git with one commit, and an environment beside it."""

    folder: Path
    environment: dict[str, str]

    @classmethod
    def make(cls, place: Path, environment: dict[str, str]) -> Checkout:
        made = cls(place / "checkout", environment)
        made.folder.mkdir(parents=True)
        for name in PATHS:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, made.folder / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / name, made.folder / name)
        bin_folder, tools = place / "venv" / "bin", place / "tools"
        for folder in (bin_folder, tools):
            folder.mkdir(parents=True)
            (folder / ".installed").touch()
        program(bin_folder / "python", f'exec {sys.executable} "$@"')
        (tools / "helm").symlink_to(str(shutil.which("helm")))
        made.git("init", "--quiet")
        made.commit()
        return made

    def git(self, *arguments: str) -> str:
        who = ("-c", "user.name=anna", "-c", "user.email=anna@example.com")
        done = subprocess.run(["git", *who, *arguments], cwd=self.folder, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def commit(self) -> None:
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", "a release")

    def release(self, **variables: object) -> tuple[int, str]:
        """`make release` with these variables: its exit status, and what it says."""
        place = self.folder.parent
        given = {"VENV": place / "venv", "HELM_TOOLS": place / "tools", **variables}
        command = ["make", "--no-print-directory", "release", *(f"{key}={value}" for key, value in given.items())]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=1200
        )
        return done.returncode, done.stdout + done.stderr

    @property
    def files(self) -> Path:
        """Where a release writes."""
        (only,) = (self.folder / ".release").iterdir()
        return only


def program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@dataclass(frozen=True)
class Registry:
    """A registry with TLS, read without any of Spanloop's code."""

    host: str
    certificate: Path

    @cached_property
    def trusted(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificate))

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"https://{self.host}/v2/{path}", headers={"Accept": MANIFESTS}, verify=self.trusted)

    def manifest(self, repository: str, reference: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"{repository}/manifests/{reference}").json()
        return found

    def digest(self, repository: str, tag: str) -> str:
        return str(self.get(f"{repository}/manifests/{tag}").headers["Docker-Content-Digest"])

    @property
    def tags(self) -> dict[str, str]:
        """The digest of each tag of each repository."""
        repositories = self.get("_catalog").json()["repositories"]
        found = {}
        for name in repositories:
            for tag in self.get(f"{name}/tags/list").json()["tags"] or []:
                found[f"{name}:{tag}"] = self.digest(name, tag)
        return found

    def attached(self, repository: str, digest: str) -> dict[str, tuple[str, bytes]]:
        """What refers to a manifest: the digest of its manifest and its content, by its type."""
        found = {}
        for one in self.manifest(repository, digest.replace(":", "-"))["manifests"]:
            (layer,) = self.manifest(repository, one["digest"])["layers"]
            found[layer["mediaType"]] = one["digest"], self.get(f"{repository}/blobs/{layer['digest']}").content
        return found

    def is_signed(self, repository: str, digest: str, key: Path) -> bool:
        """Whether openssl verifies the signature of a manifest, which is stored as cosign's specification says."""
        (layer,) = self.manifest(repository, f"{digest.replace(':', '-')}.sig")["layers"]
        assert layer["mediaType"] == "application/vnd.dev.cosign.simplesigning.v1+json"
        payload = self.get(f"{repository}/blobs/{layer['digest']}").content
        assert json.loads(payload) == {
            "critical": {
                "identity": {"docker-reference": f"{self.host}/{repository}"},
                "image": {"docker-manifest-digest": digest},
                "type": "cosign container image signature",
            },
            "optional": None,
        }
        with tempfile.NamedTemporaryFile() as signature:
            signature.write(base64.b64decode(layer["annotations"]["dev.cosignproject.cosign/signature"]))
            signature.flush()
            command = ["openssl", "dgst", "-sha256", "-verify", str(key), "-signature", signature.name]
            return subprocess.run(command, input=payload, capture_output=True).stdout == b"Verified OK\n"


def blocks(document: str) -> list[str]:
    """The blocks of commands in a document."""
    return re.findall(r"^```sh\n(.*?)^```$", document, re.MULTILINE | re.DOTALL)
