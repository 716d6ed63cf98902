"""What a source distribution has to have inside, and what would not stay inside."""

from __future__ import annotations

import gzip
import io
import tarfile

import pytest
from tests.archives.building import METADATA, SDIST_NAME, TOP, pack_sdist, pax_record, sdist, tar_entry

from hatch_staged.archives import ArchiveError, bounds, inspect
from hatch_staged.protocol.distributions import parse_filename

SDIST = parse_filename(SDIST_NAME)


def check(content: bytes) -> bytes:
    return inspect(io.BytesIO(content), SDIST).raw


def refusal(content: bytes) -> str:
    with pytest.raises(ArchiveError) as caught:
        check(content)
    return str(caught.value)


@pytest.mark.parametrize("tar_format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_an_sdist(tar_format: int) -> None:
    assert check(sdist((f"{TOP}/{'long/' * 40}x", b""), tar_format=tar_format)) == METADATA


@pytest.mark.parametrize("top", ["foo_bar-1.2.0", "Foo.Bar-1.2", "foo-bar-v1.2.0", "./foo_bar-1.2.0"])
def test_the_top_folder_may_be_spelled_otherwise(top: str) -> None:
    folders = [(tar_entry(name, tarfile.DIRTYPE), b"") for name in (".", top)]
    assert check(pack_sdist([*folders, (f"{top}/PKG-INFO", METADATA)])) == METADATA


@pytest.mark.parametrize("top", ["foo_bar", "foo_bar-1.3", "bar-1.2.0", "src", "foo_bar-next", f"foo_bar-{'1' * 5000}"])
def test_the_top_folder_is_of_the_release(top: str) -> None:
    message = refusal(pack_sdist([(f"{top}/PKG-INFO", METADATA)], tarfile.GNU_FORMAT))
    assert "is not in the one top folder, foo-bar-1.2.0" in message or "a name that no file can have" in message


@pytest.mark.parametrize("name", ["setup.py", "foo-bar-1.2.0/setup.py", "foo_bar-1.2.0.egg-info/PKG-INFO"])
def test_there_is_one_top_folder(name: str) -> None:
    assert refusal(sdist((name, b""))) == f"the entry '{name}' is not in the one top folder, foo_bar-1.2.0"


@pytest.mark.parametrize("name", [f"{TOP}/foo_bar.egg-info/PKG-INFO", f"{TOP}/MY-PKG-INFO"])
def test_only_the_pkg_info_of_the_top_folder_counts(name: str) -> None:
    assert "this one has none" in refusal(pack_sdist([(name, METADATA)]))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_a_pkg_info_that_is_a_link(kind: bytes) -> None:
    link = tar_entry(f"{TOP}/PKG-INFO", kind, {tarfile.SYMTYPE: "real", tarfile.LNKTYPE: f"{TOP}/real"}[kind])
    assert "is no file" in refusal(pack_sdist([(f"{TOP}/real", METADATA), (link, b"")]))


def test_a_pkg_info_that_is_a_folder() -> None:
    assert "this one has none" in refusal(pack_sdist([(tar_entry(f"{TOP}/PKG-INFO", tarfile.DIRTYPE), b"")]))


def test_a_second_pkg_info() -> None:
    assert "is there twice" in refusal(sdist((f"./{TOP}/PKG-INFO", METADATA)))


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "../x", f"{TOP}/../../x", f"{TOP}/a/../x", "C:/x", "\\x", f"{TOP}\\..\\..\\x", f"{TOP}/..\\x"],
)
def test_an_entry_that_leaves(name: str) -> None:
    message = refusal(sdist((name, b"")))
    assert "has an absolute path" in message or "has '..' in its path" in message


def test_what_some_project_has() -> None:
    names = [
        f"{TOP}/tests/a\\b",
        f"{TOP}/Icon\r",
        f"{TOP}/docs/..hidden",
        f"{TOP}/a:b",
        f"{TOP}/caf\u00e9",
        f"{TOP}/a//b",
    ]
    assert check(sdist(*((name, b"") for name in names))) == METADATA


@pytest.mark.parametrize(
    ("name", "target"),
    [
        (f"{TOP}/docs/README", "../README.md"),
        (f"{TOP}/link", "docs/here"),
        (f"{TOP}/a/b/link", "../../README.md"),
        (f"{TOP}/a/link", "./.."),
        (f"{TOP}/dangling", "nowhere"),
    ],
)
def test_a_link_that_stays(name: str, target: str) -> None:
    assert check(sdist((tar_entry(name, tarfile.SYMTYPE, target), b""))) == METADATA


