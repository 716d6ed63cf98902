"""What a user does with releases: stage, publish, cancel, extend.  Neither Hatch nor click is known here."""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from hatch_staged.client import reconciliation, staging
from hatch_staged.client.progress import unheard
from hatch_staged.client.sending import SENDERS
from hatch_staged.client.staging import OnInterrupt
from hatch_staged.errors import (
    ConfigurationError,
    ConflictError,
    ProtocolError,
    StagedError,
    StageGoneError,
    WrongBytesError,
)
from hatch_staged.protocol.states import FileState, SessionState
from hatch_staged.redaction import redact
from hatch_staged.stage import entries, liveness, stagefile
from hatch_staged.stage.expected import Expectation
from hatch_staged.stage.liveness import Published
from hatch_staged.stage.model import StagedArtifact, StagedRelease, StageFile

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from datetime import datetime, timedelta

    from hatch_staged.client.artifacts import Release
    from hatch_staged.client.progress import Reporter
    from hatch_staged.client.publication import Plan
    from hatch_staged.client.sending import Sender
    from hatch_staged.client.signing import MakeSigner
    from hatch_staged.client.upload_api import Client
    from hatch_staged.desk import Desk
    from hatch_staged.protocol.messages import Session
    from hatch_staged.repositories import Repository
    from hatch_staged.stage.named import Named


def preview(
    desk: Desk, repository: Repository, found: Sequence[Release], *, prune: bool, signing: bool = False
) -> Iterator[Plan]:
    """Yield what `stage` would do with each of the releases `found`, as far as can be seen without doing anything.

    A session is looked at if the stage file names it: PEP 694 has no way to ask for others but to create one.
    """
    there = {(each.project, each.version): each for each in load_or_empty(desk.stage_file).releases}
    with desk.connections.open(repository) as client:
        for release in found:
            known = there.get((release.project, release.version))
            session = None
            if known is not None and repository.is_at(known.index) and not known.status.terminal:
                session = _session_if_live(client, known)
            yield reconciliation.preview(release, client, session, prune=prune, signing=signing)


def _session_if_live(client: Client, release: StagedRelease) -> Session | None:
    if release.session is None:
        return None
    try:
        session = client.session(release.session)
    except StageGoneError:
        return None
    return None if session.status.terminal else session


def stage(
    desk: Desk,
    repository: Repository,
    found: Sequence[Release],
    *,
    jobs: int,
    reporter: Reporter,
    prune: bool = False,
    expected: tuple[str, ...] | None = None,
    on_interrupt: OnInterrupt = OnInterrupt.KEEP,
    senders: Mapping[str, Sender] = SENDERS,
    make_signer: MakeSigner | None = None,
) -> Iterator[StagedRelease]:
    """Stage each of the releases `found` at `repository`, write it into the stage file, and yield it.

    `prune` deletes what else is in the sessions, `expected` is kept in the stage file for `ready_to_publish`, which has
    what an earlier run was told where this is None; `senders` are the upload mechanisms; with `make_signer`, files get
    attestations that have none.

    Nothing is published.  Before the first byte is sent the stage file is read, and its folder tried, so that one that
    is broken or cannot be written costs no upload.
    """
    before = {(each.project, each.version): each.expected for each in load_or_empty(desk.stage_file).releases}
    if not os.access(desk.stage_file.parent, os.W_OK):
        raise StagedError("the stage file cannot be written there", where=str(desk.stage_file))
    with desk.connections.open(repository) as client:
        for release in found:
            with _conflicts_explained(release, client, repository.simple):
                outcome = staging.stage(
                    release,
                    client,
                    jobs=jobs,
                    reporter=reporter,
                    prune=prune,
                    on_interrupt=on_interrupt,
                    senders=senders,
                    make_signer=make_signer,
                )
            staged = entries.from_session(
                repository.url,
                outcome.session,
                outcome.page,
                project=release.project,
                version=release.version,
                local=_on_disk(release, desk.stage_file) if outcome.page is None else (),
                expected=before.get((release.project, release.version), ()) if expected is None else expected,
            )
            yield keep_new(desk, staged)


