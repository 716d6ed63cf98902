"""Core metadata out of real archives, and of what only looks like one."""

from __future__ import annotations

import errno
import gzip
import io
import random
import struct
import tarfile
import zipfile
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from hatch_staged import archives
from hatch_staged.archives import ArchiveError, read_metadata
from hatch_staged.protocol.distributions import parse_filename

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hatch_staged.protocol.distributions import Distribution

WHEEL = parse_filename("Foo_Bar-1.2.0-py3-none-any.whl")
SDIST = parse_filename("foo_bar-1.2.0.tar.gz")
METADATA = b"Metadata-Version: 2.4\nName: Foo.Bar\nVersion: 1.2\nRequires-Python: >=3.10\n\nText\n"


def wheel(
    members: Sequence[tuple[str, bytes]] = (("foo_bar.py", b""), ("Foo_Bar-1.2.0.dist-info/METADATA", METADATA)),
    compression: int = zipfile.ZIP_DEFLATED,
) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return buffer.getvalue()


def sdist(
    members: Sequence[tuple[str, bytes]] = (
        ("foo_bar-1.2.0/README.md", b"read me"),
        ("foo_bar-1.2.0/PKG-INFO", METADATA),
    ),
    tar_format: int = tarfile.PAX_FORMAT,
) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=tar_format) as archive:
        for name, content in members:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_wheel(compression: int) -> None:
    metadata = read_metadata(io.BytesIO(wheel(compression=compression)), WHEEL)
    assert (metadata.project, metadata.version, metadata.requires_python) == ("foo-bar", WHEEL.version, ">=3.10")
    assert metadata.raw == METADATA


@pytest.mark.parametrize("tar_format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_an_sdist(tar_format: int) -> None:
    metadata = read_metadata(io.BytesIO(sdist(tar_format=tar_format)), SDIST)
    assert (metadata.project, metadata.version, metadata.requires_python) == ("foo-bar", SDIST.version, ">=3.10")
    assert metadata.raw == METADATA


def test_python_need_not_be_required() -> None:
    content = sdist([("x/PKG-INFO", b"Name: foo-bar\nVersion: 1.2\n")])
    assert read_metadata(io.BytesIO(content), SDIST).requires_python is None


@pytest.mark.parametrize("name", ["PKG-INFO", "foo_bar-1.2.0/foo_bar.egg-info/PKG-INFO", "foo_bar-1.2.0/MY-PKG-INFO"])
def test_only_the_pkg_info_of_the_top_folder_counts(name: str) -> None:
    with pytest.raises(ArchiveError, match="has none"):
        read_metadata(io.BytesIO(sdist([(name, METADATA)])), SDIST)


def test_a_directory_that_points_before_the_file(tmp_path: Path) -> None:
    content = bytearray(wheel())
    [size, offset] = struct.unpack("<LL", content[-10:-2])
    content[-10:-2] = struct.pack("<LL", size, offset + 1000)
    path = tmp_path / "foo.whl"
    path.write_bytes(content)
    # Not in memory: a real file answers with an error of the operating system.
    with path.open("rb") as file, pytest.raises(ArchiveError, match="broken archive"):
        read_metadata(file, WHEEL)


def test_a_pkg_info_that_is_a_folder() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        entry = tarfile.TarInfo("foo_bar-1.2.0/PKG-INFO")
        entry.type = tarfile.DIRTYPE
        archive.addfile(entry)
    buffer.seek(0)
    with pytest.raises(ArchiveError, match="has none"):
        read_metadata(buffer, SDIST)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_a_pkg_info_that_is_a_link(kind: bytes) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        entry = tarfile.TarInfo("foo_bar-1.2.0/real")
        entry.size = len(METADATA)
        archive.addfile(entry, io.BytesIO(METADATA))
        link = tarfile.TarInfo("foo_bar-1.2.0/PKG-INFO")
        link.type, link.linkname = kind, {tarfile.SYMTYPE: "real", tarfile.LNKTYPE: entry.name}[kind]
        archive.addfile(link)
    buffer.seek(0)
    with pytest.raises(ArchiveError, match="has none"):
        read_metadata(buffer, SDIST)


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["METADATA"],
        ["x/Foo_Bar-1.2.0.dist-info/METADATA"],
        ["Foo_Bar-1.2.0.dist-info/METADATA", "Foo_Bar-1.3.dist-info/METADATA"],
    ],
)
def test_a_wheel_has_one_metadata(names: list[str]) -> None:
    with pytest.raises(ArchiveError, match="a wheel has one"):
        read_metadata(io.BytesIO(wheel([(name, METADATA) for name in names])), WHEEL)


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        (b"Name: other\nVersion: 1.2\n", "of other 1.2, the file name says foo-bar 1.2.0"),
        (b"Name: foo-bar\nVersion: 1.3\n", "of foo-bar 1.3, the file name says foo-bar 1.2.0"),
        (b"Version: 1.2\n", "has no name"),
        (b"Name: foo-bar\n", "has no version"),
        (b"Name: foo-bar\nVersion: next\n", "wrong"),
        (b"Name: foo-bar\nVersion: " + b"1" * 5000 + b"\n", "wrong"),
        (b"Name: foo\x1b[31m\nVersion: 1.2\n", "wrong"),
        (b"", "has no name"),
        (b"\xff\xfe\x00", "has no name"),
    ],
)
def test_metadata_that_does_not_fit(metadata: bytes, told: str) -> None:
    with pytest.raises(ArchiveError, match=told):
        read_metadata(io.BytesIO(wheel([("x-1.dist-info/METADATA", metadata)])), WHEEL)
    with pytest.raises(ArchiveError, match=told):
        read_metadata(io.BytesIO(sdist([("x/PKG-INFO", metadata)])), SDIST)