@pytest.mark.parametrize(
    ("name", "target"),
    [
        (f"{TOP}/link", "/etc/passwd"),
        (f"{TOP}/link", "C:/x"),
        (f"{TOP}/link", ".."),
        (f"{TOP}/link", "../x"),
        (f"{TOP}/link", "..\\x"),
        (f"{TOP}/a/link", "../../x"),
        (TOP, "elsewhere/../.."),
    ],
)
def test_a_link_that_leaves(name: str, target: str) -> None:
    assert "outside" in refusal(sdist((tar_entry(name, tarfile.SYMTYPE, target), b"")))


def test_links_that_leave_together() -> None:
    up = tar_entry(f"{TOP}/a/up", tarfile.SYMTYPE, "..")
    assert "inside its target" in refusal(
        sdist((up, b""), (tar_entry(f"{TOP}/out", tarfile.SYMTYPE, "a/up/../../x"), b""))
    )
    assert "lies below" in refusal(sdist((up, b""), (tar_entry(f"{TOP}/a/up/out", tarfile.SYMTYPE, "../../x"), b"")))
    assert "lies below" in refusal(sdist((f"{TOP}/a/up/file", b""), (up, b"")))


@pytest.mark.parametrize("target", [f"{TOP}/README.md", f"./{TOP}/README.md"])
def test_a_hard_link_that_stays(target: str) -> None:
    assert check(sdist((tar_entry(f"{TOP}/again", tarfile.LNKTYPE, target), b""))) == METADATA


@pytest.mark.parametrize("target", ["README.md", "/etc/passwd", f"{TOP}/../x", "other/x"])
def test_a_hard_link_that_leaves(target: str) -> None:
    with pytest.raises(ArchiveError):
        check(sdist((tar_entry(f"{TOP}/again", tarfile.LNKTYPE, target), b"")))


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_what_is_no_file(kind: bytes) -> None:
    assert "neither a file, a folder nor a link" in refusal(sdist((tar_entry(f"{TOP}/dev", kind), b"")))


def test_a_sparse_file() -> None:
    sparse = tar_entry(f"{TOP}/sparse")
    sparse.pax_headers = {
        "GNU.sparse.major": "0",
        "GNU.sparse.minor": "1",
        "GNU.sparse.map": "0,1",
        "GNU.sparse.size": "1",
    }
    assert "is sparse" in refusal(sdist((sparse, b"x")))


def test_something_after_the_last_entry() -> None:
    plain = gzip.decompress(sdist())
    hidden = gzip.decompress(pack_sdist([("../evil", b"")]))
    assert "after its last entry" in refusal(gzip.compress(plain + hidden))
    damaged = bytearray(plain)
    damaged[plain.rindex(f"{TOP}/src".encode())] ^= 1  # the checksum of that header is wrong now
    assert "after its last entry" in refusal(gzip.compress(damaged))


def test_huge_metadata() -> None:
    huge = METADATA + b"x" * bounds.MAX_METADATA_SIZE
    assert f"'{TOP}/PKG-INFO' has more than" in refusal(sdist(pkg_info=huge))
    large = METADATA.ljust(bounds.MAX_METADATA_SIZE, b"x")
    assert check(sdist(pkg_info=large)) == large


def header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    return tar_entry(name, kind, size=size).tobuf(tarfile.GNU_FORMAT)


def test_an_entry_that_says_it_is_huge() -> None:
    assert "it unpacks to more than" in refusal(gzip.compress(header(f"{TOP}/huge", 10**9) + b"\0" * 1024))


