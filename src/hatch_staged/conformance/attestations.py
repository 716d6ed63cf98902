"""Attestation objects (PEP 740) that are well-formed and signed by nobody."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hatch_staged.conformance.artifacts import Artifact
    from hatch_staged.conformance.wire import Answer, Principal


def attestation(subject: Artifact) -> dict[str, Any]:
    """Return an attestation that says that `subject` was published."""
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": subject.filename, "digest": subject.hashes}],
        "predicateType": "https://docs.pypi.org/attestations/publish/v1",
        "predicate": None,
    }
    return {
        "version": 1,
        "verification_material": {
            "certificate": _encoded(b"a certificate of nobody"),
            "transparency_entries": [{"logIndex": "0", "kindVersion": {"kind": "dsse", "version": "0.0.1"}}],
        },
        "envelope": {"statement": _encoded(json.dumps(statement).encode()), "signature": _encoded(b"signed by nobody")},
    }


def send(principal: Principal, url: str, attestations: object) -> Answer:
    """POST an array of attestations, as the PEP has it, or something else."""
    return principal.request("POST", url, {"Content-Type": "application/json"}, json.dumps(attestations).encode())


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()
