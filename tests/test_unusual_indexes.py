"""Our client at our index, as it is and as it might be as well: a whole release, from its first file to the last.

The variants are those that the conformance suite has to pass; what only a client can get wrong is added here.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select
from tests.conformance.faults import means, variants
from tests.conformance.faults.changes import answer, both, success
from tests.conftest import served
from tests.index.building import build

from hatch_staged.client import artifacts
from hatch_staged.client.credentials import Credentials
from hatch_staged.client.progress import Silent
from hatch_staged.client.staging import stage
from hatch_staged.client.transport import Transport
from hatch_staged.client.upload_api import Client
from hatch_staged.client.waiting import Waiter
from hatch_staged.errors import StageGoneError
from hatch_staged.index import tokens
from hatch_staged.index.configuration import Limits
from hatch_staged.index.core import open_index
from hatch_staged.index.database import schema
from hatch_staged.index.worker import work
from hatch_staged.protocol.states import FileState, SessionState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conformance.faults.means import Apply, Exchange

    from hatch_staged.client.artifacts import Release
    from hatch_staged.index.core import Index

FILENAMES = ("foo-1.0.tar.gz", *(f"foo-1.0-{number}-py3-none-any.whl" for number in range(5)))
DEFERRED = Limits(immediate_size=0, immediate_files=0)


def _another_host(exchange: Exchange) -> None:
    """Lead to another name of this machine, which is another origin, and insist on the credentials there."""
    exchange.body = exchange.body.replace(b"http://127.0.0.1:", b"http://localhost:")
    if "location" in exchange.headers:
        exchange.headers["location"] = exchange.headers["location"].replace("127.0.0.1", "localhost")


def _an_end_after_each_answer(exchange: Exchange) -> None:
    exchange.headers["connection"] = "close"


def nothing(_faults: means.Faults) -> None:
    """Leave the index as it is."""


elsewhere = both(success(means.UPLOAD_API, _another_host), answer(means.UPLOAD_API, _an_end_after_each_answer))


@dataclass(frozen=True)
class Place:
    """An index with somebody who works with it, and the paths to which bytes came and were taken."""

    index: Index
    client: Client
    #: "the server MAY return 404 Not Found": of what was published after a while, nobody tells that it was
    forgets_at_once: bool
    taken: list[str]


@pytest.fixture(params=[Limits(), DEFERRED], ids=["immediate", "deferred"])
def limits(request: pytest.FixtureRequest) -> Limits:
    found: Limits = request.param
    return found


@pytest.fixture(
    params=[nothing, variants.poor, variants.rich, elsewhere], ids=["as-it-is", "poor", "rich", "elsewhere"]
)
def place(tmp_path: Path, request: pytest.FixtureRequest, limits: Limits) -> Iterator[Place]:
    variant: Apply = request.param
    taken: list[str] = []
    working = Lock()

    def pause(_seconds: float) -> None:
        """Let the worker work: what the client waits for."""
        with working:
            work(index)

    with open_index(tmp_path / "index", limits=limits) as index, means.Faults("") as faults:
        success(means.SEND, lambda exchange: taken.append(exchange.path))(faults)
        variant(faults)
        token = Credentials("__token__", tokens.create(index, user="alice"))
        with served(index, work=lambda *_: None, around=faults.around) as root:
            transport = Transport(f"{root}upload/", token, waiter=Waiter(sleep=pause))
            with Client(transport) as client:
                yield Place(index, client, variant is variants.poor and limits is DEFERRED, taken)


@pytest.fixture
def release(tmp_path: Path) -> Release:
    (tmp_path / "dist").mkdir()
    for filename in FILENAMES:
        (tmp_path / "dist" / filename).write_bytes(build(filename).data)
    [found] = artifacts.find((), root=tmp_path, default=tmp_path / "dist")
    return found


def published(index: Index) -> dict[str, str]:
    """Return the names of what is public, with their hashes."""
    files, public = schema.files, schema.published_files
    query = select(public.c.filename, files.c.received_hashes).join(files, files.c.id == public.c.file_id)
    with index.database.reading() as tx:
        return {filename: hashes["sha256"] for filename, hashes in tx.execute(query)}


def test_a_release_is_staged_and_published(place: Place, release: Release) -> None:
    client = place.client

    outcome = stage(release, client, jobs=4, reporter=Silent())

    assert outcome.session.status is SessionState.OPEN
    assert {name: file.status for name, file in outcome.session.files.items()} == dict.fromkeys(
        FILENAMES, FileState.COMPLETED
    )
    assert len(place.taken) == len(FILENAMES)
    assert not published(place.index)

    again = stage(release, client, jobs=4, reporter=Silent())

    assert again.session.links == outcome.session.links
    assert again.session.links.stage is None or len(place.taken) == len(FILENAMES)
    assert not published(place.index)

    if place.forgets_at_once:
        with pytest.raises(StageGoneError, match="it may be public"):
            client.publish(again.session)
    else:
        assert client.publish(again.session).status is SessionState.PUBLISHED
    assert published(place.index) == {artifact.filename: artifact.hashes["sha256"] for artifact in release.artifacts}
