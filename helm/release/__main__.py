"""Publishes a release: `make release REGISTRY=registry.example.com/nlp KEY=$HOME/release.key`.

Image and chart go to one registry, each with its provenance, the image with its list of materials. All of them are
signed. The tag of the image is written last. The same commit and image give the same digests, so the same command
finishes a release that was interrupted.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from helm.release import airgap, chart, image, provenance, signing, source
from helm.release.image import Layout
from helm.release.programs import Refused, require
from helm.release.repository import ReleaseRepository
from helm.release.source import Source
from service.settings import ROOT
from service.versions import sbom
from service.versions.oci.credentials import Keychain
from service.versions.oci.errors import RegistryError
from service.versions.oci.manifest import digest_of

FOLDER = ROOT / ".release"
"""What a release writes on this machine, by version."""


def release(options: argparse.Namespace) -> Path:
    """Make and publish a release. Returns the folder of its files. Raises Refused and RegistryError."""
    key = signing.key(options.key)
    images = ReleaseRepository(f"{options.registry}/spanloop", key)
    charts = ReleaseRepository(f"{options.registry}/charts/spanloop", key)
    require("git", "tar", "make", "helm", options.engine)
    made = source.read(options.version, options.base)
    models = model_files(options.model)
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER) as stage:
        files = Path(stage, "files")
        files.mkdir()
        name = f"{images.name}:{made.version}"
        layout = image.build(options.engine, name, options.base, Path(stage, "image"))
        (files / "sbom.json").write_bytes(image.sbom(options.engine, name, made))
        package = chart.package(made, charts.name, images.name, digest_of(layout.manifest), files)
        publish(made, options.registry, images, charts, layout, package)
        (files / "release.pub").write_bytes(signing.public_pem(key))
        carried = {path.name: path for path in sorted(files.iterdir())} | models
        listed = airgap.document(made, options.registry, [*images.artefacts, *charts.artefacts], carried)
        (files / "airgap.md").write_text(listed, encoding="utf-8")
        shutil.rmtree(FOLDER / made.version, ignore_errors=True)
        return files.rename(FOLDER / made.version)


def model_files(folder: str) -> dict[str, Path]:
    """The files of a base model that the list names too, by their paths in it; none for "". Raises Refused."""
    found = sorted(path for path in Path(folder).rglob("*") if path.is_file()) if folder else []
    if folder and not found:
        raise Refused(f"There is no file in MODEL={folder}. Nothing was built or pushed. Name the folder of a model.")
    return {f"model/{path.relative_to(folder)}": path for path in found}


def publish(
    made: Source, registry: str, images: ReleaseRepository, charts: ReleaseRepository, layout: Layout, package: Path
) -> None:
    """Push all, unless a tag is taken. The files of the release are beside the packaged chart."""
    images.require_free(made.version, digest_of(layout.manifest))
    packaged = digest_of(package.read_bytes())
    chart_is_there = charts.has_chart(made.chart_version, packaged)

    the_image = images.send_image(layout, made.version)
    images.sign(the_image)
    images.attach(the_image, "sbom", sbom.MEDIA_TYPE, (package.parent / "sbom.json").read_bytes())
    if not chart_is_there:
        chart.push(package, charts.name, Keychain().path)
    the_chart = charts.chart(made.chart_version, packaged)
    charts.sign(the_chart)

    subjects = {images.name: the_image.digest, charts.name: the_chart.digest}
    statement = provenance.statement(made, registry, subjects)
    (package.parent / "provenance.json").write_bytes(statement)
    for repository, artefact in ((images, the_image), (charts, the_chart)):
        repository.attach(artefact, "provenance", provenance.MEDIA_TYPE, statement)
    images.show_image(layout, made.version)


def main() -> int:
    """The exit status: 0 for a release that was published."""
    parser = argparse.ArgumentParser(prog="make release")
    for name in ("registry", "version", "key", "base", "engine", "model"):
        parser.add_argument(f"--{name}", default="")
    options = parser.parse_args()
    try:
        folder = release(options)
    except (Refused, RegistryError) as error:
        print(f"make release: {error}", file=sys.stderr)
        return 2
    print(
        f"Published image and chart in {options.registry}. Publish the files in {folder.relative_to(ROOT)} beside them."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
