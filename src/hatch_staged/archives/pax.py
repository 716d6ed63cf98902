"""Extended ("pax") headers of tar files, checked before tarfile parses them.

tarfile takes what is no record for one, and in Python before 3.10.15, 3.11.10 and 3.12.6 (CVE-2024-6232) that costs
time and memory by the square of their size, as does a long number.

Source: POSIX.1-2008, "pax Extended Header".
"""

from __future__ import annotations

import re
import tarfile
from typing import TYPE_CHECKING

from hatch_staged.archives.bounds import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Mapping

_HEADER_SIZE = 512
_TYPE = slice(156, 157)
_TYPES = frozenset({tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE})
# "%d %s=%s\n", <length>, <keyword>, <value>
_RECORD = re.compile(rb"([1-9][0-9]{0,9}) [^=\n\0]+=")
#: longer than any value that is a number, or the name of any real file has one
_LONG_NUMBER = re.compile(rb"[0-9]{101}")

# Every entry is given what a global header says, again: far more than any real one does.
_MAX_GLOBAL = 100
_MAX_GLOBAL_SIZE = 1024


def announces(header: bytes) -> bool:
    """Whether `header` is one after which an extended header follows."""
    if len(header) != _HEADER_SIZE or header[_TYPE] not in _TYPES:
        return False
    try:
        tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False  # a part of something else
    return True


def check(content: bytes) -> int:
    """Return the size of the extended header `content`; raise `ArchiveError` unless it is "one or more records"."""
    position = 0
    # filled up with NUL
    while content[position : position + 1].strip(b"\0"):
        record = _RECORD.match(content, position)
        end = position + int(record[1]) if record else 0
        if record is None or record.end() >= end or content[end - 1 : end] != b"\n":
            raise ArchiveError("broken archive: an extended header with something else than records")
        position = end
    if _LONG_NUMBER.search(content):
        raise ArchiveError("broken archive: an extended header with a number of more than 100 digits")
    return position


def check_global(headers: Mapping[str, str]) -> None:
    """Raise `ArchiveError` if `headers`, which are for every entry that follows, are too many or too large."""
    if len(headers) > _MAX_GLOBAL or sum(map(len, headers.values())) > _MAX_GLOBAL_SIZE:
        raise ArchiveError(
            f"its global headers are more than {_MAX_GLOBAL}, or have more than {_MAX_GLOBAL_SIZE} characters"
        )
