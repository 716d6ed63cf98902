"""Clients on a bad way to the index, killed now and then: the same command again, and the release is staged.

``HATCH_STAGED_FAULTS`` says how many releases are staged, by default a few; ``HATCH_STAGED_SEED`` repeats the faults of
an earlier run, as far as threads can be repeated, and ``HATCH_STAGED_FAULT`` one of them: the number of a release.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import textwrap
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum
from pathlib import Path
from subprocess import PIPE, STDOUT
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select, update
from tests.conformance.faults import means
from tests.conftest import served
from tests.index import attesting
from tests.index.building import Built, build
from tests.journeys.conftest import PYPROJECT
from tests.journeys.faulty_proxy import Fault, FaultyProxy, Trap

from hatch_staged.index import tokens
from hatch_staged.index.configuration import Limits
from hatch_staged.index.core import open_index
from hatch_staged.index.database import schema
from hatch_staged.protocol.states import FileState, SessionState
from hatch_staged.stage import stagefile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.journeys.conftest import Person
    from tests.journeys.faulty_proxy import Passed

    from hatch_staged.index.core import Index
    from hatch_staged.stage.model import StagedRelease

    Command = Callable[["Machine"], list[str]]

RELEASES = int(os.environ.get("HATCH_STAGED_FAULTS", "10"))
SEED = int(os.environ.get("HATCH_STAGED_SEED", str(random.randrange(10**6))))  # noqa: S311 - faults, not secrets
ONLY = os.environ.get("HATCH_STAGED_FAULT")
#: How often the command is given at most, beyond those times that it is killed; once more with another machine beside.
MOST_ATTEMPTS = 2
#: The requests among which the faults are; a release of three files takes about twenty.
MOST_REQUESTS = 30
#: A client that takes longer hangs (seconds).
PATIENCE = 60
ROOT = Path(__file__).parent.parent.parent

#: All names are only reserved: nothing here is ever published.
IMMEDIATE = Limits(reserved_names=10**6)
DEFERRED = replace(IMMEDIATE, immediate_size=0)


#: What ends a client: a blow, and what asks it to end.
if sys.platform == "win32":
    BLOWS = [signal.SIGTERM]
else:
    BLOWS = [signal.SIGKILL, signal.SIGKILL, signal.SIGINT, signal.SIGTERM]


def chance_of(name: str) -> random.Random:
    """Return what decides about something with this name."""
    return random.Random(f"{SEED}-{name}")  # noqa: S311 - faults, not secrets


@dataclass(frozen=True)
class Way:
    """An index, and how to get there."""

    index: Index
    port: int
    secret: str


@pytest.fixture
def ways(tmp_path: Path) -> Iterator[list[Way]]:
    """Run two indexes; the second one defers every completion."""
    with ExitStack() as stack:

        def way(folder: Path, limits: Limits) -> Way:
            index = stack.enter_context(open_index(folder, limits=limits))
            port = urlsplit(stack.enter_context(served(index))).port
            assert port is not None
            return Way(index, port, tokens.create(index, user="alice"))

        yield [way(tmp_path / "immediate", IMMEDIATE), way(tmp_path / "deferred", DEFERRED)]


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    """Return the variables of the clients: killed processes leave no measurements, or half ones."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE_", "HATCH_"))}
    # Without it, each of them compiles all that it imports.
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": str(tmp_path / "compiled")}


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


class Work(Enum):
    """How a release is staged."""

    ALONE = "one machine stages all files"
    SHARED = "two machines stage their part each"
    DOUBLE = "two machines stage the same files"


