"""What the tests of the joints share: a real index on a real port, in this process, and somebody who works with it."""

from __future__ import annotations

import gc
import os
import socket
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from threading import Thread
from typing import TYPE_CHECKING, Protocol

import keyring
import pytest
import uvicorn
from hypothesis import HealthCheck, settings
from keyring.backends.null import Keyring as NoKeyring
from tests.client.upload_server import UploadServer
from tests.hiding import forgotten
from tests.index import empty
from tests.index.building import build

from hatch_staged import releases
from hatch_staged.client import artifacts
from hatch_staged.client.progress import Silent
from hatch_staged.client.trusted_publishing import SERVICES
from hatch_staged.connections import Connections, Login
from hatch_staged.desk import Desk
from hatch_staged.index import tokens, worker
from hatch_staged.index.app import create_app
from hatch_staged.index.core import open_index
from hatch_staged.local import LocalIndex
from hatch_staged.repositories import Repository
from hatch_staged.stage import stagefile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from starlette.types import ASGIApp

    from hatch_staged.client.artifacts import Release
    from hatch_staged.index.core import Index
    from hatch_staged.index.worker import Work
    from hatch_staged.stage.model import StagedRelease

# How long an example takes depends on what else the machine does.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

#: How many made-up sequences of steps are held against the tables of the states.
STORIES = int(os.environ.get("HATCH_STAGED_STORIES", "10"))


def pytest_collection_finish() -> None:
    """Have no search for garbage look through all that the tests have loaded, as each run of pytest within one does."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def forget_secrets() -> Iterator[None]:
    """Let no test hide what another one wants to see: some make up tokens, such as a line break."""
    with forgotten():
        yield


@dataclass
class Clock:
    """A clock that stands still until told to go on."""

    now: datetime = field(default_factory=lambda: datetime.now(timezone.utc))

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now

    def advance(self, **duration: float) -> None:
        """Go on for so long."""
        self.now += timedelta(**duration)


@dataclass(frozen=True)
class TeamIndex:
    """An index that a company runs, on a port of its own; `secret` may stage and publish."""

    index: Index
    root: str
    secret: str

    @property
    def url(self) -> str:
        """The root endpoint."""
        return f"{self.root}upload/"

    @property
    def repository(self) -> Repository:
        """It as the project `team` has configured it."""
        return Repository("team", self.url, f"{self.root}simple/")


def as_it_is(app: ASGIApp) -> ASGIApp:
    """Return the index without anything around it."""
    return app


@contextmanager
def served(index: Index, work: Work = worker.work, around: Callable[[ASGIApp], ASGIApp] = as_it_is) -> Iterator[str]:
    """Serve `index` on a free port; the URL of its root.  `work` does what the index defers."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    app = around(create_app(index, work=work))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="on"))
    thread = Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        while not server.started:
            time.sleep(0.005)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture(scope="session")
def installer_caches(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the variables that name the caches of pip and uv, which all share, so that no test downloads twice."""
    caches = tmp_path_factory.getbasetemp().parent / "installer-caches"
    return {"PIP_CACHE_DIR": str(caches / "pip"), "UV_CACHE_DIR": str(caches / "uv")}


@pytest.fixture
def clock() -> Clock:
    """Return the clock of the index and of whoever works with it."""
    return Clock()


@pytest.fixture
def team(tmp_path: Path, clock: Clock) -> Iterator[TeamIndex]:
    """Run an empty index."""
    empty.database(tmp_path / "team-data")
    with open_index(tmp_path / "team-data", clock=clock) as index, served(index) as root:
        yield TeamIndex(index, root, tokens.create(index, user="team"))


@dataclass(frozen=True)
class Maintainer:
    """Somebody with a project folder, a build folder in it, and a desk at `default_repo`."""

    folder: Path
    desk: Desk

    def build(self, *filenames: str, content: bytes = b"content") -> tuple[Release, ...]:
        """Write these distributions into the build folder, in place of all others, and return their releases."""
        dist = self.folder / "dist"
        dist.mkdir(exist_ok=True)
        for old in dist.iterdir():
            old.unlink()
        for filename in filenames:
            (dist / filename).write_bytes(build(filename, content=content).data)
        return artifacts.find((), root=self.folder, default=dist)

    def stage(self, *filenames: str, content: bytes = b"content") -> list[StagedRelease]:
        """Build and stage."""
        found = self.build(*(filenames or ("foo-1.0-py3-none-any.whl", "foo-1.0.tar.gz")), content=content)
        return list(releases.stage(self.desk, self.desk.repository(), found, jobs=2, reporter=Silent()))

    def asking(self, repo: str) -> Desk:
        """Return the desk as after ``--repo``."""
        return replace(self.desk, repo=repo)

    def logged_in(self, auth: str | None) -> Desk:
        """Return the desk as after ``--auth``, or without it."""
        return replace(self.desk, connections=replace(self.desk.connections, login=Login(auth=auth)))


class MakeDesk(Protocol):
    """Makes a desk in a home of its own, where nothing but `auth` is known of credentials."""

    def __call__(
        self, configured: Mapping[str, Repository] | None = None, *, auth: str | None = None, default_repo: str = "team"
    ) -> Desk:
        """Make it; `configured` are the indexes of the configuration."""


@pytest.fixture
def no_keyring() -> Iterator[None]:
    """Keep the keyring of whoever runs the tests out of them."""
    before = keyring.get_keyring()
    keyring.set_keyring(NoKeyring())  # type: ignore[no-untyped-call] # it has no annotations
    yield
    keyring.set_keyring(before)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_keyring: None) -> Path:
    """Return an empty home folder, with nothing in the variables that could tell of another."""
    del no_keyring
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    for name in ("STAGED", "STAGE_FILE", "STAGE_TOKEN", "STAGE_URL", "DEBUG", "INDEX_REPO", "INDEX_USER", "INDEX_AUTH"):
        monkeypatch.delenv(f"HATCH_{name}", raising=False)
    # the CI service that runs the tests is not theirs
    for name in SERVICES:
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def make_desk(home: Path, tmp_path: Path, clock: Clock) -> MakeDesk:
    """Return a function that makes a desk for the folder ``project``."""

    def make(
        configured: Mapping[str, Repository] | None = None, *, auth: str | None = None, default_repo: str = "team"
    ) -> Desk:
        project = tmp_path / "project"
        project.mkdir(exist_ok=True)
        local = LocalIndex(home / "index")
        connections = Connections(configured or {}, local, Login(auth=auth), home / "last-users.json")
        return Desk(project / ".stage.toml", connections, home / "cache", None, default_repo, clock)

    return make


@pytest.fixture
def maintainer(team: TeamIndex, make_desk: MakeDesk) -> Maintainer:
    """Return somebody who stages at `team`."""
    desk = make_desk({"team": team.repository}, auth=team.secret)
    return Maintainer(desk.stage_file.parent, desk)


@pytest.fixture
def plain() -> Iterator[UploadServer]:
    """Run an index without previews."""
    with UploadServer() as server:
        server.previews = False
        yield server


@pytest.fixture
def at_plain(plain: UploadServer, make_desk: MakeDesk) -> Maintainer:
    """Return somebody who stages at `plain`."""
    desk = make_desk({"plain": Repository("plain", plain.endpoint)}, auth="secret", default_repo="plain")
    return Maintainer(desk.stage_file.parent, desk)


def in_file(who: Maintainer) -> dict[str, str]:
    """Return project -> status of what the stage file says."""
    return {release.project: release.status.value for release in stagefile.load(who.desk.stage_file).releases}
