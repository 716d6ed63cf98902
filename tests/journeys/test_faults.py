"""Clients on a bad way to the index, killed now and then: the same command again, and the release is staged.

``HATCH_STAGED_FAULTS`` says how many releases are staged, by default a few; ``HATCH_STAGED_SEED`` repeats the faults of
an earlier run, as far as threads can be repeated, and ``HATCH_STAGED_FAULT`` one of them: the number of a release.
"""

from __future__ import annotations

import hashlib
import os
import sys
import textwrap
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select
from tests.conformance.faults import means
from tests.conftest import served
from tests.index.building import build
from tests.journeys.conftest import PYPROJECT
from tests.journeys.faulty_proxy import Fault
from tests.journeys.machines import SEED, Machine, Way, chance_of, tell

from hatch_staged.index import tokens
from hatch_staged.index.configuration import Limits
from hatch_staged.index.core import open_index
from hatch_staged.index.database import schema
from hatch_staged.protocol.states import FileState, SessionState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.journeys.conftest import Person
    from tests.journeys.faulty_proxy import Passed
    from tests.journeys.machines import Command

RELEASES = int(os.environ.get("HATCH_STAGED_FAULTS", "10"))
ONLY = os.environ.get("HATCH_STAGED_FAULT")
ROOT = Path(__file__).parent.parent.parent

#: All names are only reserved: nothing here is ever published.
IMMEDIATE = Limits(reserved_names=10**6)
DEFERRED = replace(IMMEDIATE, immediate_size=0)


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
def variables() -> dict[str, str]:
    """Return the variables of the clients: killed processes leave no measurements, or half ones."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE_", "HATCH_"))}
    return {**kept, "PYTHONPATH": str(ROOT)}


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
