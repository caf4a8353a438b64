from __future__ import annotations

import hashlib
import io
import os
import tarfile
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oci_stores import content

from service.versions.oci.layers import LayerError, entries, pack, unpack


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "made"
    (made / "inner" / "empty").mkdir(parents=True)
    (made / "inner" / "ü.txt").write_text("text")
    (made / "run.sh").write_text("#!/bin/sh\n")
    (made / "run.sh").chmod(0o700)
    (made / ("long" * 50)).write_bytes(b"x" * 20_000)
    return made


def test_a_layer_unpacks_to_the_files_it_was_packed_from(folder, tmp_path):
    digest, size = pack(entries(folder), tmp_path / "layer")
    packed = (tmp_path / "layer").read_bytes()
    assert (digest, size) == (f"sha256:{hashlib.sha256(packed).hexdigest()}", len(packed))
    unpack(tmp_path / "layer", tmp_path / "there")
    assert content(tmp_path / "there") == content(folder)
    assert (tmp_path / "there" / "inner" / "empty").is_dir()


def test_the_same_files_make_the_same_layer_regardless_of_their_owner_time_and_order(folder, tmp_path):
    files = entries(folder)
    first = pack(files, tmp_path / "first")
    for path in files.values():
        os.utime(path, (1, 1))
    (folder / "inner" / "ü.txt").chmod(0o640)
    os.link(folder / "inner" / "ü.txt", tmp_path / "second name")
    assert pack(dict(reversed(files.items())), tmp_path / "second") == first
    (folder / "inner" / "ü.txt").write_text("tex!")
    assert pack(files, tmp_path / "third")[0] != first[0]


def test_a_link_is_refused_with_its_name(folder):
    (folder / "link").symlink_to("/etc/passwd")
    with pytest.raises(LayerError, match="link is neither a file nor a directory"):
        entries(folder)


def member(name, kind=tarfile.REGTYPE, target="", data=b"evil"):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, target, len(data) if kind == tarfile.REGTYPE else 0
    return info, io.BytesIO(data)


@pytest.mark.parametrize(
    "members",
    [
        [member("../outside")],
        [member("/tmp/../outside")],
        [member("a/../../outside")],
        [member("link", tarfile.SYMTYPE, ".."), member("link/outside")],
        [member("hard", tarfile.LNKTYPE, "../secret")],
        [member("link", tarfile.SYMTYPE, "inside")],
        [member("pipe", tarfile.FIFOTYPE)],
        [member("device", tarfile.CHRTYPE)],
    ],
)
def test_nothing_leaves_the_directory_and_nothing_but_files_is_made(members, tmp_path):
    inside = tmp_path / "parent" / "inside"
    inside.mkdir(parents=True)
    with tarfile.open(tmp_path / "layer", "w") as archive:
        for info, data in members:
            archive.addfile(info, data)
    with pytest.raises(LayerError):
        unpack(tmp_path / "layer", inside)
    outside = [path.name for path in tmp_path.rglob("*") if inside not in path.parents]
    assert sorted(outside) == ["inside", "layer", "parent"]
    assert not [path for path in inside.rglob("*") if not path.is_dir()]


@pytest.mark.parametrize("damage", [lambda data: data[:15_000], lambda data: b"x" * len(data), lambda data: b""])
def test_what_is_no_tar_is_refused(folder, tmp_path, damage):
    pack(entries(folder), tmp_path / "layer")
    (tmp_path / "layer").write_bytes(damage((tmp_path / "layer").read_bytes()))
    (tmp_path / "there").mkdir()
    with pytest.raises(LayerError, match="cannot be unpacked"):
        unpack(tmp_path / "layer", tmp_path / "there")


@pytest.mark.parametrize("name", ["long" * 2000, "part/" * 900 + "file", "x" * 300])
def test_a_name_that_no_file_can_have_is_refused(name, tmp_path):
    with tarfile.open(tmp_path / "layer", "w") as archive:
        archive.addfile(*member(name))
    (tmp_path / "there").mkdir()
    with pytest.raises(LayerError, match="the layer"):
        unpack(tmp_path / "layer", tmp_path / "there")


@given(st.integers(0, 4000), st.binary(min_size=1, max_size=40))
def test_a_damaged_layer_is_unpacked_or_refused(at, damage):
    with TemporaryDirectory() as name:
        layer, there = Path(name) / "layer", Path(name) / "there"
        there.mkdir()
        with tarfile.open(layer, "w", format=tarfile.PAX_FORMAT) as archive:
            for path in ("ü" * 120, "inner/file", "run.sh"):
                archive.addfile(*member(path))
        packed = layer.read_bytes()
        layer.write_bytes(packed[:at] + damage + packed[at + len(damage) :])
        with suppress(LayerError):
            unpack(layer, there)
