"""Upload 2.0 over HTTP: codes, headers and bodies; what they mean is tested with the use cases."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient
from tests.index.building import build
from tests.index.conftest import Api

from hatch_staged.index import tokens, urls
from hatch_staged.index.app import create_app
from hatch_staged.index.configuration import Limits
from hatch_staged.index.objects import FolderObjects
from hatch_staged.index.upload_api import UploadApi
from hatch_staged.index.worker import work
from hatch_staged.protocol.messages import CONTENT_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from httpx2 import Response
    from tests.index.conftest import Clock

    from hatch_staged.index.core import Index

META = {"api-version": "2.0"}
WHEEL = build()


def is_problem(answer: Response, status: int) -> dict[str, Any]:
    """Expect problem details and return them."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert problem["meta"] == META
    assert problem["type"] == "about:blank"
    assert isinstance(problem["errors"], list)
    assert answer.headers["cache-control"] == "no-store"
    return problem


def sources(answer: Response) -> list[str]:
    """Return what a refused request is said to have wrong."""
    return [error["source"] for error in is_problem(answer, 400)["errors"]]


def test_creation_answers_with_the_session(api: Api) -> None:
    answer = api.post("/upload/", {"meta": META, "name": "Foo", "version": "1.0", "unknown": 1})
    assert answer.status_code == 201
    assert answer.headers["content-type"] == CONTENT_TYPE
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    token, links = body["session-token"], body.pop("links")
    assert answer.headers["location"] == links["session"]
    assert links["stage"] == f"http://index.test/stage/{token}/simple/"
    assert links.keys() == {"session", "upload", "publish", "extend", "stage"}
    assert body == {
        "meta": META,
        "mechanisms": ["http-post-bytes"],
        "session-token": token,
        "expires-at": "2026-11-29T12:00:00Z",
        "status": "open",
        "files": {},
    }
    status = api.get(links["session"])
    assert (status.status_code, status.json()) == (200, answer.json())
    assert token not in links["session"]


def test_second_creation_names_the_session(api: Api) -> None:
    session = api.create()
    answer = api.post("/upload/", {"meta": META, "name": "foo", "version": "1.0"})
    is_problem(answer, 409)
    assert answer.headers["location"] == session["links"]["session"]


def test_second_creation_by_a_stranger_tells_nothing(api: Api, client: TestClient, index: Index) -> None:
    api.create()
    stranger = type(api)(client, tokens.create(index, user="bob"))
    answer = stranger.post("/upload/", {"meta": META, "name": "foo", "version": "1.0"})
    is_problem(answer, 403)
    assert "location" not in answer.headers


def test_file_from_creation_to_deletion(api: Api) -> None:
    session = api.create()
    answer = api.post(session["links"]["upload"], WHEEL.declared())
    assert answer.status_code == 202
    assert int(answer.headers["retry-after"]) >= 0
    file = answer.json()
    link = file["links"]["file-upload-session"]
    assert session["session-token"] in link
    assert answer.headers["location"] == link
    assert file == {
        "meta": META,
        "links": {"file-upload-session": link, "complete": file["links"]["complete"]},
        "status": "pending",
        "expires-at": session["expires-at"],
        "mechanism": {
            "identifier": "http-post-bytes",
            "file_url": file["mechanism"]["file_url"],
            "attestations_url": file["mechanism"]["attestations_url"],
        },
    }
    assert api.get(link).json() == file
    assert api.get(session["links"]["session"]).json()["files"] == {WHEEL.filename: {"status": "pending", "link": link}}

    assert api.send(file["mechanism"]["file_url"], WHEEL.data).status_code == 204
    completed = api.post(file["links"]["complete"])
    assert (completed.status_code, completed.headers["location"]) == (201, link)
    assert "retry-after" not in completed.headers
    assert completed.json() == {**file, "status": "completed"}

    deleted = api.delete(link)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert api.get(link).json()["status"] == "canceled"
    assert api.get(session["links"]["session"]).json()["files"] == {}


