"""Attestations of what is about to be uploaded: those that are missing are made, and those that came late are sent.

"Attestations MUST be uploaded to the attestations_url before file upload session completion": a file that was completed
without them gets them only by being sent again.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hatch_staged.client.attestations import AttestationFile, beside, path_of
from hatch_staged.client.publication import Step
from hatch_staged.errors import ArtifactError
from hatch_staged.protocol.mechanisms import attestations_url

if TYPE_CHECKING:
    from hatch_staged.client.artifacts import Artifact
    from hatch_staged.client.publication import Decision, Plan
    from hatch_staged.client.signing import MakeSigner, Signer
    from hatch_staged.client.upload_api import Client
    from hatch_staged.protocol.messages import Session
    from hatch_staged.protocol.simple import ProjectPage

#: The kind of attestation that we make: we publish, somebody else builds.
_PUBLISH = "publish"
#: Before this version of the simple API (PEP 740), a page does not say whether a file has attestations.
_TELLS_SINCE = (1, 3)


def late(plan: Plan, session: Session, page: ProjectPage | None, client: Client, *, signing: bool) -> Plan:
    """Return `plan` with those files replaced that would be kept, have attestations here, and none in the index.

    They are kept all the same where the index takes no attestations, or does not say whether it has any: sending them
    again, time after time, would change nothing.  If `signing`, every file has attestations, or will have.
    """
    without = _listed_without(page)
    return replace(
        plan,
        decisions=tuple(
            _replaced(decision, session, client)
            if decision.step is Step.KEEP
            and (signing or decision.artifact.attestations)
            and decision.artifact.filename in without
            else decision
            for decision in plan.decisions
        ),
    )


def _listed_without(page: ProjectPage | None) -> frozenset[str]:
    if page is None:
        return frozenset()
    try:
        version = tuple(map(int, page.meta.api_version.split(".")))
    except ValueError:
        return frozenset()
    if version < _TELLS_SINCE:
        return frozenset()
    return frozenset(file.filename for file in page.files if file.provenance is None)


def _replaced(decision: Decision, session: Session, client: Client) -> Decision:
    link = session.files[decision.artifact.filename].link
    if attestations_url(client.file(link).mechanism) is None:
        return decision
    return replace(decision, step=Step.REPLACE, replaces=link)


def signed(plan: Plan, make_signer: MakeSigner) -> Plan:
    """Return `plan` with an attestation for each file that is to be sent and has none.

    Those that are made are written beside the artifacts, so that nobody makes them again: each is on record, for ever,
    in a public log.
    """
    signer: Signer | None = None
    decisions = []
    for decision in plan.decisions:
        artifact = decision.artifact
        if decision.step in {Step.UPLOAD, Step.REPLACE} and not artifact.attestations:
            found = beside(artifact.path)
            if not found:
                signer = signer or make_signer()
                found = (_sign(artifact, signer),)
            artifact = replace(artifact, attestations=found)
        decisions.append(replace(decision, artifact=artifact))
    return replace(plan, decisions=tuple(decisions))


def _sign(artifact: Artifact, signer: Signer) -> AttestationFile:
    made = AttestationFile(path_of(artifact.path, _PUBLISH), signer.sign(artifact))
    temporary = None
    try:
        descriptor, temporary = tempfile.mkstemp(dir=made.path.parent, prefix=".attestation-")
        with os.fdopen(descriptor, "wb") as file:
            file.write(made.raw)
        Path(temporary).chmod(0o644)  # what mkstemp makes, others cannot read
        Path(temporary).replace(made.path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise ArtifactError(f"this cannot be written: {error.strerror}", where=str(made.path)) from error
    return made
