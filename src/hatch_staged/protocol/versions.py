"""Versions of somebody else's, parsed with bounded work."""

from __future__ import annotations

from packaging.version import InvalidVersion, Version

#: No version that has a distribution is longer: it stands in a file name.
LONGEST = 255


def parse_version(text: str) -> Version:
    """Return the version that `text` spells; raise `InvalidVersion` if it spells none, or is longer than `LONGEST`."""
    # Python does not convert numbers of thousands of digits; Version lets its ValueError out.
    if len(text) > LONGEST:
        raise InvalidVersion(f"Invalid version: it has {len(text)} characters")
    return Version(text)
