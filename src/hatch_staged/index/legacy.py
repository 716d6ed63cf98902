"""Uploads with the API that PEP 694 calls legacy: one form with one file, which is published at once.

What comes here shares the names of files and projects with what comes through publishing sessions: "the index MUST
guarantee that it never publishes two files with the same name for the same release, even in the presence of concurrent
uploads arriving through this API or the legacy API".  The form's fields are those of https://docs.pypi.org/api/upload/.
"""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion

from hatch_staged.index import attestations, authorization, publication, receiving, validation
from hatch_staged.index.database import attestation_rows, file_rows, project_rows, published_rows
from hatch_staged.index.expiry import expire_due
from hatch_staged.index.records import Artifact, FileUpload, Permission, Received
from hatch_staged.index.refusals import ConflictingError, InvalidRequestError, TooLargeError
from hatch_staged.protocol.distributions import Kind
from hatch_staged.protocol.problems import ProblemError
from hatch_staged.protocol.states import FileState
from hatch_staged.protocol.versions import parse_version

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from packaging.version import Version

    from hatch_staged.archives import CoreMetadata
    from hatch_staged.index.authorization import Principal
    from hatch_staged.index.configuration import Limits
    from hatch_staged.index.core import Index
    from hatch_staged.index.database.engine import Transaction
    from hatch_staged.index.multipart import Part
    from hatch_staged.protocol.distributions import Distribution

_FILE = "content"
_ATTESTATIONS = "attestations"
#: What the field ``filetype`` calls the kinds of distribution.
FILE_TYPES = {Kind.SDIST: "sdist", Kind.WHEEL: "bdist_wheel"}
#: The digests that a form may have, by the names of their fields.
DIGESTS: dict[str, Callable[[], hashlib._Hash | hashlib.blake2b]] = {
    "md5_digest": partial(hashlib.md5, usedforsecurity=False),
    "sha256_digest": hashlib.sha256,
    "blake2_256_digest": partial(hashlib.blake2b, digest_size=32),
}
# What every client sends, in the only sense that is left of it.
_FIXED = {":action": "file_upload", "protocol_version": "1"}
# The others repeat the metadata that is in the file.
_KEPT = frozenset({*_FIXED, "name", "version", "filetype", _ATTESTATIONS, *DIGESTS})
#: All fields that are looked at.
FIELDS = _KEPT | {_FILE}
#: Every classifier and every requirement is a field.
MOST_FIELDS = 10_000
_LONGEST_NAME = 100


@dataclass(frozen=True)
class _Stored:
    """The file of a form: its bytes are stored, and nothing points at them yet."""

    distribution: Distribution
    received: Received
    #: as hexadecimal digits, by the names of their fields
    digests: dict[str, str]
    #: a JSON array, see `hatch_staged.index.attestations`
    attestations: bytes = b"[]"


async def upload(index: Index, principal: Principal, parts: AsyncIterator[Part]) -> Artifact:
    """Publish the file of the form whose `parts` arrive, and register its project if it is new.

    Raises `InvalidRequestError`, `ForbiddenError`, `TooLargeError`, or `ConflictingError` if the file's name is taken.
    A file that is refused leaves nothing.
    """
    stored = await _read(index, principal, parts)
    # From here on the thread decides what becomes of the bytes: it goes on when we are canceled.
    return await asyncio.to_thread(_publish, index, principal, stored)


async def _read(index: Index, principal: Principal, parts: AsyncIterator[Part]) -> _Stored:
    """Read the whole form, store its file, and compare the two."""
    form, stored = _Form(index.limits), None
    async with AsyncExitStack() as failing:
        async for part in parts:
            if part.name != _FILE:
                await form.take(part)
            elif stored is None:
                stored = await _store(index, principal, part)
                failing.push_async_callback(asyncio.to_thread, index.objects.delete, stored.received.object_key)
            else:
                raise _invalid(_FILE, "There is more than one file.")
        if stored is None:
            raise _invalid(_FILE, "There is no file.")
        form.check(stored)
        failing.pop_all()
    return replace(stored, attestations=form.fields.get(_ATTESTATIONS, "[]").encode())


@dataclass
class _Form:
    """The fields of a form that say something of its file, and how much there is of the others."""

    limits: Limits
    fields: dict[str, str] = field(default_factory=dict)
    _count: int = 0
    _size: int = 0

    async def take(self, part: Part) -> None:
        """Read a field; raise `TooLargeError` if there are too many or too large ones."""
        self._count += 1
        if self._count > MOST_FIELDS:
            raise TooLargeError(f"A form may have at most {MOST_FIELDS} fields.")
        if not part.name or len(part.name) > _LONGEST_NAME:
            raise InvalidRequestError(f"A field needs a name, of at most {_LONGEST_NAME} characters.")
        kept, content = part.name in _KEPT, bytearray()
        async for chunk in part.content:
            self._size += len(chunk)
            if self._size > self.limits.form_size:
                raise TooLargeError(f"The fields of a form may have at most {self.limits.form_size} bytes together.")
            content += chunk if kept else b""
            if len(content) > self.limits.request_size:
                raise TooLargeError(f"{part.name} may have at most {self.limits.request_size} bytes.")
        if not kept:
            return
        if part.name in self.fields:
            raise _invalid(part.name, f"There is more than one {part.name}.")
        self.fields[part.name] = content.decode(errors="replace").strip()
        # At once: it may be that the form is none that has a file.
        if self.fields[part.name] != _FIXED.get(part.name, self.fields[part.name]):
            raise _invalid(part.name, f"{part.name} has to be {_FIXED[part.name]}.")

    def check(self, stored: _Stored) -> None:
        """Raise `InvalidRequestError` unless what the fields say is right."""
        distribution = stored.distribution
        for name in (*_FIXED, "name", "version", "filetype"):
            if name not in self.fields:
                raise _invalid(name, f"There is no {name}.")
        name, version, filetype = self.fields["name"], self.fields["version"], self.fields["filetype"]
        if canonicalize_name(name) != distribution.project:
            raise _invalid("name", f"{distribution.filename} is of {distribution.project}, the form says {name!r}.")
        if not _same(version, distribution.version):
            raise _invalid(
                "version", f"{distribution.filename} is of {distribution.version}, the form says {version!r}."
            )
        if filetype != FILE_TYPES[distribution.kind]:
            raise _invalid(
                "filetype", f"{distribution.filename} is a {FILE_TYPES[distribution.kind]}, the form says {filetype!r}."
            )
        declared = self.fields.keys() & DIGESTS.keys()
        if not declared:
            raise _invalid("sha256_digest", "There is no digest of the file; sha256_digest is recommended.")
        for digest in sorted(declared):
            if self.fields[digest].lower() != stored.digests[digest]:
                raise _invalid(digest, f"The {digest} of the received bytes is {stored.digests[digest]}.")