def test_failed_completion_is_told_in_the_session(api: Api) -> None:
    session = api.create()
    file = api.post(session["links"]["upload"], WHEEL.declared()).json()
    is_problem(api.post(file["links"]["complete"]), 400)
    [told] = api.get(session["links"]["session"]).json()["files"].values()
    assert (told["status"], told["notices"]) == ("error", ["no bytes were received"])


@pytest.fixture
def deferring(index: Index) -> Iterator[tuple[Api, Callable[[], None]]]:
    """Return a client of an index that leaves everything to its worker, and a function that lets that one work."""
    index = replace(index, limits=Limits(immediate_size=0, immediate_files=0))
    app = create_app(index, work=lambda *_: None)
    with TestClient(app, base_url="http://index.test", raise_server_exceptions=False) as client:
        yield Api(client, tokens.create(index, user="alice")), lambda: work(index)


@pytest.mark.parametrize("valid", [True, False])
def test_completion_that_is_left_to_the_worker(deferring: tuple[Api, Callable[[], None]], *, valid: bool) -> None:
    api, let_work = deferring
    session = api.create()
    file = api.post(session["links"]["upload"], WHEEL.declared()).json()
    link = file["links"]["file-upload-session"]
    assert api.get(link).headers["retry-after"] == "1"
    api.send(file["mechanism"]["file_url"], WHEEL.data if valid else WHEEL.data[:-1])
    answer = api.post(file["links"]["complete"])
    assert (answer.status_code, answer.headers["location"], answer.headers["retry-after"]) == (202, link, "1")
    assert answer.json() == {**file, "status": "processing"}
    assert api.get(link).headers["retry-after"] == "1"
    is_problem(api.delete(link), 409)
    is_problem(api.post(file["links"]["complete"]), 409)
    is_problem(api.send(file["mechanism"]["file_url"], WHEEL.data), 409)
    let_work()
    settled = api.get(link)
    assert (settled.status_code, settled.json()["status"]) == (200, "completed" if valid else "error")
    assert "retry-after" not in settled.headers
    [told] = api.get(session["links"]["session"]).json()["files"].values()
    assert ("were declared" in "".join(told.get("notices", ()))) != valid


def test_publication_that_is_left_to_the_worker(deferring: tuple[Api, Callable[[], None]], index: Index) -> None:
    api, let_work = deferring
    session = api.create()
    links = session["links"]
    file = api.post(links["upload"], WHEEL.declared()).json()
    api.send(file["mechanism"]["file_url"], WHEEL.data)
    api.post(file["links"]["complete"])
    assert is_problem(api.post(links["publish"]), 409)["errors"] == [
        {"source": WHEEL.filename, "message": "This file is processing."}
    ]
    let_work()
    [stored] = index.objects.list()
    index.objects.delete(stored.key)
    answer = api.post(links["publish"])
    assert (answer.status_code, answer.headers["location"]) == (202, links["session"])
    assert answer.json()["status"] == "processing"
    assert api.get(links["session"]).headers["retry-after"] == "1"
    for refused in (
        api.post(links["publish"]),
        api.post(links["upload"], build("foo-1.0.tar.gz").declared()),
        api.delete(links["session"]),
        api.delete(file["links"]["file-upload-session"]),
    ):
        is_problem(refused, 409)
    let_work()
    failed = api.get(links["session"])
    assert "retry-after" not in failed.headers
    assert failed.json()["status"] == "error"
    assert failed.json()["notices"] == [
        "The index has lost the bytes of files; upload them again.",
        f"{WHEEL.filename}: The bytes of this file are lost.",
    ]
    assert failed.json()["files"][WHEEL.filename]["notices"] == ["The bytes of this file are lost."]
    api.delete(file["links"]["file-upload-session"])
    assert api.post(links["publish"]).status_code == 201


