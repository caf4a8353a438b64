"""Keeps what this release leaves behind on a cluster, for the tests of upgrades from it: tests/fixtures/README.md.

tests/cluster/run .venv/bin/python -m tests.cluster.keep tests/fixtures/releases/0.1.0
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

from tests.end_to_end.material import CONFIG, sentences
from tests.support import oci_layout
from tests.support.past_release import FACTS, NAME, OBJECTS, VERSIONS, Object

from .neighbours import label_studio_in, registry_in
from .release import CHART, Release, helm, released
from .runs import another_run, in_phase

CODE = ("service", "training", "spanloop", "starter", "helm")
"""What a release consists of."""
KINDS = ("deployments", "configmaps", "jobs", "pods", "leases", "secrets", "persistentvolumeclaims")
TOKEN = "kubernetes.io/service-account-token"
REMOVED = base64.b64encode(b"removed").decode()
PUBLIC = "tls.crt"
"""The key of a Secret that is no secret."""
THRESHOLD = 0.4
TEXTS = [*sentences(6, seed=99)]


def main(out: Path) -> None:
    """Live with a release on a cluster, and write what it leaves behind. Leaves `out` as it is if it exists."""
    if "SPANLOOP_TEST_CLUSTER" not in os.environ:
        sys.exit("There is no cluster, so nothing was kept. Start this by tests/cluster/run; its head says how.")
    if out.exists():
        sys.exit(f"{out} is there already. It is never made again to please a test, so it was left as it is.")
    commit = committed()
    with tempfile.TemporaryDirectory() as name, label_studio_in(Path(name) / "studio") as studio:
        with registry_in(Path(name) / "registry") as registry, released(registry.address, studio) as release:
            answers = lived_through(release)
            made = Path(name) / "made"
            made.mkdir()
            pack(release, made / VERSIONS)
            write(made / OBJECTS, {kind: objects(release, kind) for kind in KINDS})
            facts = {"commit": commit, "kept": date.today().isoformat(), "repository": release.registry}
            write(made / FACTS, {**facts, "live": release.version, "answers": answers})
        helm("package", CHART, "--destination", str(made))
        shutil.copytree(made, out)
    print(f"{out} holds what commit {commit} leaves behind.")


def committed() -> str:
    """The commit that last changed the release. Ends the program where a change is in no commit."""
    if git("status", "--porcelain", "--", *CODE):
        sys.exit(f"There are changes in {', '.join(CODE)} that are in no commit. Nothing was kept. Commit them first.")
    return git("log", "-1", "--format=%H", "--", *CODE)


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout.strip()


def lived_through(release: Release) -> dict[str, list[Object]]:
    """A promotion, a run that somebody cancels, a rollback and a promotion by hand.

    What the two versions have found in some texts.
    """
    initial, answers = release.version, {}
    answers[initial] = answered(release)
    release.connect()
    release.connected(release.studio.project([], CONFIG), extra_params={"threshold": THRESHOLD})
    release.start_training()
    version = ended(release, "promoted")["version"]
    another_run(release, seed=11)
    in_phase(release, "tune")
    release.service("cancel")
    ended(release, "cancelled")
    release.service("rollback")
    release.until_version(initial)
    release.service("promote", version)
    release.until_version(version)
    answers[version] = answered(release)
    return answers


def answered(release: Release) -> list[Object]:
    return [{"text": text, "spans": spans} for text, spans in zip(TEXTS, release.found(TEXTS), strict=True)]


def ended(release: Release, outcome: str) -> dict[str, Any]:
    """The newest run, once it has ended in this way."""
    job = release.ended()
    if job["outcome"] != outcome:
        sys.exit(f"The run is {job['outcome']}, and was to be {outcome}: {job['message']} Nothing was kept.")
    return job


# What is kept


def pack(release: Release, archive: Path) -> None:
    """Write all that is in the release's repository as an archive of an image layout."""
    host, _, name = release.registry.partition("/")
    with tempfile.TemporaryDirectory() as folder:
        oci_layout.save(host, name, Path(folder))
        with tarfile.open(archive, "w:xz", preset=9) as made:
            made.add(folder, arcname=".", filter=plain)


def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """A file that is nobody's in particular."""
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    return member


def objects(release: Release, kind: str) -> list[Object]:
    """The release's objects of a kind, without what is secret."""
    found = release.get(kind)["items"]
    return [without_secrets(one) for one in found if one["metadata"]["name"].startswith(NAME) and not is_token(one)]


def is_token(found: Object) -> bool:
    return bool(found["kind"] == "Secret" and found["type"] == TOKEN)


def without_secrets(found: Object) -> Object:
    """An object without credentials and private keys, and without the list of who has changed what."""
    found["metadata"].pop("managedFields", None)
    if found["kind"] == "Secret":
        found["data"] = {key: value if key == PUBLIC else REMOVED for key, value in found["data"].items()}
    return found


def write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