def staged_before(desk: Desk) -> frozenset[str]:
    """Return the sha256 of every file that the stage file names, each of which an index has accepted."""
    named = load_or_empty(desk.stage_file).releases
    return frozenset(artifact.sha256 for release in named for artifact in release.artifacts)


def load_or_empty(path: Path) -> StageFile:
    """Return what the stage file at `path` says; nothing, if there is none."""
    return stagefile.load(path) if path.exists() else StageFile()


def in_stage_file(desk: Desk) -> tuple[StagedRelease, ...]:
    """Return the releases of the stage file; raise `ConfigurationError` if there are none."""
    releases = desk.read().releases
    if not releases:
        raise ConfigurationError("the stage file names no release", where=str(desk.stage_file))
    return releases


def live_in_stage_file(desk: Desk) -> tuple[StagedRelease, ...]:
    """Return those releases that have not ended, by what the stage file says.

    Raises `StageGoneError` if all have.
    """
    releases = in_stage_file(desk)
    live = tuple(release for release in releases if not release.status.terminal)
    if not live:
        ended = ", ".join(f"{release.label} was {release.status.value} already" for release in releases)
        raise StageGoneError(ended, where=str(desk.stage_file))
    return live


def ready_to_publish(desk: Desk, projects: Collection[str] | None = None) -> tuple[StagedRelease, ...]:
    """Return the live releases of the stage file, all of which can be published as the stage file names them.

    With `projects` it is about theirs alone.  Raises `StageGoneError` if one is canceled, published or unknown, and
    `ConflictError` if one is not complete or holds other files than the stage file: nothing gets public that nobody
    tested.  Likewise if an expected artifact is in none of the stage file: nothing gets public in part.
    """
    releases = live_in_stage_file(desk)
    if absent := Expectation.of(desk.expected, releases).missing:
        raise ConflictError(
            f"not everything that is expected is staged: {', '.join(absent)}",
            where=str(desk.stage_file),
            hint="stage the rest; if others did, `hatch stage pull NAME==VERSION`, and test that",
        )
    ready = tuple(release for release in releases if projects is None or release.project in projects)
    for release in ready:
        with desk.connections.open(desk.repository_of(release)) as client:
            _ready_session(desk, release, client)
    return ready


def publish(
    desk: Desk, releases: Sequence[StagedRelease], *, notice: Callable[[str], None] = unheard
) -> Iterator[StagedRelease]:
    """Publish each of `releases`, mark it in the stage file, and yield it; `notice` takes what the index has to say.

    Each is looked at again, for somebody may have staged something else meanwhile.  Where one fails, the error says
    which are public already; the rest is published when this is repeated.
    """
    done: list[str] = []
    for release in releases:
        try:
            repository = desk.repository_of(release)
            with desk.connections.open(repository) as client:
                session = _ready_session(desk, release, client)
                try:
                    with _conflicts_explained(release, client, repository.simple):
                        notices = client.publish(session).notices
                except StageGoneError as error:
                    # The answer was lost, and the index may have forgotten the session because it is published.
                    fate_of_forgotten(desk, release, client, error)
                    notices = ()
        except StagedError as error:
            if done:
                error.what += f" (public already: {', '.join(done)})"
            raise
        done.append(release.label)
        for text in notices:
            notice(f"{release.label}: {text}")
        yield mark(desk, release, SessionState.PUBLISHED)


@contextmanager
def _conflicts_explained(release: Release | StagedRelease, client: Client, simple: str | None) -> Iterator[None]:
    """Let a conflict say what helps, if it is, or can be, that files of `release` are published already.

    An index says that in words of its own; `simple` is where it shows them, None if that is not known.
    """
    try:
        yield
    except ConflictError as error:
        if not error.hint and _may_be_public(release, client, simple):
            error.hint = "what is published cannot be replaced: raise the version, build, and stage that"
        raise


