"""From what an index says of a publishing session to its entry in the stage file.

Staging and pulling both come through here, so both write the same file.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urldefrag

from msgspec import UnsetType
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from hatch_staged.errors import ProtocolError, StagedError
from hatch_staged.protocol.distributions import parse_filename
from hatch_staged.protocol.states import FileState, SessionState
from hatch_staged.redaction import redact
from hatch_staged.stage.model import InvalidEntryError, StagedArtifact, StagedRelease

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from packaging.utils import NormalizedName
    from packaging.version import Version

    from hatch_staged.protocol.messages import Session
    from hatch_staged.protocol.simple import ListedFile, ProjectPage


def from_session(
    index: str,
    session: Session,
    page: ProjectPage | None,
    *,
    project: NormalizedName,
    version: Version,
    local: Iterable[StagedArtifact] = (),
    expected: tuple[str, ...] = (),
) -> StagedRelease:
    """Return the staged release of `project` and `version` that `session` at the index `index` (its root URL) holds.

    `page` is the project's page in the stage, its URLs absolute and its digests in lower case; None where the index
    has no previews, and then the artifacts are those of `local` (with `path`) that the session has.  Files of other
    versions are left out, and the version is spelled as the files spell it, so that everybody who asks writes the
    same.  Raises `ProtocolError` if the index says too little of a file or lists none that its session has, and
    `StagedError` if the session has no files.
    """
    completed = {name for name, file in session.files.items() if file.status is FileState.COMPLETED}
    if page is None and session.links.stage is not None:
        raise ProtocolError("the session has a stage, but the stage has no page", where=redact(session.links.stage))
    listed = _listed(page, project, version)
    with _index_to_blame(index):
        artifacts = [_artifact(file) for file in listed] or [each for each in local if each.filename in completed]
        # without previews nobody but who staged it knows what another file of the session is
        unlisted = (
            completed - {artifact.filename for artifact in artifacts} if page is not None or not artifacts else set()
        )
        if missing := sorted(unlisted):
            where = redact(session.links.stage or session.links.session)
            raise ProtocolError(
                f"the session has files that its stage does not list: {', '.join(missing)}", where=where
            )
        if not artifacts:
            raise StagedError(f"the session of {project} {version} has no files", where=redact(session.links.session))
        return _release(
            artifacts,
            listed,
            project=project,
            index=index,
            session=session.links.session,
            stage=session.links.stage,
            session_token=session.session_token,
            status=session.status,
            expires_at=session.expires_at,
            expected=expected,
        )


def from_stage(
    index: str,
    stage: str,
    page: ProjectPage,
    *,
    session_token: str | None,
    project: NormalizedName,
    version: Version,
) -> StagedRelease:
    """Return the staged release of `project` and `version` that the stage at the URL `stage` shows, as `from_session`.

    `page` is the project's page in it.  Of a publishing session it says what only our index tells: where that does not,
    session and expiry are unknown, and the release counts as open, for it is there to be seen.  `session_token` is
    what is known of it otherwise.  Raises `ProtocolError` if the page says too little of a file, and `StagedError` if
    it has none of the release.
    """
    listed = _listed(page, project, version)
    if not listed:
        raise StagedError(f"the stage has no files of {project} {version}", where=redact(stage))
    told = page.staged_session
    with _index_to_blame(index):
        artifacts = [_artifact(file) for file in listed]
        if isinstance(told, UnsetType):
            return _release(artifacts, listed, project=project, index=index, stage=stage, session_token=session_token)
        return _release(
            artifacts,
            listed,
            project=project,
            index=index,
            session=told.session,
            stage=told.stage,
            session_token=told.session_token,
            status=told.status,
            expires_at=told.expires_at,
        )


def _release(
    artifacts: Sequence[StagedArtifact],
    listed: Iterable[ListedFile],
    *,
    project: NormalizedName,
    index: str,
    stage: str | None,
    session_token: str | None,
    session: str | None = None,
    status: SessionState = SessionState.OPEN,
    expires_at: datetime | None = None,
    expected: tuple[str, ...] = (),
) -> StagedRelease:
    return StagedRelease(
        project=project,
        version=min(artifacts, key=lambda artifact: artifact.filename).distribution.version,
        requires_python=_requires_python(listed),
        artifacts=tuple(artifacts),
        index=index,
        session=session,
        stage=stage,
        session_token=session_token,
        status=status,
        expires_at=expires_at,
        expected=expected,
    )


@contextmanager
def _index_to_blame(index: str) -> Iterator[None]:
    try:
        yield
    except InvalidEntryError as error:
        raise ProtocolError(f"the index's answer cannot be used: {error}", where=redact(index)) from None


def _listed(page: ProjectPage | None, project: NormalizedName, version: Version) -> list[ListedFile]:
    return [] if page is None else [file for file in page.files if _belongs(file.filename, project, version)]


def _belongs(filename: str, project: NormalizedName, version: Version) -> bool:
    try:
        said = parse_filename(filename)
    except ValueError:  # an egg, an installer: nothing that we stage
        return False
    return (said.project, said.version) == (project, version)


def _artifact(file: ListedFile) -> StagedArtifact:
    if file.size is None:
        raise InvalidEntryError(f"size of {file.filename}", "is missing")
    try:
        return StagedArtifact(
            filename=file.filename,
            url=urldefrag(file.url).url,
            path=None,
            size=file.size,
            hashes=file.hashes,
            upload_time=file.upload_time,
        )
    except InvalidEntryError as error:
        raise InvalidEntryError(f"{error.key} of {file.filename}", error.sentence) from None


def _requires_python(files: Iterable[ListedFile]) -> SpecifierSet | None:
    said = {file.requires_python for file in files}
    only = said.pop() if len(said) == 1 else None
    try:
        return None if only is None else SpecifierSet(only)
    except InvalidSpecifier as error:
        raise InvalidEntryError("requires-python", str(error)) from None
