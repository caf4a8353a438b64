"""Layers: uncompressed tars, byte for byte the same for the same names, contents and executable bits."""

from __future__ import annotations

import errno
import hashlib
import stat
import tarfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

_BUFFER = 1 << 20


MALFORMED = (tarfile.TarError, ValueError, OverflowError, EOFError)
"""What the tarfile module raises for an archive of strangers."""
NAMES_REFUSED = frozenset({errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ})
"""What the file system answers to a name that it cannot make a file of, beside those that are there."""


class LayerError(ValueError):
    """Something that no layer may hold: a link, a device, a name that leads outside."""


def entries(folder: Path) -> dict[str, Path]:
    """All files and directories below a directory, by their names in a layer. Raises LayerError for anything else."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise LayerError(f"{path} is neither a file nor a directory; a Bento with it cannot be published.")
        found[path.relative_to(folder).as_posix()] = path
    return found


def pack(files: Mapping[str, Path], target: Path) -> tuple[str, int]:
    """Write these files and directories as a layer. Returns its digest and its size in bytes."""
    with target.open("wb") as file:
        hashed = _Hashed(file)
        with tarfile.open(fileobj=hashed, mode="w|", format=tarfile.PAX_FORMAT, bufsize=_BUFFER) as archive:  # type: ignore[call-overload]
            for name in sorted(files):
                _add(archive, name, files[name])
    return f"sha256:{hashed.digest.hexdigest()}", hashed.size


def unpack(source: Path, folder: Path) -> None:
    """Extract a layer below a directory. Raises LayerError for anything but plain files and directories within it.

    The caller has checked the layer's digest; its content is not trusted all the same.
    """
    try:
        with tarfile.open(source, "r:", bufsize=_BUFFER) as archive:
            for member in archive:
                if not (member.isreg() or member.isdir()) or member.issparse():
                    raise LayerError(f"the layer holds {member.name!r}, which is neither a file nor a directory")
                archive.extract(member, folder, filter="data")
    except LayerError:
        raise
    except MALFORMED as error:
        raise LayerError(f"the layer cannot be unpacked ({type(error).__name__}: {error})") from error
    except OSError as error:
        if error.errno in NAMES_REFUSED:
            raise LayerError(f"the layer has a name that no file can have ({error.strerror})") from error
        raise


def file(layer: bytes, name: str) -> bytes | None:
    """The content of one file of a layer; None if there is no such file. Raises LayerError for what is no layer."""
    try:
        with tarfile.open(fileobj=BytesIO(layer), mode="r:") as archive:
            member = next((one for one in archive if one.name == name), None)
            if member is None:
                return None
            if not member.isreg() or member.issparse() or member.size > len(layer):
                raise LayerError(f"the layer's {name!r} is no plain file")
            content = archive.extractfile(member)
            return content.read() if content else None
    except LayerError:
        raise
    except MALFORMED as error:
        raise LayerError(f"the layer cannot be read ({type(error).__name__}: {error})") from error


def _add(archive: tarfile.TarFile, name: str, path: Path) -> None:
    status = path.stat()
    member = tarfile.TarInfo(name)  # owner 0, time 0, no names
    if stat.S_ISDIR(status.st_mode):
        member.type, member.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(member)
        return
    member.size = status.st_size
    member.mode = 0o755 if status.st_mode & stat.S_IXUSR else 0o644
    with path.open("rb") as content:
        archive.addfile(member, content)


class _Hashed:
    """A writable file that hashes and counts what is written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        self.size += len(data)
        return self._file.write(data)
