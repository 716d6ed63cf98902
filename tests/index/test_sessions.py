"""Publishing sessions."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.index import uploading
from tests.index.building import build

from hatch_staged.index import catalogue, sessions, uploads
from hatch_staged.index.configuration import Limits
from hatch_staged.index.database import file_rows, published_rows
from hatch_staged.index.refusals import (
    ConflictingError,
    ForbiddenError,
    InvalidRequestError,
    SessionExistsError,
    UnknownError,
)
from hatch_staged.protocol.states import FileState, RefusedTransitionError, SessionState

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.index.conftest import Clock

    from hatch_staged.index.authorization import Principal
    from hatch_staged.index.core import Index


def test_new_session_is_open_for_a_week(index: Index, alice: Principal, clock: Clock) -> None:
    session = sessions.create(index, alice, name="Foo.Bar", version="v1.0").session
    assert (session.project, session.version, session.state) == ("foo-bar", "1.0", SessionState.OPEN)
    assert session.expires_at == clock.now + timedelta(days=7)
    assert session.id != session.token
    assert sessions.status(index, alice, session.id) == sessions.SessionStatus(session)


@pytest.mark.parametrize(
    ("name", "version", "source"), [("no/name", "1.0", "name"), ("", "1.0", "name"), ("foo", "one", "version")]
)
def test_wrong_name_or_version_is_named(index: Index, alice: Principal, name: str, version: str, source: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        sessions.create(index, alice, name=name, version=version)
    assert [error.source for error in caught.value.errors] == [source]


@pytest.mark.parametrize(("name", "version"), [("foo", "1.0"), ("FOO", "1"), ("foo", "v1.0.0")])
def test_second_session_of_the_same_release_is_refused(index: Index, alice: Principal, name: str, version: str) -> None:
    first = sessions.create(index, alice, name="foo", version="1.0").session
    with pytest.raises(SessionExistsError) as caught:
        sessions.create(index, alice, name=name, version=version)
    assert caught.value.session_id == first.id
    assert sessions.create(index, alice, name=name, version="1.1").session.id != first.id


def test_project_has_only_so_many_live_sessions(index: Index, alice: Principal, bob: Principal) -> None:
    index = replace(index, limits=Limits(open_sessions=2))
    first, _ = (sessions.create(index, alice, name="foo", version=version).session for version in ("1.0", "2.0"))
    with pytest.raises(ConflictingError, match="has 2 sessions") as caught:
        sessions.create(index, alice, name="foo", version="3.0")
    assert not isinstance(caught.value, SessionExistsError)
    # That there is a session says more than that there are many; that it is somebody else's project says all.
    with pytest.raises(SessionExistsError):
        sessions.create(index, alice, name="foo", version="1.0")
    with pytest.raises(ForbiddenError):
        sessions.create(index, bob, name="foo", version="3.0")
    sessions.create(index, alice, name="bar", version="3.0")
    sessions.cancel(index, alice, first.id)
    sessions.create(index, alice, name="foo", version="3.0")


def test_user_reserves_only_so_many_names(index: Index, alice: Principal, bob: Principal) -> None:
    index = replace(index, limits=Limits(reserved_names=2))
    first, second = (sessions.create(index, alice, name=name, version="1.0").session for name in ("one", "two"))
    with pytest.raises(ConflictingError, match="alice has reserved 2 names") as caught:
        sessions.create(index, alice, name="three", version="1.0")
    assert not isinstance(caught.value, SessionExistsError)
    # The name stays free, what is reserved already has room, and others have their own.
    sessions.create(index, bob, name="three", version="1.0")
    sessions.create(index, alice, name="one", version="2.0")
    # What is published, or released, counts no more.
    sessions.publish(index, alice, first.id)
    sessions.create(index, alice, name="four", version="1.0")
    sessions.create(index, alice, name="one", version="3.0")
    sessions.cancel(index, alice, second.id)
    sessions.create(index, alice, name="two", version="1.0")


def test_session_too_many_reserves_no_name(index: Index, alice: Principal, bob: Principal) -> None:
    with pytest.raises(ConflictingError):
        sessions.create(replace(index, limits=Limits(open_sessions=0)), alice, name="foo", version="1.0")
    assert sessions.create(index, bob, name="foo", version="1.0").session.created_by == "bob"


@pytest.mark.parametrize("end", [sessions.publish, sessions.cancel])
def test_ended_session_makes_room_for_one_that_differs(
    index: Index, alice: Principal, end: Callable[[Index, Principal, str], object]
) -> None:
    first = sessions.create(index, alice, name="foo", version="1.0").session
    end(index, alice, first.id)
    second = sessions.create(index, alice, name="foo", version="1.0").session
    assert {first.id, first.token}.isdisjoint({second.id, second.token})


def test_unknown_session(index: Index, alice: Principal) -> None:
    for use_case in (sessions.status, sessions.publish, sessions.cancel):
        with pytest.raises(UnknownError):
            use_case(index, alice, "nothing")


def test_extension_is_granted_up_to_the_longest_session(index: Index, alice: Principal, clock: Clock) -> None:
    session = sessions.create(index, alice, name="foo", version="1.0").session
    extended = sessions.extend(index, alice, session.id, seconds=3600).session
    assert extended.expires_at == session.expires_at + timedelta(hours=1)
    for seconds in (10**30, 1):
        extended = sessions.extend(index, alice, session.id, seconds=seconds).session
        assert extended.expires_at == clock.now + timedelta(days=30)
    assert sessions.status(index, alice, session.id).session == extended


def test_publication_without_files_registers_the_name(index: Index, alice: Principal, bob: Principal) -> None:
    session = sessions.create(index, alice, name="foo", version="0.0.0a0").session
    assert catalogue.projects(index) == ()
    with pytest.raises(UnknownError):
        catalogue.published(index, "foo")
    sessions.publish(index, alice, session.id)
    assert catalogue.projects(index) == ("foo",)
    assert catalogue.published(index, "foo").artifacts == ()
    with pytest.raises(RefusedTransitionError):
        sessions.publish(index, alice, session.id)
    # The name stays alice's, also when a later session is canceled.
    sessions.cancel(index, alice, sessions.create(index, alice, name="foo", version="1.0").session.id)
    assert catalogue.projects(index) == ("foo",)
    with pytest.raises(Exception, match="may not be used"):
        sessions.create(index, bob, name="foo", version="1.0")


def test_canceled_first_session_releases_the_name(index: Index, alice: Principal, bob: Principal) -> None:
    first = sessions.create(index, alice, name="foo", version="1.0").session
    second = sessions.create(index, alice, name="foo", version="2.0").session
    sessions.cancel(index, alice, first.id)
    with pytest.raises(Exception, match="may not be used"):
        sessions.create(index, bob, name="foo", version="1.0")
    sessions.cancel(index, alice, second.id)
    assert sessions.create(index, bob, name="foo", version="1.0").session.created_by == "bob"


def test_every_file_must_be_completed(index: Index, alice: Principal) -> None:
    session = sessions.create(index, alice, name="foo", version="1.0").session
    uploading.stage(index, alice, session, build("foo-1.0.tar.gz"))
    pending = uploading.create(index, alice, session, build("foo-1.0-py3-none-any.whl"))
    broken = uploading.create(index, alice, session, build("foo-1.0-cp312-none-any.whl"))
    with pytest.raises(InvalidRequestError):
        uploads.complete(index, alice, broken.address)
    with pytest.raises(ConflictingError) as caught:
        sessions.publish(index, alice, session.id)
    assert [(error.source, error.message) for error in caught.value.errors] == [
        ("foo-1.0-cp312-none-any.whl", "This file is error."),
        ("foo-1.0-py3-none-any.whl", "This file is pending."),
    ]
    assert sessions.status(index, alice, session.id).session.state is SessionState.OPEN
    for file in (pending, broken):
        uploads.delete(index, alice, file.address)
    assert sessions.publish(index, alice, session.id).session.state is SessionState.PUBLISHED


def test_publication_is_all_or_nothing(index: Index, alice: Principal) -> None:
    """A name that was published while the session was open takes none of the session's other files with it."""
    first = sessions.create(index, alice, name="foo", version="1.0").session
    uploading.stage(index, alice, first, build("foo-1.0.tar.gz"))
    sessions.publish(index, alice, first.id)
    second = sessions.create(index, alice, name="foo", version="1.0").session
    uploading.stage(index, alice, second, build("foo-1.0-cp312-none-any.whl"))
    late = uploading.stage(index, alice, second, build("foo-1.0-py3-none-any.whl"))
    with index.database.writing() as tx:
        # As if it had been published by another way in.
        [artifact] = [each for each in file_rows.staged(tx, second.id) if each.file_id == late.file.id]
        assert published_rows.add(tx, artifact, project="foo", at=index.clock())

    with pytest.raises(ConflictingError) as caught:
        sessions.publish(index, alice, second.id)
    assert [error.source for error in caught.value.errors] == ["foo-1.0-py3-none-any.whl"]
    status = sessions.status(index, alice, second.id)
    assert status.session.state is SessionState.OPEN
    assert [file.state for file in status.files] == [FileState.COMPLETED] * 2
    assert [each.filename for each in catalogue.published(index, "foo").artifacts] == [
        "foo-1.0-py3-none-any.whl",
        "foo-1.0.tar.gz",
    ]


def test_cancelation_discards_files_in_whatever_state(index: Index, alice: Principal) -> None:
    session = sessions.create(index, alice, name="foo", version="1.0").session
    files = [
        uploading.stage(index, alice, session, build("foo-1.0.tar.gz")),
        uploading.create(index, alice, session, build("foo-1.0-py3-none-any.whl")),
    ]
    sent = uploading.create(index, alice, session, build("foo-1.0-cp312-none-any.whl"))
    uploading.send(index, alice, sent, b"half")
    assert len(list(index.objects.list())) == 2
    canceled = sessions.cancel(index, alice, session.id)
    assert canceled == sessions.status(index, alice, session.id)
    assert (canceled.session.state, canceled.files) == (SessionState.CANCELED, ())
    assert list(index.objects.list()) == []
    for file in (*files, sent):
        assert uploads.status(index, alice, file.address).file.state is FileState.CANCELED
    with pytest.raises(RefusedTransitionError):
        sessions.cancel(index, alice, session.id)
