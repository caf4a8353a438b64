"""What tests ask of a directory in a local store."""

from __future__ import annotations

from pathlib import Path


def left_in(folder: Path) -> list[str]:
    """The names in a directory but for locks."""
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


def content(folder: Path) -> dict[str, tuple[bytes, bool]]:
    """Every file below a directory: its bytes, and whether it may be executed."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), bool(path.stat().st_mode & 0o100)) for path in files
    }
