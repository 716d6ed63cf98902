# ruff: noqa: D102 - the names of steps and invariants say what they do
"""Our client and our index over a real port, against the tables of `hatch_staged.protocol.states`.

The machine takes steps in any order and knows from the tables alone what each leads to.  The client waits for what the
index defers; its waiting lets the worker work, so that nothing here takes time.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import replace
from enum import Enum
from hashlib import shake_128
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.conftest import STORIES, served
from tests.index import empty
from tests.index.building import build

from hatch_staged.client import artifacts
from hatch_staged.client.credentials import Credentials
from hatch_staged.client.transport import Transport
from hatch_staged.client.upload_api import Client
from hatch_staged.client.waiting import Waiter
from hatch_staged.errors import ConflictError, StagedError, StageGoneError
from hatch_staged.index import tokens
from hatch_staged.index.configuration import Limits
from hatch_staged.index.core import open_index
from hatch_staged.index.worker import work
from hatch_staged.protocol.mechanisms import HTTP_POST_BYTES, http_post_bytes
from hatch_staged.protocol.states import (
    FILE_TRANSITIONS,
    SESSION_TRANSITIONS,
    FileEvent,
    FileState,
    SessionEvent,
    SessionState,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hatch_staged.client.artifacts import Artifact
    from hatch_staged.protocol.messages import FileUploadSession, Session

FILENAMES = ("foo-1.0-py3-none-any.whl", "foo-1.0-cp312-none-any.whl", "foo-1.0.tar.gz")
#: The completion of this one is deferred, as is the publication of more than one.
LARGE = FILENAMES[2]
LIMITS = Limits(immediate_size=5_000, immediate_files=1)
NUMBERS = st.sampled_from(range(len(FILENAMES)))


class Step(Enum):
    """What a client can do next."""

    CREATE = "create or join"
    ADD = "create a file upload session"
    SEND = "send bytes"
    COMPLETE = "complete"
    UPLOAD = "all three"
    DELETE = "delete"
    EXTEND = "extend"
    PUBLISH = "publish"
    RELEASE = "upload files until all are completed, and publish"
    LOSE = "upload all files, and publish when their bytes are lost"
    CANCEL = "cancel"


class Conversation(RuleBasedStateMachine):
    """One release, session after session."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        empty.database(folder / "index")
        self.index = self.stack.enter_context(open_index(folder / "index", limits=LIMITS))
        # What is deferred waits for `pause`.
        root = self.stack.enter_context(served(self.index, work=lambda *_: None))
        token = Credentials("__token__", tokens.create(self.index, user="alice"))
        transport = Transport(f"{root}upload/", token, waiter=Waiter(sleep=self.pause))
        self.client = self.stack.enter_context(Client(transport))
        self.simple = f"{root}simple/"
        self.artifacts = {filename: self.write(folder, filename) for filename in FILENAMES}
        self.published: set[str] = set()
        self.before_work: Callable[[], object] = lambda: None

    def teardown(self) -> None:
        self.stack.close()

    def write(self, folder: Path, filename: str) -> tuple[Artifact, Artifact]:
        """Return the artifact, and one that says the same of itself and has other bytes."""
        content = shake_128(b"does not compress").digest(10_000) if filename == LARGE else b"content"
        (folder / filename).write_bytes(build(filename, content=content).data)
        [release] = artifacts.find((filename,), root=folder, default=folder)
        [artifact] = release.artifacts
        (folder / f"{filename}.other").write_bytes(bytes(artifact.size))
        return artifact, replace(artifact, path=folder / f"{filename}.other")

    def pause(self, _seconds: float) -> None:
        """Let the worker work: what the client waits for."""
        self.before_work()
        work(self.index)

    @initialize()
    def begin(self) -> None:
        self.session: Session
        self.session, created = self.client.create_or_join("foo", "1.0")
        assert created
        self.state = SessionState.OPEN
        self.files: dict[str, FileUploadSession] = {}
        self.states: dict[str, FileState] = {}
        #: whether the bytes that the index has of a pending file are the right ones, None if it has none
        self.right: dict[str, bool | None] = {}

    @rule(step=st.sampled_from(Step), number=NUMBERS, right=st.booleans())
    def go_on(self, step: Step, number: int, right: bool) -> None:  # noqa: FBT001 - hypothesis passes it by name
        filename = FILENAMES[number]
        steps: dict[Step, Callable[[], object]] = {
            Step.CREATE: self.create_or_join,
            Step.ADD: lambda: self.add(filename),
            Step.SEND: lambda: self.send(filename, right=right),
            Step.COMPLETE: lambda: self.complete(filename),
            Step.UPLOAD: lambda: self.upload(filename, right=right),
            Step.DELETE: lambda: self.delete(filename),
            Step.EXTEND: self.extend,
            Step.PUBLISH: self.publish,
            Step.RELEASE: lambda: self.release(FILENAMES[: number + 1]),
            Step.LOSE: self.lose,
            Step.CANCEL: self.cancel,
        }
        steps[step]()

    def create_or_join(self) -> None:
        if self.state.terminal:
            self.begin()
        else:
            session, created = self.client.create_or_join("foo", "1.0")
            assert (session.links.session, created) == (self.session.links.session, False)

    def add(self, filename: str) -> None:
        def call() -> FileUploadSession:
            return self.client.create_file(self.session, self.artifacts[filename][0], HTTP_POST_BYTES)

        possible = {None, FileState.COMPLETED, FileState.CANCELED}
        if (
            (self.state, SessionEvent.CHANGE) not in SESSION_TRANSITIONS
            or filename in self.published
            or self.states.get(filename) not in possible
        ):
            self.refused(call)
        else:
            self.files[filename] = call()
            self.states[filename], self.right[filename] = FileState.PENDING, None

    def send(self, filename: str, *, right: bool) -> None:
        if filename not in self.files:
            return

        def call() -> None:
            mechanism = http_post_bytes(self.files[filename].mechanism)
            self.client.send_bytes(mechanism, self.artifacts[filename][0 if right else 1], lambda _count: None)

        if self.file_event(filename, FileEvent.TRANSFER, call):
            self.right[filename] = right

    def complete(self, filename: str) -> None:
        if filename not in self.files:
            return
        file, right = self.files[filename], self.right[filename]
        if not self.possible(filename, FileEvent.COMPLETE):
            self.refused(lambda: self.client.complete(file))
        elif filename == LARGE and right is not None:
            assert self.client.complete(file) is (FileState.COMPLETED if right else FileState.ERROR)
            self.states[filename] = FILE_TRANSITIONS[self.states[filename], FileEvent.DEFER]
            outcome = FileEvent.SUCCEED if right else FileEvent.FAIL
            self.states[filename] = FILE_TRANSITIONS[self.states[filename], outcome]
        elif right:
            assert self.client.complete(file) is FileState.COMPLETED
            self.states[filename] = FILE_TRANSITIONS[self.states[filename], FileEvent.COMPLETE]
        else:
            with pytest.raises(StagedError):
                self.client.complete(file)
            self.states[filename] = FILE_TRANSITIONS[self.states[filename], FileEvent.REFUSE]

    def upload(self, filename: str, *, right: bool) -> None:
        """Go the whole way at once: by single steps, few files would get to their end."""
        if self.states.get(filename) in {FileState.ERROR, FileState.PENDING}:
            self.delete(filename)
        self.add(filename)
        self.send(filename, right=right)
        self.complete(filename)

    def delete(self, filename: str) -> None:
        if filename in self.files:
            url = self.files[filename].links.file_upload_session
            if self.states[filename] is FileState.CANCELED and self.state.editable:
                self.refused(lambda: self.client.delete_file(url))
            else:
                self.file_event(filename, FileEvent.CANCEL, lambda: self.client.delete_file(url))

    def extend(self) -> None:
        if (self.state, SessionEvent.EXTEND) in SESSION_TRANSITIONS:
            before, self.session = self.session, self.client.extend(self.session, 3600)
            assert self.session.expires_at > before.expires_at
        else:
            self.refused(lambda: self.client.extend(self.session, 3600))

    def publish(self) -> None:
        completed = self.in_state(FileState.COMPLETED)
        deferred = len(completed) > LIMITS.immediate_files
        event = SessionEvent.DEFER if deferred else SessionEvent.PUBLISH
        unfinished = {*self.states.values()} - {FileState.COMPLETED, FileState.CANCELED}
        if (self.state, event) not in SESSION_TRANSITIONS or unfinished:
            self.refused(lambda: self.client.publish(self.session))
            return
        assert self.client.publish(self.session).status is SessionState.PUBLISHED
        self.state = SESSION_TRANSITIONS[self.state, event]
        if deferred:
            self.state = SESSION_TRANSITIONS[self.state, SessionEvent.SUCCEED]
        self.published |= completed

    def release(self, filenames: Sequence[str]) -> None:
        """Likewise, with nothing in the way of the publication."""
        for filename in (*self.in_state(FileState.PENDING), *self.in_state(FileState.ERROR)):
            self.delete(filename)
        for filename in filenames:
            self.upload(filename, right=True)
        self.publish()

    def lose(self) -> None:
        """Make a deferred publication fail: the session is in error then, and says why."""
        if not self.state.editable or self.published:
            return
        for filename in FILENAMES:
            self.upload(filename, right=True)

        def lose_all() -> None:
            for stored in [*self.index.objects.list()]:
                self.index.objects.delete(stored.key)

        self.before_work = lose_all
        with pytest.raises(StagedError, match=r"could not publish.* lost"):
            self.client.publish(self.session)
        self.before_work = lambda: None
        self.state = SESSION_TRANSITIONS[self.state, SessionEvent.DEFER]
        self.state = SESSION_TRANSITIONS[self.state, SessionEvent.FAIL]
        found = self.client.session(self.session.links.session)
        assert found.notices
        assert all(file.notices for file in found.files.values())
        for filename in FILENAMES:
            self.delete(filename)

    def cancel(self) -> None:
        if (self.state, SessionEvent.CANCEL) in SESSION_TRANSITIONS:
            self.client.cancel(self.session)
            self.state = SESSION_TRANSITIONS[self.state, SessionEvent.CANCEL]
            self.states = dict.fromkeys(self.states, FileState.CANCELED)
        else:
            self.refused(lambda: self.client.cancel(self.session))

    @invariant()
    def states_are_as_the_tables_say(self) -> None:
        found = self.client.session(self.session.links.session)
        assert found.status is self.state
        if not self.state.terminal:
            present = {name: state for name, state in self.states.items() if state is not FileState.CANCELED}
            assert {name: file.status for name, file in found.files.items()} == present

    @invariant()
    def public_is_what_was_published(self) -> None:
        page = self.client.project_page(self.simple, "foo")
        assert {file.filename for file in page.files} == self.published if page else not self.published

    @invariant()
    def stage_shows_what_is_completed(self) -> None:
        assert self.session.links.stage is not None
        page = self.client.project_page(self.session.links.stage, "foo")
        shown = {file.filename for file in page.files} if page else set()
        assert shown == (set() if self.state.terminal else self.in_state(FileState.COMPLETED))

    def in_state(self, state: FileState) -> set[str]:
        return {filename for filename, its in self.states.items() if its is state}

    def possible(self, filename: str, event: FileEvent) -> bool:
        editable = (self.state, SessionEvent.CHANGE) in SESSION_TRANSITIONS
        return editable and (self.states[filename], event) in FILE_TRANSITIONS

    def file_event(self, filename: str, event: FileEvent, call: Callable[[], object]) -> bool:
        """Make the call; it has to succeed where the tables say so, and to be refused elsewhere."""
        if not self.possible(filename, event):
            self.refused(call)
            return False
        call()
        self.states[filename] = FILE_TRANSITIONS[self.states[filename], event]
        return True

    def refused(self, call: Callable[[], object]) -> None:
        with pytest.raises((ConflictError, StageGoneError)):
            call()


Conversation.TestCase.settings = settings(max_examples=STORIES, stateful_step_count=20)
TestConversation = Conversation.TestCase
