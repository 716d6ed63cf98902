"""What the index's tests share: an index with a clock of ours, principals, and a client that speaks HTTP to it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient
from tests.index import empty

from hatch_staged.index import tokens
from hatch_staged.index.app import create_app
from hatch_staged.index.authorization import Principal, authenticate
from hatch_staged.index.core import Index
from hatch_staged.index.database.engine import open_sqlite
from hatch_staged.index.objects import FolderObjects
from hatch_staged.protocol.messages import CONTENT_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from httpx2 import Response
    from tests.index.building import Built

    from hatch_staged.index.database.engine import Database

NOON = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)


class Clock:
    """A clock that stands still until told to go on."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now

    def advance(self, **duration: float) -> None:
        """Go on for so long."""
        self.now += timedelta(**duration)


@dataclass(frozen=True)
class Api:
    """A client of the index, with a token."""

    client: TestClient
    secret: str

    def post(self, url: str, body: object = None) -> Response:
        """POST a message; without a body the one that has nothing to say."""
        message = {"meta": {"api-version": "2.0"}} if body is None else body
        return self.client.post(url, json=message, headers={**self.headers, "Content-Type": CONTENT_TYPE})

    def get(self, url: str) -> Response:
        """GET with the token."""
        return self.client.get(url, headers=self.headers)

    def delete(self, url: str) -> Response:
        """DELETE with the token."""
        return self.client.delete(url, headers=self.headers)

    def send(self, url: str, data: bytes, **headers: str) -> Response:
        """POST the bytes of a file."""
        octets = {"Content-Type": "application/octet-stream"}
        return self.client.post(url, content=data, headers={**self.headers, **octets, **headers})

    def create(self, name: str = "foo", version: str = "1.0") -> dict[str, Any]:
        """Create a session and return its body."""
        answer = self.post("/upload/", {"meta": {"api-version": "2.0"}, "name": name, "version": version})
        assert answer.status_code == 201, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def stage(self, session: dict[str, Any], built: Built) -> dict[str, Any]:
        """Upload and complete a file, and return its body."""
        file = self.post(session["links"]["upload"], built.declared()).json()
        assert self.send(file["mechanism"]["file_url"], built.data).status_code == 204
        answer = self.post(file["links"]["complete"])
        assert answer.status_code == 201, answer.text
        body: dict[str, Any] = answer.json()
        return body

    @property
    def headers(self) -> dict[str, str]:
        """The credentials."""
        return {"Authorization": f"Bearer {self.secret}"}


@pytest.fixture
def clock() -> Clock:
    """Return the clock of `index`."""
    return Clock()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Return an empty database."""
    database = open_sqlite(empty.database(tmp_path))
    yield database
    database.close()


@pytest.fixture
def index(database: Database, clock: Clock, tmp_path: Path) -> Index:
    """Return an empty index; its random words are r1, r2, and so on."""
    numbers = itertools.count(1)
    # In a folder: many threads may use it.  obstore's store in memory holds a lock while it waits for Python's own
    # (0.11.1, when one lists it and another deletes), for ever.
    return Index(database, FolderObjects(tmp_path / "objects"), clock=clock, new_token=lambda: f"r{next(numbers)}")


@pytest.fixture
def principal(index: Index) -> Callable[..., Principal]:
    """Return a function that makes a principal; it takes what `tokens.create` takes."""

    def make(user: str, **scope: Any) -> Principal:
        return authenticate(index, tokens.create(index, user=user, **scope))

    return make


@pytest.fixture
def alice(principal: Callable[..., Principal]) -> Principal:
    """Return somebody who may stage and publish what is theirs."""
    return principal("alice")


@pytest.fixture
def bob(principal: Callable[..., Principal]) -> Principal:
    """Return somebody else."""
    return principal("bob")


@pytest.fixture
def client(index: Index) -> Iterator[TestClient]:
    """Return an HTTP client of `index`, which runs for as long."""
    with TestClient(create_app(index), base_url="http://index.test", raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def api(client: TestClient, index: Index) -> Api:
    """Return the client as alice uses it."""
    return Api(client, tokens.create(index, user="alice"))
