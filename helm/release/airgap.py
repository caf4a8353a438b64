"""The list for an installation without internet: all that a release consists of by digest, and how it is copied."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from helm.release.repository import Artefact
from helm.release.source import Source

HEAD = """\
# Spanloop {version} without internet

`make release` wrote this list from commit {commit}. One image holds all programs and the starter model.

## What there is

| in the registry | digest | bytes |
| --- | --- | --- |
{artefacts}

| file | SHA-256 | bytes |
| --- | --- | --- |
{files}

## Copy

Where the registry is reached, with [skopeo](https://github.com/containers/skopeo) 1.9 or later. It writes the folder
`{folder}`:

```sh
{fetch}
```

Put the files above into that folder too, and carry it over.

## Load

Where there is no internet, beside that folder. `MIRROR` is your registry:

```sh
export MIRROR=registry.internal/nlp
```

```sh
{load}
```

The digests are those above, so the signatures hold there too. A registry with the referrers API lists by itself what is
attached to image and chart. In another one it is found by the digests above. Check the files:

```sh
cd {folder} && sha256sum --check <<'END'
{sums}
END
```

## Install

```sh
helm install spanloop oci://$MIRROR/charts/spanloop --version {chart_version} -n spanloop \\
  --set image.repository=$MIRROR/spanloop --set registry.url=$MIRROR/spanloop-bentos \\
  --set labelStudio.url=http://label-studio.label-studio.svc --set labelStudio.existingSecret=label-studio
```
"""


def document(source: Source, registry: str, artefacts: Sequence[Artefact], files: dict[str, Path]) -> str:
    """The list, in Markdown. `files`: by their paths in the folder that is carried over."""
    folder = f"spanloop-{source.version}"
    sums = {name: _sha256(path) for name, path in files.items()}
    copies = [(one, f"oci:{folder}:{one.name}") for one in artefacts]
    return HEAD.format(
        version=source.version,
        chart_version=source.chart_version,
        commit=source.commit,
        folder=folder,
        artefacts="\n".join(f"| {one.name}: `{one.repository}` | `{one.digest}` | {one.size} |" for one in artefacts),
        files="\n".join(f"| `{name}` | `{sums[name]}` | {path.stat().st_size} |" for name, path in files.items()),
        fetch="\n".join(_copy(f"docker://{one.repository}@{one.digest}", place) for one, place in copies),
        load="\n".join(_copy(place, _mirrored(one, registry)) for one, place in copies),
        sums="\n".join(f"{digest}  {name}" for name, digest in sums.items()),
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _copy(origin: str, target: str) -> str:
    return f"skopeo copy --quiet --preserve-digests {origin} {target}"


def _mirrored(artefact: Artefact, registry: str) -> str:
    """Where the artefact is in the other registry."""
    name = f":{artefact.tag}" if artefact.tag else f"@{artefact.digest}"
    return f"docker://$MIRROR{artefact.repository.removeprefix(registry)}{name}"
