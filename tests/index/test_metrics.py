"""Numbers for monitors."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event
from starlette.testclient import TestClient
from tests.index import forms
from tests.index.building import build
from tests.index.conftest import Api

from hatch_staged.index import tokens
from hatch_staged.index.app import create_app
from hatch_staged.index.capacity import MOST_REQUESTS
from hatch_staged.index.database import project_rows
from hatch_staged.index.metrics import FRONTS

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from starlette.types import ASGIApp, Message, Send

    from hatch_staged.index.core import Index
    from hatch_staged.index.database.engine import Database

CREATION = {"meta": {"api-version": "2.0"}, "name": "foo", "version": "1.0"}


def numbers(client: TestClient) -> dict[str, float]:
    """Return the numbers that are not zero, by name and labels; Prometheus' own parser reads them."""
    answer = client.get("/-/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        f"{sample.name.removeprefix('hatch_staged_')} {' '.join(sample.labels.values())}".strip(): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if sample.value
    }


def test_what_there_is(api: Api, client: TestClient) -> None:
    wheel, sdist = build(), build("foo-1.0.tar.gz")
    session = api.create()
    api.stage(session, wheel)
    api.post(session["links"]["publish"])
    other = api.create(version="1.1")
    api.post(other["links"]["upload"], build("foo-1.1.tar.gz").declared())
    headers = {**api.headers, "Content-Type": forms.CONTENT_TYPE}
    assert client.post("/legacy/", content=forms.encode(forms.form(sdist)), headers=headers).status_code == 200
    found = numbers(client)
    assert found["sessions published"] == found["sessions open"] == 1
    assert (found["files completed"], found["files pending"]) == (2, 1)
    assert (found["projects"], found["published_files"]) == (1, 2)
    assert found["published_bytes"] == len(wheel.data) + len(sdist.data)


def test_tables_are_read_again_only_if_something_has_changed(index: Index, database: Database) -> None:
    client = TestClient(create_app(index))  # which does nothing else beside
    begun: list[Connection] = []
    event.listen(database._engine, "begin", begun.append)  # noqa: SLF001 - it knows when a transaction begins
    for name in ("foo", "bar"):
        with database.writing() as tx:
            project_rows.reserve(tx, name, "alice")
        begun.clear()
        for _ in range(3):
            numbers(client)
        assert len(begun) == 1


def test_requests_are_counted_by_front_and_status(client: TestClient) -> None:
    assert not [name for name in numbers(client) if "requests" in name]
    for path in ("/simple/", "/simple/foo/", "/files/x/y", "/stage/secret/simple/", "/nothing", "/"):
        client.get(path)
    client.post("/upload/", content=b"x" * 100)
    found = {name: value for name, value in numbers(client).items() if "requests" in name}
    assert found == {
        "requests_total simple 2xx": 1,
        "requests_total simple 4xx": 2,
        "requests_total stage 4xx": 1,
        "requests_total other 4xx": 1,
        "requests_total other 2xx": 1,
        "requests_total upload 4xx": 1,
        "requests_total monitor 2xx": 1,
    }


def test_every_number_is_there_from_the_beginning(client: TestClient) -> None:
    counted = re.findall(r"^hatch_staged_(\w+)_total{.*} 0\.0$", client.get("/-/metrics").text, re.MULTILINE)
    assert {name: counted.count(name) for name in counted} == {
        "requests": len(FRONTS) * 4,
        "received_bytes": len(FRONTS),
        "sent_bytes": len(FRONTS),
    }


async def ask(app: ASGIApp, send: Send, target: str = "/nothing") -> None:
    """Make a request without a body."""

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    scope = {"type": "http", "method": "OPTIONS", "path": target, "query_string": b"", "headers": []}
    await app(scope, receive, send)


@pytest.mark.parametrize("target", ["*", "simple", "/simple", "//", "index.test:443"])
def test_what_is_no_path_is_counted(client: TestClient, target: str) -> None:
    async def send(_message: Message) -> None:
        """Send nothing."""

    asyncio.run(ask(client.app, send, target))
    front = "simple" if "simple" in target else "other"
    assert numbers(client)[f"requests_total {front} 4xx"] == 1


def test_whom_there_is_no_room_for_is_counted(client: TestClient) -> None:
    async def crowd() -> None:
        read = asyncio.Event()

        async def send_late(_message: Message) -> None:
            await read.wait()

        async def send(_message: Message) -> None:
            """Send nothing."""

        waiting = [asyncio.create_task(ask(client.app, send_late)) for _ in range(MOST_REQUESTS)]
        await asyncio.sleep(0)
        await ask(client.app, send)
        read.set()
        await asyncio.gather(*waiting)

    asyncio.run(crowd())
    found = numbers(client)
    assert (found["requests_total other 5xx"], found["requests_total other 4xx"]) == (1, MOST_REQUESTS)


def test_failures_are_counted(index: Index) -> None:
    def fail() -> str:
        raise OSError("no randomness")

    app = create_app(replace(index, new_token=fail))
    client = TestClient(app, base_url="http://index.test", raise_server_exceptions=False)
    answer = Api(client, tokens.create(index, user="alice")).post("/upload/", CREATION)
    assert answer.status_code == 500
    assert numbers(client)["requests_total upload 5xx"] == 1


def test_bytes_are_counted(api: Api, client: TestClient) -> None:
    wheel = build()
    form = forms.encode(forms.form(wheel))
    client.post("/legacy/", content=form, headers={**api.headers, "Content-Type": forms.CONTENT_TYPE})
    client.get(f"/files/{wheel.sha256}/{wheel.filename}")
    found = numbers(client)
    assert found["received_bytes_total legacy"] == len(form)
    assert found["sent_bytes_total simple"] == len(wheel.data)


def test_nothing_in_it_is_a_name_or_a_token(api: Api, client: TestClient) -> None:
    session = api.create("secretproject")
    for path in ("/simple/secretproject/", "/secretproject/", session["links"]["stage"], session["links"]["session"]):
        api.get(path)
    text = client.get("/-/metrics").text
    assert "secretproject" not in text
    labels = set(re.findall(r'="([^"]*)"', text))
    assert labels == {
        *(*FRONTS, "2xx", "3xx", "4xx", "5xx"),
        *("open", "processing", "published", "error", "canceled", "pending", "completed"),
    }
