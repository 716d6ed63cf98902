"""What whoever works with a stage file has before them.  Light: a run in a staged environment begins with it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from hatch_staged.errors import ConfigurationError
from hatch_staged.redaction import redact
from hatch_staged.stage import stagefile
from hatch_staged.stage.recent import Recent
from hatch_staged.stage.session_tokens import SessionTokens

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hatch_staged.connections import Connections
    from hatch_staged.repositories import Repository
    from hatch_staged.stage.model import StagedRelease, StageFile


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(timezone.utc)


@dataclass(frozen=True)
class Desk:
    """What a user works with: the stage file, the indexes, the folder of downloads, the clock.

    `repo` is the index that the user asked for this time, None for the configured one (`default_repo`).  `expected` are
    patterns of the file names that a whole release has, by the configuration.  `share_token` is whether what is staged
    or pulled is written into the stage file with its session token; `tokens` are those that are not there.
    """

    stage_file: Path
    connections: Connections
    cache: Path
    repo: str | None
    default_repo: str
    now: Callable[[], datetime] = utc_now
    expected: tuple[str, ...] = ()
    share_token: bool = True
    tokens: SessionTokens = field(default_factory=SessionTokens)

    def read(self, text: bytes | None = None) -> StageFile:
        """Return what the stage file says, with the session tokens that are not in it, as far as they are known.

        Its contents are `text` where they have been read.  Raises `ConfigurationError` if it is wrong or not there.
        """
        path = self.stage_file
        return self.tokens.fill(stagefile.load(path) if text is None else stagefile.parse(text, path))

    @property
    def recent(self) -> Recent:
        """What the indexes have said a moment ago."""
        return Recent(self.cache)

    def telling(self, tell: Callable[[str], None]) -> Desk:
        """Return the same desk where `tell` takes a line on why an index is asked again."""
        return replace(self, connections=replace(self.connections, tell=tell))

    def repository(self) -> Repository:
        """Return the index that the user asked for, or the configured one."""
        return self.connections.named(self.repo or self.default_repo)

    def repository_of(self, release: StagedRelease) -> Repository:
        """Return the index that `release` is staged on; raise `ConfigurationError` if the user asked for another."""
        staged_on = self.connections.at(release.index, self.repo, self.default_repo)
        if self.repo is not None and not self.connections.named(self.repo).is_at(staged_on.url):
            raise ConfigurationError(
                f"{release.label} is staged on another index than --repo says",
                where=redact(release.index),
                hint="leave --repo out, or `hatch stage pull` from the other index",
            )
        return staged_on
