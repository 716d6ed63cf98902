# ruff: noqa: D102 - the names of rules and invariants say what they do
"""The use cases against the tables of `hatch_staged.protocol.states`: whatever is asked in whatever order."""

from __future__ import annotations

import itertools
import tempfile
from datetime import timedelta
from enum import Enum
from functools import cache, partial
from hashlib import shake_128
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.conftest import STORIES
from tests.index import empty, uploading
from tests.index.building import Built, build
from tests.index.conftest import Clock

from hatch_staged.index import catalogue, expiry, sessions, tokens, uploads
from hatch_staged.index.authorization import Principal, authenticate
from hatch_staged.index.configuration import Limits
from hatch_staged.index.core import Index
from hatch_staged.index.database import published_rows
from hatch_staged.index.database.engine import open_sqlite
from hatch_staged.index.objects import MemoryObjects
from hatch_staged.index.refusals import ConflictingError, InvalidRequestError, UnknownError
from hatch_staged.index.worker import work
from hatch_staged.protocol.distributions import parse_filename
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

NUMBERS = st.sampled_from(range(3))
# The file of number 2 is completed by the worker, and so are publications of more than one.
LIMITS = Limits(immediate_size=5_000, immediate_files=1, retention=3 * 24 * 60 * 60)


class Step(Enum):
    """What can be done next."""

    CREATE = "create"
    ADD_FILE = "add a file"
    SEND = "send"
    COMPLETE = "complete"
    UPLOAD = "add a file, send and complete"
    DELETE = "delete"
    PUBLISH = "publish"
    UPLOAD_AND_PUBLISH = "upload several, and publish"
    REVOKE = "revoke the token, and let the worker work"
    WORK = "let the worker work"
    CANCEL = "cancel"
    EXTEND = "extend"
    WAIT = "wait"
    SWEEP = "wait, and sweep"


@cache
def distributions(version: str) -> list[Built]:
    return [
        build(f"foo-{version}-py3-none-any.whl"),
        build(f"foo-{version}-cp312-none-any.whl"),
        build(f"foo-{version}.tar.gz", content=shake_128(b"does not compress").digest(10_000)),
    ]


