"""The steps of a release as checks take them on the way to what they are about; each fails if it does not succeed.

What a body says is read leniently: only what the next step needs has to be there.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from hatch_staged.conformance.timestamps import is_same_expiry
from hatch_staged.conformance.wire import META

if TYPE_CHECKING:
    from hatch_staged.conformance.artifacts import Artifact, Release
    from hatch_staged.conformance.wire import Answer, Principal

# While something is "processing" (seconds).  An index that takes longer for a kilobyte is stuck.
_PATIENCE = 60.0
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 0.2

#: The state of what is not there (any more).  That the status of what has ended is served is a SHOULD, however soon
#: somebody asks.
GONE = "gone"
ENDS = {"published", "canceled"}
PUBLISHED = {"published", GONE}
CANCELED = {"canceled", GONE}


@dataclass(frozen=True)
class Session:
    """A publishing session, as its creation described it."""

    body: dict[str, Any]

    @property
    def url(self) -> str:
        """``links.session``: its status, and its cancellation."""
        return _link(self.body, "session")

    @property
    def upload(self) -> str:
        """``links.upload``."""
        return _link(self.body, "upload")

    @property
    def publish(self) -> str:
        """``links.publish``."""
        return _link(self.body, "publish")

    @property
    def extend(self) -> str | None:
        """``links.extend``, None where it is not supported."""
        return None if "extend" not in self.body["links"] else _link(self.body, "extend")

    @property
    def stage(self) -> str | None:
        """``links.stage``, None where previews are not supported."""
        return None if "stage" not in self.body["links"] else _link(self.body, "stage")

    @property
    def token(self) -> str | None:
        """``session-token``, None where previews are not supported."""
        token: str | None = self.body.get("session-token")
        return token


@dataclass(frozen=True)
class FileSession:
    """A file upload session, as its creation described it."""

    body: dict[str, Any]

    @property
    def url(self) -> str:
        """``links.file-upload-session``: its status, and its deletion."""
        return _link(self.body, "file-upload-session")

    @property
    def complete(self) -> str:
        """``links.complete``."""
        return _link(self.body, "complete")

    @property
    def extend(self) -> str | None:
        """``links.extend``, None where it is not supported."""
        return None if "extend" not in self.body["links"] else _link(self.body, "extend")

    @property
    def file_url(self) -> str:
        """Where ``http-post-bytes`` sends the bytes."""
        url = self._details.get("file_url")
        assert isinstance(url, str), f"there is no file_url in: {self._details}"
        return url

    @property
    def attestations_url(self) -> str | None:
        """Where ``http-post-bytes`` sends attestations, None where they are not supported."""
        url = self._details.get("attestations_url")
        assert isinstance(url, str | None), f"attestations_url is no URL: {self._details}"
        return url

    @property
    def _details(self) -> dict[str, Any]:
        mechanism = self.body.get("mechanism")
        assert isinstance(mechanism, dict), f"mechanism is no mapping: {self.body}"
        # The example of the PEP is flat, its prose speaks of a map inside.
        nested = mechanism.get("http-post-bytes")
        return nested if isinstance(nested, dict) else mechanism


def open_session(principal: Principal, root: str, release: Release) -> Session:
    """Create a publishing session."""
    answer = principal.post(root, release.request())
    assert answer.status == 201, f"a session could not be created: {answer}"
    return Session(answer.json())


def begin(principal: Principal, session: Session, artifact: Artifact) -> FileSession:
    """Create a file upload session."""
    answer = principal.post(session.upload, artifact.request())
    assert answer.status == 202, f"an upload could not be begun: {answer}"
    return FileSession(answer.json())


def transfer(principal: Principal, file: FileSession, data: bytes) -> None:
    """Send the bytes of a file."""
    answer = principal.send(file.file_url, data)
    assert answer.ok, f"the bytes were not taken: {answer}"


def complete(principal: Principal, file: FileSession) -> Answer:
    """Ask for the completion of a file, wait until it is decided, and return the answer to the request."""
    answer = principal.post(file.complete)
    file_state(principal, file)
    return answer


def stage(principal: Principal, session: Session, artifact: Artifact) -> FileSession:
    """Upload a file until it is completed."""
    return finish(principal, begin(principal, session, artifact), artifact)


def finish(principal: Principal, file: FileSession, artifact: Artifact) -> FileSession:
    """Send a file whose upload was begun, until it is completed."""
    transfer(principal, file, artifact.data)
    answer = complete(principal, file)
    seen = file_state(principal, file)
    assert seen == "completed", f"the file is {seen} after: {answer}"
    return file


def publish(principal: Principal, session: Session) -> Answer:
    """Publish, wait until it is done, and return the answer to the request."""
    answer = principal.post(session.publish)
    assert answer.ok, f"the session was not published: {answer}"
    seen = session_state(principal, session)
    assert seen in PUBLISHED, f"the session is {seen} after: {answer}"
    return answer


def fail_completion(principal: Principal, session: Session, artifact: Artifact) -> FileSession:
    """Bring a file into the state "error": as many bytes as were declared, but others."""
    file = begin(principal, session, artifact)
    # When the index looks at the bytes is up to it.
    principal.send(file.file_url, bytes(len(artifact.data)))
    complete(principal, file)
    seen = file_state(principal, file)
    assert seen == "error", f"a file with other bytes than its hash says is {seen}"
    return file


def bring(principal: Principal, session: Session, artifact: Artifact, state: str) -> FileSession:
    """Bring a file into the state "pending", "completed" or "error"."""
    upload = {"pending": begin, "completed": stage, "error": fail_completion}[state]
    return upload(principal, session, artifact)


def session_status(principal: Principal, session: Session) -> dict[str, Any]:
    """Return what the session says of itself now."""
    return _body(principal.get(session.url))


def file_status(principal: Principal, file: FileSession) -> dict[str, Any]:
    """Return what the file upload session says of itself now."""
    return _body(principal.get(file.url))


def state(principal: Principal, url: str) -> str:
    """Return the state of the session or file whose status is at `url`, as it is now; `GONE` if that is not served."""
    answer = principal.get(url)
    if answer.status in {404, 410}:
        return GONE
    told: str = _body(answer).get("status", "absent")
    return told


def session_state(principal: Principal, session: Session) -> str:
    """Return the state of the session once it is not "processing" any more."""
    return _settled(principal, session.url)


def file_state(principal: Principal, file: FileSession) -> str:
    """Return the state of the file once it is not "processing" any more."""
    return _settled(principal, file.url)


def expect(principal: Principal, url: str, expected: str, event: str) -> None:
    """Fail unless the state of what has its status at `url` is `expected`; `event` is what came before.

    Skips the check if that is the end of it and the index has forgotten it.
    """
    seen = state(principal, url)
    if seen == GONE and expected in ENDS:
        pytest.skip(f"the index serves no status after {event}")
    assert seen == expected, f"{seen}, not {expected}, after {event}"


def _settled(principal: Principal, url: str) -> str:
    deadline = time.monotonic() + _PATIENCE
    pause = _FIRST_PAUSE
    while (seen := state(principal, url)) == "processing":
        assert time.monotonic() < deadline, f"still processing after {_PATIENCE:.0f} seconds: {url}"
        # Sooner than Retry-After asks for, as there are many who wait and each waits for a kilobyte.
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
    return seen


def _body(answer: Answer) -> dict[str, Any]:
    assert answer.ok, f"the status could not be read: {answer}"
    return answer.json()


def _link(body: dict[str, Any], name: str) -> str:
    links = body.get("links")
    assert isinstance(links, dict), f"links is no mapping: {body}"
    assert isinstance(links.get(name), str), f"links.{name} is missing: {links}"
    link: str = links[name]
    return link


def cancel(principal: Principal, session: Session) -> Answer:
    """Cancel a session and return the answer."""
    answer = principal.delete(session.url)
    assert answer.ok, f"the session could not be canceled: {answer}"
    return answer


def delete(principal: Principal, file: FileSession) -> Answer:
    """Delete a file, or cancel its upload, and return the answer."""
    answer = principal.delete(file.url)
    assert answer.ok, f"the file could not be deleted: {answer}"
    return answer


def staged_files(principal: Principal, session: Session) -> dict[str, dict[str, Any]]:
    """Return the ``files`` of a session as they are now."""
    files = session_status(principal, session).get("files")
    assert isinstance(files, dict), f"files is no mapping: {files}"
    return files


def notices(body: dict[str, Any]) -> list[str]:
    """Return the ``notices`` of a session or of a file in it; none if the key is not there."""
    listed = body.get("notices", [])
    assert isinstance(listed, list), f"notices is no array: {listed}"
    assert all(isinstance(notice, str) for notice in listed), f"a notice is no string: {listed}"
    return listed


def extend(principal: Principal, url: str, seconds: int = 3600) -> Answer:
    """Ask for an extension and return the answer, whatever it is."""
    return principal.post(url, {"meta": META, "extend-for": seconds})


def is_unchanged(answer: Answer, before: dict[str, Any]) -> bool:
    """Tell whether an extension of what was `before` was refused, which an index may do with a success response."""
    return answer.refused or (answer.ok and is_same_expiry(before, answer.json()))
