"""A hook of mkdocs: documents that lie outside of `docs/` become pages, and links between all of them stay right."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent

ELSEWHERE = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "examples/README.md": "examples.md",
    "helm/spanloop/README.md": "values.md",
    "starter/README.md": "starter.md",
    "Dockerfile": "files/Dockerfile",
    "helm/spanloop/ci/platform-values.yaml": "files/platform-values.yaml",
    "examples/guide.ipynb": "files/guide.ipynb",
    "starter/model/scores.json": "files/scores.json",
}
"""Where a file of the repository is in the site. Files of `docs/` keep their names."""
PLOTS = "benchmarks/results/"
"""Pictures below it are in the site below `files/`."""

LINK = re.compile(r"(?<=\]\()(?P<path>[^)\s#:]+)(?=[)#])")
"""The file that a Markdown link leads to, as it is written; not one with a scheme."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files that lie elsewhere."""
    plots = {path.relative_to(ROOT).as_posix(): path for path in (ROOT / PLOTS).rglob("*.svg")}
    for source, target in [*ELSEWHERE.items(), *((plot, _plot(plot)) for plot in plots)]:
        files.append(File.generated(config, target, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links lead to where the files are in the site. What is not there stays as it is, and fails a strict build."""
    here = page.file.src_uri
    source = next((source for source, target in ELSEWHERE.items() if target == here), f"docs/{here}")

    def moved(link: re.Match[str]) -> str:
        wanted = normpath(str(PurePosixPath(source).parent / link["path"]))
        target = _target(wanted)
        return relpath(target, PurePosixPath(here).parent) if target else link["path"]

    return LINK.sub(moved, markdown)


def _target(source: str) -> str:
    if source.startswith("docs/"):
        return source.removeprefix("docs/")
    return _plot(source) if source.startswith(PLOTS) else ELSEWHERE.get(source, "")


def _plot(source: str) -> str:
    return f"files/{source.removeprefix(PLOTS)}"
