"""The uploads of one plan into one publishing session: in parallel, and each as often as it takes, within bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from hatch_staged.client.answers import FailingError, GarbledError
from hatch_staged.client.lanes import Lanes, NotBesideOthersError, Turns
from hatch_staged.client.leases import Lease
from hatch_staged.errors import ConflictError, StagedError, StageGoneError, UnreachableError
from hatch_staged.protocol.states import FileState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from hatch_staged.client.artifacts import Artifact
    from hatch_staged.client.progress import Reporter
    from hatch_staged.client.publication import Decision
    from hatch_staged.client.sending import Sender
    from hatch_staged.client.upload_api import Client
    from hatch_staged.protocol.messages import FileUploadSession, Session

#: How often the bytes of a file are sent at most.
SENDINGS = 5
#: How often at most if what arrives gets into the state ``error``.
REFUSALS = 2
#: To be created, sent and completed takes three round trips; while the bytes of one file are on their way, another one
#: is created, and a third completed.
ROUND_TRIPS = 3


class _TransferError(Exception):
    """The bytes did not arrive, as far as we know: they are sent anew in another file upload session."""

    def __init__(self, cause: FailingError | GarbledError, url: str) -> None:
        super().__init__(str(cause))
        self.cause = cause
        #: of the file upload session
        self.url = url


class _RefusedError(StagedError):
    """The index has decided that the file is in error."""


class Uploads:
    """Uploads into `session` by `mechanism`, whose implementation `sender` is."""

    def __init__(self, client: Client, session: Session, mechanism: str, sender: Sender, reporter: Reporter) -> None:
        self._client = client
        self._session = session
        self._mechanism = mechanism
        self._sender = sender
        self._reporter = reporter
        self._lease = Lease(
            "the publishing session",
            session.expires_at,
            self._extend if session.links.extend is not None else None,
            now=client.waiter.now,
            tell=reporter.notice,
        )
        self._begun: set[str] = set()
        self._displaced: set[str] = set()

    def carry_out(self, decisions: Sequence[Decision], jobs: int) -> frozenset[str]:
        """Upload, the bytes of up to `jobs` files at once; fewer, down to one at a time, if the index takes no more.

        With 1 everything happens one after the other.  Returns the names of those that somebody else uploads, too, who
        was faster.  When all have stopped, the first failure in the order of the files is raised.
        """
        limits = (ROUND_TRIPS * jobs, jobs) if jobs > 1 else ()
        turns = Turns(jobs)
        lanes: Lanes[Decision] = Lanes(decisions, limits, lambda decision: self._upload(decision, lanes, turns))
        lanes.run()
        return frozenset(self._displaced)

    def _extend(self, seconds: int) -> datetime:
        self._session = self._client.extend(self._session, seconds)
        return self._session.expires_at

    def _upload(self, decision: Decision, lanes: Lanes[Decision], turns: Turns) -> None:
        artifact = decision.artifact
        try:
            self._until_completed(decision, lanes, turns)
        except StagedError as error:
            named = type(error)(f"{artifact.filename}: {error.what}", where=error.where, hint=error.hint)
            named.__cause__ = error
            if isinstance(error, ConflictError):
                raise NotBesideOthersError(named) from error
            raise named from error

    def _begin(self, artifact: Artifact) -> None:
        if artifact.filename not in self._begun:
            self._begun.add(artifact.filename)
            self._reporter.started(artifact)

    def _until_completed(self, decision: Decision, lanes: Lanes[Decision], turns: Turns) -> None:
        artifact, replaces = decision.artifact, decision.replaces
        pauses = self._client.waiter.pauses()
        refusals = 0
        for sending in range(1, SENDINGS + 1):
            lanes.check()
            self._lease.watch()
            attempt = _Attempt(
                self._client, self._session, artifact, self._reporter, lanes, turns, self._lease, self._begin
            )
            try:
                completed = attempt.make(replaces, self._mechanism, self._sender)
            except _TransferError as error:
                asked = error.cause.retry_after
                if sending == SENDINGS or not self._client.waiter.pause(next(pauses), asked):
                    raise error.cause from error
                again = error.cause.what
                replaces = error.url
            except _RefusedError as error:
                refusals += 1
                if refusals == REFUSALS:
                    raise
                again = error.what
                replaces = None
            else:
                if completed:
                    # should something undo it, it begins again
                    self._begun.discard(artifact.filename)
                    self._reporter.finished(artifact)
                else:
                    self._displaced.add(artifact.filename)
                return
            self._reporter.notice(f"{artifact.filename}: {again}; it is sent again")


@dataclass
class _Attempt:
    """One file upload session, from its creation to its end."""

    client: Client
    session: Session
    artifact: Artifact
    reporter: Reporter
    lanes: Lanes[Decision]
    turns: Turns
    lease: Lease
    begin: Callable[[Artifact], None]
    sent: int = 0

    def make(self, replaces: str | None, mechanism: str, sender: Sender) -> bool:
        """Delete the file at `replaces`, and upload; return False if somebody else uploads this file meanwhile.

        What fails is deleted again, unless the index cannot be reached or the user wants to end.
        """
        file = self._create(replaces, mechanism)
        if file is None:
            return False
        try:
            self._send(file, sender)
            self.lanes.check()
            return self._complete(file)
        except _TransferError:
            # deleted before it is created anew
            self._nothing_came_of_it()
            raise
        except (ConflictError, StageGoneError):
            if self._is_displaced(file):
                return self._nothing_came_of_it()
            self._discard(file)
            raise
        except UnreachableError:
            self._nothing_came_of_it()
            raise
        except BaseException:
            if not self.lanes.interrupted:
                self._discard(file)
            raise

    def _create(self, replaces: str | None, mechanism: str) -> FileUploadSession | None:
        if replaces is not None:
            try:
                self.client.delete_file(replaces)
            except ConflictError:
                state = self.client.file_state(replaces)
                if state is FileState.PROCESSING:
                    return None
                if state is FileState.COMPLETED:
                    # It was in processing, by somebody else, and is not any more.
                    self.client.delete_file(replaces)
                elif state not in {None, FileState.CANCELED}:
                    raise
        try:
            return self.client.create_file(self.session, self.artifact, mechanism)
        except ConflictError:
            if self.artifact.filename in self.client.session(self.session.links.session).files:
                return None
            raise

    def _send(self, file: FileUploadSession, sender: Sender) -> None:
        known = file

        def extend(seconds: int) -> datetime:
            nonlocal known
            known = self.client.extend_file(known, seconds)
            return known.expires_at

        lease = Lease(
            f"the upload of {self.artifact.filename}",
            file.expires_at,
            extend if file.links.extend is not None else None,
            now=self.client.waiter.now,
            tell=self.reporter.notice,
        )

        def watch() -> None:
            self.lanes.check()
            self.lease.watch()
            lease.watch()

        try:
            with self.turns.one(watch) as end_turn:

                def progress(n_bytes: int) -> None:
                    watch()
                    self.sent += n_bytes
                    self.reporter.advanced(self.artifact, n_bytes)
                    if self.sent >= self.artifact.size:
                        # while it waits for the answer, another one may send
                        end_turn()

                self.begin(self.artifact)
                sender(self.client, file, self.artifact, progress)
        except (FailingError, GarbledError) as error:
            raise _TransferError(error, file.links.file_upload_session) from error

    def _complete(self, file: FileUploadSession) -> bool:
        state = self.client.complete(file, meanwhile=self.lease.watch)
        if state is FileState.ERROR:
            # a file upload session has no notices of its own: the reason stands in the session
            listed = self.client.session(self.session.links.session).files.get(self.artifact.filename)
            reasons = "; ".join(listed.notices) if listed else ""
            raise _RefusedError(f"the index refused the file, its state is error: {reasons or 'it gave no reason'}")
        # or canceled, by somebody who wants another file there
        return state is FileState.COMPLETED or self._nothing_came_of_it()

    def _is_displaced(self, file: FileUploadSession) -> bool:
        """Whether our file is gone, or was completed by another machine that took it for its own; the session is not.

        That happens when the answer to its creation was lost, and the file was found in the session.
        """
        if not self.client.session(self.session.links.session).status.editable:
            return False
        left = {FileState.PENDING, FileState.ERROR}
        return self.client.file_state(file.links.file_upload_session) not in left

    def _nothing_came_of_it(self) -> Literal[False]:
        if self.sent:
            self.reporter.advanced(self.artifact, -self.sent)
        return False

    def _discard(self, file: FileUploadSession) -> None:
        """Delete a failed file upload session, best effort: what went wrong first matters more."""
        self._nothing_came_of_it()
        try:
            self.client.delete_file(file.links.file_upload_session)
        except StagedError as error:
            self.reporter.notice(
                f"{self.artifact.filename} is left in the session, it could not be deleted: {error.what}"
            )
