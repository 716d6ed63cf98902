"""The answer to a change is lost: the client asks what has become of it, and does nothing twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client.upload_server import DROP, LOSE, UPLOAD_JSON, Reply, problem, reply

from hatch_staged.errors import ConflictError, ProtocolError, StagedError, StageGoneError, UnreachableError
from hatch_staged.protocol.mechanisms import http_post_bytes
from hatch_staged.protocol.states import FileState, SessionState

if TYPE_CHECKING:
    from tests.client.conftest import MakeRelease, Pauses
    from tests.client.upload_server import UploadServer

    from hatch_staged.client.artifacts import Artifact
    from hatch_staged.client.upload_api import Client
    from hatch_staged.protocol.messages import FileUploadSession, Session

HTML = Reply(200, b"<html>", {"Content-Type": "text/html"})
#: What happens to an answer on its way, whether the index acted or not.
LOST = [LOSE, DROP, problem(500, "Oh"), problem(502, "Bad gateway"), problem(503, "Busy"), problem(408, "Slow"), HTML]


@pytest.fixture
def session(client: Client) -> Session:
    return client.create_or_join("foo", "1.0")[0]


@pytest.fixture
def artifact(make_release: MakeRelease) -> Artifact:
    return make_release("foo-1.0.tar.gz").artifacts[0]


@pytest.fixture
def sent(client: Client, session: Session, artifact: Artifact) -> FileUploadSession:
    """Return a file upload session whose bytes the index has."""
    file = client.create_file(session, artifact, "http-post-bytes")
    client.send_bytes(http_post_bytes(file.mechanism), artifact, lambda _count: None)
    return file


@pytest.mark.parametrize("answer", LOST[:-1])
def test_creating_a_session(index: UploadServer, client: Client, answer: Reply) -> None:
    index.script("POST", "/2.0/$", answer)

    session, _ = client.create_or_join("foo", "1.0")

    assert session.status is SessionState.OPEN
    assert len(index.asked("POST", "/2.0/$")) == 2
    # a web page there means that the URL is wrong


@pytest.mark.parametrize("answer", [*LOST, Reply(200, b'{"meta"', {"Content-Type": UPLOAD_JSON})])
def test_looking_at_a_session(index: UploadServer, client: Client, session: Session, answer: Reply) -> None:
    index.script("GET", "/s$", answer)
    assert client.session(session.links.session) == session


@pytest.mark.parametrize("answer", LOST)
def test_creating_a_file(
    index: UploadServer, client: Client, session: Session, artifact: Artifact, answer: Reply
) -> None:
    index.script("POST", "/u$", answer)

    file = client.create_file(session, artifact, "http-post-bytes")

    assert file.status is FileState.PENDING
    assert len(index.files) == 1
    assert len(index.asked("POST", "/u$")) == (1 if answer is LOSE else 2)


def test_a_file_of_another_kind_is_not_taken_for_the_one_that_was_created(
    index: UploadServer, client: Client, session: Session, artifact: Artifact
) -> None:
    index.script("POST", "/u$", LOSE)
    strange = index.file_status(index.add_file("any"), 200, mechanism={"identifier": "vnd-a-b"})
    index.script("GET", "/f/1$", strange, strange)
    index.files.clear()
    index._numbers = 0  # noqa: SLF001 - the next file has the scripted status

    with pytest.raises(ConflictError, match="there already"):
        client.create_file(session, artifact, "http-post-bytes")


def test_a_conflict_about_what_was_done_is_none(
    index: UploadServer, client: Client, session: Session, artifact: Artifact
) -> None:
    """The first look comes before the index has got that far."""
    nothing_yet = reply(200, index.session())
    index.script("POST", "/u$", LOSE)
    index.script("GET", "/s$", nothing_yet)

    assert client.create_file(session, artifact, "http-post-bytes").status is FileState.PENDING
    assert len(index.asked("POST", "/u$")) == 2


@pytest.mark.parametrize("deferred", [0, 2])
@pytest.mark.parametrize("answer", LOST)
def test_completing_a_file(
    index: UploadServer, client: Client, sent: FileUploadSession, answer: Reply, deferred: int
) -> None:
    index.deferred_files = deferred
    index.script("POST", "/c/", answer)

    assert client.complete(sent) is FileState.COMPLETED
    assert len(index.asked("POST", "/c/")) == (1 if answer is LOSE else 2)


def test_completing_a_file_that_the_index_refuses(index: UploadServer, client: Client, sent: FileUploadSession) -> None:
    index.refused["foo-1.0.tar.gz"] = "ugly"
    index.script("POST", "/c/", LOSE)
    assert client.complete(sent) is FileState.ERROR


@pytest.mark.parametrize("deferred", [0, 2])
@pytest.mark.parametrize("answer", LOST)
def test_publishing(index: UploadServer, client: Client, session: Session, answer: Reply, deferred: int) -> None:
    index.deferred_publish = deferred
    index.script("POST", "/p$", answer)

    assert client.publish(session).status is SessionState.PUBLISHED
    assert index.status == "published"
    assert len(index.asked("POST", "/p$")) == (1 if answer is LOSE else 2)


def test_publishing_what_the_index_forgets_at_once(index: UploadServer, client: Client, session: Session) -> None:
    index.script("POST", "/p$", LOSE)
    index.script("GET", "/s$", problem(404, "No such session"))

    with pytest.raises(StageGoneError):
        client.publish(session)
    assert len(index.asked("POST", "/p$")) == 1


@pytest.mark.parametrize("answer", LOST)
@pytest.mark.parametrize("forgotten", [False, True])
def test_canceling(index: UploadServer, client: Client, session: Session, answer: Reply, *, forgotten: bool) -> None:
    index.script("DELETE", "/s$", answer)
    if forgotten and answer is LOSE:
        index.script("GET", "/s$", problem(410, "Gone"))

    client.cancel(session)

    assert index.status == "canceled"
    assert len(index.asked("DELETE", "/s$")) == (1 if answer is LOSE else 2)


@pytest.mark.parametrize("answer", LOST)
def test_extending(index: UploadServer, client: Client, session: Session, answer: Reply) -> None:
    index.grants = ["2031-01-01T00:00:00Z", "2032-01-01T00:00:00Z"]
    index.script("POST", "/e$", answer)

    assert client.extend(session, 60).expires_at.year == 2031
    assert len(index.asked("POST", "/e$")) == (1 if answer is LOSE else 2)


@pytest.mark.parametrize("answer", LOST)
def test_extending_a_file(
    index: UploadServer, client: Client, session: Session, artifact: Artifact, answer: Reply
) -> None:
    index.file_extensions = True
    file = client.create_file(session, artifact, "http-post-bytes")
    index.grants = ["2031-01-01T00:00:00Z", "2032-01-01T00:00:00Z"]
    index.script("POST", "/x/", answer)

    assert client.extend_file(file, 60).expires_at.year == 2031
    assert len(index.asked("POST", "/x/")) == (1 if answer is LOSE else 2)


def test_an_index_that_does_not_extend_files(client: Client, sent: FileUploadSession) -> None:
    with pytest.raises(StagedError, match="does not extend file upload sessions"):
        client.extend_file(sent, 60)


@pytest.mark.parametrize("answer", LOST)
@pytest.mark.parametrize("remembered", [False, True])
def test_deleting_a_file(
    index: UploadServer, client: Client, sent: FileUploadSession, answer: Reply, *, remembered: bool
) -> None:
    if remembered and answer is LOSE:
        canceled = index.file_status(index.files["foo-1.0.tar.gz"], 200, state="canceled")
        index.script("GET", "/f/", canceled)
    index.script("DELETE", "/f/", answer)

    client.delete_file(sent.links.file_upload_session)

    assert index.files == {}
    assert len(index.asked("DELETE", "/f/")) == (1 if answer is LOSE else 2)


def test_an_index_that_fails_for_ever_is_given_up(
    index: UploadServer, client: Client, session: Session, artifact: Artifact, pauses: Pauses
) -> None:
    index.script("POST", "/u$", *[problem(500, "Oh")] * 99)

    with pytest.raises(UnreachableError, match=r"the index failed \(500\)"):
        client.create_file(session, artifact, "http-post-bytes")

    assert len(index.asked("POST", "/u$")) == 8
    assert sum(pauses) == 0.5 + 1 + 2 + 4 + 8 + 16 + 30


def test_an_index_that_never_makes_sense_is_at_fault(index: UploadServer, client: Client, session: Session) -> None:
    index.script("GET", "/s$", *[HTML] * 8)
    with pytest.raises(ProtocolError, match="a web page"):
        client.session(session.links.session)


def test_a_pause_is_as_long_as_the_index_asks_for(
    index: UploadServer, client: Client, session: Session, pauses: Pauses
) -> None:
    index.script("GET", "/s$", problem(429, "Too many"), problem(503, "Busy"))
    index._scripts[-1][2][0].headers["Retry-After"] = "90"  # noqa: SLF001 - of the first of the two

    client.session(session.links.session)

    assert pauses == [90, 1]


def test_what_is_refused_is_not_asked_for_again(
    index: UploadServer, client: Client, session: Session, artifact: Artifact
) -> None:
    index.script("POST", "/u$", problem(400, "A bad name"))
    with pytest.raises(StagedError, match="A bad name"):
        client.create_file(session, artifact, "http-post-bytes")
    assert len(index.asked("POST", "/u$")) == 1
