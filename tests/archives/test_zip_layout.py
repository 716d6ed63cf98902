"""ZIP files that show other entries to other readers."""

from __future__ import annotations

import io
import struct
import zipfile
from typing import TYPE_CHECKING

import pytest
from tests.archives.building import METADATA, WHEEL_NAME, pack_wheel, wheel, wheel_members

from hatch_staged.archives import ArchiveError, bounds, inspect
from hatch_staged.protocol.distributions import parse_filename

if TYPE_CHECKING:
    from pathlib import Path

WHEEL = parse_filename(WHEEL_NAME)
VALID = wheel()
#: of the end record: count of entries, size and offset of the central directory
COUNT, LENGTH, OFFSET = struct.unpack("<10xHLL2x", VALID[-22:])
#: of the first entry
LOCAL_NAME = VALID.index(b"foo_bar.py")


def refusal(content: bytes) -> str:
    with pytest.raises(ArchiveError) as caught:
        inspect(io.BytesIO(content), WHEEL)
    return str(caught.value)


def replaced(position: int, content: bytes) -> bytes:
    return VALID[:position] + content + VALID[position + len(content) :]


def end(count: int, length: int, offset: int) -> bytes:
    return struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, length, offset, 0)


def moved(directory: bytes, distance: int, *, first: int = 0) -> bytes:
    """Return the central directory as it is when all entries from the `first` on lie so much further back."""
    entries = directory.split(b"PK\1\2")[1:]
    for number, entry in enumerate(entries[first:], first):
        (offset,) = struct.unpack("<L", entry[38:42])
        entries[number] = entry[:38] + struct.pack("<L", offset + distance) + entry[42:]
    return b"".join(b"PK\1\2" + entry for entry in entries)


def zip64(content: bytes, **changed: int) -> bytes:
    """Return `content` with the end records of ZIP64 in place of its own."""
    told = {
        "count": COUNT,
        "length": LENGTH,
        "offset": OFFSET,
        "size": 44,
        "disks": 1,
        "at": len(content) - 22,
        **changed,
    }
    end64 = struct.pack(
        "<4sQ2H2L4Q", b"PK\6\6", told["size"], 45, 45, 0, 0, COUNT, told["count"], told["length"], told["offset"]
    )
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, told["at"], told["disks"])
    return content[:-22] + end64 + locator


def test_something_before_the_first_entry() -> None:
    assert "broken archive" in refusal(b"#!/bin/sh\n" + VALID)
    directory = moved(VALID[OFFSET:-22], 10)
    content = b"#!/bin/sh\n" + VALID[:OFFSET] + directory + end(COUNT, LENGTH, OFFSET + 10)
    assert "before 'foo_bar.py' that belongs to no entry" in refusal(content)


def test_something_after_the_end() -> None:
    comment = VALID[:-2] + struct.pack("<H", 5) + b"hello"
    assert "after its end record" in refusal(comment)


def test_something_between_entries_and_directory() -> None:
    content = VALID[:OFFSET] + b"hidden" + VALID[OFFSET:-22] + end(COUNT, LENGTH, OFFSET + 6)
    assert "before the central directory" in refusal(content)


def test_an_entry_that_the_directory_does_not_know() -> None:
    hidden = pack_wheel([("evil.py", b"")])[: 30 + len("evil.py")]
    content = hidden + VALID[:-22] + end(COUNT, LENGTH, OFFSET + len(hidden))
    assert "broken archive" in refusal(content)


def test_two_entries_of_the_same_bytes() -> None:
    # The second entry of the directory is made to lie where the first one is.
    second = VALID.index(b"PK\1\2", OFFSET + 4)
    assert "broken archive" in refusal(replaced(second + 42, bytes(4)))


@pytest.mark.parametrize(
    "changed",
    [
        replaced(len(VALID) - 18, b"\1\0"),  # the number of this disk
        replaced(len(VALID) - 14, b"\1\0"),  # entries on this disk
        VALID[:-22] + end(COUNT - 1, LENGTH, OFFSET),
        VALID[:-22] + end(COUNT, LENGTH - 1, OFFSET),
        VALID[:-22] + end(COUNT, LENGTH, OFFSET - 1),
    ],
)
def test_an_end_record_that_is_wrong(changed: bytes) -> None:
    assert "broken archive" in refusal(changed)


@pytest.mark.parametrize(
    ("position", "content", "told"),
    [
        (0, b"PK\3\5", "is not where the central directory has it"),
        (6, b"\1\0", "is encrypted"),
        (6, b"\x08\0", "has a data descriptor"),
        (6, b"\0\x08", "the two headers of 'foo_bar.py' disagree"),
        (8, b"\0\0", "the two headers of 'foo_bar.py' disagree"),
        (14, b"1234", "the two headers of 'foo_bar.py' disagree"),
        (18, b"\1\0\0\0", "the two headers of 'foo_bar.py' disagree"),
        (22, b"\1\0\0\0", "the two headers of 'foo_bar.py' disagree"),
        (22, b"\xff\xff\xff\xff", "the two headers of 'foo_bar.py' disagree"),
        (LOCAL_NAME, b"evil.py", "the two headers of 'foo_bar.py' disagree"),
    ],
)
def test_a_local_header_that_says_something_else(position: int, content: bytes, told: str) -> None:
    assert told in refusal(replaced(position, content))


