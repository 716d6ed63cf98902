"""Attestations (PEP 740) that lie beside artifacts: found, read, and compared with what they are of.

Signatures are not verified: whoever installs has to do that in any case, and knows whom to trust.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatch_staged.protocol.attestations import decode, mismatch

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from hatch_staged.protocol.distributions import Distribution

#: As pypi-attestations and PyPI's action for GitHub name them, by what they attest.
KINDS = ("publish", "slsa")

#: More than any real one has (bytes).
MAX_SIZE = 1024 * 1024

_NAME = re.compile(rf"(.+)\.(?:{'|'.join(KINDS)})\.attestation")


@dataclass(frozen=True)
class AttestationFile:
    """An attestation as it was on disk: what is checked is what is sent."""

    path: Path
    raw: bytes


def attested_by(path: Path) -> Path | None:
    """Return the path of the artifact that `path` attests, by its name; None if it is no attestation's."""
    match = _NAME.fullmatch(path.name)
    return None if match is None else path.with_name(match[1])


def path_of(artifact: Path, kind: str) -> Path:
    """Return where the attestation of `artifact` is."""
    return artifact.with_name(f"{artifact.name}.{kind}.attestation")


def beside(artifact: Path) -> tuple[AttestationFile, ...]:
    """Return the attestations that lie beside `artifact`; of one that is too long, so much that `fault` tells."""
    found = []
    for path in (path_of(artifact, kind) for kind in KINDS):
        if path.is_file():
            with path.open("rb") as file:
                found.append(AttestationFile(path, file.read(MAX_SIZE + 1)))
    return tuple(found)


def fault(attestation: AttestationFile, distribution: Distribution, sha256: str) -> str:
    """Return why this is no attestation of the distribution with that digest, or nothing."""
    if len(attestation.raw) > MAX_SIZE:
        return f"no attestation has more than {MAX_SIZE} bytes"
    try:
        subjects = decode(as_array([attestation]), most=1)
    except ValueError as error:
        return f"this is no attestation (PEP 740): {error}"
    if not subjects:
        return "this is no attestation (PEP 740): there is nothing in it"
    wrong = mismatch(subjects, key=distribution.key, sha256=sha256)
    return f"{wrong}, the artifact's is {sha256}: sign it again, or remove this" if wrong else ""


def as_array(attestations: Iterable[AttestationFile]) -> bytes:
    """Return them as an index takes them: "a JSON array of attestation objects"."""
    return b"[" + b",".join(each.raw for each in attestations) + b"]"