def _may_be_public(release: Release | StagedRelease, client: Client, simple: str | None) -> bool:
    if simple is None:
        return True
    try:
        page = client.project_page(simple, release.project)
    except StagedError:
        return True
    ours = {artifact.filename for artifact in release.artifacts}
    return page is not None and any(file.filename in ours for file in page.files)


def to_cancel(desk: Desk, wanted: Named | None) -> tuple[StagedRelease, ...]:
    """Return the live releases of the stage file; with `wanted` that one alone, and none if it is not among them.

    Then it is for `discard`.  Raises what `live_in_stage_file` does, where nothing is `wanted`.
    """
    if wanted is None:
        return live_in_stage_file(desk)
    named = desk.read().releases if desk.stage_file.exists() else ()
    return tuple(each for each in named if wanted.is_of(each) and not each.status.terminal)


def cancel(desk: Desk, releases: Sequence[StagedRelease]) -> Iterator[StagedRelease]:
    """Cancel the session of each of `releases`, mark it in the stage file, and yield it.

    Raises `StageGoneError` for one that has ended already.
    """
    for release in releases:
        with desk.connections.open(desk.repository_of(release)) as client:
            client.cancel(_live_session(desk, release, client))
        yield mark(desk, release, SessionState.CANCELED)


def discard(desk: Desk, wanted: Named) -> None:
    """Cancel the session of a release that no stage file names, at the index that the user works with.

    An interrupted upload leaves one.  Raises `StageGoneError` if there is none.
    """
    repository = desk.repository()
    with desk.connections.open(repository) as client:
        session = client.find_session(wanted.project, str(wanted.version))
        if session is None:
            raise StageGoneError(f"there is no session of {wanted}", where=redact(repository.url))
        client.cancel(session)


@dataclass(frozen=True)
class Extension:
    """A release with its new expiry, and how much later that is than before: possibly less than was asked for."""

    release: StagedRelease
    granted: timedelta


def extend(desk: Desk, releases: Sequence[StagedRelease], by: timedelta) -> Iterator[Extension]:
    """Ask for so much more time for each of `releases`, write what is granted into the stage file, and yield it.

    "The number of seconds specified is just a suggestion".  Raises `StageGoneError` for one that has ended already.
    """
    for release in releases:
        with desk.connections.open(desk.repository_of(release)) as client:
            before = _live_session(desk, release, client)
            after = client.extend(before, int(by.total_seconds()))
        extended = replace(release, status=after.status, expires_at=after.expires_at)
        keep(desk, extended)
        yield Extension(extended, after.expires_at - before.expires_at)


def _live_session(desk: Desk, release: StagedRelease, client: Client) -> Session:
    """Return the session of `release`; if it has ended, mark that in the stage file and raise `StageGoneError`.

    Raises `ConfigurationError` if the stage file does not say which it is.
    """
    if release.session is None:
        raise ConfigurationError(
            f"the stage file does not name the session of {release.label}, only its stage",
            where=str(desk.stage_file),
            hint=f"hatch stage pull {release.project}=={release.version}, with credentials",
        )
    try:
        session = client.session(release.session)
    except StageGoneError as error:
        mark(desk, release, fate_of_forgotten(desk, release, client, error))
        raise StageGoneError(f"{release.label} was published already", where=redact(release.session)) from None
    if session.status.terminal:
        mark(desk, release, session.status)
        what = f"{release.label} was {session.status.value} already"
        raise expired(release, session, desk.now()) or StageGoneError(what, where=redact(release.session))
    return session


def expired(release: StagedRelease, session: Session, now: datetime) -> StageGoneError | None:
    """Return the error that the `session` of `release` is if it has expired, None otherwise.

    PEP 694 has no state for that: it is canceled, or not there any more.
    """
    if session.status is not SessionState.CANCELED or session.expires_at > now:
        return None
    what = f"{release.label} expired at {session.expires_at:%Y-%m-%d %H:%M} UTC, or was canceled before"
    return StageGoneError(what, where=redact(session.links.session), hint="hatch publish --staged stages it again")