def test_a_name_that_is_not_marked_as_utf_8() -> None:
    content = pack_wheel([*wheel_members(WHEEL_NAME, METADATA, {}).items(), ("caf\u00e9", b"")])
    unmarked = content.replace(struct.pack("<HH", 20, 0x800), struct.pack("<HH", 20, 0))
    assert unmarked != content
    assert "is not marked as UTF-8" in refusal(unmarked)


def test_zip64_where_it_is_needed_and_where_not() -> None:
    for ending in (end(COUNT, LENGTH, OFFSET), end(0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF), end(COUNT, 0xFFFFFFFF, OFFSET)):
        assert inspect(io.BytesIO(zip64(VALID) + ending), WHEEL).raw == METADATA


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (zip64(VALID) + end(COUNT - 1, LENGTH, OFFSET), "its two end records disagree"),
        (zip64(VALID, count=COUNT + 1) + end(0xFFFF, LENGTH, OFFSET), "its ZIP64 end record is wrong"),
        (zip64(VALID, size=48) + end(0xFFFF, LENGTH, OFFSET), "its ZIP64 end record is wrong"),
        (zip64(VALID, at=OFFSET) + end(0xFFFF, LENGTH, OFFSET), "broken archive"),
        (zip64(VALID, disks=0) + end(0xFFFF, LENGTH, OFFSET), "is not where it belongs"),
        (zip64(VALID, disks=2) + end(0xFFFF, LENGTH, OFFSET), "broken archive"),
    ],
)
def test_zip64_records_that_are_wrong(content: bytes, told: str) -> None:
    assert told in refusal(content)


def test_entries_written_for_zip64() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in wheel_members(WHEEL_NAME, METADATA, {"x": b"1"}).items():
            with archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as member:
                member.write(content)
    assert inspect(packed, WHEEL).raw == METADATA


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        (struct.pack("<2HQ", 1, 8, 99), "has another size as ZIP64"),
        (struct.pack("<2HL", 1, 4, 0), "has another size as ZIP64"),
        (struct.pack("<2H", 1, 0) * 2, "has an extra field twice"),
        (struct.pack("<2HBL", 0x7075, 9, 1, 0) + b"evil", "has another name as an extra field"),
        (struct.pack("<2H", 0x5455, 9), "an extra field that is cut off"),
        (b"\1", "an extra field that is cut off"),
        (struct.pack("<2H", 0x9999, 1021) + bytes(1021), "more than 1024 bytes of extra fields"),
    ],
)
@pytest.mark.parametrize("where", ["local", "central"])
def test_extra_fields_that_change_what_is_there(extra: bytes, told: str, where: str) -> None:
    """The extra field goes into one of the two headers of an entry by hand, as zipfile would not write it."""
    content = bytearray(pack_wheel(wheel_members(WHEEL_NAME, METADATA, {"x": b""}).items()))
    count, length, offset = struct.unpack("<10xHLL2x", content[-22:])
    if where == "local":
        content[28:30] = struct.pack("<H", len(extra))
        content[31:31] = extra
        directory = moved(bytes(content[offset + len(extra) : -22]), len(extra), first=1)
        content[offset + len(extra) :] = directory + end(count, length, offset + len(extra))
    else:
        content[offset + 30 : offset + 32] = struct.pack("<H", len(extra))
        content[offset + 47 : offset + 47] = extra
        content[-22:] = end(count, length + len(extra), offset)
    message = refusal(bytes(content))
    # zipfile itself refuses some of these in the central directory, where it reads them
    assert told in message or (where == "central" and "broken archive" in message)


def test_extra_fields_that_nobody_knows() -> None:
    info = zipfile.ZipInfo("x")
    info.extra = struct.pack("<2H", 0x9999, 0) * 256
    members = wheel_members(WHEEL_NAME, METADATA, {"x": b""})
    assert inspect(io.BytesIO(pack_wheel([(info, members.pop("x")), *members.items()])), WHEEL).raw == METADATA


def test_comments_in_the_directory() -> None:
    info = zipfile.ZipInfo("x")
    info.comment = b"PK\5\6"
    assert "comments" in refusal(pack_wheel([*wheel_members(WHEEL_NAME, METADATA, {}).items(), (info, b"")]))


def test_too_many_entries() -> None:
    # a central directory of nothing but the shortest possible entries
    entry = struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", 20, 0, 20, 0, 0, 0, 0, 33, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"x"
    count = bounds.MAX_ENTRIES + 1
    directory = entry * count
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, len(directory), 0)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, len(directory), 1)
    assert "entries" in refusal(directory + end64 + locator + end(0xFFFF, 0xFFFFFFFF, 0))


def test_a_directory_that_says_it_is_huge() -> None:
    filler = b"\0" * (40 * 1024 * 1024)
    assert "larger than any real one" in refusal(filler + end(1, len(filler), 0))


def test_a_directory_that_points_before_the_file(tmp_path: Path) -> None:
    path = tmp_path / "foo.whl"
    path.write_bytes(VALID[:-22] + end(COUNT, LENGTH, OFFSET + 1000))
    # Not in memory: a real file answers with an error of the operating system.
    with path.open("rb") as file, pytest.raises(ArchiveError, match="broken archive"):
        inspect(file, WHEEL)
