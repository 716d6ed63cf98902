"""PEP 694, "Create a File Upload Session", "Response Body"."""

from __future__ import annotations

import re
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import pytest

from hatch_staged.conformance import steps
from hatch_staged.conformance.artifacts import fresh_release
from hatch_staged.conformance.requirements import covers
from hatch_staged.conformance.steps import FileSession
from hatch_staged.conformance.timestamps import expires_at, seconds_left

if TYPE_CHECKING:
    from hatch_staged.conformance.artifacts import Release
    from hatch_staged.conformance.steps import Session
    from hatch_staged.conformance.target import Target
    from hatch_staged.conformance.wire import Answer, Principal

_STATES = {"pending", "processing", "completed", "error", "canceled"}
_TIMESTAMP = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")
# Around an expiry: timestamps and the Date header have whole seconds, servers renew the latter once a second, and a
# request takes its time.
_BEFORE = -3.0
_AFTER = 1.0


@pytest.fixture(scope="module")
def bodies(owner: Principal, index: Target) -> list[dict[str, Any]]:
    """Return what a file upload session said of itself, from its creation to its deletion."""
    release = fresh_release()
    session = steps.open_session(owner, index.root, release)
    artifact = release.wheel()
    file = steps.begin(owner, session, artifact)
    seen = [file.body, steps.file_status(owner, file)]
    steps.transfer(owner, file, artifact.data)
    seen.append(steps.file_status(owner, file))
    owner.post(file.complete)
    seen.append(steps.file_status(owner, file))
    steps.file_state(owner, file)
    seen.append(steps.file_status(owner, file))
    failed = steps.fail_completion(owner, session, release.sdist())
    owner.delete(file.url)
    for each in (file, failed):
        answer = owner.get(each.url)
        if answer.ok:
            seen.append(answer.json())
    steps.cancel(owner, session)
    return seen


@pytest.fixture
def created(owner: Principal, session: Session, release: Release) -> Answer:
    """Return the answer to the creation of a file upload session."""
    answer = owner.post(session.upload, release.wheel().request())
    assert answer.status == 202, f"an upload could not be begun: {answer}"
    return answer


@covers("FILE-RESPONSE-01", "The successful response includes the following")
def test_the_response_has_all_that_is_required(created: Answer) -> None:
    missing = {"meta", "links", "status", "expires-at", "mechanism"} - set(created.json())
    assert not missing, f"{sorted(missing)} missing in: {created}"


@covers("FILE-RESPONSE-02", "A Retry-After response header MUST be present")
def test_the_response_says_when_to_look_again(created: Answer) -> None:
    value = created.headers.get("retry-after")
    assert value is not None, f"there is no Retry-After header in: {created}"
    if not value.isdecimal():
        try:
            parsedate_to_datetime(value)
        except ValueError:
            pytest.fail(f"Retry-After is neither a number of seconds nor a date: {value}")


@covers("FILE-RESPONSE-03", "Besides the meta key, which has the same format as the request JSON")
def test_the_response_says_its_version(created: Answer) -> None:
    meta = created.json().get("meta")
    assert isinstance(meta, dict), f"meta is no mapping: {meta}"
    assert meta.get("api-version") == "2.0", f"meta has the version {meta}"


@covers("FILE-RESPONSE-04", "links A dictionary mapping keys to URLs related to this session")
def test_links_are_urls(created: Answer) -> None:
    links = created.json().get("links")
    assert isinstance(links, dict), f"links is no mapping: {links}"
    assert links, "links is empty"
    for name, url in links.items():
        assert isinstance(url, str), f"links.{name} is no URL: {url}"
        assert url.startswith(("https://", "http://")), f"links.{name} is no URL: {url}"


