"""Digital attestations of a file, and the provenance in which an index serves them (PEP 740).

Source: the packaging specification "Index hosted attestations".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from hatch_staged.protocol.distributions import parse_filename

if TYPE_CHECKING:
    from collections.abc import Iterable

#: There are two kinds, and a file needs one of each.
MOST = 10

_Digest = Annotated[str, msgspec.Meta(pattern="^[0-9A-Fa-f]{64}$")]
_Filled = Annotated[bytes, msgspec.Meta(min_length=1)]


class VerificationMaterial(msgspec.Struct, frozen=True, kw_only=True):
    """What a verifier needs: "Cryptographic materials used to verify `envelope`"."""

    #: "The signing certificate, as ``base64(DER(cert))``."
    certificate: _Filled
    #: "One or more transparency log entries for this attestation's signature and certificate."
    transparency_entries: Annotated[list[dict[str, Any]], msgspec.Meta(min_length=1)]


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What it verifies: "The enveloped attestation statement and signature"."""

    #: "it MUST be an JSON in-toto v1 Statement"
    statement: _Filled
    signature: _Filled


class Attestation(msgspec.Struct, frozen=True, kw_only=True):
    """An attestation; "applications or signers may include additional keys"."""

    version: Literal[1]
    verification_material: VerificationMaterial
    envelope: Envelope


class Digests(msgspec.Struct, frozen=True, kw_only=True):
    """The digests of a subject, which "MUST contain a SHA-256 digest"."""

    sha256: _Digest


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What is attested."""

    #: "the distribution's filename"
    name: str
    digest: Digests


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """What is signed."""

    type: Literal["https://in-toto.io/Statement/v1"] = msgspec.field(name="_type")
    #: "MUST contain only a single subject"
    subject: Annotated[list[Subject], msgspec.Meta(min_length=1, max_length=1)]
    predicate_type: Literal["https://slsa.dev/provenance/v1", "https://docs.pypi.org/attestations/publish/v1"] = (
        msgspec.field(name="predicateType")
    )


class Publisher(msgspec.Struct, frozen=True, kw_only=True):
    """Who uploaded the attestations, as the index knows them."""

    kind: str
    claims: dict[str, Any] = {}


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """The attestations of one publisher."""

    publisher: Publisher
    #: a JSON array of attestation objects, as it was uploaded
    attestations: msgspec.Raw


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """What is served beside a file."""

    version: Literal[1] = 1
    attestation_bundles: tuple[Bundle, ...]


def decode(raw: bytes, *, most: int = MOST) -> list[Subject]:
    """Return the subjects of the attestations in `raw`, a JSON array of at most `most`.

    Raises `ValueError`, which says where it is none; nothing is verified.
    """
    try:
        # Text first: msgspec does not look into what it skips, and all of it is served.
        attestations = msgspec.json.decode(raw.decode(), type=list[Attestation])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from None
    except RecursionError:
        raise ValueError("JSON that is nested too deeply") from None
    if len(attestations) > most:
        raise ValueError(f"More than {most} attestations")
    return [_subject(number, attestation) for number, attestation in enumerate(attestations)]


def mismatch(subjects: Iterable[Subject], *, key: str, sha256: str | None) -> str:
    """Return why one of `subjects` is not the distribution of that `Distribution.key` and digest, or nothing."""
    for subject in subjects:
        # "the statement's subject may be equivalent but normalized"
        try:
            distribution = parse_filename(subject.name)
        except ValueError as error:
            return f"an attestation is of something else: {error}"
        if distribution.key != key:
            return f"an attestation is of {subject.name}"
        attested = subject.digest.sha256.lower()
        if sha256 not in {None, attested}:
            return f"an attestation is of a file with the sha256 {attested}"
    return ""


def _subject(number: int, attestation: Attestation) -> Subject:
    try:
        return msgspec.json.decode(attestation.envelope.statement.decode(), type=Statement).subject[0]
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{error} - in the statement of `$[{number}]`") from None
    except RecursionError:
        raise ValueError(f"JSON that is nested too deeply - in the statement of `$[{number}]`") from None
