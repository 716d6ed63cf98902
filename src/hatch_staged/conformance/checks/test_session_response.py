"""PEP 694, "Response Body" of a publishing session."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from itertools import pairwise
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from hatch_staged.conformance import failures, secrecy, simple, stages, steps
from hatch_staged.conformance.requirements import covers
from hatch_staged.conformance.timestamps import expires_at

if TYPE_CHECKING:
    from hatch_staged.conformance.artifacts import Release
    from hatch_staged.conformance.conversation import Conversation
    from hatch_staged.conformance.steps import Session
    from hatch_staged.conformance.target import Target
    from hatch_staged.conformance.wire import Principal

_REQUIRED = {"meta", "links", "mechanisms", "expires-at", "status", "files"}
_STATES = {"open", "processing", "published", "error", "canceled"}
_TIMESTAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(.*)")


@covers("SESSION-RESPONSE-01", "The successful response includes the following content")
def test_a_session_is_described_with_all_keys(session: Session) -> None:
    missing = _REQUIRED - session.body.keys()
    assert not missing, f"without {sorted(missing)}: {session.body}"


@covers("SESSION-RESPONSE-02", "Besides the meta key, which has the same format as the request JSON")
def test_meta_is_that_of_requests(conversation: Conversation) -> None:
    for body in conversation.sessions:
        meta = body.get("meta")
        assert isinstance(meta, dict), f"meta is no mapping: {meta}"
        assert meta.get("api-version") == "2.0", f"meta is {meta}"


@covers("SESSION-RESPONSE-03", "A dictionary mapping keys to URLs related to this session")
def test_links_are_urls(conversation: Conversation) -> None:
    for body in conversation.sessions:
        for name, url in body["links"].items():
            assert isinstance(url, str), f"links.{name} is no string: {url}"
            assert urlsplit(url).scheme in {"http", "https"}, f"links.{name} is no URL to use as it is: {url}"
            assert urlsplit(url).hostname, f"links.{name} is no URL to use as it is: {url}"


@covers("SESSION-RESPONSE-04", "A list of file-upload mechanisms supported by the server")
def test_mechanisms_are_a_list_of_identifiers(conversation: Conversation) -> None:
    for body in conversation.sessions:
        mechanisms = body.get("mechanisms")
        assert isinstance(mechanisms, list), f"mechanisms is no list: {mechanisms}"
        assert all(isinstance(each, str) for each in mechanisms), f"an identifier is no string: {mechanisms}"
        assert len(mechanisms) == len(set(mechanisms)), f"an identifier is there twice: {mechanisms}"


@covers("SESSION-RESPONSE-04", "A list of file-upload mechanisms supported by the server")
def test_mechanisms_are_supported(owner: Principal, release: Release, session: Session) -> None:
    for number, mechanism in enumerate(session.body["mechanisms"]):
        wheel = release.wheel(f"py3-none-linux_{number}_x86_64")
        answer = owner.post(session.upload, wheel.request(mechanism=mechanism))
        # A vendor's mechanism may want to know more than this.
        assert answer.status != 422, f"{mechanism} is listed, and not supported: {answer}"


@covers("SESSION-RESPONSE-05", "At least one value is required.")
def test_there_is_a_mechanism(session: Session) -> None:
    assert session.body.get("mechanisms"), f"no mechanism in {session.body}"


@covers("SESSION-RESPONSE-06", 'this key will contain the unique "session token"')
def test_each_session_has_its_own_token(abandoned: tuple[Session, ...]) -> None:
    tokens = _tokens(abandoned)
    assert all(isinstance(token, str) for token in tokens), f"a token is no string: {tokens}"
    assert all(tokens), f"a token is empty: {tokens}"
    assert len(set(tokens)) == len(abandoned), f"a token was given twice: {tokens}"


@covers("SESSION-RESPONSE-06", "that can be provided to installers in order to preview the staged release")
def test_the_token_leads_to_the_stage(
    owner: Principal, anonymous: Principal, release: Release, session: Session
) -> None:
    stage, token = stages.require_stage(session), stages.require_token(session)
    stages.with_token(stage, token, "")
    steps.stage(owner, session, release.wheel())
    assert simple.files(anonymous, stage, release.project), f"there is nothing at {stage}"


@covers("SESSION-RESPONSE-07", "This token MUST be cryptographically unguessable.")
def test_tokens_are_not_guessable(abandoned: tuple[Session, ...]) -> None:
    tokens = _tokens(abandoned)
    assert secrecy.bits(tokens) >= secrecy.LEAST_BITS, f"tokens differ in too few characters: {tokens}"


@covers("SESSION-RESPONSE-07", "This token MUST be cryptographically unguessable.")
def test_tokens_are_not_made_of_what_is_known(session: Session, release: Release) -> None:
    token = stages.require_token(session)
    known = secrecy.derived(token, release.project, release.version)
    assert known is None, f"the token {token} is made of the {known}"


@covers("SESSION-RESPONSE-08", "If the index does not support stage previewing, this key MUST be omitted.")
def test_there_is_no_token_without_previews(conversation: Conversation) -> None:
    without = [body for body in conversation.sessions if "stage" not in body["links"]]
    if not without:
        pytest.skip("the index has previews")
    tokens = [body["session-token"] for body in without if "session-token" in body]
    assert not tokens, f"there is a session-token and no stage: {tokens}"


@covers("SESSION-RESPONSE-09", "An RFC 3339 formatted timestamp string")
def test_expires_at_is_a_timestamp_to_come(session: Session) -> None:
    expiry = expires_at(session.body)
    assert expiry > datetime.now(timezone.utc), f"a new session expired at {expiry}"


@covers("SESSION-RESPONSE-10", 'this string MUST represent a UTC timestamp using the "Zulu" (i.e. Z) marker')
def test_expires_at_has_the_zulu_marker(conversation: Conversation) -> None:
    stamps = {str(body.get("expires-at")) for body in conversation.sessions}
    assert all(stamp.endswith("Z") for stamp in stamps), f"expires-at is {sorted(stamps)}"


@covers("SESSION-RESPONSE-11", "use only whole seconds (i.e. no fractional seconds).")
def test_expires_at_has_no_fractions(conversation: Conversation) -> None:
    for body in conversation.sessions:
        found = _TIMESTAMP.fullmatch(str(body.get("expires-at")))
        assert found, f"expires-at is no timestamp: {body.get('expires-at')}"
        assert not found[1].startswith((".", ",")), f"expires-at has a fraction: {found[0]}"


@covers("SESSION-RESPONSE-15", "should never move it earlier.")
def test_the_expiry_is_never_moved_earlier(owner: Principal, release: Release, session: Session) -> None:
    expiries = [expires_at(session.body)]

    def look() -> None:
        expiries.append(expires_at(steps.session_status(owner, session)))

    file = steps.stage(owner, session, release.wheel())
    look()
    steps.delete(owner, file)
    look()
    if session.extend is not None:
        for seconds in (60, 1, 3600, 2, 10**9, 1):
            steps.extend(owner, session.extend, seconds)
            look()
    steps.begin(owner, session, release.sdist())
    owner.post(session.publish)
    look()
    assert all(earlier <= later for earlier, later in pairwise(expiries)), f"expires-at was {[*map(str, expiries)]}"


@covers("SESSION-RESPONSE-17", "A string that contains one of open, processing, published, error, or canceled")
def test_status_is_one_of_five(conversation: Conversation) -> None:
    states = {str(body.get("status")) for body in conversation.sessions}
    assert states <= _STATES, f"these occur: {sorted(states)}"
    assert "open" in states, f"only these occur: {sorted(states)}"


@covers("SESSION-RESPONSE-18", "A mapping containing the filenames that have been uploaded to this session")
def test_files_maps_what_was_uploaded(owner: Principal, release: Release, session: Session) -> None:
    assert session.body.get("files") == {}, f"a new session has these files: {session.body.get('files')}"
    names = set()
    for artifact in (release.wheel(), release.sdist()):
        steps.stage(owner, session, artifact)
        names.add(artifact.filename)
        files = steps.staged_files(owner, session)
        assert files.keys() == names, f"the session has the files {sorted(files)}"
        assert all(isinstance(details, dict) for details in files.values()), f"details are no mapping: {files}"


@covers("SESSION-RESPONSE-20", "These notices are specific to the overall session, not to any particular file")
def test_notices_of_the_session_are_not_about_a_file(owner: Principal, release: Release, session: Session) -> None:
    wheel = release.wheel()
    steps.fail_completion(owner, session, wheel)
    body = steps.session_status(owner, session)
    about = [notice for notice in steps.notices(body) if wheel.filename in notice]
    assert not about, f"the session's notices have what belongs to a file's: {about}"
    for details in body["files"].values():
        steps.notices(details)


@covers("SESSION-RESPONSE-20", "These notices are specific to the overall session")
def test_why_a_publication_failed_is_a_notice_of_the_session(owner: Principal, index: Target) -> None:
    doomed = failures.fail_later(owner, failures.doom(owner, index))
    body = steps.session_status(owner, doomed.session)
    assert steps.notices(body), f"the session has failed without a notice: {body}"


def _tokens(sessions: tuple[Session, ...]) -> list[str]:
    tokens = [session.token for session in sessions if session.token is not None]
    if not tokens:
        pytest.skip("the index has no previews")
    return tokens