@covers("FILE-RESPONSE-05", "status A string with valid values pending, processing, completed, error, and canceled")
def test_the_status_is_one_of_the_states(bodies: list[dict[str, Any]]) -> None:
    seen = [body.get("status") for body in bodies]
    assert all(state in _STATES for state in seen), f"a file upload session was in the states {seen}"
    assert seen[0] == "pending", f"created as {seen[0]}"
    assert {"completed", "error"} <= set(seen), f"a completed and a failed file were in the states {seen}"


@covers("FILE-RESPONSE-06", "expires-at An RFC 3339 formatted timestamp string")
@covers("FILE-RESPONSE-08", "use only whole seconds (i.e. no fractional seconds).")
def test_the_expiry_is_a_timestamp_in_whole_seconds(bodies: list[dict[str, Any]]) -> None:
    for body in bodies:
        expires_at(body)
        assert "." not in str(body.get("expires-at")), f"expires-at has fractional seconds: {body}"


@covers("FILE-RESPONSE-07", 'This string MUST represent a UTC timestamp using the "Zulu" (i.e. Z) marker')
def test_the_expiry_is_in_utc(bodies: list[dict[str, Any]]) -> None:
    for body in bodies:
        stamp = str(body.get("expires-at"))
        assert _TIMESTAMP.fullmatch(stamp), f"expires-at is {stamp}"


@covers("FILE-RESPONSE-06", "representing when the server will expire this file upload session.")
def test_an_upload_cannot_be_completed_after_its_expiry(
    owner: Principal, index: Target, created: Answer, release: Release
) -> None:
    file = FileSession(created.json())
    steps.transfer(owner, file, release.wheel().data)
    _wait_for(owner, index, file, _AFTER)
    answer = owner.post(file.complete)
    assert answer.refused, f"an expired upload was completed: {answer}"


@covers("FILE-RESPONSE-09", "The session SHOULD remain active until at least this time")
def test_an_upload_can_be_completed_until_its_expiry(
    owner: Principal, index: Target, created: Answer, release: Release
) -> None:
    file = FileSession(created.json())
    _wait_for(owner, index, file, _BEFORE)
    steps.finish(owner, file, release.wheel())


@covers("FILE-RESPONSE-11", "should never move it earlier.")
def test_the_expiry_never_moves_earlier(bodies: list[dict[str, Any]], created: Answer, owner: Principal) -> None:
    # All but the first and the last two are of one file, which nobody has deleted yet.
    seen = [body["expires-at"] for body in bodies[:5]]
    assert seen == sorted(seen), f"expires-at was, one after the other, {seen}"
    file = FileSession(created.json())
    if file.extend is not None:
        for seconds in (60, 1, 0):
            answer = steps.extend(owner, file.extend, seconds)
            after = steps.file_status(owner, file)["expires-at"]
            assert after >= file.body["expires-at"], f"expires-at has moved to {after} after: {answer}"


@covers("FILE-RESPONSE-12", "mechanism A mapping containing the necessary details for the supported mechanism")
def test_the_mechanism_is_all_that_an_upload_needs(owner: Principal, created: Answer, release: Release) -> None:
    assert isinstance(created.json().get("mechanism"), dict), f"mechanism is no mapping: {created}"
    steps.finish(owner, FileSession(created.json()), release.wheel())


@covers("FILE-RESPONSE-13", "This mapping MUST contain a key identifier which maps to the identifier string")
def test_the_mechanism_has_its_identifier(created: Answer) -> None:
    identifier = created.json()["mechanism"].get("identifier")
    assert identifier == "http-post-bytes", f"the mechanism is {created.json()['mechanism']}"


def _wait_for(owner: Principal, index: Target, file: FileSession, margin: float) -> None:
    """Wait until the file upload session expires, and a margin; skip the check if that takes too long."""
    left = seconds_left(owner.get(file.url))
    if left + margin > index.patience:
        pytest.skip(f"an upload expires in {left:.0f} seconds, and --patience is {index.patience:.0f} seconds")
    time.sleep(max(0.0, left + margin))