def test_metadata_with_messages_nested_in_it() -> None:
    parts = b"".join(b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (n, n) for n in range(3000))
    with pytest.raises(ArchiveError, match="broken archive"):
        read_metadata(io.BytesIO(wheel([("x-1.dist-info/METADATA", b"Name: foo-bar\nVersion: 1.2\n" + parts)])), WHEEL)


@pytest.mark.parametrize("content", [b"", b"garbage" * 100, sdist(), wheel()])
def test_no_archive_or_the_other_kind(content: bytes) -> None:
    with pytest.raises(ArchiveError):
        read_metadata(io.BytesIO(content), SDIST if content == wheel() else WHEEL)


@pytest.mark.parametrize(("content", "distribution"), [(wheel(), WHEEL), (sdist(), SDIST)])
def test_every_truncated_archive(content: bytes, distribution: Distribution) -> None:
    for length in range(len(content) - 60):
        with pytest.raises(ArchiveError):
            read_metadata(io.BytesIO(content[:length]), distribution)


@pytest.mark.parametrize(("content", "distribution"), [(wheel(), WHEEL), (sdist(), SDIST)])
@pytest.mark.parametrize("seed", range(3))
def test_damaged_archives(content: bytes, distribution: Distribution, seed: int) -> None:
    """Nothing but `ArchiveError`; an sdist is damaged below its compression, which has a check of its own."""
    chance = random.Random(seed)  # noqa: S311 - the same damage each time
    plain = gzip.decompress(content) if distribution is SDIST else content
    for _ in range(700):
        damaged = bytearray(plain)
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(len(damaged))] = chance.choice([0, 0x30, 0x37, 0x80, 0xFF, chance.randrange(256)])
        file = io.BytesIO(gzip.compress(damaged, 1) if distribution is SDIST else damaged)
        with suppress(ArchiveError):
            read_metadata(file, distribution)


def test_a_compression_that_has_no_bound() -> None:
    with pytest.raises(ArchiveError, match="neither stored nor deflated"):
        read_metadata(io.BytesIO(wheel(compression=zipfile.ZIP_BZIP2)), WHEEL)


def test_huge_metadata() -> None:
    huge = METADATA + b"x" * archives.MAX_METADATA_SIZE
    with pytest.raises(ArchiveError, match="metadata of more than"):
        read_metadata(io.BytesIO(wheel([("x-1.dist-info/METADATA", huge)])), WHEEL)
    with pytest.raises(ArchiveError, match="metadata of more than"):
        read_metadata(io.BytesIO(sdist([("x/PKG-INFO", huge)])), SDIST)


def test_metadata_just_not_huge() -> None:
    large = METADATA.ljust(archives.MAX_METADATA_SIZE, b"x")
    assert read_metadata(io.BytesIO(sdist([("x/PKG-INFO", large)])), SDIST).raw == large


def test_too_many_entries_in_a_wheel() -> None:
    # a central directory of nothing but the shortest possible entries
    entry = struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", 20, 0, 20, 0, 0, 0, 0, 33, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"x"
    count = archives.MAX_ENTRIES + 1
    directory = entry * count
    zip64 = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, len(directory), 0)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, len(directory), 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, len(directory), 0, 0)
    with pytest.raises(ArchiveError, match="entries"):
        read_metadata(io.BytesIO(directory + zip64 + locator + end), WHEEL)


