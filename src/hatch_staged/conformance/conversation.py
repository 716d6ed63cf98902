"""A run through the whole API for the statements about all of its answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hatch_staged.conformance import steps
from hatch_staged.conformance.artifacts import fresh_release

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatch_staged.conformance.artifacts import Release
    from hatch_staged.conformance.steps import FileSession, Session
    from hatch_staged.conformance.wire import Answer, Principal


@dataclass(frozen=True)
class Conversation:
    """What an index answered from the creation of sessions to their ends.

    Without the requests of the upload mechanism, which have rules of their own, and without those for a stage.
    """

    answers: tuple[Answer, ...]

    @property
    def successes(self) -> tuple[Answer, ...]:
        """Those that are successes and have a body."""
        return tuple(answer for answer in self.answers if answer.ok and answer.content)

    @property
    def bodies(self) -> tuple[dict[str, Any], ...]:
        """The bodies of the successes that the PEP gives a body."""
        return (*self.sessions, *self.files)

    @property
    def sessions(self) -> tuple[dict[str, Any], ...]:
        """The descriptions of publishing sessions, in the order in which they were given."""
        return tuple(body for body in self._described() if "session" in body["links"])

    @property
    def files(self) -> tuple[dict[str, Any], ...]:
        """The descriptions of file upload sessions."""
        return tuple(body for body in self._described() if "file-upload-session" in body["links"])

    def _described(self) -> Iterator[dict[str, Any]]:
        for answer in self.successes:
            body = answer.json()
            if isinstance(body.get("links"), dict):
                yield body


def converse(owner: Principal, root: str) -> Conversation:
    """Publish a release and cancel another, using all that the API offers, and ask for a few things that it has not."""
    journal = owner.wire.journal
    begin = len(journal)
    release = fresh_release("1.0")
    session = steps.open_session(owner, root, release)
    owner.post(root, release.request())
    owner.get(session.url)
    file = steps.stage(owner, session, release.wheel())
    unwanted = steps.begin(owner, session, release.wheel("py2-none-any"))
    owner.get(session.url)
    _extend(owner, session)
    _extend(owner, unwanted)
    owner.post(session.publish)
    owner.delete(unwanted.url)
    owner.get(unwanted.url)
    owner.post(session.upload, release.sdist().request(mechanism="vnd-nobody-nothing"))
    steps.publish(owner, session)
    owner.get(session.url)
    _cancel_another(owner, root, release)
    mechanism = {file.file_url, unwanted.file_url}
    return Conversation(tuple(answer for answer in journal[begin:] if answer.url not in mechanism))


def _cancel_another(owner: Principal, root: str, release: Release) -> None:
    session = steps.open_session(owner, root, type(release)(release.project, "2.0"))
    owner.delete(session.url)
    owner.get(session.url)
    owner.post(session.upload, release.wheel().request())


def _extend(owner: Principal, session: Session | FileSession) -> None:
    if session.extend is not None:
        steps.extend(owner, session.extend, 60)
