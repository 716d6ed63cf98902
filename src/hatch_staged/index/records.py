"""What the index remembers, as typed values: the rows of `hatch_staged.index.database`, without their SQL."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from hatch_staged.protocol.states import session_after

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from hatch_staged.protocol.states import FileState, SessionEvent, SessionState


class Permission(str, Enum):
    """What a token allows; `ADMIN` allows everything, in every project within the token's scope."""

    STAGE = "stage"
    PUBLISH = "publish"
    ADMIN = "admin"


@dataclass(frozen=True)
class Project:
    """A project name: reserved by a first session, or registered for good by a publication."""

    #: normalized
    name: str
    owner: str
    #: None while the name is only reserved
    registered_at: datetime | None


@dataclass(frozen=True)
class PublishingSession:
    """A publishing session."""

    id: str
    #: "MUST be cryptographically unguessable": whoever holds it may read the stage
    token: str
    #: normalized name
    project: str
    version: str
    #: the version without trailing zeros, so that 1.0 and 1.0.0 are one
    version_key: str
    created_by: str
    created_at: datetime
    expires_at: datetime
    state: SessionState
    #: whether a canceled session was canceled by its expiry
    expired: bool = False
    #: why the last deferred publication failed
    notices: tuple[str, ...] = ()
    #: the id of the token that asked for publication
    publishing_token: str | None = None
    #: when it reached a terminal state
    ended_at: datetime | None = None

    def is_due(self, now: datetime) -> bool:
        """Whether the session's time is up; one that is being published is not interrupted."""
        return self.state.editable and self.expires_at <= now

    def after(
        self,
        event: SessionEvent,
        at: datetime,
        *,
        expired: bool = False,
        notices: tuple[str, ...] = (),
        publishing_token: str | None = None,
    ) -> PublishingSession:
        """Return the session as `event` leaves it; what was noted about its state before is forgotten.

        Raises `RefusedTransitionError`.
        """
        state = session_after(self.state, event)
        return replace(
            self,
            state=state,
            expired=expired,
            notices=notices,
            publishing_token=publishing_token,
            ended_at=at if state.terminal else None,
        )


@dataclass(frozen=True)
class Received:
    """Bytes that have arrived and are stored."""

    object_key: str
    #: in bytes
    size: int
    #: algorithm to hex digest: sha256 and each that the client declared
    hashes: Mapping[str, str]


@dataclass(frozen=True)
class FileUpload:
    """A file upload session."""

    id: str
    #: None for a file that came through the legacy API, and once a published file's session is forgotten
    session_id: str | None
    filename: str
    #: of the file name, see `hatch_staged.protocol.distributions.Distribution.key`
    name_key: str
    #: as declared, in bytes
    size: int
    #: as declared, algorithm to hex digest
    hashes: Mapping[str, str]
    state: FileState
    received: Received | None = None
    #: why the file is in error, or why it kept its session from being published; empty otherwise
    notice: str = ""
    #: whether it has attestations
    attested: bool = False


@dataclass(frozen=True)
class Artifact:
    """A completed file, staged or published: what an installer gets to know and to download."""

    file_id: str
    filename: str
    #: as in `FileUpload`
    name_key: str
    #: in bytes
    size: int
    #: verified; always has sha256
    hashes: Mapping[str, str]
    object_key: str
    version: str
    requires_python: str | None
    #: of the core metadata file that is served beside it
    metadata_sha256: str
    #: in a stage the time of completion, else the time of publication
    upload_time: datetime
    #: whether it has attestations
    attested: bool = False


@dataclass(frozen=True)
class Token:
    """An API token, as it may be shown: without its secret."""

    id: str
    user: str
    permissions: frozenset[Permission]
    #: normalized names; empty means: every project that the user owns or is a member of
    projects: frozenset[str]
    created_at: datetime
    revoked_at: datetime | None = None
