"""File upload sessions: created, filled with bytes, completed, deleted (PEP 694, "File Upload Session").

A file upload session lives as long as its publishing session and is extended with it.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hatch_staged.index import attestations, authorization, completion, receiving, validation
from hatch_staged.index.database import attestation_rows, file_rows, published_rows, session_rows
from hatch_staged.index.expiry import expire_due
from hatch_staged.index.records import FileUpload, Permission, PublishingSession, Received
from hatch_staged.index.refusals import (
    ConflictingError,
    InvalidRequestError,
    MechanismError,
    TooLargeError,
    UnknownError,
)
from hatch_staged.protocol.mechanisms import HTTP_POST_BYTES
from hatch_staged.protocol.problems import ProblemError
from hatch_staged.protocol.states import FileEvent, FileState, SessionEvent, file_after, session_after

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from hatch_staged.index.authorization import Principal
    from hatch_staged.index.completion import Findings
    from hatch_staged.index.core import Index
    from hatch_staged.index.database.engine import Transaction

#: "sorted in server-preferred order"
MECHANISMS = (HTTP_POST_BYTES,)


@dataclass(frozen=True)
class FileAddress:
    """What a file's URLs hold: the session token of its publishing session, and its own id."""

    session_token: str
    file_id: str


@dataclass(frozen=True)
class FileStatus:
    """A file upload session with the publishing session that it belongs to."""

    session: PublishingSession
    file: FileUpload

    @property
    def address(self) -> FileAddress:
        """Where the file is found."""
        return FileAddress(self.session.token, self.file.id)


def create(
    index: Index,
    principal: Principal,
    session_id: str,
    *,
    filename: str,
    size: int,
    hashes: Mapping[str, str],
    mechanism: str,
) -> FileStatus:
    """Begin the upload of a file of `size` bytes; one of the same name that is completed is replaced.

    Two names are the same if installers cannot tell them apart, see `Distribution.key`.

    Raises `InvalidRequestError` for what cannot be right, `MechanismError`, and `ConflictingError` if the file is
    published, it or the session would be too large for this index, the session has had too many, or it is not yet
    through in this session.
    """
    # What can be known without the session, before it keeps others from writing.
    distribution = validation.check_filename(filename)
    name_key = distribution.key
    hashes = validation.check_hashes(hashes)
    if mechanism not in MECHANISMS:
        raise MechanismError(f"{mechanism!r} is not among the mechanisms of this index: {', '.join(MECHANISMS)}.")
    expire_due(index)
    with index.database.writing() as tx:
        session = authorization.find_session(tx, principal, session_id, Permission.STAGE)
        session_after(session.state, SessionEvent.CHANGE)
        validation.check_release(distribution, session)
        _refuse_beyond("files", size, index.limits.file_size)
        count, declared = file_rows.total(tx, session.id)
        if count >= index.limits.session_files:
            raise ConflictingError(
                f"A session has at most {index.limits.session_files} files, with those that were deleted or replaced."
            )
        published = published_rows.published_as(tx, name_key)
        if published is not None:
            raise ConflictingError(f"{published} is published; published files cannot be replaced.")
        replaced = _replace(tx, session.id, name_key)
        total = declared + size - (replaced.size if replaced is not None else 0)
        _refuse_beyond("sessions", total, index.limits.session_size)
        file = FileUpload(
            id=index.new_token(),
            session_id=session.id,
            filename=filename,
            name_key=name_key,
            size=size,
            hashes=hashes,
            state=FileState.PENDING,
        )
        file_rows.add(tx, file)
    _delete_object(index, replaced)
    return FileStatus(session, file)


def status(index: Index, principal: Principal, address: FileAddress) -> FileStatus:
    """Return the file upload session, also after its end."""
    return _look(index, principal, address, Permission.STAGE, Permission.PUBLISH)


def begin(index: Index, principal: Principal, address: FileAddress, *, length: int | None = None) -> Reception:
    """Return what takes the bytes of a pending file (mechanism ``http-post-bytes``), in place of any that came before.

    `length` is how many are announced, if known.  Raises `TooLargeError` if there are more than declared.
    """
    file = _find_editable(index, principal, address, FileEvent.TRANSFER).file
    if length is not None and length > file.size:
        raise _too_large(file)
    return Reception(index, principal, address, file)


