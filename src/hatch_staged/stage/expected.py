"""What a complete release has: patterns of file names, each of which some artifact fits."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatch_staged.stage.model import StagedRelease


def missing(expected: Iterable[str], releases: Iterable[StagedRelease]) -> tuple[str, ...]:
    """Return those patterns (as of `fnmatch`, with case) of `expected` that no artifact of `releases` fits, sorted."""
    there = [artifact.filename for release in releases for artifact in release.artifacts]
    return tuple(sorted({pattern for pattern in expected if not any(fnmatchcase(name, pattern) for name in there)}))
