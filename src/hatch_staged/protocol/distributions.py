"""What a file name says: project, version, kind and tags of a distribution.

Sources: the packaging specifications "Source distribution format" and "Binary distribution format".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from packaging.utils import (
    InvalidName,
    InvalidSdistFilename,
    InvalidWheelFilename,
    NormalizedName,
    canonicalize_name,
    canonicalize_version,
    parse_sdist_filename,
    parse_wheel_filename,
)

if TYPE_CHECKING:
    from packaging.tags import Tag
    from packaging.utils import BuildTag
    from packaging.version import Version

#: PEP 658/714: a file's core metadata is served beside it under this suffix.
METADATA_SUFFIX = ".metadata"
#: PEP 740 leaves to the index where a file's provenance is; here it is beside it, too.
PROVENANCE_SUFFIX = ".provenance"

# Versions are parsed with space around them trimmed, tags not at all: what may stand in a name is said here.  No
# common file system keeps longer names, and a wheel's compressed tag set is the product of three lists.
_FILENAME = re.compile(r"[A-Za-z0-9._+!-]{1,255}")


class Kind(str, Enum):
    """The two kinds of distribution that an index takes."""

    SDIST = "sdist"
    WHEEL = "wheel"


@dataclass(frozen=True)
class Distribution:
    """A distribution, as its file name describes it."""

    filename: str
    project: NormalizedName
    version: Version
    kind: Kind
    tags: frozenset[Tag] = frozenset()
    #: of a wheel: a number, and what follows it; empty without one
    build: BuildTag = ()

    @property
    def key(self) -> str:
        """What all spellings of this file name have in common: installers take two files of one key for the same.

        A release has one source distribution, so that there is one key for all of its spellings.
        """
        release = f"{self.project}-{canonicalize_version(self.version)}"
        if self.kind is Kind.SDIST:
            return f"{release}.tar.gz"
        # The tags are the product of these three sets.  The build tag has its place where it is empty, too.
        sets = ({tag.interpreter for tag in self.tags}, {tag.abi for tag in self.tags}, {t.platform for t in self.tags})
        build = "".join(str(part) for part in self.build)
        return "-".join([release, build, *(".".join(sorted(each)) for each in sets)]) + ".whl"


def parse_filename(filename: str) -> Distribution:
    """Return what `filename` (without any folder) says; raise `ValueError` if it is no wheel and no sdist."""
    if filename != filename.replace("\\", "/").rpartition("/")[2]:
        raise ValueError(f"Invalid file name (it has a folder in it): {filename!r}")
    if _FILENAME.fullmatch(filename) is None:
        raise ValueError(f"Invalid file name (too long, or with characters that it may not have): {filename[:255]!r}")
    try:
        if filename.endswith(".whl"):
            name, version, build, tags = parse_wheel_filename(filename)
            return Distribution(filename, canonicalize_name(name, validate=True), version, Kind.WHEEL, tags, build)
        if filename.endswith(".tar.gz"):
            name, version = parse_sdist_filename(filename)
            return Distribution(filename, canonicalize_name(name, validate=True), version, Kind.SDIST)
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidName) as error:
        raise ValueError(str(error)) from None
    raise ValueError(f"Neither a wheel (.whl) nor a source distribution (.tar.gz): {filename!r}")
