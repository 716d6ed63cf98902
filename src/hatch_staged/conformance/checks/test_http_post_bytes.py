"""PEP 694, "http-post-bytes"."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hatch_staged.conformance import attestations, steps
from hatch_staged.conformance.artifacts import Artifact
from hatch_staged.conformance.requirements import covers
from hatch_staged.conformance.wire import OCTETS, Principal

if TYPE_CHECKING:
    from hatch_staged.conformance.artifacts import Release
    from hatch_staged.conformance.steps import FileSession, Session
    from hatch_staged.conformance.target import Target
    from hatch_staged.conformance.wire import Answer, Wire

_SCHEMES = ("Basic", "Bearer")


@pytest.fixture
def file(owner: Principal, session: Session, release: Release) -> FileSession:
    """Return a file upload session for the wheel of `release`."""
    return steps.begin(owner, session, release.wheel())


@covers("HTTP-POST-BYTES-01", "Upload API version 2.0 compliant servers MUST support the http-post-bytes mechanism.")
def test_bytes_can_be_posted(owner: Principal, session: Session, file: FileSession, release: Release) -> None:
    mechanisms = session.body.get("mechanisms")
    assert isinstance(mechanisms, list), f"mechanisms is no list: {mechanisms}"
    assert "http-post-bytes" in mechanisms, f"there are only the mechanisms {mechanisms}"
    steps.finish(owner, file, release.wheel())


@covers("HTTP-POST-BYTES-02", "This mechanism MUST use the same authentication scheme as the rest")
def test_bytes_need_credentials(
    owner: Principal, anonymous: Principal, session: Session, file: FileSession, release: Release
) -> None:
    asked = anonymous.get(session.url)
    answer = anonymous.send(file.file_url, release.wheel().data)
    assert answer.status == 401, f"bytes without credentials were answered with {answer}"
    assert _schemes(answer) == _schemes(asked), f"asked for {_schemes(answer)}, elsewhere for {_schemes(asked)}"
    steps.finish(owner, file, release.wheel())


@covers("HTTP-POST-BYTES-02", "This mechanism MUST use the same authentication scheme as the rest")
def test_bytes_are_taken_with_the_schemes_that_are_taken_elsewhere(
    index: Target, wire: Wire, session: Session, file: FileSession, release: Release
) -> None:
    for scheme in _SCHEMES:
        principal = Principal(wire, index.token, scheme, index.user)
        elsewhere = principal.get(session.url)
        # Whether the bytes may be sent twice is not what this is about.
        answer = principal.request("POST", file.file_url, {"Content-Type": OCTETS}, release.wheel().data)
        assert (answer.status == 401) == (elsewhere.status == 401), f"{scheme} elsewhere: {elsewhere}; here: {answer}"


@covers("HTTP-POST-BYTES-02", "This mechanism MUST use the same authentication scheme as the rest")
def test_attestations_need_credentials(
    anonymous: Principal, session: Session, file: FileSession, release: Release
) -> None:
    asked = anonymous.get(session.url)
    answer = attestations.send(anonymous, _require_attestations(file), [attestations.attestation(release.wheel())])
    assert answer.status == 401, f"attestations without credentials were answered with {answer}"
    assert _schemes(answer) == _schemes(asked), f"asked for {_schemes(answer)}, elsewhere for {_schemes(asked)}"


@covers("HTTP-POST-BYTES-07", "This support will be indicated by inclusion of an attestations_url key")
def test_attestations_are_taken_or_examined(owner: Principal, file: FileSession, release: Release) -> None:
    url = _require_attestations(file)
    steps.transfer(owner, file, release.wheel().data)
    answer = attestations.send(owner, url, [attestations.attestation(release.wheel())])
    if answer.ok:
        completed = owner.post(file.complete)
        state = steps.file_state(owner, file)
        # The signature may be looked at as late as this.
        assert state in {"completed", "error"}, f"{state} after: {completed}"
    else:
        _require_examined(answer)


@covers("HTTP-POST-BYTES-07", "This support will be indicated by inclusion of an attestations_url key")
@pytest.mark.parametrize("subject", ["another name", "other bytes"])
def test_an_attestation_of_something_else_does_not_get_in(
    owner: Principal, file: FileSession, release: Release, subject: str
) -> None:
    url = _require_attestations(file)
    wheel, other = release.wheel(), release.wheel(content="another")
    if subject == "another name":
        other = Artifact(release.sdist().filename, wheel.data)
    steps.transfer(owner, file, wheel.data)
    answer = attestations.send(owner, url, [attestations.attestation(other)])
    if answer.ok:
        completed = owner.post(file.complete)
        state = steps.file_state(owner, file)
        assert state != "completed", f"completed with an attestation of {subject}: {answer}, {completed}"
    else:
        _require_examined(answer)


@covers("HTTP-POST-BYTES-07", "This support will be indicated by inclusion of an attestations_url key")
@pytest.mark.parametrize("sent", [{}, ["attestation"], [{"version": 1}]], ids=repr)
def test_what_is_no_array_of_attestations_does_not_get_in(
    owner: Principal, file: FileSession, release: Release, sent: object
) -> None:
    steps.transfer(owner, file, release.wheel().data)
    answer = attestations.send(owner, _require_attestations(file), sent)
    if answer.ok:
        completed = owner.post(file.complete)
        state = steps.file_state(owner, file)
        assert state != "completed", f"completed with {sent} for attestations: {answer}, {completed}"
    else:
        assert answer.refused, f"{sent} was answered with {answer}"


def _require_attestations(file: FileSession) -> str:
    if file.attestations_url is None:
        pytest.skip("the index does not take attestations")
    return file.attestations_url


def _require_examined(answer: Answer) -> None:
    """Fail unless the attestations were refused because of what they are."""
    assert answer.refused, f"attestations were answered with {answer}"
    assert answer.status not in {401, 403, 404, 405}, f"attestations_url does not take attestations: {answer}"
    answer.json()


def _schemes(answer: Answer) -> set[str]:
    return {
        challenge.split()[0].lower()
        for value in answer.headers.get_list("www-authenticate")
        for challenge in value.split(",")
        if challenge.strip() and "=" not in challenge.split()[0]
    }