def test_failing_disk_is_not_the_files_fault(index: Index, tmp_path: Path) -> None:
    index = replace(index, objects=FolderObjects(tmp_path / "objects"))
    with TestClient(create_app(index), base_url="http://index.test", raise_server_exceptions=False) as client:
        api = Api(client, tokens.create(index, user="alice"))
        file = api.post(api.create()["links"]["upload"], WHEEL.declared()).json()
        api.send(file["mechanism"]["file_url"], WHEEL.data)
        [stored] = (tmp_path / "objects" / "files").iterdir()
        stored.rename(tmp_path / "away")
        answer = api.post(file["links"]["complete"])
        is_problem(answer, 500)
        assert str(tmp_path) not in answer.text
        (tmp_path / "away").rename(stored)
        assert api.post(file["links"]["complete"]).status_code == 201


def test_publication_of_an_unfinished_file_names_it(api: Api) -> None:
    session = api.create()
    api.post(session["links"]["upload"], WHEEL.declared())
    problem = is_problem(api.post(session["links"]["publish"]), 409)
    assert problem["errors"] == [{"source": WHEEL.filename, "message": "This file is pending."}]


def test_extension_and_cancelation(api: Api) -> None:
    session = api.create()
    extended = api.post(session["links"]["extend"], {"meta": META, "extend-for": 3600})
    assert (extended.status_code, extended.json()["expires-at"]) == (200, "2026-11-29T13:00:00Z")
    canceled = api.delete(session["links"]["session"])
    assert (canceled.status_code, canceled.json()["status"]) == (200, "canceled")
    for refused in (api.delete(session["links"]["session"]), api.post(session["links"]["publish"])):
        assert "refused while canceled" in is_problem(refused, 409)["detail"]


def test_extension_beyond_the_limits_is_a_success_and_never_takes_time_away(
    api: Api, index: Index, clock: Clock
) -> None:
    """If the server refuses to extend, "it MUST still return a success response"."""
    session = api.create()
    granted = [session["expires-at"]]
    for seconds in (10**6, 10**9, 1, 2**63, 10**30, 10**4000):
        extended = api.post(session["links"]["extend"], {"meta": META, "extend-for": seconds})
        assert extended.status_code == 200
        granted.append(extended.json()["expires-at"])
        clock.advance(hours=1)
    assert granted == sorted(granted)
    assert granted[2:] == ["2026-12-22T12:00:00Z"] * 5
    # Whoever lowers the limits takes nothing back.
    lower = replace(index, limits=Limits(session_lifetime=1, longest_session=1))
    with TestClient(create_app(lower), base_url="http://index.test", raise_server_exceptions=False) as client:
        again = Api(client, api.secret).post(session["links"]["extend"], {"meta": META, "extend-for": 5})
    assert (again.status_code, again.json()["expires-at"]) == (200, "2026-12-22T12:00:00Z")


@pytest.mark.parametrize("seconds", [0, -1, 1.5, "60", None, True])
def test_extension_is_for_a_whole_number_of_seconds(api: Api, seconds: object) -> None:
    links = api.create()["links"]
    assert sources(api.post(links["extend"], {"meta": META, "extend-for": seconds})) == ["extend-for"]


