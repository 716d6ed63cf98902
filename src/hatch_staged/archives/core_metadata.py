"""What METADATA and PKG-INFO say: each field that `packaging` knows is checked, as PyPI does.

More lenient in one thing: a field may be younger than the Metadata-Version beside it, because setuptools wrote
License-File for years before that field was in any version.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.metadata import Metadata, parse_email
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion

from hatch_staged.archives.bounds import ArchiveError, shown
from hatch_staged.protocol.versions import parse_version

if TYPE_CHECKING:
    from packaging.metadata import RawMetadata
    from packaging.utils import NormalizedName
    from packaging.version import Version

    from hatch_staged.protocol.distributions import Distribution

# What the parsers of fields are given: more than any real file has, little enough for what takes time by its square.
_MAX_HEAD = 1024 * 1024
_MAX_FIELDS = 20_000
_MAX_NAMES = 200
# also less than the digits of a number that Python refuses to convert
_MAX_VALUE = 4096

_REQUIRED = ("metadata-version", "name", "version")
#: The fields that readers act on.  A value that is there twice, or is no UTF-8, is read differently by each of them.
_PARSED = frozenset(
    {
        *_REQUIRED,
        "description-content-type",
        "dynamic",
        "license-expression",
        "provides-extra",
        "requires-dist",
        "requires-python",
    }
)
_END_OF_LINE = rb"(?:\r\n|\r(?!\n)|\n)"
_BLANK_LINE = re.compile(_END_OF_LINE + _END_OF_LINE)
_FIELD_NAME = re.compile(rb"(?:^|[\r\n])([!-9;-~]+):")


@dataclass(frozen=True)
class CoreMetadata:
    """The core metadata of a distribution, as far as staging needs it."""

    project: NormalizedName
    version: Version
    requires_python: str | None
    #: the METADATA or PKG-INFO file, byte for byte
    raw: bytes


def check(raw: bytes, distribution: Distribution) -> CoreMetadata:
    """Return what `raw` says; raise `ArchiveError` if that is invalid, or of something else than `distribution`."""
    fields = _valid_fields(_head(raw))
    try:
        version = parse_version(fields["version"])
    except InvalidVersion as error:
        raise ArchiveError(f"the metadata inside has a wrong Version: {error}") from None
    metadata = CoreMetadata(
        project=canonicalize_name(fields["name"]),
        version=version,
        requires_python=fields.get("requires_python"),
        raw=raw,
    )
    if (metadata.project, metadata.version) != (distribution.project, distribution.version):
        raise ArchiveError(
            f"the metadata inside is of {metadata.project} {metadata.version}, "
            f"the file name says {distribution.project} {distribution.version}"
        )
    return metadata


def _head(raw: bytes) -> bytes:
    """Return the fields, without the description after them, which is anything."""
    head = _BLANK_LINE.split(raw, maxsplit=1)[0]
    names = _FIELD_NAME.findall(head, 0, _MAX_HEAD)  # of 8 MiB, they would fill the memory
    if len(head) > _MAX_HEAD or len(names) > _MAX_FIELDS or len(set(names)) > _MAX_NAMES:
        raise ArchiveError(
            f"the metadata inside has more than {_MAX_HEAD} bytes, {_MAX_FIELDS} fields, or {_MAX_NAMES} kinds of them"
        )
    return head


def _valid_fields(head: bytes) -> RawMetadata:
    fields, unparsed = parse_email(head)
    for header in sorted(_PARSED & unparsed.keys()):
        raise ArchiveError(f"the metadata inside has a {_titled(header)} that is there twice or is no UTF-8")
    for header in _REQUIRED:
        if not fields.get(header.replace("-", "_")):
            raise ArchiveError(f"the metadata inside has no {_titled(header)}")
    metadata = Metadata.from_raw(fields, validate=False)
    for field, value in fields.items():
        header = _titled(field.replace("_", "-"))
        if header.lower() in _PARSED:
            _bound(header, [value] if isinstance(value, str) else value)
        try:
            # Validated when it is asked for.
            getattr(metadata, field)
        except (ValueError, LookupError, RecursionError) as error:  # InvalidMetadata, and what it forgets to catch
            raise ArchiveError(f"the metadata inside has a wrong {header}: {error}") from None
    return fields


def _bound(header: str, values: object) -> None:
    for value in values if isinstance(values, list) else ():
        if len(value) > _MAX_VALUE:
            raise ArchiveError(f"the metadata inside has a {header} of {len(value)} characters: {shown(value)}")


def _titled(header: str) -> str:
    return header.title().replace("Url", "URL")
