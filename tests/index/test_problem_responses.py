"""What goes wrong outside of the use cases."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from starlette.testclient import TestClient
from tests.index.building import build
from tests.index.conftest import Api
from tests.index.test_upload_api import is_problem

from hatch_staged.index import tokens
from hatch_staged.index.app import create_app
from hatch_staged.index.core import unguessable
from hatch_staged.index.problem_responses import REASON

if TYPE_CHECKING:
    from starlette.types import Message

    from hatch_staged.index.core import Index


def test_unknown_path_and_method(client: TestClient) -> None:
    is_problem(client.get("/nothing"), 404)
    answer = client.put("/upload/sessions/id/")
    is_problem(answer, 405)
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "DELETE"}
    is_problem(client.get("/upload/"), 405)


@pytest.mark.parametrize("method", ["OPTIONS", "PATCH", "TRACE", "NONSENSE"])
@pytest.mark.parametrize(
    ("path", "allowed"), [("/", {"GET", "HEAD"}), ("/upload/", {"POST"}), ("/simple/foo/", {"GET", "HEAD"})]
)
def test_other_methods(client: TestClient, method: str, path: str, allowed: set[str]) -> None:
    answer = client.request(method, path)
    is_problem(answer, 405)
    assert set(answer.headers["allow"].split(", ")) == allowed


def test_reason_fits_into_a_status_line(client: TestClient) -> None:
    assert client.get("/simple/foo/").headers[REASON] == "There is no project foo."
    answer = client.get("/simple/", headers={b"Accept": b"text/\xfc\x7f" + b"x" * 1000})
    is_problem(answer, 406)
    assert answer.headers[REASON].isascii()
    assert answer.headers[REASON].isprintable()
    assert len(answer.headers[REASON]) <= 300


def test_fault_tells_the_client_nothing_of_it(index: Index) -> None:
    def broken() -> str:
        raise RuntimeError("a secret")

    broken_index = replace(index, new_token=broken)
    client = TestClient(create_app(broken_index), raise_server_exceptions=False)
    api = Api(client, tokens.create(replace(index, new_token=unguessable), user="alice"))
    answer = api.post("/upload/", {"meta": {"api-version": "2.0"}, "name": "foo", "version": "1.0"})
    assert "secret" not in answer.text
    is_problem(answer, 500)


def test_client_that_leaves_in_the_middle_leaves_nothing(api: Api, index: Index) -> None:
    session = api.create()
    built = build()
    file = api.post(session["links"]["upload"], built.declared()).json()
    arriving: list[Message] = [
        {"type": "http.request", "body": built.data[:100], "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        return arriving.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": urlsplit(file["mechanism"]["file_url"]).path,
        "query_string": b"",
        "headers": [
            (b"host", b"index.test"),
            (b"authorization", f"Bearer {api.secret}".encode()),
            (b"content-type", b"application/octet-stream"),
        ],
    }
    asyncio.run(create_app(index)(scope, receive, send))
    assert sent[0]["status"] == 400
    assert list(index.objects.list()) == []
    assert api.get(file["links"]["file-upload-session"]).json()["status"] == "pending"