@pytest.mark.parametrize(
    ("body", "source"),
    [
        ({}, "meta"),
        ([], "body"),
        ({"meta": META, "name": "foo"}, "version"),
        ({"meta": META, "name": 1, "version": "1.0"}, "name"),
        ({"meta": {}, "name": "foo", "version": "1.0"}, "meta.api-version"),
        ({"meta": {"api-version": "2.1"}, "name": "foo", "version": "1.0"}, "meta.api-version"),
        ({"meta": {"api-version": 2.0}, "name": "foo", "version": "1.0"}, "meta.api-version"),
        ({"meta": META, "name": "-", "version": "1.0"}, "name"),
        ({"meta": META, "name": "foo", "version": "one"}, "version"),
        ({"meta": META, "name": "x" * 201, "version": "1.0"}, "name"),
        ({"meta": META, "name": "\u017fix", "version": "1.0"}, "name"),
        ({"meta": META, "name": "foo", "version": "1" * 5000}, "version"),
        ({"meta": META, "name": "foo", "version": "1." * 100 + "0"}, "version"),
        ({"meta": META, "name": "foo", "version": "1+\u017f"}, "version"),
    ],
)
def test_wrong_creation_names_the_key(api: Api, body: object, source: str) -> None:
    assert sources(api.post("/upload/", body)) == [source]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff", b'{"x":' + b"[" * 200_000, b'{"meta": {"api-version": "2.0"}, "name": "\xff"}']
)
def test_what_is_no_json_is_refused(api: Api, client: TestClient, content: bytes) -> None:
    headers = {**api.headers, "Content-Type": CONTENT_TYPE}
    assert sources(client.post("/upload/", content=content, headers=headers))


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"filename": "foo-1.0.zip"}, 400),
        ({"filename": "bar-1.0.tar.gz"}, 400),
        ({"filename": "foo-1.1.tar.gz"}, 400),
        ({"size": -1}, 400),
        ({"hashes": {"sha1": "0" * 40}}, 400),
        ({"mechanism": "vnd-other-mail"}, 422),
        ({"size": 11 * 1024**3}, 409),
    ],
)
def test_wrong_file_is_refused(api: Api, change: dict[str, Any], status: int) -> None:
    session = api.create()
    is_problem(api.post(session["links"]["upload"], WHEEL.declared(**change)), status)
    assert api.get(session["links"]["session"]).json()["files"] == {}


def test_published_file_is_refused(api: Api) -> None:
    session = api.create()
    api.stage(session, WHEEL)
    assert api.post(session["links"]["publish"]).status_code == 201
    is_problem(api.post(api.create()["links"]["upload"], WHEEL.declared()), 409)


def test_too_many_bytes(api: Api) -> None:
    session = api.create()
    file = api.post(session["links"]["upload"], WHEEL.declared()).json()
    is_problem(api.send(file["mechanism"]["file_url"], WHEEL.data + b"x"), 413)
    assert api.get(file["links"]["file-upload-session"]).json()["status"] == "pending"


def test_wrong_content_types(api: Api, client: TestClient) -> None:
    body = {"meta": META, "name": "foo", "version": "1.0"}
    is_problem(client.post("/upload/", json=body, headers=api.headers), 415)
    is_problem(client.post("/upload/", headers=api.headers), 415)
    session = api.create()
    file = api.post(session["links"]["upload"], WHEEL.declared()).json()
    is_problem(api.post(file["mechanism"]["file_url"]), 415)


def test_form_is_told_where_it_belongs_however_large_it_is(api: Api, client: TestClient) -> None:
    headers = {**api.headers, "Content-Type": "multipart/form-data; boundary=x"}
    for path in ("/upload/", api.create()["links"]["upload"]):
        problem = is_problem(client.post(path, content=bytes(2**20), headers=headers), 415)
        assert problem["detail"] == "This is Upload 2.0; a form goes to http://index.test/legacy/."


def test_parameters_and_case_of_the_content_type_do_not_matter(api: Api, client: TestClient) -> None:
    headers = {**api.headers, "Content-Type": f"{CONTENT_TYPE.upper()} ; charset=utf-8"}
    body = b'{"meta": {"api-version": "2.0"}, "name": "foo", "version": "1.0"}'
    assert client.post("/upload/", content=body, headers=headers).status_code == 201


def test_huge_message_is_refused(api: Api) -> None:
    is_problem(api.post("/upload/", {"meta": META, "name": "x" * 2**20, "version": "1.0"}), 413)


def basic(user: str, secret: str) -> str:
    """Return Basic credentials."""
    return "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()


