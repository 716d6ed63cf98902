"""What the client's tests share: real little archives, the releases in them, and an index to talk to."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Protocol

import pytest
from tests.archives.building import pack_sdist, pack_wheel, wheel_members
from tests.client.upload_server import UploadServer

from hatch_staged.client import artifacts
from hatch_staged.client.credentials import Credentials
from hatch_staged.client.transport import Transport
from hatch_staged.client.upload_api import Client
from hatch_staged.client.waiting import Patience, Waiter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hatch_staged.client.artifacts import Release

SECRET = "pypi-verysecret"
NOON = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)


class MakeFile(Protocol):
    """Writes a valid wheel or sdist and returns its path."""

    def __call__(self, filename: str, *, folder: str = "dist", payload: bytes = b"", metadata: str = "") -> Path:
        """Write an archive; `metadata` replaces what the file name would have it say."""


class MakeRelease(Protocol):
    """Writes distributions and returns the release that they make."""

    def __call__(self, *filenames: str, payload: bytes = b"") -> Release:
        """Write `filenames`, or a wheel and an sdist of foo 1.0, each with `payload` inside."""


@pytest.fixture
def make_file(tmp_path: Path) -> MakeFile:
    """Return a function that writes an archive."""

    def make(filename: str, *, folder: str = "dist", payload: bytes = b"", metadata: str = "") -> Path:
        path = tmp_path / folder / filename
        path.parent.mkdir(parents=True, exist_ok=True)
        project, version = filename.removesuffix(".tar.gz").removesuffix(".whl").split("-")[:2]
        told = metadata or f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\nRequires-Python: >=3.10\n"
        if filename.endswith(".whl"):
            path.write_bytes(pack_wheel(wheel_members(filename, told.encode(), {"payload": payload}).items()))
        else:
            stem = f"{project}-{version}"
            path.write_bytes(pack_sdist([(f"{stem}/PKG-INFO", told.encode()), (f"{stem}/payload", payload)]))
        return path

    return make


@pytest.fixture
def make_release(make_file: MakeFile, tmp_path: Path) -> MakeRelease:
    """Return a function that writes distributions and finds them."""

    def make(*filenames: str, payload: bytes = b"") -> Release:
        for filename in filenames or ("foo-1.0-py3-none-any.whl", "foo-1.0.tar.gz"):
            make_file(filename, payload=payload)
        (release,) = artifacts.find((), root=tmp_path, default=tmp_path / "dist")
        return release

    return make


@pytest.fixture
def index() -> Iterator[UploadServer]:
    """Run an obliging Upload 2.0 index."""
    with UploadServer() as server:
        yield server


@pytest.fixture
def other() -> Iterator[UploadServer]:
    """Run a second one, of another origin."""
    with UploadServer() as server:
        yield server


class Pauses(list[float]):
    """A clock that only sleeping moves; the list of what was slept, in seconds."""

    def waiter(self, patience: Patience | None = None) -> Waiter:
        """Return a waiter on this clock, which pauses as long as it may."""
        return Waiter(patience or Patience(), self.append, self.now, lambda: 1.0)

    def now(self) -> datetime:
        """Return the time."""
        return NOON + timedelta(seconds=sum(self))


@pytest.fixture
def pauses() -> Pauses:
    """Return a clock that stands still."""
    return Pauses()


@pytest.fixture
def client(index: UploadServer, pauses: Pauses) -> Iterator[Client]:
    """Return a client of `index` with credentials, which never really sleeps."""
    transport = Transport(index.endpoint, Credentials("__token__", SECRET), waiter=pauses.waiter())
    with Client(transport) as made:
        yield made
