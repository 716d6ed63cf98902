"""A stage file in use: what has become of its releases, and their artifacts, verified, on this disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatch_staged.durations import expires_in
from hatch_staged.errors import UnreachableError
from hatch_staged.stage import liveness, outline, session_tokens
from hatch_staged.stage.liveness import Alive, Published

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from packaging.utils import NormalizedName

    from hatch_staged.protocol.simple import ProjectPage
    from hatch_staged.stage.cache import Cache, Signature
    from hatch_staged.stage.liveness import ReadPage
    from hatch_staged.stage.model import StagedArtifact, StagedRelease
    from hatch_staged.stage.selection import Interpreter


@dataclass(frozen=True)
class Standing:
    """A staged release and what has become of it: None where its index cannot be asked at present."""

    release: StagedRelease
    fate: Alive | Published | None

    def describe(self, now: datetime) -> str:
        """Return a line for a person, such as ``foo 1.2.0 from the stage (open, expires in 6 days)``."""
        name = f"{self.release.project} {self.release.version}"
        if isinstance(self.fate, Published):
            return f"{name} as published (the bytes that were staged)"
        if self.fate is None:
            expiry = [] if self.release.expires_at is None else [expires_in(self.release.expires_at, now)]
            return f"{name} from the stage ({'; '.join(['its index cannot be reached', *expiry])})"
        return outline.of(self.release).describe(now)


@dataclass(frozen=True)
class Obtained:
    """The artifact that was chosen for an interpreter, verified, and where it is on this disk."""

    artifact: StagedArtifact
    path: Path
    signature: Signature

    @property
    def project(self) -> NormalizedName:
        """The project that it is of."""
        return self.artifact.distribution.project


def look(release: StagedRelease, *, read_page: ReadPage, simple: str | None, now: datetime) -> Standing:
    """Return what has become of `release`; `simple` is the simple index where it would be published.

    Raises what `liveness.check` does, except that an index that cannot be reached is a standing of its own, unless it
    has answered before that there is no stage any more, or the stage has expired, as far as the stage file knows.
    """
    answered = False

    def read(url: str, project: str, /) -> ProjectPage | None:
        nonlocal answered
        page = read_page(url, project)
        answered = True
        return page

    try:
        return Standing(release, liveness.check(release, read_page=read, simple=simple, now=now))
    except UnreachableError:
        if answered:
            raise
        liveness.refuse_expired(release, simple=simple, now=now)
        return Standing(release, None)


def obtain(standing: Standing, interpreter: Interpreter, cache: Cache) -> Obtained:
    """Return the artifact that `interpreter` takes, from the cache or downloaded into it.

    Raises `StagedError` if none fits, `WrongBytesError` for bytes that are not the staged ones, `NotAllowedError` where
    the session token is not known, `UnreachableError`.
    """
    from hatch_staged.stage import selection  # noqa: PLC0415 - most runs choose nothing

    artifact = selection.choose(standing.release, interpreter)
    url = standing.fate.urls[artifact.filename] if isinstance(standing.fate, Published) else None
    if url is None and session_tokens.is_missing(standing.release) and cache.verify(artifact) is None:
        raise liveness.locked(standing.release)
    path, signature = cache.get(artifact, url)
    return Obtained(artifact, path, signature)
