"""Extended headers of tar files that are expensive to parse."""

from __future__ import annotations

import tarfile

import pytest
from tests.archives.building import pax_record, tar_entry

from hatch_staged.archives import ArchiveError, pax

RECORDS = pax_record(b"path", b"foo/a=b\n1 2") + pax_record(b"LIBARCHIVE.xattr", b"\0\xff") + pax_record(b"x", b"")


@pytest.mark.parametrize("content", [b"", pax_record(b"x", b"1" * 100), RECORDS])
@pytest.mark.parametrize("filler", [b"", bytes(100), b"\0rest"])
def test_an_extended_header(content: bytes, filler: bytes) -> None:
    assert pax.check(content + filler) == len(content)


@pytest.mark.parametrize(
    "content",
    [
        b"2 " * 1000 + b"=\n",  # each of them would be a record, up to the one "="
        b"5 path=x\n",
        b"8 path=x\n",
        b"11 path=x\n",
        b"100 path=x\n",
        b"0 path=x\n",
        b"9 path:x\n",
        b"path=x\n",
        RECORDS + b" ",
    ],
)
def test_what_is_no_record(content: bytes) -> None:
    with pytest.raises(ArchiveError, match="something else than records"):
        pax.check(content)


@pytest.mark.parametrize("content", [pax_record(b"mtime", b"1" * 101), pax_record(b"x", b"") + bytes(1) + b"1" * 101])
def test_a_number_that_is_too_long(content: bytes) -> None:
    with pytest.raises(ArchiveError, match="more than 100 digits"):
        pax.check(content)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE])
def test_what_announces_one(kind: bytes) -> None:
    header = tar_entry("x", kind).tobuf(tarfile.USTAR_FORMAT)
    assert pax.announces(header)
    # without "ustar", which tarfile does not ask for
    bare = bytearray(tar_entry("x", kind).tobuf(tarfile.USTAR_FORMAT, "utf-8"))
    bare[257:265] = bytes(8)
    bare[148:156] = b"%06o\0 " % sum(bare[:148], sum(bare[156:], 8 * ord(" ")))
    assert pax.announces(bytes(bare))


@pytest.mark.parametrize("header", [b"", b"x" * 512, b"x" * 1024, tar_entry("x").tobuf(tarfile.USTAR_FORMAT)])
def test_what_announces_none(header: bytes) -> None:
    assert not pax.announces(header)
