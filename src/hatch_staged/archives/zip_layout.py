"""Whether a ZIP file means the same to everybody who reads it.

Some readers go by the central directory at its end, as Python's does; others by the local header before each entry,
from the first byte on.  A file can show each of them other entries, so every byte has to have one meaning: local
headers and entries without a gap, then the directory that says the same of them, then its end record, then nothing.
PyPI refuses everything else, too.  Entries that share bytes, of which small files that unpack to huge ones are made,
are found on the way.

Source: APPNOTE.TXT, the specification of the ZIP file format.
"""

from __future__ import annotations

import struct
from typing import IO, TYPE_CHECKING, NoReturn

from hatch_staged.archives.bounds import MAX_ENTRIES, ArchiveError, shown, size_of

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Iterator, Sequence

_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_LOCAL = struct.Struct("<4s5H3L2H")
# of an entry in the central directory: what it begins with; how long its name, extra fields and comment are
_ENTRY = struct.Struct("<4s24x3H12x")

_ENCRYPTED = 0x1 | 0x40 | 0x2000
_DATA_DESCRIPTOR = 0x8
_UTF8 = 0x800

# "0xFFFF", "0xFFFFFFFF": the value is in the ZIP64 record
_ELSEWHERE_16 = 0xFFFF
_ELSEWHERE_32 = 0xFFFFFFFF
_ZIP64_EXTRA = 0x0001
_UNICODE_PATH_EXTRA = 0x7075
# Sizes, times and owners have less than 100 bytes, together.
_MAX_EXTRA = 1024


def bound_directory(content: bytes) -> None:
    """Raise `ArchiveError` if `content` is a central directory that zipfile would take too long to parse.

    It takes time by the square of the size of an extra field.
    """
    position = entries = 0
    while content.startswith(b"PK\1\2", position) and position + _ENTRY.size <= len(content):
        _magic, name_size, extra_size, comment_size = _ENTRY.unpack_from(content, position)
        _bound_extra(extra_size)
        position += _ENTRY.size + name_size + extra_size + comment_size
        entries += 1
        if entries > MAX_ENTRIES:
            raise ArchiveError(f"more than {MAX_ENTRIES} entries")


def check(file: IO[bytes], entries: Sequence[zipfile.ZipInfo]) -> None:
    """Raise `ArchiveError` if somebody may read anything else in `file` than `entries`, what zipfile read there."""
    directory = _directory_offset(file, entries)
    position = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset != position:
            _fail(f"there is something before {shown(entry.filename)} that belongs to no entry, or to two")
        position = _end_of(file, entry)
    if position != directory:
        _fail("there is something before the central directory that belongs to no entry")


def raw_name(entry: zipfile.ZipInfo) -> bytes:
    """Return the name of `entry` as it is in the file; raise `ArchiveError` if it is no UTF-8, or not marked as such.

    Readers differ in what they take the others for.
    """
    try:
        return entry.orig_filename.encode("utf-8" if entry.flag_bits & _UTF8 else "ascii")
    except UnicodeEncodeError:
        raise ArchiveError(f"broken archive: the name of {shown(entry.filename)} is not marked as UTF-8") from None


def _directory_offset(file: IO[bytes], entries: Sequence[zipfile.ZipInfo]) -> int:
    """Return where the central directory begins, which has to end where the records of its end begin."""
    size = size_of(file)
    offset: int
    tail = _read(file, max(0, size - _END.size), _END.size)
    magic, disk, first_disk, here, count, length, offset, comment = _END.unpack(tail)
    if magic != b"PK\5\6" or comment:
        _fail("there is something after its end record")
    if disk or first_disk or here != count:
        _fail("it is one part of several")
    records = _END.size
    found = _end64(file, size)
    if found is not None:
        records += _END64.size + _LOCATOR.size
        for value, elsewhere, value64 in zip(
            (count, length, offset), (_ELSEWHERE_16, _ELSEWHERE_32, _ELSEWHERE_32), found, strict=True
        ):
            if value not in {elsewhere, value64}:
                _fail("its two end records disagree")
        count, length, offset = found
    told = sum(_ENTRY.size + len(raw_name(entry)) + len(entry.extra) for entry in entries)
    if any(entry.comment for entry in entries):
        _fail("there are comments in its central directory")
    if (count, length, offset) != (len(entries), told, size - records - told):
        _fail("its end record is wrong about the central directory")
    return offset