class Reception:
    """Takes the bytes of a file: hashed on their way, with sha256 and each algorithm that was declared."""

    def __init__(self, index: Index, principal: Principal, address: FileAddress, file: FileUpload) -> None:
        self._index = index
        self._principal = principal
        self._address = address
        self._file = file
        self._key = f"files/{index.new_token()}"
        self._size = 0
        self._hashes = {
            algorithm: hashlib.new(algorithm, usedforsecurity=False) for algorithm in {"sha256", *file.hashes}
        }

    async def take(self, chunks: AsyncIterator[bytes]) -> None:
        """Store the bytes that come.

        Raises `TooLargeError` as soon as there are more than declared; the file stays pending.
        """
        before = await receiving.store(
            self._index.objects, self._key, self._counted(chunks), look=self._hash, keep=self._record
        )
        if before.received is not None:
            await asyncio.to_thread(_delete_object, self._index, before)

    async def _counted(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for chunk in chunks:
            self._size += len(chunk)
            if self._size > self._file.size:
                raise _too_large(self._file)
            yield chunk

    def _hash(self, block: bytes) -> None:
        for running in self._hashes.values():
            running.update(block)

    def _record(self) -> FileUpload:
        """Let the file have what was stored, and return it as it was before."""
        digests = {algorithm: running.hexdigest() for algorithm, running in sorted(self._hashes.items())}
        received = Received(object_key=self._key, size=self._size, hashes=digests)
        with self._index.database.writing() as tx:
            # It may have been completed, canceled or published while its bytes were on their way.
            found = _find(tx, self._principal, self._address, Permission.STAGE)
            session_after(found.session.state, SessionEvent.CHANGE)
            file_after(found.file.state, FileEvent.TRANSFER)
            file_rows.record_received(tx, found.file.id, received)
            return found.file


def attest(index: Index, principal: Principal, address: FileAddress, raw: bytes) -> None:
    """Let `raw` be the attestations of a pending file, in place of any that came before; an empty array for none.

    Raises `InvalidRequestError` if it is no JSON array of attestations, or if one is of another file.
    """
    # Read before others have to wait for the transaction.
    subjects = attestations.read(_find_editable(index, principal, address, FileEvent.TRANSFER).file, raw)
    with index.database.writing() as tx:
        found = _find(tx, principal, address, Permission.STAGE)
        session_after(found.session.state, SessionEvent.CHANGE)
        file_after(found.file.state, FileEvent.TRANSFER)
        attestations.check(found.file, subjects)
        attestation_rows.put(tx, found.file.id, raw if subjects else None)


def complete(index: Index, principal: Principal, address: FileAddress) -> FileStatus:
    """Compare the received bytes with the declaration and look into the archive; then the file can be published.

    A large file is left to the worker, in processing.  Raises `InvalidRequestError`, and moves the file to "error", if
    it is not valid.
    """
    found = _find_editable(index, principal, address, FileEvent.COMPLETE)
    if completion.takes_long(index, found.file):
        return _settle(index, principal, found, FileEvent.DEFER, completion.Findings())
    try:
        findings = completion.inspect(index, found.file)
    except completion.UNREADABLE:
        with index.database.reading() as tx:
            _find_inspected(tx, principal, found, FileEvent.COMPLETE)
        raise
    if findings.fault:
        file = _settle(index, principal, found, FileEvent.REFUSE, findings).file
        fault = ProblemError(source=file.filename, message=findings.fault)
        raise InvalidRequestError(f"{file.filename}: {findings.fault}.", errors=[fault])
    return _settle(index, principal, found, FileEvent.COMPLETE, findings)


def delete(index: Index, principal: Principal, address: FileAddress) -> None:
    """Cancel the upload of a file, or delete it from its session."""
    expire_due(index)
    with index.database.writing() as tx:
        found = _find(tx, principal, address, Permission.STAGE)
        session_after(found.session.state, SessionEvent.CHANGE)
        file_after(found.file.state, FileEvent.CANCEL)
        file_rows.discard(tx, found.file.id)
    _delete_object(index, found.file)


def _find(tx: Transaction, principal: Principal, address: FileAddress, *permissions: Permission) -> FileStatus:
    session = session_rows.find_by_token(tx, address.session_token)
    file = file_rows.find(tx, address.file_id)
    if session is None or file is None or file.session_id != session.id:
        raise UnknownError("There is no such file upload session.")
    authorization.require(tx, principal, session, *permissions)
    return FileStatus(session, file)


def _look(index: Index, principal: Principal, address: FileAddress, *permissions: Permission) -> FileStatus:
    """Return the file as it is now: where the time of its session is up, it is canceled."""
    while True:
        with index.database.reading() as tx:
            found = _find(tx, principal, address, *permissions)
        if not found.session.is_due(index.clock()):
            return found
        expire_due(index)


def _find_editable(index: Index, principal: Principal, address: FileAddress, event: FileEvent) -> FileStatus:
    """Return the file if `event` is possible now; the caller asks again when it has done its work."""
    found = _look(index, principal, address, Permission.STAGE)
    session_after(found.session.state, SessionEvent.CHANGE)
    file_after(found.file.state, event)
    return found


def _replace(tx: Transaction, session_id: str, name_key: str) -> FileUpload | None:
    """Make room for a new upload of a file name; return the file that was there, in whatever spelling."""
    present = file_rows.find_named(tx, session_id, name_key)
    if present is None:
        return None
    # "the file upload MUST have been previously completed, canceled, or deleted"; from error, "deletion is the only
    # forward action".
    if present.state is not FileState.COMPLETED:
        raise ConflictingError(f"{present.filename} is {present.state.value} in this session; delete it first.")
    file_rows.discard(tx, present.id)
    return present


def _refuse_beyond(what: str, size: int, limit: int) -> None:
    # Not 413: "If the server determines the upload cannot proceed, it MUST return a ``409 Conflict``."
    if size > limit:
        raise ConflictingError(f"This index takes {what} of at most {limit} bytes; this would be {size}.")


def _find_inspected(tx: Transaction, principal: Principal, inspected: FileStatus, event: FileEvent) -> FileStatus:
    """Return the file if it still is what was inspected, and `event` is still possible."""
    found = _find(tx, principal, inspected.address, Permission.STAGE)
    session_after(found.session.state, SessionEvent.CHANGE)
    file_after(found.file.state, event)
    if found.file.received != inspected.file.received:
        raise ConflictingError(f"{found.file.filename} was sent again while it was being completed.")
    return found


def _settle(
    index: Index, principal: Principal, inspected: FileStatus, event: FileEvent, findings: Findings
) -> FileStatus:
    """Move the file to where `event` leads, if it still is what was inspected."""
    with index.database.writing() as tx:
        found = _find_inspected(tx, principal, inspected, event)
        return replace(found, file=completion.settle(tx, index, found.file, event, findings))


def _delete_object(index: Index, file: FileUpload | None) -> None:
    if file is not None and file.received is not None:
        index.objects.delete(file.received.object_key)


def _too_large(file: FileUpload) -> TooLargeError:
    return TooLargeError(f"More than the {file.size} bytes that were declared for {file.filename}.")
