# ruff: noqa: D102 - the names of rules and invariants say what they do
"""The use cases against the tables of `hatch_staged.protocol.states`: whatever is asked in whatever order."""

from __future__ import annotations

import itertools
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.index import uploading
from tests.index.building import build
from tests.index.conftest import Clock

from hatch_staged.index import catalogue, sessions, tokens, uploads
from hatch_staged.index.authorization import authenticate
from hatch_staged.index.core import Index
from hatch_staged.index.database import file_rows
from hatch_staged.index.database.engine import open_sqlite
from hatch_staged.index.objects import MemoryObjects
from hatch_staged.index.refusals import ConflictingError, InvalidRequestError, UnknownError
from hatch_staged.protocol.states import (
    FILE_TRANSITIONS,
    SESSION_TRANSITIONS,
    FileEvent,
    FileState,
    RefusedTransitionError,
    SessionEvent,
    SessionState,
)

if TYPE_CHECKING:
    from collections.abc import Callable

BUILT = [build("foo-1.0-py3-none-any.whl"), build("foo-1.0-cp312-none-any.whl"), build("foo-1.0.tar.gz")]


class ReleaseMachine(RuleBasedStateMachine):
    """One release with up to three files; keeps its own idea of every state, taken from the tables alone."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = Clock()
        numbers = itertools.count()
        self.index = Index(
            open_sqlite(Path(self.folder.name) / "index.sqlite3"),
            MemoryObjects(),
            clock=self.clock,
            new_token=lambda: f"r{next(numbers)}",
        )
        self.alice = authenticate(self.index, tokens.create(self.index, user="alice"))
        self.published: set[str] = set()

    def teardown(self) -> None:
        self.index.close()
        self.folder.cleanup()

    @initialize()
    def create(self) -> None:
        self.session = sessions.create(self.index, self.alice, name="foo", version="1.0").session
        self.state = SessionState.OPEN
        self.files: dict[int, uploads.FileStatus] = {}
        self.states: dict[int, FileState] = {}
        self.sent: dict[int, bool] = {}

    @rule()
    def create_again(self) -> None:
        if self.state.terminal:
            self.create()
            return
        self.refused(lambda: sessions.create(self.index, self.alice, name="foo", version="1.0"), ConflictingError)

    @rule(number=st.sampled_from(range(3)))
    def add_file(self, number: int) -> None:
        def call() -> uploads.FileStatus:
            return uploading.create(self.index, self.alice, self.session, BUILT[number])

        if (self.state, SessionEvent.CHANGE) not in SESSION_TRANSITIONS:
            self.refused(call, RefusedTransitionError)
        elif BUILT[number].filename in self.published or self.states.get(number) not in {
            None,
            FileState.COMPLETED,
            FileState.CANCELED,
        }:
            self.refused(call, ConflictingError)
        else:
            self.files[number] = call()
            self.states[number] = FileState.PENDING
            self.sent[number] = False

    @rule(number=st.sampled_from(range(3)), whole=st.booleans())
    def send(self, number: int, whole: bool) -> None:  # noqa: FBT001 - hypothesis passes it by name
        if number not in self.files:
            return
        data = BUILT[number].data if whole else b"half"

        def call() -> None:
            uploading.send(self.index, self.alice, self.files[number], data)

        if self.file_event(number, FileEvent.TRANSFER, call):
            self.sent[number] = whole

    @rule(number=st.sampled_from(range(3)))
    def complete(self, number: int) -> None:
        if number not in self.files:
            return

        def call() -> None:
            uploads.complete(self.index, self.alice, self.files[number].address)

        if self.sent[number]:
            self.file_event(number, FileEvent.COMPLETE, call)
        else:
            self.file_event(number, FileEvent.REFUSE, lambda: self.refused(call, InvalidRequestError), call)

    @rule(number=st.sampled_from(range(3)))
    def delete(self, number: int) -> None:
        if number in self.files:
            address = self.files[number].address
            self.file_event(number, FileEvent.CANCEL, lambda: uploads.delete(self.index, self.alice, address))

    @rule()
    def publish(self) -> None:
        def call() -> object:
            return sessions.publish(self.index, self.alice, self.session.id)

        unfinished = set(self.states.values()) - {FileState.COMPLETED, FileState.CANCELED}
        if (self.state, SessionEvent.PUBLISH) not in SESSION_TRANSITIONS:
            self.refused(call, RefusedTransitionError)
        elif unfinished:
            self.refused(call, ConflictingError)
        else:
            call()
            self.state = SESSION_TRANSITIONS[self.state, SessionEvent.PUBLISH]
            self.published |= {BUILT[n].filename for n, state in self.states.items() if state is FileState.COMPLETED}

    @rule()
    def cancel(self) -> None:
        def call() -> object:
            return sessions.cancel(self.index, self.alice, self.session.id)

        if (self.state, SessionEvent.CANCEL) in SESSION_TRANSITIONS:
            call()
            self.ended(SESSION_TRANSITIONS[self.state, SessionEvent.CANCEL])
        else:
            self.refused(call, RefusedTransitionError)

    @rule(days=st.integers(1, 10))
    def extend(self, days: int) -> None:
        def call() -> sessions.SessionStatus:
            return sessions.extend(self.index, self.alice, self.session.id, seconds=days * 86400)

        if (self.state, SessionEvent.EXTEND) in SESSION_TRANSITIONS:
            before, self.session = self.session, call().session
            assert before.expires_at <= self.session.expires_at <= before.created_at + timedelta(days=30)
        else:
            self.refused(call, RefusedTransitionError)

    @rule(days=st.integers(1, 5))
    def wait(self, days: int) -> None:
        self.clock.advance(days=days)
        if not self.state.terminal and self.clock.now >= self.session.expires_at:
            self.ended(SessionState.CANCELED)

    @invariant()
    def states_are_those_of_the_tables(self) -> None:
        status = sessions.status(self.index, self.alice, self.session.id)
        assert status.session.state is self.state
        listed = {file.filename: file.state for file in status.files}
        present = {n: state for n, state in self.states.items() if state is not FileState.CANCELED}
        assert listed == {BUILT[number].filename: state for number, state in present.items()}
        for number, file in self.files.items():
            found = uploads.status(self.index, self.alice, file.address).file
            assert found.state is self.states[number]

    @invariant()
    def installers_see_what_they_may(self) -> None:
        try:
            public = {artifact.filename for artifact in catalogue.published(self.index, "foo").artifacts}
        except UnknownError:
            public = set()
        assert public == self.published
        if self.state.terminal:
            self.refused(lambda: catalogue.staged(self.index, self.session.token), UnknownError)
            return
        staged = {artifact.filename for artifact in catalogue.staged(self.index, self.session.token).artifacts}
        assert staged == {BUILT[n].filename for n, state in self.states.items() if state is FileState.COMPLETED}

    @invariant()
    def objects_are_those_of_the_rows(self) -> None:
        with self.index.database.reading() as tx:
            referenced = file_rows.object_keys(tx)
        assert {stored.key for stored in self.index.objects.list()} == referenced

    def file_event(
        self, number: int, event: FileEvent, call: Callable[[], object], refused: Callable[[], object] | None = None
    ) -> bool:
        """Let `event` happen to a file, or see it refused (`call`, unless it is another for that)."""
        allowed = (self.states[number], event) in FILE_TRANSITIONS
        if allowed and (self.state, SessionEvent.CHANGE) in SESSION_TRANSITIONS:
            call()
            self.states[number] = FILE_TRANSITIONS[self.states[number], event]
            return True
        self.refused(refused or call, RefusedTransitionError)
        return False

    def ended(self, state: SessionState) -> None:
        """Take note that the session has ended without publication."""
        self.state = state
        self.states = dict.fromkeys(self.states, FileState.CANCELED)

    def refused(self, call: Callable[[], object], error: type[Exception]) -> None:
        """Expect a refusal."""
        try:
            call()
        except error:
            return
        raise AssertionError


TestRelease = ReleaseMachine.TestCase
TestRelease.settings = settings(max_examples=20, stateful_step_count=30, deadline=None)
