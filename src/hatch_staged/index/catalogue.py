"""What installers may see: everything published, and the one release of a stage for whoever has its token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatch_staged.index import attestations
from hatch_staged.index.database import attestation_rows, file_rows, project_rows, published_rows, session_rows
from hatch_staged.index.expiry import expire_due
from hatch_staged.index.refusals import UnknownError
from hatch_staged.protocol.states import SessionState

if TYPE_CHECKING:
    from hatch_staged.index.core import Index
    from hatch_staged.index.records import Artifact, PublishingSession


@dataclass(frozen=True)
class Listing:
    """The files of a project that are to be seen in one place, by name; `session` is whose, in a stage."""

    project: str
    artifacts: tuple[Artifact, ...]
    session: PublishingSession | None = None


def projects(index: Index) -> tuple[str, ...]:
    """Return the registered names, sorted."""
    with index.database.reading() as tx:
        return project_rows.registered(tx)


def published(index: Index, project: str) -> Listing:
    """Return what is published of `project` (normalized); raise `UnknownError` if the name is not registered."""
    with index.database.reading() as tx:
        found = project_rows.find(tx, project)
        if found is None or found.registered_at is None:
            raise UnknownError(f"There is no project {project}.")
        return Listing(project, published_rows.of_project(tx, project))


def published_file(index: Index, sha256: str, filename: str) -> Artifact:
    """Return the published file `filename` if it has this hash; raise `UnknownError` if there is none."""
    with index.database.reading() as tx:
        artifact = published_rows.find(tx, filename)
    if artifact is None or artifact.hashes["sha256"] != sha256:
        raise UnknownError(f"There is no file {filename} with this hash.")
    return artifact


def staged(index: Index, session_token: str) -> Listing:
    """Return the completed files of a live session; raise `UnknownError` if there is none, saying how it ended."""
    expire_due(index)
    with index.database.reading() as tx:
        session = session_rows.find_by_token(tx, session_token)
        if session is None:
            raise UnknownError("There is no such stage.")
        if session.state.terminal:
            ended = "expired" if session.expired else f"was {session.state.value}"
            where = "; its files are in the index" if session.state is SessionState.PUBLISHED else ""
            raise UnknownError(f"The stage of {session.project} {session.version} {ended}{where}.")
        return Listing(session.project, file_rows.staged(tx, session.id), session)


def staged_file(index: Index, session_token: str, filename: str) -> Artifact:
    """Return the completed file `filename` of a live session; raise `UnknownError` if there is none."""
    found = [artifact for artifact in staged(index, session_token).artifacts if artifact.filename == filename]
    if not found:
        raise UnknownError(f"There is no file {filename} in this stage.")
    return found[0]


def core_metadata(index: Index, artifact: Artifact) -> bytes:
    """Return the METADATA or PKG-INFO of `artifact`; raise `UnknownError` if the file was deleted since."""
    with index.database.reading() as tx:
        raw = file_rows.core_metadata(tx, artifact.file_id)
    if raw is None:
        raise UnknownError(f"{artifact.filename} was deleted.")
    return raw


def provenance(index: Index, artifact: Artifact) -> bytes:
    """Return the provenance of `artifact`; raise `UnknownError` if it has no attestations, or was deleted since."""
    with index.database.reading() as tx:
        raw = attestation_rows.find(tx, artifact.file_id)
    if raw is None:
        raise UnknownError(f"There is no provenance of {artifact.filename}.")
    return attestations.provenance(raw)
