"""What a whole release has: patterns of file names, each of which some artifact fits."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from hatch_staged.stage.model import StagedRelease


@dataclass(frozen=True)
class Expectation:
    """What releases, taken together, are expected to have; patterns as of `fnmatch`, with case, each once, sorted."""

    patterns: tuple[str, ...]
    #: those that no artifact fits
    missing: tuple[str, ...]

    @classmethod
    def of(cls, configured: Iterable[str], releases: Collection[StagedRelease]) -> Expectation:
        """Return what is expected of `releases`: what is `configured`, and what each was staged with."""
        patterns = sorted({*configured, *(pattern for release in releases for pattern in release.expected)})
        there = [artifact.filename for release in releases for artifact in release.artifacts]
        missing = (pattern for pattern in patterns if not any(fnmatchcase(name, pattern) for name in there))
        return cls(tuple(patterns), tuple(missing))