async def _store(index: Index, principal: Principal, part: Part) -> _Stored:
    """Store the bytes of the file; what can be refused without them is refused before."""
    if part.filename is None:
        raise _invalid(_FILE, "The file has no name.")
    distribution = validation.check_filename(part.filename)
    await asyncio.to_thread(_check, index, principal, distribution)
    hashes, size, key = {name: new() for name, new in DIGESTS.items()}, 0, f"files/{index.new_token()}"

    async def counted() -> AsyncIterator[bytes]:
        nonlocal size
        async for chunk in part.content:
            size += len(chunk)
            if size > index.limits.file_size:
                raise TooLargeError(f"This index takes files of at most {index.limits.file_size} bytes.")
            yield chunk

    def hashed(block: bytes) -> None:
        for running in hashes.values():
            running.update(block)

    def stored() -> _Stored:
        digests = {name: running.hexdigest() for name, running in hashes.items()}
        received = Received(object_key=key, size=size, hashes={"sha256": digests["sha256_digest"]})
        return _Stored(distribution, received, digests)

    return await receiving.store(index.objects, key, counted(), look=hashed, keep=stored)


def _check(index: Index, principal: Principal, distribution: Distribution) -> None:
    # The name may be reserved by nothing but a session whose time is up.
    expire_due(index)
    with index.database.reading() as tx:
        _allow(tx, principal, distribution.project)
        published = published_rows.published_as(tx, distribution.key)
    if published is not None:
        raise _taken(published)


def _publish(index: Index, principal: Principal, stored: _Stored) -> Artifact:
    """Look into the file, and publish it in one transaction; delete its bytes if that fails."""
    distribution, received = stored.distribution, stored.received
    file = FileUpload(
        id=index.new_token(),
        session_id=None,
        filename=distribution.filename,
        name_key=distribution.key,
        size=received.size,
        hashes=received.hashes,
        state=FileState.COMPLETED,
        received=received,
    )
    with ExitStack() as failing:
        failing.callback(index.objects.delete, received.object_key)
        attested = attestations.read(file, stored.attestations)
        attestations.check(file, attested)
        metadata = _inspect(index, file, received)
        now = index.clock()
        with index.database.writing() as tx:
            authorization.reserve(tx, principal, distribution.project)
            _allow(tx, principal, distribution.project)
            project_rows.register(tx, distribution.project, now)
            file_rows.add(tx, file)
            file_rows.record_received(tx, file.id, received)
            file_rows.record_completed(
                tx, file.id, at=now, requires_python=metadata.requires_python, core_metadata=metadata.raw
            )
            if attested:
                attestation_rows.put(tx, file.id, stored.attestations)
            artifact = Artifact(
                file_id=file.id,
                filename=file.filename,
                name_key=file.name_key,
                size=received.size,
                hashes=received.hashes,
                object_key=received.object_key,
                version=str(distribution.version),
                requires_python=metadata.requires_python,
                metadata_sha256=hashlib.sha256(metadata.raw).hexdigest(),
                upload_time=now,
                attested=bool(attested),
            )
            publication.check_quota(tx, index, distribution.project, (artifact,))
            # Others may have been faster while the bytes came.
            if not published_rows.add(tx, artifact, project=distribution.project, at=now):
                raise _taken(distribution.filename)
        failing.pop_all()
    return artifact


def _inspect(index: Index, file: FileUpload, received: Received) -> CoreMetadata:
    try:
        return validation.inspect(index.objects, file, received)
    except validation.InvalidFileError as error:
        raise _invalid(file.filename, f"{file.filename}: {error}.") from None


def _allow(tx: Transaction, principal: Principal, project: str) -> None:
    # This is staging and publishing in one go.
    for permission in (Permission.STAGE, Permission.PUBLISH):
        authorization.check(tx, principal, project, permission)


def _taken(published: str) -> ConflictingError:
    # "any other attempt to upload a file with one of those filenames to the same release -- whether through this API
    # or the legacy API -- MUST be rejected with a ``409 Conflict``, exactly as if the file were already published"
    return ConflictingError(f"{published} is published; published files cannot be replaced.")


def _same(text: str, version: Version) -> bool:
    try:
        return parse_version(text) == version
    except InvalidVersion:
        return False


def _invalid(source: str, message: str) -> InvalidRequestError:
    return InvalidRequestError(message, errors=[ProblemError(source=source, message=message)])
