"""The steps that checks take on their way: each fails, with what was seen, if it does not succeed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.conformance.fake_index import META, Reply, reply

from hatch_staged.conformance import steps
from hatch_staged.conformance.artifacts import Release
from hatch_staged.conformance.steps import FileSession, Session

if TYPE_CHECKING:
    from tests.conformance.fake_index import FakeIndex

    from hatch_staged.conformance.wire import Principal

RELEASE = Release("foo", "1.0")
WHEEL = RELEASE.wheel()


def file_body(fake: FakeIndex, status: str = "pending") -> dict[str, object]:
    at = f"{fake.origin}/f"
    links = {"file-upload-session": at, "complete": f"{at}/complete"}
    return {"meta": META, "status": status, "links": links, "mechanism": {"file_url": f"{at}/bytes"}}


def opened(fake: FakeIndex, owner: Principal) -> Session:
    return steps.open_session(owner, fake.root, RELEASE)


def begun(fake: FakeIndex, owner: Principal) -> FileSession:
    session = opened(fake, owner)
    fake.script["POST", session.upload.removeprefix(fake.origin)] = [reply(202, file_body(fake))]
    return steps.begin(owner, session, WHEEL)


# Bodies


def test_a_link_that_is_not_there_fails_the_check() -> None:
    assert Session({"links": {"session": "http://s"}}).url == "http://s"
    with pytest.raises(AssertionError, match=r"links\.upload is missing"):
        Session({"links": {"session": "http://s"}}).upload  # noqa: B018 - it is a property
    with pytest.raises(AssertionError, match="links is no mapping"):
        Session({}).url  # noqa: B018 - it is a property


def test_what_an_index_need_not_have_is_none_where_it_is_not() -> None:
    bare, rich = Session({"links": {}}), Session({"links": {"extend": "e", "stage": "s"}, "session-token": "t"})
    assert (bare.extend, bare.stage, bare.token) == (None, None, None)
    assert (rich.extend, rich.stage, rich.token) == ("e", "s", "t")
    assert FileSession({"links": {}}).extend is None
    assert FileSession({"links": {"extend": "e"}}).extend == "e"


def test_the_url_for_bytes_is_found_flat_and_nested() -> None:
    flat: dict[str, object] = {"identifier": "http-post-bytes", "file_url": "http://b"}
    assert FileSession({"mechanism": flat}).file_url == "http://b"
    assert FileSession({"mechanism": {"http-post-bytes": {"file_url": "http://b"}}}).file_url == "http://b"


@pytest.mark.parametrize("mechanism", [None, [], {}, {"file_url": 1}, {"http-post-bytes": {}}])
def test_a_mechanism_without_a_url_for_bytes_fails_the_check(mechanism: object) -> None:
    with pytest.raises(AssertionError, match=r"mechanism is no mapping|there is no file_url"):
        FileSession({"mechanism": mechanism}).file_url  # noqa: B018 - it is a property


# Steps that succeed


def test_a_release_is_staged_and_published_step_by_step(fake: FakeIndex, owner: Principal) -> None:
    session = opened(fake, owner)
    fake.script["POST", session.upload.removeprefix(fake.origin)] = [reply(202, file_body(fake))]
    fake.script["POST", "/f/bytes"] = [Reply(204)]
    fake.script["POST", "/f/complete"] = [reply(201, file_body(fake, "completed"))]
    fake.script["GET", "/f"] = [reply(200, file_body(fake, "completed"))]
    assert steps.stage(owner, session, WHEEL).url == f"{fake.origin}/f"
    [sent] = fake.asked("POST", "/f/bytes")
    assert sent.body == WHEEL.data
    at = session.url.removeprefix(fake.origin)
    fake.script["POST", f"{at}/publish"] = [reply(201, {})]
    fake.script["GET", at] = [reply(200, {"status": "published"})]
    assert steps.publish(owner, session).status == 201
    assert steps.session_status(owner, session) == {"status": "published"}


def test_what_is_deferred_is_waited_for(fake: FakeIndex, owner: Principal) -> None:
    file = begun(fake, owner)
    fake.script["POST", "/f/complete"] = [reply(202, file_body(fake, "processing"))]
    fake.script["GET", "/f"] = [reply(200, file_body(fake, "processing")), reply(200, file_body(fake, "completed"))]
    assert steps.complete(owner, file).status == 202
    assert len(fake.asked("GET", "/f")) == 2
    assert steps.file_status(owner, file)["status"] == "completed"


def test_a_completion_is_made_to_fail_with_bytes_of_the_declared_number(fake: FakeIndex, owner: Principal) -> None:
    session = opened(fake, owner)
    fake.script["POST", session.upload.removeprefix(fake.origin)] = [reply(202, file_body(fake))]
    fake.script["POST", "/f/bytes"] = [Reply(204)]
    fake.script["POST", "/f/complete"] = [Reply(400)]
    fake.script["GET", "/f"] = [reply(200, file_body(fake, "error"))]
    steps.fail_completion(owner, session, WHEEL)
    [sent] = fake.asked("POST", "/f/bytes")
    assert len(sent.body) == len(WHEEL.data)
    assert sent.body != WHEEL.data
    fake.script["GET", "/f"] = [reply(200, file_body(fake, "completed"))]
    with pytest.raises(AssertionError, match="with other bytes than its hash says is completed"):
        steps.fail_completion(owner, session, WHEEL)


# Steps that do not


def test_a_session_that_is_not_created_fails_the_check(fake: FakeIndex, owner: Principal) -> None:
    fake.created = 200
    with pytest.raises(AssertionError, match=r"a session could not be created: POST .* -> 200"):
        opened(fake, owner)


def test_an_upload_that_is_not_begun_fails_the_check(fake: FakeIndex, owner: Principal) -> None:
    with pytest.raises(AssertionError, match="an upload could not be begun"):
        steps.begin(owner, opened(fake, owner), WHEEL)


def test_bytes_that_are_not_taken_fail_the_check(fake: FakeIndex, owner: Principal) -> None:
    file = begun(fake, owner)
    with pytest.raises(AssertionError, match="the bytes were not taken"):
        steps.transfer(owner, file, b"")


def test_a_file_that_is_not_completed_fails_the_check(fake: FakeIndex, owner: Principal) -> None:
    session = opened(fake, owner)
    fake.script["POST", session.upload.removeprefix(fake.origin)] = [reply(202, file_body(fake))]
    fake.script["POST", "/f/bytes"] = [Reply(204)]
    fake.script["GET", "/f"] = [reply(200, file_body(fake, "error"))]
    with pytest.raises(AssertionError, match=r"the file is error after: POST .* -> 404"):
        steps.stage(owner, session, WHEEL)


def test_a_session_that_is_not_published_fails_the_check(fake: FakeIndex, owner: Principal) -> None:
    session = opened(fake, owner)
    at = session.url.removeprefix(fake.origin)
    with pytest.raises(AssertionError, match=r"was not published: POST .* -> 404"):
        steps.publish(owner, session)
    fake.script["POST", f"{at}/publish"] = [reply(202, {})]
    fake.script["GET", at] = [reply(200, {"status": "error"})]
    with pytest.raises(AssertionError, match=r"the session is error after: POST .* -> 202"):
        steps.publish(owner, session)


def test_a_status_that_cannot_be_read_fails_the_check(fake: FakeIndex, owner: Principal) -> None:
    session = opened(fake, owner)
    fake.script["GET", session.url.removeprefix(fake.origin)] = [Reply(500)]
    with pytest.raises(AssertionError, match="the status could not be read"):
        steps.session_state(owner, session)


# States


@pytest.mark.parametrize("status", [404, 410])
def test_what_has_ended_may_be_gone_and_nothing_else(fake: FakeIndex, owner: Principal, status: int) -> None:
    fake.script["GET", "/it"] = [Reply(status)]
    url = f"{fake.origin}/it"
    assert steps.state(owner, url) == steps.GONE
    for end in ("published", "canceled"):
        with pytest.raises(pytest.skip.Exception, match="the index serves no status after its end"):
            steps.expect(owner, url, end, "its end")
    with pytest.raises(AssertionError, match="gone, not open, after its creation"):
        steps.expect(owner, url, "open", "its creation")


def test_another_state_than_was_expected_fails_the_check(fake: FakeIndex, owner: Principal) -> None:
    fake.script["GET", "/it"] = [reply(200, {"status": "open"})]
    steps.expect(owner, f"{fake.origin}/it", "open", "its creation")
    with pytest.raises(AssertionError, match="open, not canceled, after its end"):
        steps.expect(owner, f"{fake.origin}/it", "canceled", "its end")
