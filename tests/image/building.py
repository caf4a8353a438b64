"""The inputs of a build without an image registry: a copy of the checkout, wheels and Debian's packages."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from containers import Podman

ROOT = Path(__file__).parent.parent.parent
CONTEXT = (
    "Dockerfile",
    ".dockerignore",
    "LICENSE",
    "pyproject.toml",
    "requirements",
    "service",
    "spanloop",
    "starter",
    "training",
)
DEBIAN = "bookworm"
"""The Debian release whose Python is the one that these tests run with."""
CPU = "https://download.pytorch.org/whl/cpu"


def snapshot(source: Path, folder: Path) -> Path:
    """Copy the files that the image is built from."""
    folder.mkdir(exist_ok=True)
    for name in CONTEXT:
        (shutil.copytree if (source / name).is_dir() else shutil.copy2)(source / name, folder / name)
    return folder


def fetch(folder: Path) -> Path:
    """Download every package of the image, with this machine's configuration of pip."""
    pip = [sys.executable, "-m", "pip", "download", "-q", f"--dest={folder}"]
    base, torch = (f"--requirement={ROOT / 'requirements' / name}" for name in ("base.txt", "torch.txt"))
    subprocess.run([*pip, "--require-hashes", "--no-deps", base], check=True)
    # If this fails, the next command downloads PyPI's torch, which is larger by 3 GB.
    subprocess.run([*pip, "--no-deps", "--retries=0", "--timeout=15", f"--index-url={CPU}", torch])
    subprocess.run([*pip, f"--find-links={folder}", "pip", torch], check=True)
    return folder


def make_base(podman: Podman, wheels: Path) -> str:
    """Make a base image like python:3.11-slim, with Debian, Python and pip. Returns its name."""
    archive = podman.folder / "base.tar"
    (pip,) = wheels.glob("pip-*.whl")
    into = '"$1"/usr/local/lib/python3.11/dist-packages'
    hook = f'{sys.executable} -m zipfile -e {pip} {into} && rm "$1"/usr/lib/python3.11/EXTERNALLY-MANAGED'
    options = ["--quiet", "--variant=minbase", "--include=python3,ca-certificates", f"--customize-hook={hook}"]
    subprocess.run(["mmdebstrap", *options, DEBIAN, str(archive)], check=True, timeout=900)
    podman("import", str(archive), "localhost/base:test")
    archive.unlink()
    return "localhost/base:test"


def make_label_studio(podman: Podman, base: str, program: Path, tag: str) -> None:
    """Make an image like Label Studio's own: the installed program on the base image, as a user without rights."""
    packages = program.parent.parent / "lib" / "python3.11"
    # Its client of Redis needs this with Python before 3.11.3, which Debian has and the installation has not.
    wheels = podman.folder / "wheels-of-label-studio"
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "-q", "--no-deps", f"--dest={wheels}", "async-timeout"], check=True
    )
    start = "from label_studio.server import main; main()"
    dockerfile = podman.folder / "Dockerfile.label-studio"
    dockerfile.write_text(
        f"""FROM {base}
RUN python3 -m pip install -q --no-index --no-deps /wheels/*.whl
COPY site-packages /usr/local/lib/python3.11/dist-packages
RUN printf '#!/bin/sh\\nexec python3 -c "{start}" "$@"\\n' > /usr/local/bin/label-studio \\
    && chmod +x /usr/local/bin/label-studio && install -d -o 1001 /label-studio/data
ENV LABEL_STUDIO_BASE_DATA_DIR=/label-studio/data HOME=/label-studio/data
USER 1001
VOLUME /label-studio/data
""",
        encoding="utf-8",
    )
    podman.build(packages, tag, f"--file={dockerfile}", f"--volume={wheels}:/wheels:ro")


def arguments(folder: Path, wheels: Path, base: str, version: str) -> list[str]:
    """The arguments of a build that installs only the wheels. Its pip.conf is a secret of the build."""
    configuration = folder / "pip.conf"
    configuration.write_text("[global]\nno-index = true\nfind-links = /wheels\n", encoding="utf-8")
    secret = f"--secret=id=pip.conf,src={configuration}"
    return [f"--build-arg=BASE={base}", f"--build-arg=VERSION={version}", secret, f"--volume={wheels}:/wheels:ro"]