class Counting(io.BytesIO):
    """A file that counts what is read of it."""

    total = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Read."""
        content = super().read(size)
        self.total += len(content)
        return content


def test_an_entry_that_goes_back() -> None:
    prefix = header(f"{TOP}/a", 0) + header(f"{TOP}/big", 10_240) + b"\0" * 10_240
    back = bytearray(tarfile.TarInfo(f"{TOP}/back").tobuf(tarfile.GNU_FORMAT))
    back[124:136] = b"\xff" + (256**11 - len(prefix)).to_bytes(11, "big")
    back[148:156] = b"%06o\0 " % sum(back[:148], sum(back[156:], 8 * ord(" ")))
    packed = Counting(gzip.compress(prefix + back + b"\0" * 1024))
    with pytest.raises(ArchiveError):
        inspect(packed, SDIST)
    assert packed.total <= len(packed.getvalue())


def test_headers_that_are_no_entries_count_too() -> None:
    size = 63 * 1024
    name = f"{TOP}/x".encode().ljust(size, b"\0")
    piece = header("x", size, tarfile.GNUTYPE_LONGNAME) + name + header(f"{TOP}/x", 0)
    assert "it unpacks to more than" in refusal(gzip.compress(piece * 1040, 1))


def full(content: bytes) -> bytes:
    """Return `content` with whole blocks."""
    return content + bytes(-len(content) % tarfile.BLOCKSIZE)


def with_header(kind: bytes, content: bytes) -> bytes:
    """Return an entry with an extended header."""
    return header("x", len(content), kind) + full(content) + header(f"{TOP}/x", 0)


def old_sparse(blocks: int) -> bytes:
    """Return the header of a sparse file, with a map of so many blocks after it."""
    start = bytearray(header(f"{TOP}/x", 0, tarfile.GNUTYPE_SPARSE))
    start[482] = 1  # "isextended"
    start[148:156] = b"%06o\0 " % sum(start[:148], sum(start[156:], 8 * ord(" ")))
    block = b"00000001000\0" * 42
    return bytes(start) + (block + b"\1".ljust(8, b"\0")) * (blocks - 1) + block + bytes(8)


def new_sparse(pieces: int) -> bytes:
    """Return a sparse file whose map is in its content, with so many pieces."""
    records = {b"GNU.sparse.major": b"1", b"GNU.sparse.minor": b"0", b"GNU.sparse.realsize": b"1"}
    table = full(b"%d\n" % pieces + b"1\n" * (2 * pieces))
    pax_header = b"".join(pax_record(*each) for each in records.items())
    return header("x", len(pax_header), tarfile.XHDTYPE) + full(pax_header) + header(f"{TOP}/x", len(table)) + table


LONG = 70_000


@pytest.mark.parametrize(
    "content",
    [
        with_header(tarfile.XHDTYPE, pax_record(b"comment", b"x" * LONG)),
        with_header(tarfile.XGLTYPE, pax_record(b"comment", b"x" * LONG)),
        with_header(tarfile.GNUTYPE_LONGNAME, f"{TOP}/x".encode().ljust(LONG, b"\0")),
        with_header(tarfile.GNUTYPE_LONGLINK, bytes(LONG)),
        (header("x", 1024, tarfile.GNUTYPE_LONGNAME) + f"{TOP}/x".encode().ljust(1024, b"\0")) * 50
        + header(f"{TOP}/x", 0),
        header("x", 0, tarfile.XHDTYPE) * 130 + header(f"{TOP}/x", 0),
        old_sparse(130),
        new_sparse(17_000),
    ],
)
@pytest.mark.parametrize("before", [b"", header(f"{TOP}/first", 0)])
def test_headers_of_an_entry_that_are_huge(before: bytes, content: bytes) -> None:
    end = bytes(2 * tarfile.BLOCKSIZE)
    assert "a header that is larger than any real one" in refusal(gzip.compress(before + content + end))


def test_extended_headers_that_are_too_much_together() -> None:
    large = with_header(tarfile.XHDTYPE, pax_record(b"comment", b"x" * 60_000))
    entries = bounds.MAX_READ // 60_000 + 1
    assert "its extended headers have more than" in refusal(gzip.compress(large * entries, 1))


def test_a_long_name_that_looks_like_an_extended_header() -> None:
    name = f"{TOP}/".ljust(156, "y") + "x" * 300
    assert check(sdist((name, b""), tar_format=tarfile.GNU_FORMAT)) == METADATA


def test_global_headers() -> None:
    def content(keywords: int, value: bytes) -> bytes:
        said = b"".join(pax_record(b"%d" % number, value) for number in range(keywords))
        return gzip.compress(with_header(tarfile.XGLTYPE, said) + gzip.decompress(sdist()))

    assert check(content(1, b"0123456789abcdef" * 4)) == METADATA
    assert check(content(100, b"x" * 10)) == METADATA
    assert "its global headers are more than 100" in refusal(content(101, b""))
    assert "have more than 1024 characters" in refusal(content(1, b"x" * 1025))


def test_an_extended_header_whose_record_is_longer_than_any_number() -> None:
    record = b"9" * 30 + b" path=x\n"
    content = header("x", len(record), tarfile.XHDTYPE) + record.ljust(1024, b"\0")
    assert "something else than records" in refusal(gzip.compress(content))


def test_too_many_entries() -> None:
    assert "more than 100000 entries" in refusal(gzip.compress(header(f"{TOP}/x", 0) * bounds.MAX_ENTRIES, 1))


def test_names_that_are_too_much_together() -> None:
    names = (tar_entry(f"{TOP}/{number}/{'x/' * 2000}") for number in range(4500))
    content = b"".join(name.tobuf(tarfile.GNU_FORMAT) for name in names)
    assert "the names of all entries have more than" in refusal(gzip.compress(content, 1))
