"""PEP 694, "Versioning"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_staged.conformance import legacy, simple, steps
from hatch_staged.conformance.requirements import covers
from hatch_staged.conformance.wire import META

if TYPE_CHECKING:
    from hatch_staged.conformance.artifacts import Release
    from hatch_staged.conformance.conversation import Conversation
    from hatch_staged.conformance.target import Target
    from hatch_staged.conformance.wire import Principal


@covers("VERSION-01", "this PEP does not modify the legacy API in any way")
def test_the_legacy_api_publishes_as_ever(owner: Principal, index: Target, release: Release) -> None:
    url = index.require_legacy()
    wheel = release.wheel()
    answer = legacy.upload(owner, url, release, wheel)
    assert answer.ok, f"a legacy upload was refused: {answer}"
    if index.simple is not None:
        listed = simple.files(owner, index.simple, release.project)
        assert wheel.filename in listed, f"the upload is not public after {answer}"
        assert simple.download(owner, listed[wheel.filename]) == wheel.data, "the published file has other bytes"


@covers("VERSION-01", "this PEP does not modify the legacy API in any way")
def test_the_legacy_api_publishes_while_a_session_for_the_release_is_open(
    owner: Principal, index: Target, upcoming: Release
) -> None:
    # Of a project that is registered: a new one need not take uploads while its name is only reserved.
    url = index.require_legacy()
    session = steps.open_session(owner, index.root, upcoming)
    wheel, sdist = upcoming.wheel(), upcoming.sdist()
    steps.stage(owner, session, wheel)
    answer = legacy.upload(owner, url, upcoming, sdist)
    assert answer.ok, f"a legacy upload was refused: {answer}"
    assert steps.session_status(owner, session)["status"] == "open", "a legacy upload changed the session"
    if index.simple is not None:
        public = simple.files(owner, index.simple, upcoming.project).keys() & {wheel.filename, sdist.filename}
        assert public == {sdist.filename}, f"{sorted(public)} are public after {answer}"


@covers("VERSION-02", "The API proposed in this PEP therefore has the version number 2.0.")
def test_what_is_described_is_described_in_version_2_0(conversation: Conversation) -> None:
    versions = [body.get("meta", {}).get("api-version") for body in conversation.bodies]
    assert versions == ["2.0"] * len(versions), f"meta.api-version is {versions}"


@covers("VERSION-04", "MUST NOT advertise or implement new API versions without an approved PEP.")
def test_other_api_versions_are_refused(owner: Principal, index: Target, release: Release) -> None:
    for version in ("2.1", "3.0", "1.0"):
        answer = owner.post(index.root, release.request(meta={**META, "api-version": version}))
        assert answer.refused, f"version {version} is taken: {answer}"
    steps.open_session(owner, index.root, release)


@covers("VERSION-04", "MUST NOT advertise or implement new API versions without an approved PEP.")
def test_messages_of_another_major_version_are_refused(owner: Principal, index: Target, release: Release) -> None:
    answer = owner.post(index.root, release.request(), Content_Type="application/vnd.pypi.upload.v3+json")
    assert answer.refused, f"a message of version 3 is taken: {answer}"
    steps.open_session(owner, index.root, release)