@dataclass
class Story:
    """A release that is staged in spite of all; its number is all its chance."""

    number: int
    folder: Path
    way: Way
    work: Work = Work.ALONE

    def __post_init__(self) -> None:
        self.project = f"fault{self.number}".replace("-", "h")
        chance = chance_of(self.project)
        names = [f"{self.project}-1.0.tar.gz", *(f"{self.project}-1.0-{build}-py3-none-any.whl" for build in range(4))]
        chosen = chance.sample(names, chance.randint(2, len(names)))
        files = [build(name, content=chance.randbytes(chance.choice([100, 300_000]))) for name in chosen]
        self.hashes = {built.filename: built.sha256 for built in files}
        self.attested = set(chance.sample(chosen, chance.randint(0, 2)))
        parts = {Work.ALONE: [files], Work.SHARED: [files[::2], files[1::2]], Work.DOUBLE: [files, files]}[self.work]
        self.machines = [
            Machine(
                f"{self.project}-{number}",
                self.folder / str(number),
                self.way,
                self.project,
                part,
                self.hashes,
                self.attested,
                beside=len(parts) - 1,
            )
            for number, part in enumerate(parts)
        ]

    def __str__(self) -> str:
        return f"{self.work.name}: " + "; ".join(str(machine) for machine in self.machines)

    def stage(self, command: Command, variables: dict[str, str]) -> None:
        """Let all machines do their part at once, and look at what there is in the end."""
        with ThreadPoolExecutor(len(self.machines)) as executor:
            for done in [executor.submit(machine.stage, command, variables) for machine in self.machines]:
                done.result()
        self._all_is_staged()

    def _all_is_staged(self) -> None:
        with self.way.index.database.reading() as tx:
            sessions = tx.execute(select(schema.sessions).where(schema.sessions.c.project == self.project)).all()
            [live] = [session for session in sessions if not session.state.terminal]
            ids = [session.id for session in sessions]
            files = tx.execute(select(schema.files).where(schema.files.c.session_id.in_(ids))).all()
            published = tx.execute(select(schema.published_files)).all()
        assert live.state is SessionState.OPEN
        present = [file for file in files if file.session_id == live.id and file.state is not FileState.CANCELED]
        assert {file.state for file in present} == {FileState.COMPLETED}
        assert self.hashes == {file.filename: file.received_hashes["sha256"] for file in present}
        assert {file.filename for file in present if file.attested} == self.attested
        for file in present:
            with self.way.index.objects.open(file.object_key) as stored:
                assert hashlib.sha256(stored.read()).hexdigest() == file.received_hashes["sha256"]
        assert not published
        passed = [passed for machine in self.machines for passed in machine.proxy.passed]
        assert not [asked for asked in passed if means.PUBLISH.takes(asked.method, asked.path)]
        if self.work is not Work.DOUBLE:
            self._nothing_was_accepted_twice(files, passed)
        self._stage_files_name_it(live.token)

    def _nothing_was_accepted_twice(self, files: Sequence[Any], passed: list[Passed]) -> None:
        """Two machines that begin with the same file at once cannot know of each other; see `Work.DOUBLE`."""
        completed = Counter((file.session_id, file.filename) for file in files if file.completed_at)
        assert not {name: times for name, times in completed.items() if times > 1}
        sent = Counter(
            asked.path
            for asked in passed
            if means.SEND.takes(asked.method, asked.path) and asked.status in range(200, 300)
        )
        assert not {path: times for path, times in sent.items() if times > 1}

    def _stage_files_name_it(self, session_token: str) -> None:
        """Every machine has written what it saw; the last one saw all."""
        named = []
        for machine in self.machines:
            assert machine.staged is not None
            assert machine.staged.session_token == session_token
            named.append({artifact.filename: artifact.sha256 for artifact in machine.staged.artifacts})
        assert self.hashes in named


def test_the_same_command_again_ends_in_the_right_session(
    tmp_path: Path, ways: list[Way], variables: dict[str, str]
) -> None:
    def command(machine: Machine) -> list[str]:
        said = [machine.url, str(machine.folder), str(machine.jobs)]
        return [sys.executable, "-m", "tests.journeys.staging_client", *said]

    tell(f"HATCH_STAGED_SEED={SEED} HATCH_STAGED_FAULTS={RELEASES}")
    happened: Counter[str] = Counter()
    attempts: Counter[int] = Counter()
    for number in range(RELEASES) if ONLY is None else [int(ONLY)]:
        # Each of them with both indexes.
        work = [Work.ALONE, Work.ALONE, Work.ALONE, Work.SHARED, Work.DOUBLE][number // 2 % 5]
        story = Story(number, tmp_path / str(number), ways[number % 2], work)
        tell(f"HATCH_STAGED_FAULT={number}: {story}")
        story.stage(command, {**variables, "TOKEN": story.way.secret})
        for machine in story.machines:
            happened.update(fault.name for fault in machine.proxy.happened)
            attempts[machine.attempts] += 1
    tell(f"what happened: {dict(happened)}, and how many needed so many attempts: {dict(attempts)}")
    assert ONLY or RELEASES < 100 or happened.keys() == Fault.__members__.keys()


def test_hatch_does_the_same(tmp_path: Path, ways: list[Way], maintainer: Person, variables: dict[str, str]) -> None:
    def command(machine: Machine) -> list[str]:
        staged = ["publish", "--staged", "--no-prompt", "--repo", machine.url, "-o", f"jobs={machine.jobs}"]
        return [*maintainer.hatch_command, *staged]

    tell(f"HATCH_STAGED_SEED={SEED}")
    for number in range(1, 1 + max(1, RELEASES // 50)):
        story = Story(-number, tmp_path / str(-number), ways[number % 2])
        tell(f"release {-number}: {story}")
        text = PYPROJECT.format(name=story.project, version="1.0", installer="pip")
        (story.machines[0].folder / "pyproject.toml").write_text(textwrap.dedent(text))
        story.stage(command, {**variables, **maintainer.variables, "HATCH_INDEX_AUTH": story.way.secret})


def tell(line: str) -> None:
    """Print a line that pytest shows when the test fails, or with ``-s``."""
    print(line)  # noqa: T201 - see above
