"""Whether a file is what it is said to be: its declaration before it is sent, its bytes after."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from packaging.version import Version

from hatch_staged import archives
from hatch_staged.index.refusals import InvalidRequestError
from hatch_staged.protocol.distributions import parse_filename
from hatch_staged.protocol.problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatch_staged.archives import CoreMetadata
    from hatch_staged.index.objects import Objects
    from hatch_staged.index.records import FileUpload, PublishingSession, Received
    from hatch_staged.protocol.distributions import Distribution

#: Guaranteed by hashlib, and of a fixed length ("does not require additional parameters"); spelled as there.
ALGORITHMS = hashlib.algorithms_guaranteed - {"shake_128", "shake_256"}
#: Those that are not broken.
SECURE_ALGORITHMS = ALGORITHMS - {"md5", "sha1"}

#: Each costs time for every byte of the file; nobody needs more.
_MOST_HASHES = 4


class InvalidFileError(Exception):
    """The received bytes are not the declared file, or no valid distribution; says why in a sentence."""


def check_filename(filename: str) -> Distribution:
    """Return what `filename` says; raise `InvalidRequestError` unless it is that of a distribution."""
    try:
        return parse_filename(filename)
    except ValueError as error:
        raise _invalid("filename", str(error)) from None


def check_release(distribution: Distribution, session: PublishingSession) -> None:
    """Raise `InvalidRequestError` unless `distribution` is of the session's project and version."""
    if (distribution.project, distribution.version) != (session.project, Version(session.version)):
        raise _invalid(
            "filename",
            f"{distribution.filename} is of {distribution.project} {distribution.version}, "
            f"the session is of {session.project} {session.version}.",
        )


def check_hashes(hashes: Mapping[str, str]) -> dict[str, str]:
    """Return `hashes` with digests in lower case.

    Raises `InvalidRequestError` if there are too many, an algorithm is unknown, a digest has not its length, or none of
    them is secure.
    """
    if len(hashes) > _MOST_HASHES:
        raise _invalid("hashes", f"At most {_MOST_HASHES} hashes can be checked; sha256 is enough.")
    checked = {algorithm: _digest(algorithm, digest) for algorithm, digest in hashes.items()}
    if not checked.keys() & SECURE_ALGORITHMS:
        raise _invalid("hashes", "At least one secure hash is needed; sha256 is recommended.")
    return checked


def inspect(objects: Objects, file: FileUpload, received: Received) -> CoreMetadata:
    """Return the core metadata of the received file.

    Raises `InvalidFileError` if it is not the declared one, or `archives.inspect` refuses it.
    """
    if received.size != file.size:
        raise InvalidFileError(f"{file.size} bytes were declared, {received.size} were received")
    for algorithm, digest in file.hashes.items():
        if received.hashes[algorithm] != digest:
            raise InvalidFileError(
                f"the {algorithm} declared is {digest}, that of the received bytes is {received.hashes[algorithm]}"
            )
    # The name was checked against the session when it was declared; the metadata inside is checked against the name.
    distribution = parse_filename(file.filename)
    with objects.open(received.object_key) as stored:
        try:
            return archives.inspect(stored, distribution)
        except archives.ArchiveError as error:
            raise InvalidFileError(str(error)) from None


def _digest(algorithm: str, digest: str) -> str:
    source = f"hashes.{algorithm}"
    if algorithm not in ALGORITHMS:
        raise _invalid(source, f"{algorithm} is not a hash algorithm that can be used here.")
    length = hashlib.new(algorithm, usedforsecurity=False).digest_size
    try:
        decoded = bytes.fromhex(digest)
    except ValueError:
        decoded = b""
    if len(decoded) != length or len(digest) != 2 * length:
        raise _invalid(source, f"A {algorithm} digest has {2 * length} hexadecimal digits.")
    return digest.lower()


def _invalid(source: str, message: str) -> InvalidRequestError:
    return InvalidRequestError(message, errors=[ProblemError(source=source, message=message)])