def _end64(file: IO[bytes], size: int) -> tuple[int, int, int] | None:
    """Return count, length and offset out of the ZIP64 end record, if there is one."""
    position = size - _END.size - _LOCATOR.size
    if position < 0:
        return None
    magic, disk, offset, disks = _LOCATOR.unpack(_read(file, position, _LOCATOR.size))
    if magic != b"PK\6\7":
        return None
    if disk or disks != 1 or offset != position - _END64.size:
        _fail("its ZIP64 end record is not where it belongs")
    magic, length, _made, _needed, disk, first_disk, here, count, directory, start = _END64.unpack(
        _read(file, offset, _END64.size)
    )
    # "The value stored into the 'size of zip64 end of central directory record' SHOULD be the size of the remaining
    # record": without an extensible data sector.
    if magic != b"PK\6\6" or length != _END64.size - 12 or disk or first_disk or here != count:
        _fail("its ZIP64 end record is wrong")
    return count, directory, start


def _end_of(file: IO[bytes], entry: zipfile.ZipInfo) -> int:
    """Return where the bytes of `entry` end; its local header has to say what the central directory says."""
    name = raw_name(entry)
    magic, _needed, flags, method, _time, _date, checksum, packed, unpacked, name_size, extra_size = _LOCAL.unpack(
        _read(file, entry.header_offset, _LOCAL.size)
    )
    if magic != b"PK\3\4":
        _fail(f"{shown(entry.filename)} is not where the central directory has it")
    if (flags | entry.flag_bits) & _ENCRYPTED:
        _fail(f"{shown(entry.filename)} is encrypted")
    # Its size would be told after its bytes only, where a reader finds it by looking for something like it.
    if (flags | entry.flag_bits) & _DATA_DESCRIPTOR:
        _fail(f"{shown(entry.filename)} has a data descriptor")
    _bound_extra(extra_size)
    rest = _read(file, entry.header_offset + _LOCAL.size, name_size + extra_size)
    extra = rest[name_size:]
    _check_extra(entry, name, entry.extra, (entry.file_size, entry.compress_size, entry.header_offset))
    in_extra = _check_extra(entry, name, extra, (entry.file_size, entry.compress_size))
    sizes = [(packed, entry.compress_size), (unpacked, entry.file_size)]
    agree = (
        rest[:name_size] == name
        and flags & _UTF8 == entry.flag_bits & _UTF8
        and (method, checksum) == (entry.compress_type, entry.CRC)
        and all(told == size or (in_extra and told == _ELSEWHERE_32) for told, size in sizes)
    )
    if not agree:
        _fail(f"the two headers of {shown(entry.filename)} disagree")
    return entry.header_offset + _LOCAL.size + len(rest) + entry.compress_size


def _bound_extra(size: int) -> None:
    if size > _MAX_EXTRA:
        raise ArchiveError(f"an entry with more than {_MAX_EXTRA} bytes of extra fields")


def _check_extra(entry: zipfile.ZipInfo, name: bytes, extra: bytes, sizes: tuple[int, ...]) -> bool:
    """Return whether there are ZIP64 values in `extra`; raise `ArchiveError` if they, or a name in it, are others."""
    fields = list(_extra_fields(extra))
    kinds = [kind for kind, _ in fields if kind in {_ZIP64_EXTRA, _UNICODE_PATH_EXTRA}]
    if len(kinds) != len(set(kinds)):
        _fail(f"{shown(entry.filename)} has an extra field twice")
    for kind, value in fields:
        if kind == _ZIP64_EXTRA:
            expected = iter(sizes)
            # In order, and those only that do not fit into the header.
            if len(value) % 8 or any(each not in expected for (each,) in struct.iter_unpack("<Q", value)):
                _fail(f"{shown(entry.filename)} has another size as ZIP64")
        # a version and a checksum come first
        if kind == _UNICODE_PATH_EXTRA and value[5:] != name:
            _fail(f"{shown(entry.filename)} has another name as an extra field")
    return _ZIP64_EXTRA in kinds


def _extra_fields(extra: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position < len(extra):
        kind, size = struct.unpack_from("<2H", extra.ljust(position + 4, b"\0"), position)
        end = position + 4 + size
        if end > len(extra):
            _fail("there is an extra field that is cut off")
        yield kind, extra[position + 4 : end]
        position = end


def _read(file: IO[bytes], position: int, size: int) -> bytes:
    file.seek(position)
    content = file.read(size)
    if len(content) != size:
        _fail("it is cut off")
    return content


def _fail(what: str) -> NoReturn:
    raise ArchiveError(f"broken archive: {what}")
