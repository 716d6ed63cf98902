"""From a release on disk to a complete publishing session: carries out the plan, and never publishes."""

from __future__ import annotations

from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING

from hatch_staged.client import attesting
from hatch_staged.client.publication import Plan, Step, plan, shortfall
from hatch_staged.client.sending import SENDERS, choose
from hatch_staged.errors import ConflictError, StagedError
from hatch_staged.protocol.states import FileState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hatch_staged.client.artifacts import Release
    from hatch_staged.client.progress import Reporter
    from hatch_staged.client.publication import Decision
    from hatch_staged.client.sending import Sender
    from hatch_staged.client.signing import MakeSigner
    from hatch_staged.client.upload_api import Client
    from hatch_staged.protocol.messages import FileUploadSession, Session
    from hatch_staged.protocol.simple import ProjectPage


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
    make_signer: MakeSigner | None = None,
) -> StagedOutcome:
    """Make the publishing session of `release` hold its artifacts, `jobs` files at once, and verify that it does.

    Files that the session has with the same hashes are kept, others of the same name replaced, foreign ones left alone.
    When a file fails, the rest is stopped, its own file upload session is deleted, and the first failure is raised; the
    session stays, so that the next attempt continues where this one ended, but one that we made and that has no file is
    canceled.  With `make_signer`, files get attestations that have none.  Nothing is published.
    """
    session, created = client.create_or_join(release.project, str(release.version))
    try:
        return _fill(session, release, client, jobs=jobs, reporter=reporter, senders=senders, make_signer=make_signer)
    except StagedError:
        if created:
            _withdraw_if_empty(session, client, reporter)
        raise


def _fill(
    session: Session,
    release: Release,
    client: Client,
    *,
    jobs: int,
    reporter: Reporter,
    senders: Mapping[str, Sender],
    make_signer: MakeSigner | None,
) -> StagedOutcome:
    if not session.status.editable:
        raise ConflictError(
            f"{release.project} {release.version} cannot be staged: its session is {session.status.value}",
            hint="wait for it to be published, or to fail",
        )
    mechanism, sender = choose(session, senders)
    session, settled, page = _settle(release, session, client)
    settled = attesting.late(settled, session, page, client, signing=make_signer is not None)
    reporter.planned(settled)
    if make_signer is not None:
        settled = attesting.signed(settled, make_signer)
    _Uploads(client, session, mechanism, sender, reporter).carry_out(settled.having(Step.UPLOAD, Step.REPLACE), jobs)
    return _verified(settled, client.session(session.links.session), client, reporter)


def _withdraw_if_empty(session: Session, client: Client, reporter: Reporter) -> None:
    """Cancel a session that nothing came of, best effort: what went wrong first matters more."""
    try:
        if not client.session(session.links.session).files:
            client.cancel(session)
    except StagedError as error:
        reporter.notice(f"an empty session is left: {error.what}")


def _settle(release: Release, session: Session, client: Client) -> tuple[Session, Plan, ProjectPage | None]:
    """Return a plan that waits for nothing, and the session and the page that it was made for."""
    while True:
        page = _page(release, session, client)
        made = plan(release, session, page)
        if made.settled:
            return session, made, page
        session = client.wait_for_files(session, [decision.artifact.filename for decision in made.having(Step.WAIT)])


def _page(release: Release, session: Session, client: Client) -> ProjectPage | None:
    if session.links.stage is None:
        return None
    return client.project_page(session.links.stage, release.project)


def _verified(carried_out: Plan, session: Session, client: Client, reporter: Reporter) -> StagedOutcome:
    release = carried_out.release
    page = _page(release, session, client)
    problem = shortfall(release, session, page)
    if problem is not None:
        raise problem
    for notice in session.notices:
        reporter.notice(notice)
    for filename, file in session.files.items():
        for notice in file.notices:
            reporter.notice(f"{filename}: {notice}")
    return StagedOutcome(release, session, page, carried_out)


class _StoppedError(Exception):
    """This upload ends because another one failed."""


@dataclass(frozen=True)
class _Uploads:
    """The uploads of one plan into one session."""

    client: Client
    session: Session
    mechanism: str
    sender: Sender
    reporter: Reporter

    def carry_out(self, decisions: Iterable[Decision], jobs: int) -> None:
        """Upload in up to `jobs` threads; when all have stopped, raise the first failure in the order of the files."""
        stop = Event()
        with ThreadPoolExecutor(max_workers=jobs) as executor:
            futures = [executor.submit(self._upload, decision, stop) for decision in decisions]
            try:
                wait(futures, return_when=FIRST_EXCEPTION)
            finally:
                # after a failure, and after Ctrl-C, which arrives here too
                stop.set()
        for future in futures:
            error = future.exception()
            if error is not None and not isinstance(error, _StoppedError):
                raise error

    def _upload(self, decision: Decision, stop: Event) -> None:
        artifact = decision.artifact

        def progress(n_bytes: int) -> None:
            if stop.is_set():
                raise _StoppedError
            self.reporter.advanced(artifact, n_bytes)

        if stop.is_set():
            raise _StoppedError
        try:
            self.reporter.started(artifact)
            if decision.replaces is not None:
                self.client.delete_file(decision.replaces)
            file = self.client.create_file(self.session, artifact, self.mechanism)
            try:
                self.sender(self.client, file, artifact, progress)
                self._complete(file, artifact.filename)
            except BaseException:
                self._discard(file, artifact.filename)
                raise
        except StagedError as error:
            # at once, or this thread would begin with the next file
            stop.set()
            raise type(error)(f"{artifact.filename}: {error.what}", where=error.where, hint=error.hint) from error
        self.reporter.finished(artifact)

    def _complete(self, file: FileUploadSession, filename: str) -> None:
        state = self.client.complete(file)
        if state is FileState.COMPLETED:
            return
        # a file upload session has no notices of its own: the reason stands in the session
        listed = self.client.session(self.session.links.session).files.get(filename)
        reasons = "; ".join(listed.notices) if listed else ""
        raise StagedError(f"the index refused the file, its state is {state.value}: {reasons or 'it gave no reason'}")

    def _discard(self, file: FileUploadSession, filename: str) -> None:
        """Delete a failed file upload session, best effort: what went wrong first matters more."""
        try:
            self.client.delete_file(file.links.file_upload_session)
        except StagedError as error:
            self.reporter.notice(f"{filename} is left in the session, it could not be deleted: {error.what}")
