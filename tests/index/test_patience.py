"""Bodies that stop arriving: no time passes here, as the tests own the channel that they come by."""

from __future__ import annotations

import asyncio
import json
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.index import forms
from tests.index.building import build

from hatch_staged.index.app import create_app
from hatch_staged.index.configuration import Limits
from hatch_staged.protocol.messages import CONTENT_TYPE

if TYPE_CHECKING:
    from starlette.types import Message
    from tests.index.conftest import Api

    from hatch_staged.index.core import Index

WHEEL = build()
FORM = forms.encode(forms.form(WHEEL))
CREATION = b'{"meta": {"api-version": "2.0"}, "name": "foo", "version": "1.0"}'


class Line:
    """A connection on which `messages` arrive, and then nothing ever."""

    def __init__(self, *messages: Message) -> None:
        self._arriving = list(messages)
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        """Return what has arrived."""
        if not self._arriving:
            await asyncio.Event().wait()
        return self._arriving.pop(0)

    async def send(self, message: Message) -> None:
        """Keep an answer."""
        self.sent.append(message)

    @property
    def problem(self) -> dict[str, Any]:
        """The body of the answer."""
        problem: dict[str, Any] = json.loads(self.sent[1]["body"])
        return problem


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose time goes on when told to."""

    now = 0.0

    def time(self) -> float:
        """Return the time."""
        return self.now


def ask(index: Index, secret: str, line: Line, path: str, content_type: str, *, method: str = "POST") -> Line:
    """Send a request whose body comes by `line`."""
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [
            (b"host", b"index.test"),
            (b"authorization", f"Bearer {secret}".encode()),
            (b"content-type", content_type.encode()),
        ],
    }
    with closing(Loop()) as loop:
        loop.run_until_complete(create_app(index)(scope, line.receive, line.send))
        loop.run_until_complete(loop.shutdown_asyncgens())
    return line


def begun(body: bytes) -> Message:
    """Return a message with the beginning of a body."""
    return {"type": "http.request", "body": body, "more_body": True}


@pytest.fixture
def impatient(index: Index) -> Index:
    """Return the index with no patience: it waits for nothing that is not there."""
    return replace(index, limits=Limits(body_timeout=0))


@pytest.mark.parametrize(
    ("path", "content_type", "body"),
    [
        ("/upload/", CONTENT_TYPE, b""),
        ("/upload/", CONTENT_TYPE, CREATION),
        ("/legacy/", forms.CONTENT_TYPE, b""),
        ("/legacy/", forms.CONTENT_TYPE, FORM[: len(FORM) // 2]),
        ("/legacy/", forms.CONTENT_TYPE, FORM[:-5]),
    ],
)
def test_body_that_stops_is_given_up(impatient: Index, api: Api, path: str, content_type: str, body: bytes) -> None:
    line = ask(impatient, api.secret, Line(begun(body)), path, content_type)
    assert line.sent[0]["status"] == line.problem["status"] == 408
    headers = dict(line.sent[0]["headers"])
    assert (headers[b"connection"], headers[b"cache-control"]) == (b"close", b"no-store")
    assert list(impatient.objects.list()) == []
    assert api.create()["files"] == {}


@pytest.mark.parametrize("path", ["/upload/", "/legacy/", "/upload/files/token/id/bytes/"])
def test_stranger_is_not_waited_for(index: Index, path: str) -> None:
    line = ask(index, "wrong", Line(), path, forms.CONTENT_TYPE)
    assert line.sent[0]["status"] == 401


def test_bytes_of_a_file_that_stop_are_given_up(impatient: Index, api: Api) -> None:
    file = api.post(api.create()["links"]["upload"], WHEEL.declared()).json()
    path = file["mechanism"]["file_url"].removeprefix("http://index.test")
    line = ask(impatient, api.secret, Line(begun(WHEEL.data[:100])), path, "application/octet-stream")
    assert line.sent[0]["status"] == 408
    assert list(impatient.objects.list()) == []
    assert api.get(file["links"]["file-upload-session"]).json()["status"] == "pending"


@pytest.mark.parametrize("content", [FORM, FORM[:-5], FORM[: len(FORM) // 2], b""])
def test_client_that_leaves_in_the_middle_of_a_form_leaves_nothing(
    index: Index, api: Api, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    line = Line(*([begun(content)] if content else []), {"type": "http.disconnect"})
    ask(index, api.secret, line, "/legacy/", forms.CONTENT_TYPE)
    # The form says itself where it ends.
    complete = content == FORM
    assert line.sent[0]["status"] == (200 if complete else 400)
    assert len(list(index.objects.list())) == (1 if complete else 0)
    assert caplog.text == ""


def test_json_body_that_only_drips_is_given_up_as_a_whole(index: Index, api: Api) -> None:
    class Dripping(Line):
        async def receive(self) -> Message:
            loop = asyncio.get_running_loop()
            assert isinstance(loop, Loop)
            loop.now += index.limits.body_timeout / 3
            await asyncio.sleep(0)  # others have their turn
            return begun(b" ")

    line = ask(index, api.secret, Dripping(), "/upload/", CONTENT_TYPE)
    assert line.sent[0]["status"] == 408
    assert line.problem["detail"] == "The request did not arrive within 60 seconds."


def test_answer_may_take_longer_than_a_body(impatient: Index, api: Api) -> None:
    session = api.create()
    api.stage(session, WHEEL)
    path = session["links"]["stage"].removeprefix("http://index.test").replace("/simple/", f"/files/{WHEEL.filename}")
    line = ask(impatient, api.secret, Line(begun(b"")), path, "", method="GET")
    assert line.sent[0]["status"] == 200
    assert b"".join(message["body"] for message in line.sent[1:]) == WHEEL.data
