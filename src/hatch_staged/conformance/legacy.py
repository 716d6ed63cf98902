"""One file through the legacy upload API, as the tools of today send it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_staged.conformance.wire import multipart

if TYPE_CHECKING:
    from hatch_staged.conformance.artifacts import Artifact, Release
    from hatch_staged.conformance.wire import Answer, Principal


def upload(principal: Principal, url: str, release: Release, artifact: Artifact) -> Answer:
    """Upload and thereby publish `artifact`; return the answer, whatever it is."""
    wheel = artifact.filename.endswith(".whl")
    fields = {
        ":action": "file_upload",
        "protocol_version": "1",
        "metadata_version": "2.1",
        "name": release.project,
        "version": release.version,
        "filetype": "bdist_wheel" if wheel else "sdist",
        "pyversion": artifact.filename.removesuffix(".whl").split("-")[-3] if wheel else "source",
        "sha256_digest": artifact.hashes["sha256"],
    }
    content_type, body = multipart(fields, artifact.filename, artifact.data)
    return principal.request("POST", url, {"Content-Type": content_type}, body)