class ReleaseMachine(RuleBasedStateMachine):
    """A release with up to three files, and one after it when it has ended.

    It keeps its own idea of every state, taken from the tables alone.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = Clock()
        numbers = itertools.count()
        self.index = Index(
            open_sqlite(empty.database(Path(self.folder.name))),
            MemoryObjects(),
            clock=self.clock,
            new_token=lambda: f"r{next(numbers)}",
            limits=LIMITS,
        )
        self.alice = authenticate(self.index, tokens.create(self.index, user="alice"))
        self.published: set[str] = set()

    def teardown(self) -> None:
        self.index.close()
        self.folder.cleanup()

    @initialize()
    def begin(self) -> None:
        self.create("1.0")

    @rule(step=st.sampled_from(Step), number=NUMBERS, choice=st.booleans())
    def go_on(self, step: Step, number: int, choice: bool) -> None:  # noqa: FBT001 - hypothesis passes it by name
        """Take a step: one rule for all, as hypothesis would leave out some of many, and few sessions get anywhere."""
        steps: dict[Step, Callable[[], object]] = {
            Step.CREATE: lambda: self.create_again(same=choice),
            Step.ADD_FILE: lambda: self.add_file(number),
            Step.SEND: lambda: self.send(number, whole=choice),
            Step.COMPLETE: lambda: self.complete(number),
            Step.UPLOAD: lambda: self.upload(number, whole=choice or number == 0),
            Step.DELETE: lambda: self.delete(number),
            Step.PUBLISH: self.publish,
            Step.UPLOAD_AND_PUBLISH: self.upload_and_publish,
            Step.REVOKE: self.revoke,
            Step.WORK: self.work,
            Step.CANCEL: self.cancel,
            Step.EXTEND: lambda: self.extend(days=1 + 9 * number),
            Step.WAIT: lambda: self.wait(days=1 + number),
            Step.SWEEP: lambda: self.sweep(days=2 * number),
        }
        steps[step]()

    def create(self, version: str) -> None:
        self.built = distributions(version)
        self.session = sessions.create(self.index, self.alice, name="foo", version=version).session
        self.state = SessionState.OPEN
        self.files: dict[int, uploads.FileStatus] = {}
        self.states: dict[int, FileState] = {}
        #: whether the whole file was sent, if anything was
        self.sent: dict[int, bool | None] = {}

    def create_again(self, *, same: bool) -> None:
        version = self.session.version
        if not self.state.terminal:
            self.refused(lambda: sessions.create(self.index, self.alice, name="foo", version=version), ConflictingError)
        else:
            self.create(version if same else f"{float(version) + 1}")

    def add_file(self, number: int) -> None:
        def call() -> uploads.FileStatus:
            return uploading.create(self.index, self.alice, self.session, self.built[number])

        if (self.state, SessionEvent.CHANGE) not in SESSION_TRANSITIONS:
            self.refused(call, RefusedTransitionError)
            if self.state.terminal:
                self.create(f"{float(self.session.version) + 1}")
        elif self.built[number].filename in self.published or self.states.get(number) not in {
            None,
            FileState.COMPLETED,
            FileState.CANCELED,
        }:
            self.refused(call, ConflictingError)
        else:
            self.files[number] = call()
            self.states[number] = FileState.PENDING
            self.sent[number] = None

    def send(self, number: int, *, whole: bool) -> None:
        if not self.has(number):
            return
        data = self.built[number].data if whole else b"half"

        def call() -> None:
            uploading.send(self.index, self.alice, self.files[number], data)

        if self.file_event(number, FileEvent.TRANSFER, call):
            self.sent[number] = whole

    def complete(self, number: int) -> None:
        if not self.has(number):
            return

        def call() -> None:
            uploads.complete(self.index, self.alice, self.files[number].address)

        sent = self.sent[number]
        if sent is not None and len(self.built[number].data) > LIMITS.immediate_size:
            self.file_event(number, FileEvent.DEFER, call)
        elif sent:
            self.file_event(number, FileEvent.COMPLETE, call)
        else:
            self.file_event(number, FileEvent.REFUSE, lambda: self.refused(call, InvalidRequestError), call)

    def upload(self, number: int, *, whole: bool) -> None:
        """Go the whole way at once: by single steps, few files would get to their end."""
        self.send(number, whole=whole)
        self.complete(number)

    def upload_and_publish(self) -> None:
        """Likewise, with nothing in the way, so that much is in processing."""
        for number in (*self.in_state(FileState.PENDING), *self.in_state(FileState.ERROR)):
            self.delete(number)
        for number in (0, 1):
            self.upload(number, whole=True)
        self.publish()

    def delete(self, number: int) -> None:
        if self.has(number):
            address = self.files[number].address
            self.file_event(number, FileEvent.CANCEL, lambda: uploads.delete(self.index, self.alice, address))

    def publish(self) -> None:
        asking = authenticate(self.index, tokens.create(self.index, user="alice"))

        def call() -> object:
            return sessions.publish(self.index, asking, self.session.id)

        completed = self.in_state(FileState.COMPLETED)
        unfinished = set(self.states.values()) - {FileState.COMPLETED, FileState.CANCELED}
        if (self.state, SessionEvent.PUBLISH) not in SESSION_TRANSITIONS:
            self.refused(call, RefusedTransitionError)
        elif unfinished:
            self.refused(call, ConflictingError)
        else:
            call()
            self.asking: Principal | None = asking
            if len(completed) > LIMITS.immediate_files:
                self.state = SESSION_TRANSITIONS[self.state, SessionEvent.DEFER]
            else:
                self.became_public(SessionEvent.PUBLISH)

    def revoke(self) -> None:
        """Take the right to publish from the token that asked for it, before that is carried out."""
        if self.state is SessionState.PROCESSING and self.asking is not None:
            assert tokens.revoke(self.index, self.asking.token_id)
            self.asking = None
        self.work()

    def work(self) -> None:
        """Let the worker do what is left to it."""
        work(self.index)
        for number in self.in_state(FileState.PROCESSING):
            event = FileEvent.SUCCEED if self.sent[number] else FileEvent.FAIL
            self.states[number] = FILE_TRANSITIONS[FileState.PROCESSING, event]
        if self.state is SessionState.PROCESSING and self.asking is not None:
            self.became_public(SessionEvent.SUCCEED)
        elif self.state is SessionState.PROCESSING:
            self.state = SESSION_TRANSITIONS[self.state, SessionEvent.FAIL]
        self.expire_if_due()

    def cancel(self) -> None:
        def call() -> object:
            return sessions.cancel(self.index, self.alice, self.session.id)

        if (self.state, SessionEvent.CANCEL) in SESSION_TRANSITIONS:
            call()
            self.ended(SESSION_TRANSITIONS[self.state, SessionEvent.CANCEL])
        else:
            self.refused(call, RefusedTransitionError)

    def extend(self, days: int) -> None:
        def call() -> sessions.SessionStatus:
            return sessions.extend(self.index, self.alice, self.session.id, seconds=days * 86400)

        if (self.state, SessionEvent.EXTEND) in SESSION_TRANSITIONS:
            before, self.session = self.session, call().session
            assert before.expires_at <= self.session.expires_at <= before.created_at + timedelta(days=30)
        else:
            self.refused(call, RefusedTransitionError)

    def wait(self, days: int) -> None:
        self.clock.advance(days=days)
        self.expire_if_due()

    def sweep(self, days: int) -> None:
        """Forget what ended long ago; then the next session begins."""
        self.wait(days)
        expiry.sweep(self.index)
        if self.state.terminal and self.clock.now >= self.ended_at + timedelta(seconds=LIMITS.retention):
            self.refused(lambda: sessions.status(self.index, self.alice, self.session.id), UnknownError)
            for file in self.files.values():
                self.refused(partial(uploads.status, self.index, self.alice, file.address), UnknownError)
            self.create(self.session.version)

    @invariant()
    def states_are_those_of_the_tables(self) -> None:
        status = sessions.status(self.index, self.alice, self.session.id)
        assert status.session.state is self.state
        assert bool(status.session.notices) == (self.state is SessionState.ERROR)
        listed = {file.filename: file.state for file in status.files}
        present = {n: state for n, state in self.states.items() if state is not FileState.CANCELED}
        assert listed == {self.built[number].filename: state for number, state in present.items()}
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
        assert staged == {self.built[number].filename for number in self.in_state(FileState.COMPLETED)}

    @invariant()
    def names_are_taken_that_are_published_or_about_to_be(self) -> None:
        taken = set(self.published)
        if self.state is SessionState.PROCESSING:
            taken |= {self.built[number].filename for number in self.in_state(FileState.COMPLETED)}
        with self.index.database.reading() as tx:
            keys = {built.filename: parse_filename(built.filename).key for built in self.built}
            found = {name for name, key in keys.items() if published_rows.published_as(tx, key) == name}
        assert found == taken & keys.keys()

    @invariant()
    def objects_are_those_of_the_rows(self) -> None:
        with self.index.database.reading() as tx:
            referenced = uploading.referenced(tx)
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

    def has(self, number: int) -> bool:
        """Whether there is the file, or could be made to be: a step that does nothing would be lost."""
        if number not in self.files:
            self.add_file(number)
        return number in self.files

    def in_state(self, state: FileState) -> list[int]:
        """Return the files that are in `state`."""
        return [number for number, present in self.states.items() if present is state]

    def became_public(self, event: SessionEvent) -> None:
        """Take note of a publication."""
        self.state, self.ended_at = SESSION_TRANSITIONS[self.state, event], self.clock.now
        self.published |= {self.built[number].filename for number in self.in_state(FileState.COMPLETED)}

    def expire_if_due(self) -> None:
        """Take note of what time does: a session that is being published is not interrupted."""
        if self.state.editable and self.clock.now >= self.session.expires_at:
            self.ended(SessionState.CANCELED)

    def ended(self, state: SessionState) -> None:
        """Take note that the session has ended without publication."""
        self.state, self.ended_at = state, self.clock.now
        self.states = dict.fromkeys(self.states, FileState.CANCELED)

    def refused(self, call: Callable[[], object], error: type[Exception]) -> None:
        """Expect a refusal."""
        try:
            call()
        except error:
            return
        raise AssertionError


TestRelease = ReleaseMachine.TestCase
TestRelease.settings = settings(max_examples=STORIES, stateful_step_count=40)
