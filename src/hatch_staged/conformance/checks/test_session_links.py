"""PEP 694, "Publishing Session Links"."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING

import pytest

from hatch_staged.conformance import secrecy, simple, stages, steps
from hatch_staged.conformance.artifacts import fresh_release
from hatch_staged.conformance.requirements import covers
from hatch_staged.conformance.steps import Session

if TYPE_CHECKING:
    from hatch_staged.conformance.artifacts import Release
    from hatch_staged.conformance.conversation import Conversation
    from hatch_staged.conformance.target import Target
    from hatch_staged.conformance.wire import Principal

_REQUIRED = {"session", "publish", "upload"}
_OPTIONAL = {"extend", "stage"}


@covers("SESSION-LINKS-01", "For the links key in the success JSON, the following sub-keys are valid")
def test_links_have_the_valid_keys(conversation: Conversation) -> None:
    for body in conversation.sessions:
        keys = body["links"].keys()
        assert keys >= _REQUIRED, f"links is without {sorted(_REQUIRED - keys)}"
        assert keys <= _REQUIRED | _OPTIONAL, f"links has the keys {sorted(keys - _REQUIRED - _OPTIONAL)}"


@covers("SESSION-LINKS-02", "querying the current session status (via GET)")
def test_the_session_link_tells_the_status(owner: Principal, session: Session) -> None:
    answer = owner.get(session.url)
    assert answer.status == 200, f"the status is not told: {answer}"
    assert answer.json().get("status") == "open", f"the status of an open session: {answer}"


@covers("SESSION-LINKS-02", "canceling and discarding the session (via DELETE)")
def test_the_session_link_cancels_the_session(owner: Principal, session: Session) -> None:
    steps.cancel(owner, session)
    steps.expect(owner, session.url, "canceled", "its cancellation")


@covers("SESSION-LINKS-03", "The endpoint for publishing this session (via POST).")
def test_the_publish_link_publishes(owner: Principal, release: Release, session: Session) -> None:
    steps.stage(owner, session, release.wheel())
    for method in ("GET", "HEAD"):
        answer = owner.request(method, session.publish)
        state = steps.session_state(owner, session)
        assert state == "open", f"a session has become {state} by looking at the link: {answer}"
    steps.publish(owner, session)


@covers("SESSION-LINKS-04", "The endpoint for requesting an extension of the session lifetime (via POST).")
def test_the_extend_link_extends(owner: Principal, session: Session) -> None:
    if session.extend is None:
        pytest.skip("the index has no extensions")
    answer = steps.extend(owner, session.extend, 60)
    assert answer.ok, f"an extension cannot be requested: {answer}"
    assert Session(answer.json()).url == session.url, f"another session was extended: {answer}"


@covers("SESSION-LINKS-05", "If the server does not support session extensions, this key MUST be omitted.")
def test_there_is_an_extend_link_only_where_there_are_extensions(
    owner: Principal, session: Session, conversation: Conversation
) -> None:
    keys = {"extend" in body["links"] for body in conversation.sessions}
    assert len(keys) == 1, "links.extend is in some bodies, and not in others"
    if session.extend is not None:
        answer = steps.extend(owner, session.extend, 60)
        assert answer.ok, f"links.extend is there, and no extension is: {answer}"


@covers("SESSION-LINKS-06", "The endpoint session clients will use to initiate a file upload session for each file")
def test_the_upload_link_takes_every_file(owner: Principal, index: Target, release: Release, session: Session) -> None:
    another = steps.open_session(owner, index.root, fresh_release())
    artifacts = [release.wheel(), release.wheel("py2-none-any"), release.sdist()]
    for artifact in artifacts:
        steps.stage(owner, session, artifact)
    files = steps.staged_files(owner, session)
    assert files.keys() == {artifact.filename for artifact in artifacts}, f"the session has the files {sorted(files)}"
    assert not steps.staged_files(owner, another), "files of one session are in another"


@covers("SESSION-LINKS-07", "The endpoint where this staged release can be previewed prior to publishing the session.")
def test_the_stage_link_shows_the_staged_release(
    owner: Principal, anonymous: Principal, release: Release, session: Session
) -> None:
    stage = stages.require_stage(session)
    artifacts = [release.wheel(), release.sdist()]
    for artifact in artifacts:
        steps.stage(owner, session, artifact)
    listed = simple.files(anonymous, stage, release.project)
    assert listed.keys() == {artifact.filename for artifact in artifacts}, f"the stage has {sorted(listed)}"


@covers("SESSION-LINKS-08", "This can be used to download and verify the not-yet-public files.")
def test_what_is_staged_can_be_downloaded_and_verified(
    owner: Principal, anonymous: Principal, index: Target, release: Release, session: Session
) -> None:
    stage = stages.require_stage(session)
    artifacts = {artifact.filename: artifact for artifact in (release.wheel(), release.sdist())}
    for artifact in artifacts.values():
        steps.stage(owner, session, artifact)
    listed = simple.files(anonymous, stage, release.project)
    assert listed.keys() == artifacts.keys(), f"the stage has {sorted(listed)}"
    for filename, file in listed.items():
        data = simple.download(anonymous, file)
        assert data == artifacts[filename].data, f"{filename} has other bytes in the stage"
        assert file.hashes, f"{filename} cannot be verified, it has no hash"
        for algorithm, digest in file.hashes.items():
            assert hashlib.new(algorithm, data).hexdigest() == digest, f"{algorithm} of {filename} is wrong"
    if index.simple is not None:
        assert not simple.files(owner, index.simple, release.project), "what is staged is public"


@covers("SESSION-LINKS-09", "This URL MUST be cryptographically unguessable")
def test_urls_of_stages_are_not_guessable(abandoned: tuple[Session, ...]) -> None:
    urls = [stages.require_stage(session) for session in abandoned]
    assert secrecy.bits(urls) >= secrecy.LEAST_BITS, f"stages differ in too few characters: {urls}"


@covers("SESSION-LINKS-09", "This URL MUST be cryptographically unguessable")
def test_a_stage_is_not_found_without_all_of_its_url(
    owner: Principal, anonymous: Principal, release: Release, session: Session
) -> None:
    stage, token = stages.require_stage(session), stages.require_token(session)
    steps.stage(owner, session, release.wheel())
    for wrong in (*secrecy.near(token), ""):
        url = stages.with_token(stage, token, wrong)
        found = stages.found(partial(simple.page, anonymous, url, release.project))
        assert found is None, f"the token {wrong!r} is good for the stage of {token}: {found}"


@covers("SESSION-LINKS-10", "MUST use the above session-token to accomplish this.")
def test_the_token_of_another_session_does_not_open_a_stage(
    owner: Principal, anonymous: Principal, index: Target, release: Release, session: Session
) -> None:
    stage = stages.require_stage(session)
    another = steps.open_session(owner, index.root, fresh_release())
    steps.stage(owner, session, release.wheel())
    token = stages.require_token(session)
    there = stages.with_token(stage, token, stages.require_token(another))
    found = stages.found(partial(simple.page, anonymous, there, release.project))
    assert found is None or not simple.listed(found), f"the stage is also at {there}: {found}"


@covers("SESSION-LINKS-11", "This stage URL should be easily calculated using the session-token")
def test_a_stage_url_is_calculated_from_the_token(abandoned: tuple[Session, ...]) -> None:
    stages.assert_calculable(abandoned)


@covers("SESSION-LINKS-12", "If the index does not support previewing staged releases, this key MUST be omitted.")
def test_there_is_a_stage_link_only_where_there_are_previews(
    owner: Principal, anonymous: Principal, release: Release, session: Session, conversation: Conversation
) -> None:
    keys = {"stage" in body["links"] for body in conversation.sessions}
    assert len(keys) == 1, "links.stage is in some bodies, and not in others"
    if session.stage is not None:
        steps.stage(owner, session, release.wheel())
        answer = simple.page(anonymous, session.stage, release.project)
        assert answer.ok, f"links.stage is there, and no preview is: {answer}"
