"""Each request of PEP 694 as it goes out, and what is made of each answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec
import pytest
from tests.client.conftest import SECRET
from tests.client.upload_server import DROP, EXPIRES, SIMPLE_JSON, TOKEN, UPLOAD_JSON, Reply, problem, reply

from hatch_staged.errors import (
    ArtifactError,
    ConfigurationError,
    ConflictError,
    NotAllowedError,
    ProtocolError,
    StagedError,
    StageGoneError,
    UnreachableError,
)
from hatch_staged.protocol.mechanisms import http_post_bytes
from hatch_staged.protocol.states import FileState, SessionState

if TYPE_CHECKING:
    from pathlib import Path

    from tests.client.conftest import MakeRelease, Pauses
    from tests.client.upload_server import UploadServer

    from hatch_staged.client.artifacts import Artifact
    from hatch_staged.client.upload_api import Client
    from hatch_staged.protocol.messages import Session

META = {"meta": {"api-version": "2.0"}}


@pytest.fixture
def session(client: Client) -> Session:
    return client.create_or_join("foo", "1.0")[0]


@pytest.fixture
def artifact(make_release: MakeRelease) -> Artifact:
    return make_release("foo-1.0.tar.gz").artifacts[0]


def test_a_session_is_created(index: UploadServer, client: Client) -> None:
    session = client.create_or_join("foo", "1.0")[0]

    (seen,) = index.seen
    assert (seen.method, seen.path) == ("POST", "/api/2.0/")
    assert json.loads(seen.body) == {**META, "name": "foo", "version": "1.0"}
    assert seen.headers["content-type"] == UPLOAD_JSON
    assert seen.headers["accept"] == f"{UPLOAD_JSON}, application/problem+json"
    assert session.links.session == f"{index.origin}/odd/place/s"
    assert session.session_token == TOKEN
    assert session.expires_at.isoformat() == EXPIRES.replace("Z", "+00:00")


@pytest.mark.parametrize("join_status", [200, 409])
def test_a_session_is_joined(index: UploadServer, client: Client, session: Session, join_status: int) -> None:
    index.join_status = join_status

    assert client.create_or_join("foo", "1.0")[0] == session


def test_a_creation_whose_answer_is_lost_joins_what_it_made(
    index: UploadServer, client: Client, pauses: Pauses
) -> None:
    index.script("POST", "/2.0/$", DROP)

    assert client.create_or_join("foo", "1.0")[0].status is SessionState.OPEN
    assert len(pauses) == 1


def test_a_conflict_that_does_not_say_with_what(index: UploadServer, client: Client) -> None:
    index.script("POST", "/2.0/$", problem(409, "There is one"))

    with pytest.raises(ConflictError, match="There is one"):
        client.create_or_join("foo", "1.0")


@pytest.mark.parametrize("join_status", [200, 409])
def test_a_session_is_found(index: UploadServer, client: Client, session: Session, join_status: int) -> None:
    index.join_status = join_status

    assert client.find_session("foo", "1.0") == session
    assert index.status == "open"


def test_a_session_that_is_not_there_is_not_left_behind(index: UploadServer, client: Client) -> None:
    assert client.find_session("foo", "1.0") is None
    assert index.status == "canceled"


def test_an_index_that_calls_a_session_with_files_created_does_not_lose_them(
    index: UploadServer, client: Client
) -> None:
    index.add_file("foo-1.0.tar.gz")
    index.script("POST", "/2.0/$", reply(201, index.session()))

    found = client.find_session("foo", "1.0")

    assert found is not None
    assert list(found.files) == ["foo-1.0.tar.gz"]
    assert index.status == "open"


def test_looking_for_a_session_is_not_repeated_blindly(index: UploadServer, client: Client) -> None:
    index.script("POST", "/2.0/$", DROP)

    with pytest.raises(UnreachableError):
        client.find_session("foo", "1.0")

    assert len(index.seen) == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Reply(404, b"<html>", {"Content-Type": "text/html"}), ConfigurationError),
        (Reply(405), ConfigurationError),
        (Reply(200, b"<html>", {"Content-Type": "text/html"}), ConfigurationError),
        (Reply(400, b"Invalid form", {"Content-Type": "text/plain"}), ConfigurationError),
        (Reply(302, headers={"Location": "https://elsewhere.example/"}), ConfigurationError),
        (reply(201, {**META, "links": {}}), ProtocolError),
        (problem(400, "Bad name"), StagedError),
        (problem(401, "Who are you"), NotAllowedError),
        (problem(403, "Not you"), NotAllowedError),
    ],
)
def test_an_endpoint_that_gives_no_session(
    index: UploadServer, client: Client, answer: Reply, error: type[StagedError]
) -> None:
    index.script("POST", "/2.0/$", answer)

    with pytest.raises(error) as caught:
        client.create_or_join("foo", "1.0")

    assert type(caught.value) is error
    assert len(index.seen) == 1, "and nothing else is tried"


def test_what_the_index_echoes_is_shown_without_secrets(index: UploadServer, client: Client, session: Session) -> None:
    echo = problem(400, "Odd", detail=f"you sent {SECRET} to {index.origin}/stage/{TOKEN}/ as {TOKEN}")
    index.script("GET", "/s$", echo)

    with pytest.raises(StagedError) as caught:
        client.session(session.links.session)

    assert caught.value.what == f"the index refused (400): Odd. you sent *** to {index.origin}/stage/***/ as ***."


def test_notices_are_shown_without_escapes_and_secrets(index: UploadServer, client: Client) -> None:
    told = f"a\x1b[31m \u202enotice for {SECRET} in {TOKEN} at https://u:p@i.example/?q"
    index.notices.append(told)
    index.add_file("foo-1.0.tar.gz").notices.append(told)

    session = client.create_or_join("foo", "1.0")[0]

    shown = ("a [31m  notice for *** in *** at https://i.example/",)
    assert session.notices == shown
    assert session.files["foo-1.0.tar.gz"].notices == shown


@pytest.mark.parametrize("filename", ["foo\x1b[2J-1.0.tar.gz", "foo\n.whl", f"{SECRET}.whl", f"{TOKEN}.whl", "x" * 501])
def test_file_names_that_cannot_be_shown(index: UploadServer, client: Client, filename: str) -> None:
    index.add_file(filename)

    with pytest.raises(ProtocolError, match="the session has a file with a name that cannot be shown") as caught:
        client.create_or_join("foo", "1.0")

    assert filename not in str(caught.value)


def test_files_of_other_kinds_are_left_to_others(index: UploadServer, client: Client) -> None:
    index.add_file("foo-1.0-py3.9.egg")

    assert list(client.create_or_join("foo", "1.0")[0].files) == ["foo-1.0-py3.9.egg"]


def test_a_session_of_another_index_gets_no_credentials(other: UploadServer, client: Client) -> None:
    with pytest.raises(ConfigurationError, match="does not belong to the index"):
        client.session(f"{other.origin}/odd/place/s")

    assert other.seen == []


def test_links_of_another_origin_are_used_where_the_index_names_them(
    index: UploadServer, other: UploadServer, client: Client
) -> None:
    other.status = "open"
    index.script("POST", "/2.0/$", reply(201, other.session()))

    assert client.extend(client.create_or_join("foo", "1.0")[0], 60).links.session.startswith(other.origin)
    assert "authorization" in other.seen[0].headers


def test_a_session_of_another_origin_is_joined_where_the_index_names_it(
    index: UploadServer, other: UploadServer, client: Client
) -> None:
    other.status = "open"
    index.script("POST", "/2.0/$", reply(409, {}, Location=f"{other.origin}/odd/place/s"))

    assert client.create_or_join("foo", "1.0")[0].links.session == f"{other.origin}/odd/place/s"


@pytest.mark.parametrize("status", [404, 410])
def test_a_session_that_is_gone(index: UploadServer, client: Client, session: Session, status: int) -> None:
    index.script("GET", "/s$", problem(status, "Gone"))

    with pytest.raises(StageGoneError) as caught:
        client.session(session.links.session)

    assert caught.value.exit_code == 3


def test_every_request_has_the_content_type(index: UploadServer, client: Client, session: Session) -> None:
    client.session(session.links.session)
    client.extend(session, 60)
    client.cancel(session)

    assert [seen.method for seen in index.seen] == ["POST", "GET", "POST", "DELETE"]
    assert {seen.headers["content-type"] for seen in index.seen} == {UPLOAD_JSON}
    assert json.loads(index.seen[2].body) == {**META, "extend-for": 60}
    assert index.status == "canceled"


def test_an_index_that_does_not_extend(index: UploadServer, client: Client) -> None:
    index.extensions = False
    session = client.create_or_join("foo", "1.0")[0]

    with pytest.raises(StagedError, match="does not extend"):
        client.extend(session, 60)


def test_publishing_at_once(index: UploadServer, client: Client, session: Session) -> None:
    published = client.publish(session)

    assert published == msgspec.structs.replace(session, status=SessionState.PUBLISHED)
    assert json.loads(index.seen[-1].body) == META


def test_publishing_deferred(index: UploadServer, client: Client, session: Session, pauses: Pauses) -> None:
    index.deferred_publish = 3

    assert client.publish(session).status is SessionState.PUBLISHED
    assert pauses == [2, 3, 3]


def test_publishing_deferred_that_fails_tells_all_reasons(
    index: UploadServer, client: Client, session: Session
) -> None:
    index.deferred_publish = 1
    index.publish_outcome = "error"
    index.add_file("foo-1.0.tar.gz").notices.append("somebody was faster")
    index.notices.append("there is a conflict")

    with pytest.raises(StagedError, match=r"there is a conflict; foo-1\.0\.tar\.gz: somebody was faster"):
        client.publish(session)

    index.notices.clear()
    index.files.clear()
    index.deferred_publish = 1
    with pytest.raises(StagedError, match="no reason"):
        client.publish(session)


def test_publishing_deferred_that_is_canceled(index: UploadServer, client: Client, session: Session) -> None:
    index.deferred_publish = 1
    index.publish_outcome = "canceled"

    with pytest.raises(StageGoneError, match="canceled"):
        client.publish(session)


def test_publishing_deferred_for_ever(index: UploadServer, client: Client, session: Session, pauses: Pauses) -> None:
    index.deferred_publish = 1_000_000

    with pytest.raises(UnreachableError, match="still processing"):
        client.publish(session)

    assert sum(pauses) == 1800


def test_publishing_refused(index: UploadServer, client: Client, session: Session) -> None:
    index.script("POST", "/p$", problem(409, "A file is pending"))

    with pytest.raises(ConflictError, match="A file is pending"):
        client.publish(session)


def test_a_file_is_announced_sent_and_completed(
    index: UploadServer, client: Client, session: Session, artifact: Artifact
) -> None:
    sent: list[int] = []

    file = client.create_file(session, artifact, "http-post-bytes")
    client.send_bytes(http_post_bytes(file.mechanism), artifact, sent.append)
    state = client.complete(file)

    create, send, complete = index.seen[-3:]
    assert json.loads(create.body) == {
        **META,
        "filename": artifact.filename,
        "size": artifact.size,
        "hashes": dict(artifact.hashes),
        "mechanism": "http-post-bytes",
    }
    assert send.headers["content-type"] == "application/octet-stream"
    assert send.headers["content-length"] == str(artifact.size) == str(sum(sent))
    assert "transfer-encoding" not in send.headers
    assert "authorization" in send.headers
    assert send.body == artifact.path.read_bytes()
    assert json.loads(complete.body) == META
    assert state is FileState.COMPLETED


def test_while_a_file_is_processed_there_is_time_for_something_else(
    index: UploadServer, client: Client, session: Session, artifact: Artifact, pauses: Pauses
) -> None:
    index.deferred_files = 3
    passed: list[float] = []
    file = client.create_file(session, artifact, "http-post-bytes")
    client.send_bytes(http_post_bytes(file.mechanism), artifact, lambda _: None)

    assert client.complete(file, meanwhile=lambda: passed.append(sum(pauses))) is FileState.COMPLETED

    assert passed == [7, 8, 9]


@pytest.mark.parametrize("change", [b"", b"longer", None])
def test_a_file_that_is_not_as_it_was_hashed(
    client: Client, session: Session, artifact: Artifact, change: bytes | None
) -> None:
    file = client.create_file(session, artifact, "http-post-bytes")
    if change is None:
        artifact.path.unlink()
    else:
        artifact.path.write_bytes(change and artifact.path.read_bytes() + change)

    with pytest.raises(ArtifactError, match=r"changed|cannot be read") as caught:
        client.send_bytes(http_post_bytes(file.mechanism), artifact, lambda _: None)

    assert caught.value.where == str(artifact.path)


def test_bytes_that_are_refused(
    index: UploadServer, client: Client, session: Session, artifact: Artifact, pauses: Pauses
) -> None:
    file = client.create_file(session, artifact, "http-post-bytes")
    index.script("POST", "/b/", problem(503, "Full"))

    with pytest.raises(UnreachableError, match="Full"):
        client.send_bytes(http_post_bytes(file.mechanism), artifact, lambda _: None)

    assert pauses == []


@pytest.mark.parametrize("mechanism", ["http-post-bytes", "vnd-acme-pigeon"])
def test_a_file_that_is_refused(
    index: UploadServer, client: Client, session: Session, artifact: Artifact, mechanism: str
) -> None:
    index.script("POST", "/u$", problem(422, "No such mechanism"))

    with pytest.raises(StagedError, match="No such mechanism"):
        client.create_file(session, artifact, mechanism)


@pytest.mark.parametrize("status", [204, 404, 410])
def test_a_file_is_deleted_also_if_somebody_else_did(
    index: UploadServer, client: Client, session: Session, status: int
) -> None:
    index.script("DELETE", "/f/", Reply(status))

    client.delete_file(f"{session.links.session}/../f/1")

    assert len(index.asked("DELETE")) == 1


def test_a_file_in_processing_is_not_deleted(index: UploadServer, client: Client) -> None:
    index.add_file("foo-1.0.tar.gz", status="processing", looks=9)
    session = client.create_or_join("foo", "1.0")[0]

    with pytest.raises(ConflictError, match="being processed"):
        client.delete_file(session.files["foo-1.0.tar.gz"].link)


def test_waiting_for_some_files_only(index: UploadServer, client: Client, pauses: Pauses) -> None:
    index.add_file("foo-1.0.tar.gz", status="processing", looks=2)
    index.add_file("foo-1.0-py3-none-any.whl", status="processing", looks=9)
    session = client.create_or_join("foo", "1.0")[0]

    settled = client.wait_for_files(session, ["foo-1.0.tar.gz"])

    assert settled.files["foo-1.0.tar.gz"].status is FileState.COMPLETED
    assert settled.files["foo-1.0-py3-none-any.whl"].status is FileState.PROCESSING
    assert pauses == []


def test_the_page_of_a_stage(index: UploadServer, client: Client) -> None:
    file = index.add_file("foo-1.0.tar.gz", b"bytes")
    stage = client.create_or_join("foo", "1.0")[0].links.stage
    assert stage is not None

    page = client.project_page(stage, "Foo")

    assert page is not None
    (listed,) = page.files
    assert listed.url == f"{index.origin}/files/{file.number}/foo-1.0.tar.gz"
    assert listed.hashes == file.hashes
    (seen,) = index.asked("GET", "^/stage/")
    assert seen.path == f"/stage/{TOKEN}/simple/foo/"
    assert seen.headers["accept"] == SIMPLE_JSON
    assert "content-type" not in seen.headers
    with client.download(listed.url) as pieces:
        assert b"".join(pieces) == b"bytes"
    index.files.clear()
    assert client.project_page(stage, "foo") is None
    with pytest.raises(StageGoneError), client.download(listed.url):
        raise AssertionError


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Reply(200, b"<html>", {"Content-Type": "text/html"}), ProtocolError),
        (reply(200, {"name": "foo", "files": []}, "text/html"), ProtocolError),
        (reply(200, {"meta": {"api-version": "2.0"}, "name": "foo", "files": []}, SIMPLE_JSON), ProtocolError),
        (reply(200, {"name": "foo"}, SIMPLE_JSON), ProtocolError),
        (problem(401, "Who are you"), NotAllowedError),
    ],
)
def test_a_page_that_is_none(index: UploadServer, client: Client, answer: Reply, error: type[StagedError]) -> None:
    index.script("GET", "/simple/foo/$", *[answer] * 8)

    with pytest.raises(error):
        client.project_page(f"{index.origin}/simple", "foo")


@pytest.mark.parametrize("status", [404, 410])
def test_a_page_that_is_not_there(index: UploadServer, client: Client, status: int) -> None:
    index.script("GET", "/simple/foo/$", problem(status, "Gone"))

    assert client.project_page(f"{index.origin}/simple", "foo") is None


def listing(**file: object) -> Reply:
    """Return a page with one file."""
    named = {"filename": "foo-1.0.tar.gz", "url": "foo-1.0.tar.gz", "hashes": {}, **file}
    return reply(200, {"meta": {"api-version": "1.1"}, "name": "foo", "files": [named]}, SIMPLE_JSON)


def test_a_file_of_a_page_whose_url_is_none(index: UploadServer, client: Client) -> None:
    index.script("GET", "/simple/foo/$", listing(url="http://[s3cret"))

    with pytest.raises(ProtocolError, match=r"not the URL of foo-1\.0\.tar\.gz") as caught:
        client.project_page(f"{index.origin}/simple", "foo")

    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        listing(url="http://[", filename="f" * 9000),
        reply(200, {"meta": {"api-version": "2" * 9000}, "name": "foo", "files": []}, SIMPLE_JSON),
    ],
    ids=["file name", "version"],
)
def test_a_page_without_end_is_shown_in_a_bearable_line(index: UploadServer, client: Client, answer: Reply) -> None:
    index.script("GET", "/simple/foo/$", answer)

    with pytest.raises(ProtocolError) as caught:
        client.project_page(f"{index.origin}/simple", "foo")

    assert len(caught.value.what) < 600


def test_hashes_of_a_page_are_in_lower_case(index: UploadServer, client: Client) -> None:
    index.script("GET", "/simple/foo/$", listing(hashes={"SHA256": "AB", "md5": "cd"}))

    page = client.project_page(f"{index.origin}/simple", "foo")

    assert page is not None
    assert page.files[0].hashes == {"sha256": "ab", "md5": "cd"}


def test_urls_that_the_index_makes_up(index: UploadServer, client: Client, tmp_path: Path) -> None:
    index.status = "open"
    body = index.session()
    body["links"]["publish"] = tmp_path.as_uri()
    index.script("POST", "/2.0/$", reply(201, body))

    with pytest.raises(ProtocolError, match="http or https"):
        client.create_or_join("foo", "1.0")
