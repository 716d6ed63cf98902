"""Attestations as the index's tests send them: well-formed, and signed by nobody."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.index.building import Built


def statement(filename: str, sha256: str, **changes: object) -> dict[str, Any]:
    """Return what is signed."""
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": filename, "digest": {"sha256": sha256}}],
        "predicateType": "https://docs.pypi.org/attestations/publish/v1",
        "predicate": None,
        **changes,
    }


def attestation(said: object, **changes: object) -> dict[str, Any]:
    """Return an attestation of a statement."""
    return {
        "version": 1,
        "verification_material": {"certificate": encoded(b"DER"), "transparency_entries": [{"logIndex": "0"}]},
        "envelope": {"statement": encoded(json.dumps(said).encode()), "signature": encoded(b"ECDSA")},
        **changes,
    }


def of(built: Built) -> dict[str, Any]:
    """Return an attestation of a distribution."""
    return attestation(statement(built.filename, built.sha256))


def encoded(content: bytes) -> str:
    """Return base64."""
    return base64.b64encode(content).decode()