@pytest.mark.parametrize(
    "credentials",
    [
        None,
        "",
        "Bearer",
        "Bearer wrong",
        "Digest {secret}",
        "Basic ?",
        "Basic /w==",
        b"Basic \xe9\xe9",
        b"Bearer \xe9\xe9",
        basic("__token__", "wrong"),
        basic("__token__", ""),
    ],
)
def test_without_valid_credentials_everything_is_401(
    api: Api, client: TestClient, credentials: str | bytes | None
) -> None:
    session = api.create()
    file = api.post(session["links"]["upload"], WHEEL.declared()).json()
    if isinstance(credentials, str):
        credentials = credentials.format(secret=api.secret).encode()
    headers = {} if credentials is None else {b"Authorization": credentials}
    links = [session["links"][name] for name in ("upload", "publish", "extend")]
    for url in ("/upload/", *links, *file["links"].values(), file["mechanism"]["file_url"]):
        method = "GET" if url == file["links"]["file-upload-session"] else "POST"
        answer = client.request(method, url, headers=headers)
        is_problem(answer, 401)
        assert answer.headers["www-authenticate"].startswith("Basic ")
    assert client.get(session["links"]["session"], headers=headers).status_code == 401


def test_token_that_is_revoked_is_401_at_once(api: Api, client: TestClient, index: Index) -> None:
    [hers] = tokens.every(index)
    session = api.create()
    file = api.post(session["links"]["upload"], WHEEL.declared()).json()
    assert api.send(file["mechanism"]["file_url"], WHEEL.data).status_code == 204
    before = api.get(session["links"]["session"]).json()
    parts = {"session_id": session["links"]["session"].split("/")[-2], "session_token": session["session-token"]}
    parts["file_id"] = file["links"]["file-upload-session"].split("/")[-2]
    # What every endpoint finds something in.
    message = json.dumps({**build("foo-1.0.tar.gz").declared(), "name": "bar", "version": "1.0", "extend-for": 60})
    bodies = {urls.FILE_BYTES: ("application/octet-stream", "x"), urls.FILE_ATTESTATIONS: ("application/json", "[]")}
    for route in UploadApi(index, None, wake=lambda: None).routes():
        kind, content = bodies.get(route.path, (CONTENT_TYPE, message))
        for method in route.methods or ():
            revoked = Api(client, tokens.create(index, user="alice"))
            # It is known, until then.
            assert revoked.get(session["links"]["session"]).status_code == 200
            [valid] = [each for each in tokens.every(index) if each.revoked_at is None and each != hers]
            tokens.revoke(index, valid.id)
            headers = {**revoked.headers, "Content-Type": kind}
            answer = client.request(method, route.path.format(**parts), content=content, headers=headers)
            assert (method, route.path, answer.status_code) == (method, route.path, 401)
    assert api.get(session["links"]["session"]).json() == before


def test_who_was_refused_is_a_stranger(api: Api, client: TestClient, index: Index) -> None:
    session = api.create()["links"]["session"]
    [token] = tokens.every(index)
    tokens.revoke(index, token.id)
    for url in (session, "/upload/sessions/nothing/"):
        is_problem(api.get(url), 401)
    is_problem(api.post("/upload/", {"nothing": "valid"}), 401)
    # Nothing of the request is looked at before.
    is_problem(client.post("/upload/", content=b"{}", headers={**api.headers, "Content-Type": "text/plain"}), 401)


def test_basic_credentials_have_the_user_token(api: Api, client: TestClient) -> None:
    session = api.create()["links"]["session"]
    for user, status in (("__token__", 200), ("alice", 401)):
        assert client.get(session, headers={"Authorization": basic(user, api.secret)}).status_code == status


def test_unknown_resources(api: Api) -> None:
    for url in ("/upload/sessions/nothing/", "/upload/files/nothing/nothing/"):
        is_problem(api.get(url), 404)
        is_problem(api.delete(url), 404)
