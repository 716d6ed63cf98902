"""Machines from which files of a release are staged, each on a bad way of its own, with clients that are killed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from dataclasses import dataclass
from datetime import timedelta
from subprocess import PIPE, STDOUT
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, update
from tests.index import attesting
from tests.journeys.faulty_proxy import Fault, FaultyProxy, Trap

from hatch_staged.index.database import schema
from hatch_staged.stage import stagefile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.index.building import Built

    from hatch_staged.index.core import Index
    from hatch_staged.stage.model import StagedRelease

    Command = Callable[["Machine"], list[str]]

SEED = int(os.environ.get("HATCH_STAGED_SEED", str(random.randrange(10**6))))  # noqa: S311 - faults, not secrets
#: How often the command is given at most, beyond those times that it is killed; once more with another machine beside.
MOST_ATTEMPTS = 2
#: The requests among which the faults are; a release of three files takes about twenty.
MOST_REQUESTS = 30
#: A client that takes longer hangs (seconds).
PATIENCE = 60

#: What ends a client: a blow, and what asks it to end.
if sys.platform == "win32":
    BLOWS = [signal.SIGTERM]
else:
    BLOWS = [signal.SIGKILL, signal.SIGKILL, signal.SIGINT, signal.SIGTERM]


def tell(line: str) -> None:
    """Print a line that pytest shows when the test fails, or with ``-s``."""
    print(line)  # noqa: T201 - see above


def chance_of(name: str) -> random.Random:
    """Return what decides about something with this name."""
    return random.Random(f"{SEED}-{name}")  # noqa: S311 - faults, not secrets


@dataclass(frozen=True)
class Way:
    """An index, and how to get there."""

    index: Index
    port: int
    secret: str


@dataclass
class Machine:
    """Somebody who stages some files of a release, on a way of their own, with so many others `beside` them."""

    name: str
    folder: Path
    way: Way
    project: str
    files: list[Built]
    #: of the whole release
    hashes: dict[str, str]
    #: the names of files that have an attestation
    attested: set[str]
    beside: int = 0

    def __post_init__(self) -> None:
        self.chance = chance_of(self.name)
        # What one has completed in a session that has expired, another one cannot know.
        kinds = [fault for fault in Fault if not (self.beside and fault is Fault.EXPIRE)]
        requests = self.chance.sample(range(1, MOST_REQUESTS), self.chance.randint(1, 6))
        self.faults = {each: self.chance.choice(kinds) for each in requests}
        self.kills = self.chance.choice([0, 0, 1, 2])
        self.jobs = self.chance.choice([1, 2, 4])
        self.proxy = FaultyProxy(self.way.port, self.faults, chance_of(f"{self.name} on its way"), self._expire)
        self.attempts = 0
        self._write()

    def _write(self) -> None:
        (self.folder / "dist").mkdir(parents=True)
        for built in self.files:
            path = self.folder / "dist" / built.filename
            path.write_bytes(built.data)
            if built.filename in self.attested:
                path.with_name(f"{path.name}.publish.attestation").write_text(json.dumps(attesting.of(built)))

    def _expire(self) -> None:
        past = self.way.index.clock() - timedelta(seconds=1)
        with self.way.index.database.writing() as tx:
            tx.execute(update(schema.sessions).where(schema.sessions.c.project == self.project).values(expires_at=past))

    def __str__(self) -> str:
        faults = ", ".join(f"{fault.name} at {request}" for request, fault in sorted(self.faults.items()))
        return f"{len(self.files)} files, {self.jobs} jobs, {self.kills} kills, {faults}"

    @property
    def url(self) -> str:
        """The root endpoint, behind the proxy."""
        return f"{self.proxy.url}upload/"

    def stage(self, command: Command, variables: dict[str, str]) -> None:
        """Give the command until it succeeds, and look at what there is each time."""
        with self.proxy:
            attempts = MOST_ATTEMPTS + self.kills + self.beside
            for _ in range(attempts):
                self.attempts += 1
                code, said = self._run(command(self), variables)
                tell(f"  {self.name} ended with {code}: {said.strip()}")
                self._nothing_is_half_or_told(said)
                if code == 0:
                    return
        pytest.fail(f"{self.name} did not succeed in {attempts} attempts, see below")

    def _run(self, command: list[str], variables: dict[str, str]) -> tuple[int, str]:
        """Run the client, which may be killed on its way; return its exit code and what it says."""
        killed = False

        def kill() -> None:
            nonlocal killed
            killed = True
            client.send_signal(blow)

        with subprocess.Popen(
            command, cwd=self.folder, env=variables, stdout=PIPE, stderr=STDOUT, encoding="utf-8"
        ) as client:
            if self.kills:
                self.kills -= 1
                blow = self.chance.choice(BLOWS)
                if self.chance.random() < 0.7:
                    self.proxy.trap = Trap(kill, answers=self.chance.randint(1, 5 * len(self.files) + 5))
                else:
                    self.proxy.trap = Trap(kill, n_bytes=self.chance.randint(1, sum(len(f.data) for f in self.files)))
            said, _ = client.communicate(timeout=PATIENCE)
        self.proxy.trap = None
        assert killed or client.returncode in range(8), said
        return client.returncode, said

    @property
    def staged(self) -> StagedRelease | None:
        """What the stage file says, if there is one."""
        path = self.folder / ".stage.toml"
        if not path.exists():
            return None
        [release] = stagefile.load(path).releases
        return release

    def _nothing_is_half_or_told(self, said: str) -> None:
        if self.staged is not None:
            named = {artifact.filename: artifact.sha256 for artifact in self.staged.artifacts}
            assert {built.filename for built in self.files} <= named.keys()
            assert named.items() <= self.hashes.items()
        assert "Traceback" not in said
        assert "unexpected" not in said
        assert self.way.secret not in said
        with self.way.index.database.reading() as tx:
            session_tokens = tx.scalars(select(schema.sessions.c.token)).all()
        assert not [token for token in session_tokens if token in said]