def fate_of_forgotten(desk: Desk, release: StagedRelease, client: Client, unknown: StageGoneError) -> SessionState:
    """Return `SessionState.PUBLISHED` if `release` is that, though the index knows no such session, as `unknown` says.

    "The status URL of a published session MAY return 404".  Raises `StageGoneError` if it is not published, in words
    that say whether it has expired.
    """
    simple = desk.repository_of(release).simple
    try:
        fate = liveness.check(release, read_page=client.project_page, simple=simple, now=desk.now())
    except (StageGoneError, WrongBytesError):
        raise
    except StagedError:
        raise unknown from None
    if isinstance(fate, Published):
        return SessionState.PUBLISHED
    raise unknown


def _ready_session(desk: Desk, release: StagedRelease, client: Client) -> Session:
    """Return the session of `release`, which holds exactly the files that the stage file names, all completed."""
    session = _live_session(desk, release, client)
    incomplete = [f"{n} ({f.status.value})" for n, f in session.files.items() if f.status is not FileState.COMPLETED]
    if incomplete:
        raise ConflictError(
            f"{release.label} is not complete: {', '.join(incomplete)}", hint="hatch publish --staged finishes it"
        )
    different = _different(release, session, client)
    if different:
        raise ConflictError(
            f"the session of {release.label} does not hold what the stage file names: {', '.join(different)}",
            where=redact(session.links.session),
            hint=f"hatch stage pull {release.project}=={release.version}, and test that",
        )
    return session


def _different(release: StagedRelease, session: Session, client: Client) -> list[str]:
    """Return the names of the files in which the session and the stage file differ."""
    if session.links.stage is None:
        # Without previews nobody tells the hashes of what is there.
        return sorted(session.files.keys() ^ {artifact.filename for artifact in release.artifacts})
    page = client.project_page(session.links.stage, release.project)
    if page is None and session.files:
        raise ProtocolError("the session has files, but its stage has no page", where=redact(session.links.stage))
    there = set() if page is None else {(file.filename, file.hashes.get("sha256")) for file in page.files}
    named = {(artifact.filename, artifact.sha256) for artifact in release.artifacts}
    unlisted = {(filename, None) for filename in session.files.keys() - {filename for filename, _ in there}}
    return sorted({filename for filename, _ in (there ^ named) | unlisted})


def _on_disk(release: Release, stage_file: Path) -> Iterator[StagedArtifact]:
    for artifact in release.artifacts:
        try:
            path = Path(os.path.relpath(artifact.path, stage_file.parent))
        except ValueError:  # on another drive of Windows
            path = artifact.path.absolute()
        yield StagedArtifact(
            filename=artifact.filename, url=None, path=path.as_posix(), size=artifact.size, hashes=artifact.hashes
        )


def mark(desk: Desk, release: StagedRelease, state: SessionState) -> StagedRelease:
    """Write into the stage file that `release` is in that state, and return it so."""
    marked = replace(release, status=state)
    keep(desk, marked)
    return marked


def keep_new(desk: Desk, release: StagedRelease) -> StagedRelease:
    """Write `release`, which was just staged or pulled, into the stage file, and return it as it is there."""
    if not desk.share_token and release.stage is not None:
        release = replace(release, shares_token=False)
        desk.tokens.remember(release)
    keep(desk, release)
    return release


def keep(desk: Desk, release: StagedRelease) -> None:
    """Write `release` into the stage file, in place of what there is of its project."""
    # Another process may be keeping another release.  The lock lies in the cache, to leave no file in the project.
    name = hashlib.sha256(str(desk.stage_file.absolute()).encode()).hexdigest()
    desk.cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    with FileLock(desk.cache / f"stage-file-{name[:16]}.lock"):
        stagefile.write(desk.stage_file, load_or_empty(desk.stage_file).with_release(release))
    desk.recent.forget()
