"""What a stage file says, checked against the indexes that it names."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hatch_staged.errors import NotAllowedError, StageGoneError
from hatch_staged.protocol.states import FileState, SessionState
from hatch_staged.releases import expired, fate_of_forgotten, in_stage_file
from hatch_staged.stage import liveness
from hatch_staged.stage.expected import Expectation
from hatch_staged.stage.liveness import Published

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from hatch_staged.client.upload_api import Client
    from hatch_staged.desk import Desk
    from hatch_staged.protocol.messages import Session
    from hatch_staged.repositories import Repository
    from hatch_staged.stage.model import StagedArtifact, StagedRelease
    from hatch_staged.stage.use import Standing


MISSING = "missing"
GONE = "gone"


@dataclass(frozen=True)
class FileStatus:
    """A file: `status` is the index's word, or `MISSING`; `artifact` is None if the stage file does not name it."""

    filename: str
    status: str
    artifact: StagedArtifact | None
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReleaseStatus:
    """A staged release: `status` is the index's word, or `GONE`; `ended` says why there is no stage any more."""

    release: StagedRelease
    status: str
    #: None where neither the index nor the stage file says
    expires_at: datetime | None
    files: tuple[FileStatus, ...] = ()
    notices: tuple[str, ...] = ()
    ended: StageGoneError | None = None

    @property
    def published(self) -> bool:
        """Whether it is public."""
        return self.status == SessionState.PUBLISHED.value


def check(desk: Desk) -> tuple[ReleaseStatus, ...]:
    """Return what has become of every release in the stage file.

    With credentials the publishing session is asked; without, its stage, which the stage file gives access to.
    """
    return tuple(look(desk, release)[0] for release in in_stage_file(desk))


def expectation(desk: Desk, found: Iterable[ReleaseStatus]) -> Expectation:
    """Return what `hatch stage publish` will expect: of those of the releases `found` that can still be published."""
    live = [each.release for each in found if each.ended is None]
    return Expectation.of(desk.expected if live else (), live)


def look(desk: Desk, release: StagedRelease) -> tuple[ReleaseStatus, float | None]:
    """Return what `check` does of `release`, and for how many seconds the index wants to be left alone, if it says so.

    A session that the index does not know (any more) may be that of a published release.
    """
    repository = desk.repository_of(release)
    if release.session is None:
        return _ask_the_stage(desk, release, repository), None
    try:
        # Without previews there is nothing to look at but the session, so somebody is asked for credentials.
        with desk.connections.open(repository, ask=release.stage is None) as client:
            try:
                session, pause = client.look(release.session)
            except StageGoneError as error:
                return _as_is_left(desk, release, client, error), None
            return _as_the_session_says(release, session, desk.now()), pause
    except NotAllowedError:
        # A holder of the stage file need not be somebody who may upload, if there is a stage to look at.
        if release.stage is None:
            raise
        return _ask_the_stage(desk, release, repository), None


def _as_is_left(desk: Desk, release: StagedRelease, client: Client, unknown: StageGoneError) -> ReleaseStatus:
    try:
        fate_of_forgotten(desk, release, client, unknown)
    except StageGoneError as error:
        return _ended(release, error)
    return _published(release)


def _as_the_session_says(release: StagedRelease, session: Session, now: datetime) -> ReleaseStatus:
    named = {artifact.filename: artifact for artifact in release.artifacts}
    files = []
    for filename in sorted(session.files.keys() | named.keys()):
        file = session.files.get(filename)
        files.append(
            FileStatus(
                filename=filename,
                status=file.status.value if file else MISSING,
                artifact=named.get(filename),
                notices=file.notices if file else (),
            )
        )
    ended = None
    if session.status.terminal:
        ended = expired(release, session, now) or StageGoneError(f"{release.label} is {session.status.value}")
    return ReleaseStatus(release, session.status.value, session.expires_at, tuple(files), session.notices, ended)


def _ask_the_stage(desk: Desk, release: StagedRelease, repository: Repository) -> ReleaseStatus:
    try:
        with desk.connections.hurried(repository) as client:
            fate = liveness.check(release, read_page=client.project_page, simple=repository.simple, now=desk.now())
    except StageGoneError as error:
        return _ended(release, error)
    if isinstance(fate, Published):
        return _published(release)
    return as_noted(release)


def _published(release: StagedRelease) -> ReleaseStatus:
    ended = StageGoneError(f"{release.label} is published")
    return ReleaseStatus(release, SessionState.PUBLISHED.value, release.expires_at, _as_staged(release), ended=ended)


def as_noted(release: StagedRelease) -> ReleaseStatus:
    """Return the status that the stage file notes, where a verb has just written it."""
    return ReleaseStatus(release, release.status.value, release.expires_at, _as_staged(release))


def as_seen(standing: Standing) -> ReleaseStatus:
    """Return the status of a release as a holder of the stage file sees it."""
    status = SessionState.PUBLISHED if isinstance(standing.fate, Published) else standing.release.status
    return replace(as_noted(standing.release), status=status.value)


def _as_staged(release: StagedRelease) -> tuple[FileStatus, ...]:
    return tuple(FileStatus(each.filename, FileState.COMPLETED.value, each) for each in release.artifacts)


def _ended(release: StagedRelease, error: StageGoneError) -> ReleaseStatus:
    status = release.status.value if release.status.terminal else GONE
    return ReleaseStatus(release, status, release.expires_at, ended=error)
