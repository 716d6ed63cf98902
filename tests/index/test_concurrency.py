"""Many at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from tests.index import uploading
from tests.index.building import build

from hatch_staged.index import catalogue, sessions
from hatch_staged.index.core import unguessable
from hatch_staged.index.database import session_rows
from hatch_staged.index.refusals import ConflictingError, RefusedError, SessionExistsError
from hatch_staged.protocol.states import RefusedTransitionError, SessionState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hatch_staged.index.authorization import Principal
    from hatch_staged.index.core import Index

Outcome = sessions.SessionStatus | RefusedError | RefusedTransitionError


def at_once(calls: Sequence[Callable[[], sessions.SessionStatus]]) -> list[Outcome]:
    """Run all `calls` in threads of their own and return what each returned or was refused with."""

    def outcome(call: Callable[[], sessions.SessionStatus]) -> Outcome:
        try:
            return call()
        except (RefusedError, RefusedTransitionError) as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(outcome, calls))


def test_one_of_many_creates_the_session_and_the_others_find_it(index: Index, alice: Principal) -> None:
    index = replace(index, new_token=unguessable)
    outcomes = at_once([lambda: sessions.create(index, alice, name="foo", version="1.0")] * 20)
    created = [outcome for outcome in outcomes if isinstance(outcome, sessions.SessionStatus)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, SessionExistsError)]
    assert (len(created), len(refused)) == (1, 19)
    assert {error.session_id for error in refused} == {created[0].session.id}


def test_one_of_many_gets_a_new_name(index: Index, principal: Callable[[str], Principal]) -> None:
    index = replace(index, new_token=unguessable)
    people = [principal(f"user{number}") for number in range(10)]
    outcomes = at_once([partial(sessions.create, index, one, name="foo", version=one.user[4:]) for one in people])
    assert sum(isinstance(outcome, sessions.SessionStatus) for outcome in outcomes) == 1


def test_one_of_many_publications_happens(index: Index, alice: Principal) -> None:
    session = sessions.create(index, alice, name="foo", version="1.0").session
    uploading.stage(index, alice, session, build())
    outcomes = at_once([lambda: sessions.publish(index, alice, session.id)] * 10)
    assert sum(isinstance(outcome, sessions.SessionStatus) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, RefusedTransitionError) for outcome in outcomes) == 9
    assert len(catalogue.published(index, "foo").artifacts) == 1


def test_one_of_two_sessions_publishes_a_file_name(index: Index, alice: Principal) -> None:
    """The API lets only one session of a release live; a second row stands for another way to publish."""
    first = sessions.create(index, alice, name="foo", version="1.0").session
    uploading.stage(index, alice, first, build(content=b"first"))
    second = replace(first, id="second", token="second", version_key="another")
    with index.database.writing() as tx:
        session_rows.add(tx, second)
    # Another spelling of the same name.
    uploading.stage(index, alice, second, build("Foo-1.0.0-py3-none-any.whl", content=b"second"))

    outcomes = at_once([partial(sessions.publish, index, alice, each.id) for each in (first, second)])
    [winner] = [outcome for outcome in outcomes if isinstance(outcome, sessions.SessionStatus)]
    [loser] = [outcome for outcome in outcomes if isinstance(outcome, ConflictingError)]
    assert len(loser.errors) == 1
    states = {each.id: sessions.status(index, alice, each.id).session.state for each in (first, second)}
    assert states.pop(winner.session.id) is SessionState.PUBLISHED
    assert list(states.values()) == [SessionState.OPEN]
    [artifact] = catalogue.published(index, "foo").artifacts
    assert artifact.file_id == winner.files[0].id
