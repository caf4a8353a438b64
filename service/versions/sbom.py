"""The software bill of materials of a version or of this installation: a document in CycloneDX 1.6.

`python -m service.versions.sbom` prints that of the packages that are installed where it runs, for example in an image.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid5

from service import __version__
from service.settings import ROOT
from service.versions.lineage import Lineage
from service.versions.packages import Package, installed
from service.versions.store import MODEL_NAME

if TYPE_CHECKING:  # a run and the command above alone import it
    from cyclonedx.model.component import Component
    from cyclonedx.model.license import License

FILE = "sbom.cdx.json"
"""The document's file beside a version's weights."""
MEDIA_TYPE = "application/vnd.cyclonedx+json"

REQUIREMENTS = ROOT / "requirements"


def of_version(lineage: Lineage, licence: str) -> bytes:
    """What a version was made with: its base model, under this licence ("" if it names none), and all packages."""
    from cyclonedx.model.component import Component, ComponentType

    kind = ComponentType.MACHINE_LEARNING_MODEL
    base = Component(name=lineage.base, type=kind, bom_ref=f"model:{lineage.base}", licenses=_licences(licence))
    made = Component(
        name=MODEL_NAME,
        version=lineage.version,
        type=kind,
        bom_ref=f"model:{lineage.version}",
        description=f"Made by run {lineage.run} with Spanloop {lineage.code}",
    )
    return _document(made, [base, *_components(installed(REQUIREMENTS))], lineage.created)


def of_installation() -> bytes:
    """What is installed here. The document has the time in SOURCE_DATE_EPOCH (seconds, as reproducible-builds.org has
    it), or now."""
    from cyclonedx.model.component import Component, ComponentType

    kind, reference = ComponentType.APPLICATION, f"spanloop:{__version__}"
    here = Component(
        name="spanloop", version=__version__, type=kind, bom_ref=reference, licenses=_licences("Apache-2.0")
    )
    others = [one for one in installed(REQUIREMENTS) if one.name != "spanloop"]
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    created = datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)
    return _document(here, _components(others), created)


def _document(about: Component, components: Iterable[Component], created: datetime) -> bytes:
    """The document about a component that consists of others, byte for byte the same for the same content."""
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.output.json import JsonV1Dot6

    bom = Bom(
        serial_number=uuid5(NAMESPACE_URL, f"{about.name}:{about.version}:{created.isoformat()}"),
        metadata=BomMetaData(component=about, timestamp=created),
        components=components,
    )
    bom.register_dependency(about, bom.components)
    return JsonV1Dot6(bom).output_as_string().encode()


def _components(packages: Iterable[Package]) -> list[Component]:
    from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
    from cyclonedx.model.component import Component
    from packageurl import PackageURL

    made = []
    for name, version, licence, files in packages:
        url = PackageURL("pypi", name=name, version=version)
        hashes = [HashType(alg=HashAlgorithm.SHA_256, content=file) for file in files]
        # The package is one of these files, as in the documents that cyclonedx-bom makes of requirements.
        place = XsUri(f"https://pypi.org/simple/{name}/")
        source = ExternalReference(type=ExternalReferenceType.DISTRIBUTION, url=place, hashes=hashes)
        made.append(
            Component(
                name=name,
                version=version,
                bom_ref=str(url),
                purl=url,
                licenses=_licences(licence),
                external_references=[source] if files else [],
            )
        )
    return made


def _licences(named: str) -> list[License]:
    from cyclonedx.contrib.license.factories import LicenseFactory

    return [LicenseFactory().make_from_string(named)] if named else []


if __name__ == "__main__":
    sys.stdout.buffer.write(of_installation() + b"\n")