def test_a_central_directory_that_says_it_is_huge() -> None:
    filler = b"\0" * (40 * 1024 * 1024)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(filler), 0, 0)
    with pytest.raises(ArchiveError, match="a header of more than"):
        read_metadata(io.BytesIO(filler + end), WHEEL)


def tar_header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    entry = tarfile.TarInfo(name)
    entry.size = size
    entry.type = kind
    return entry.tobuf(tarfile.GNU_FORMAT)


def test_an_entry_that_says_it_is_huge() -> None:
    content = tar_header("foo/huge", archives.MAX_UNPACKED_SIZE) + b"\0" * 1024
    with pytest.raises(ArchiveError, match="it unpacks to more than"):
        read_metadata(io.BytesIO(gzip.compress(content)), SDIST)


class Counting(io.BytesIO):
    """A file that counts what is read of it."""

    total = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Read."""
        content = super().read(size)
        self.total += len(content)
        return content


def test_an_entry_that_goes_back() -> None:
    prefix = tar_header("foo/a", 0) + tar_header("foo/big", 10_240) + b"\0" * 10_240
    back = bytearray(tarfile.TarInfo("foo/back").tobuf(tarfile.GNU_FORMAT))
    back[124:136] = b"\xff" + (256**11 - len(prefix)).to_bytes(11, "big")
    back[148:156] = b"%06o\0 " % sum(back[:148], sum(back[156:], 8 * ord(" ")))
    packed = Counting(gzip.compress(prefix + back + b"\0" * 1024))
    with pytest.raises(ArchiveError):
        read_metadata(packed, SDIST)
    assert packed.total <= len(packed.getvalue())


def test_headers_that_are_no_entries_count_too() -> None:
    size = 12 * 1024 * 1024
    piece = gzip.compress(tar_header("x", size, tarfile.GNUTYPE_LONGNAME) + bytes(size) + tar_header("x", 0), 1)
    with pytest.raises(ArchiveError, match="it unpacks to more than"):
        read_metadata(io.BytesIO(piece * (archives.MAX_UNPACKED_SIZE // size + 1)), SDIST)


def test_an_extended_header_that_is_huge() -> None:
    content = tar_header("x", 40 * 1024 * 1024, tarfile.XHDTYPE) + b"\0" * (40 * 1024 * 1024)
    with pytest.raises(ArchiveError, match="a header of more than"):
        read_metadata(io.BytesIO(gzip.compress(content, 1)), SDIST)


def test_an_extended_header_whose_record_is_longer_than_any_number() -> None:
    record = b"9" * 30 + b" path=x\n"
    content = tar_header("x", len(record), tarfile.XHDTYPE) + record.ljust(1024, b"\0")
    with pytest.raises(ArchiveError, match="broken archive"):
        read_metadata(io.BytesIO(gzip.compress(content)), SDIST)


def test_too_many_entries_in_an_sdist() -> None:
    content = tar_header("x", 0) * archives.MAX_ENTRIES
    with pytest.raises(ArchiveError, match="entries"):
        read_metadata(io.BytesIO(gzip.compress(content, 1)), SDIST)


class FailingDisk(io.BytesIO):
    """A file whose first bytes are on a broken piece of disk."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Fail as a disk does."""
        if self.tell() < 100:
            raise OSError(errno.EIO, "Input/output error")
        return super().read(size)


@pytest.mark.parametrize(("content", "distribution"), [(wheel(), WHEEL), (sdist(), SDIST)])
def test_a_broken_disk_is_no_broken_archive(content: bytes, distribution: Distribution) -> None:
    with pytest.raises(OSError, match="Input/output error"):
        read_metadata(FailingDisk(content), distribution)


@pytest.mark.parametrize(
    ("content", "distribution"),
    [
        (wheel([("a/.stage.toml", b""), ("Foo_Bar-1.2.0.dist-info/METADATA", METADATA)]), WHEEL),
        (sdist([("foo_bar-1.2.0/PKG-INFO", METADATA), ("foo_bar-1.2.0/.stage.toml", b"")]), SDIST),
    ],
)
def test_what_is_in_an_archive(content: bytes, distribution: Distribution) -> None:
    assert archives.holds(io.BytesIO(content), distribution, ".stage.toml") is True
    assert archives.holds(io.BytesIO(content), distribution, "stage.toml") is False
    with pytest.raises(ArchiveError, match="broken archive"):
        archives.holds(io.BytesIO(content[: len(content) // 2]), distribution, "nothing")
