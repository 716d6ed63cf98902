"""From a release on disk to a complete publishing session, whatever happens meanwhile.  Nothing is published."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from hatch_staged.client.reconciliation import Reconciliation
from hatch_staged.client.sending import SENDERS
from hatch_staged.errors import ConflictError, StagedError, StageGoneError
from hatch_staged.protocol.states import FileState, SessionState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatch_staged.client.artifacts import Release
    from hatch_staged.client.progress import Reporter
    from hatch_staged.client.publication import Plan
    from hatch_staged.client.sending import Sender
    from hatch_staged.client.signing import MakeSigner
    from hatch_staged.client.upload_api import Client
    from hatch_staged.protocol.messages import Session
    from hatch_staged.protocol.simple import ProjectPage

#: How many sessions are begun, if one after the other expires.
SESSIONS = 3
#: How many files are named when it is interrupted.
_TOLD = 10


class OnInterrupt(str, Enum):
    """What becomes of the session when the user interrupts the upload."""

    KEEP = "keep"
    CANCEL = "cancel"


@dataclass(frozen=True)
class StagedOutcome:
    """A release as the index holds it now, every artifact completed and, where there are previews, listed."""

    release: Release
    session: Session
    #: the project's page in the stage, None where the index has no previews
    page: ProjectPage | None
    plan: Plan


def stage(
    release: Release,
    client: Client,
    *,
    jobs: int,
    reporter: Reporter,
    senders: Mapping[str, Sender] = SENDERS,
    prune: bool = False,
    on_interrupt: OnInterrupt = OnInterrupt.KEEP,
    make_signer: MakeSigner | None = None,
) -> StagedOutcome:
    """Make the publishing session of `release` hold its artifacts, `jobs` files at once, and verify that it does.

    Files that the session has with the same hashes are kept, others of the same name replaced, foreign ones left alone
    or, with `prune`, deleted.  When a file fails, the rest is stopped, its own file upload session is deleted, and the
    first failure is raised; the session stays, so that the next attempt continues where this one ended, but one that we
    made and that has no file is canceled.  A session that expires meanwhile is created anew.  After Ctrl-C a
    `StagedError` says what has become of the session.  With `make_signer`, files get attestations that have none.
    """
    reconciliation = Reconciliation(release, client, reporter, senders, jobs, prune, make_signer)
    for turn in range(1, SESSIONS + 1):
        session, created = client.create_or_join(release.project, str(release.version))
        try:
            done = reconciliation.run(session)
        except KeyboardInterrupt as interrupt:
            if isinstance(interrupt.__context__, KeyboardInterrupt):
                # the second one, which came while the uploads were about to stop
                raise
            raise _interrupted(release, session, client, on_interrupt) from None
        except StagedError as error:
            ended = isinstance(error, (StageGoneError, ConflictError)) and _has_expired(session, client)
            if ended and turn < SESSIONS:
                reporter.notice(f"the session of {_label(release)} has expired: all files go into a new one")
                continue
            if created and not ended:
                _withdraw_if_empty(session, client, reporter)
            raise
        return StagedOutcome(release, done.session, done.page, done.plan)
    raise AssertionError("the last turn returns or raises")  # pragma: no cover


def _label(release: Release) -> str:
    return f"{release.project} {release.version}"


def _has_expired(session: Session, client: Client) -> bool:
    """Whether the index has ended the session; one that somebody canceled before its time is not expired."""
    try:
        found = client.session(session.links.session)
    except StageGoneError:
        return True
    except StagedError:
        return False
    return found.status is SessionState.CANCELED and found.expires_at <= client.waiter.now()


def _withdraw_if_empty(session: Session, client: Client, reporter: Reporter) -> None:
    """Cancel a session that nothing came of, best effort: what went wrong first matters more."""
    try:
        if not client.session(session.links.session).files:
            client.cancel(session)
    except StagedError as error:
        reporter.notice(f"an empty session is left: {error.what}")


def _interrupted(release: Release, session: Session, client: Client, on_interrupt: OnInterrupt) -> StagedError:
    """Return what the user is told; a second Ctrl-C meanwhile ends at once."""
    discard = f"`hatch stage cancel {release.project}=={release.version}` discards it"
    resume = f"the same command resumes, with the files that are not completed; {discard}"
    try:
        if on_interrupt is OnInterrupt.CANCEL:
            client.cancel(session)
            return StagedError(f"interrupted: the session of {_label(release)} is canceled")
        files = client.session(session.links.session).files
    except StagedError as error:
        return StagedError(f"interrupted: {error.what}", where=error.where, hint=resume)
    held = [f"{name} ({file.status.value})" for name, file in sorted(files.items())]
    told = ", ".join(held[:_TOLD]) or "no file"
    if further := held[_TOLD:]:
        completed = sum(file.status is FileState.COMPLETED for file in files.values())
        told += f" and {len(further)} more, {completed} of all {len(held)} completed"
    return StagedError(f"interrupted: the session of {_label(release)} holds {told}", hint=resume)
