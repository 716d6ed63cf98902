"""Attestations of a file (PEP 740): what of them is checked, and how they are served.

Their form is checked, and that they are of this file: its name, its SHA-256.  Signatures are not verified; whoever
installs has to do that in any case, and knows whom to trust.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hatch_staged.index.database import attestation_rows
from hatch_staged.index.refusals import InvalidRequestError
from hatch_staged.protocol.attestations import Bundle, Provenance, Publisher, Subject, decode, mismatch
from hatch_staged.protocol.problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatch_staged.index.core import Index
    from hatch_staged.index.records import FileUpload

#: Who uploaded them is known by an API token, and by nothing that would be a "Trusted Publisher".
_PUBLISHER = Publisher(kind="hatch-staged API token")


def read(file: FileUpload, raw: bytes) -> list[Subject]:
    """Return what the attestations in `raw`, a JSON array, are of; raise `InvalidRequestError` if it is none."""
    try:
        return decode(raw)
    except ValueError as error:
        raise _invalid(file, str(error)) from None


def check(file: FileUpload, subjects: Iterable[Subject]) -> None:
    """Raise `InvalidRequestError` if an attestation is not of `file`, as far as that is known."""
    wrong = _fault(file, subjects)
    if wrong:
        raise _invalid(file, wrong)


def fault(index: Index, file: FileUpload) -> str:
    """Return what is wrong with the attestations of `file` now that its bytes are known, or nothing."""
    if not file.attested:
        return ""
    with index.database.reading() as tx:
        raw = attestation_rows.find(tx, file.id)
    return "" if raw is None else _fault(file, decode(raw))


def provenance(raw: bytes) -> bytes:
    """Return the provenance object of a file with these attestations."""
    bundle = Bundle(publisher=_PUBLISHER, attestations=msgspec.Raw(raw))
    return msgspec.json.encode(Provenance(attestation_bundles=(bundle,)))


def _invalid(file: FileUpload, message: str) -> InvalidRequestError:
    fault = ProblemError(source="attestations", message=message)
    return InvalidRequestError(f"The attestations of {file.filename} are refused: {message}.", errors=[fault])


def _fault(file: FileUpload, subjects: Iterable[Subject]) -> str:
    hashes = file.hashes if file.received is None else file.received.hashes
    return mismatch(subjects, key=file.name_key, sha256=hashes.get("sha256"))
