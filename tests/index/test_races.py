"""Thirty-two at once, in whatever order: what holds nevertheless.

``HATCH_STAGED_RACES`` says how many rounds there are, ``HATCH_STAGED_SEED`` repeats what was asked in them.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import Enum, auto
from threading import Barrier
from typing import TYPE_CHECKING

from tests.index import uploading
from tests.index.building import build

from hatch_staged.index import catalogue, expiry, legacy, sessions, uploads
from hatch_staged.index.configuration import Limits
from hatch_staged.index.core import unguessable
from hatch_staged.index.database import file_rows, session_rows
from hatch_staged.index.multipart import Part
from hatch_staged.index.refusals import ConflictingError, SessionExistsError, UnknownError
from hatch_staged.index.worker import work
from hatch_staged.protocol.distributions import parse_filename
from hatch_staged.protocol.states import FileState, RefusedTransitionError, SessionState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import pytest
    from tests.index.building import Built

    from hatch_staged.index.authorization import Principal
    from hatch_staged.index.core import Index
    from hatch_staged.index.records import PublishingSession

ROUNDS = int(os.environ.get("HATCH_STAGED_RACES", "30"))
SEED = int(os.environ.get("HATCH_STAGED_SEED", str(random.SystemRandom().randrange(2**32))))
CROWD = 32
ENOUGH = 30
# So that both ways of completion and, in one round after the other, of publication are gone.
LIMITS = [Limits(immediate_size=5_000, immediate_files=files, reserved_names=ROUNDS) for files in (0, 3)]
# What rounds enough come to, whatever their order: a race in which everything is refused shows nothing.
USUAL = {
    "canceled",
    "legacy upload published",
    "legacy upload refused",
    "publication processing",
    "publication published",
    "publication refused",
    "upload completed",
    "upload processing",
    "upload refused",
}
# "409 natural" is what the tables refuse, and what is taken.
REFUSALS = (ConflictingError, RefusedTransitionError)


class Mixture(Enum):
    """What is done in a round."""

    ANYTHING = auto()
    # Where everybody does everything, little comes to its end.
    UPLOADING = auto()
    PUBLISHING = auto()


# Of an odd number, so that each meets each of the limits.
MIXTURES = [Mixture.ANYTHING, Mixture.ANYTHING, Mixture.ANYTHING, Mixture.UPLOADING, Mixture.PUBLISHING]


@dataclass
class Race:
    """A round: many who do something with one release at once."""

    index: Index
    principal: Principal
    project: str
    seed: int
    mixture: Mixture = Mixture.ANYTHING

    def run(self) -> Counter[str]:
        """Run the round; return how often which step had which outcome."""
        chance = random.Random(self.seed)  # noqa: S311 - nobody is to be kept from guessing it
        for number in range(chance.choice([1, 2] if self.mixture is Mixture.PUBLISHING else [0, 1, 2])):
            self.upload(number, by="nobody")
        begin = Barrier(CROWD)
        steps = [self.step(chance) for _ in range(CROWD)]

        def take(step: Callable[[], str]) -> str:
            begin.wait()
            return step()

        with ThreadPoolExecutor(CROWD) as pool:
            return Counter(pool.map(take, steps))

    def step(self, chance: random.Random) -> Callable[[], str]:
        """Return something that somebody does, which returns what came of it."""
        name = f"{chance.randrange(2**32):x}"
        number = chance.choice([0, 0, 1, 2, 2, 3, 4, 5])
        anything = [
            self.create,
            lambda: self.upload(number, by=name),
            lambda: self.upload(number, by=name),
            lambda: self.upload_by_the_legacy_api(number, by=name),
            lambda: self.delete(number),
            self.publish,
            lambda: self.publish(self.upload(number, by=name)),
            self.cancel,
            self.work,
            self.read,
        ]
        steps = {
            Mixture.ANYTHING: anything,
            Mixture.UPLOADING: [lambda: self.upload(number, by=name), lambda: self.delete(number), self.work],
            Mixture.PUBLISHING: [self.publish, self.work, self.read],
        }
        return chance.choice(steps[self.mixture])

    def session(self) -> PublishingSession:
        """Return the live session of the release, which is created if there is none."""
        while True:
            try:
                return sessions.create(self.index, self.principal, name=self.project, version="1.0").session
            except SessionExistsError as error:  # noqa: PERF203 - until it succeeds
                # The PEP's way to it; it may be over by now.
                session = sessions.status(self.index, self.principal, error.session_id).session
                if not session.state.terminal:
                    return session

    def create(self) -> str:
        """Create the session, or be told where it is."""
        try:
            return sessions.create(self.index, self.principal, name=self.project, version="1.0").session.state.value
        except SessionExistsError as error:
            sessions.status(self.index, self.principal, error.session_id)
            return "there is one"

    def upload(self, number: int, *, by: str) -> str:
        """Upload a file into the session."""
        built = self.build(number, by=by)
        session = self.session()
        try:
            file = uploading.create(self.index, self.principal, session, built)
            uploading.send(self.index, self.principal, file, built.data)
            return f"upload {uploads.complete(self.index, self.principal, file.address).file.state.value}"
        except REFUSALS:
            return "upload refused"

    def upload_by_the_legacy_api(self, number: int, *, by: str) -> str:
        """Publish a file of the same names at once."""
        built = self.build(number, by=by)
        said = parse_filename(built.filename)
        fields = {
            ":action": "file_upload",
            "protocol_version": "1",
            "filetype": legacy.FILE_TYPES[said.kind],
            "name": said.project,
            "version": str(said.version),
            "sha256_digest": built.sha256,
        }

        async def parts() -> AsyncIterator[Part]:
            for field, value in fields.items():
                yield Part(field, None, uploading.chunked(value.encode()))
            yield Part("content", built.filename, uploading.chunked(built.data))

        try:
            artifact = asyncio.run(legacy.upload(self.index, self.principal, parts()))
        except REFUSALS:
            return "legacy upload refused"
        assert artifact.file_id in self.public()
        return "legacy upload published"

    def build(self, number: int, *, by: str) -> Built:
        """Return a file of one of the names, with bytes that nobody else has."""
        content = hashlib.shake_128(by.encode()).digest(10_000 if number == 2 else 10)
        return build(self.filenames()[number], content=content)

    def delete(self, number: int) -> str:
        """Delete the file of a name."""
        session = self.session()
        named = self.filenames()[number]
        for file in sessions.status(self.index, self.principal, session.id).files:
            if file.filename == named:
                try:
                    uploads.delete(self.index, self.principal, uploads.FileAddress(session.token, file.id))
                except REFUSALS:
                    return "deletion refused"
                return "deleted"
        return "nothing to delete"

    def publish(self, _uploaded: str = "") -> str:
        """Publish; whatever is answered with "published" is public at once, all of it."""
        try:
            published = sessions.publish(self.index, self.principal, self.session().id)
        except REFUSALS:
            return "publication refused"
        if published.session.state is SessionState.PUBLISHED:
            assert {file.id for file in published.files} <= self.public().keys()
        return f"publication {published.session.state.value if published.files else 'of nothing'}"

    def cancel(self) -> str:
        """Cancel."""
        try:
            return sessions.cancel(self.index, self.principal, self.session().id).session.state.value
        except REFUSALS:
            return "cancelation refused"

    def work(self) -> str:
        """Do what the worker does, and sweep."""
        work(self.index)
        expiry.sweep(self.index)
        return "worked"

    def read(self) -> str:
        """Install what is public."""
        for sha256, key in self.public().values():
            with self.index.objects.open(key) as stored:
                assert hashlib.sha256(stored.read()).hexdigest() == sha256
        return "read"

    def public(self) -> dict[str, tuple[str, str]]:
        """Return the hash and the object of each published file, by its id."""
        try:
            artifacts = catalogue.published(self.index, self.project).artifacts
        except UnknownError:
            return {}
        keys = [parse_filename(artifact.filename).key for artifact in artifacts]
        assert len(set(keys)) == len(keys), "two published files of one name"
        return {artifact.file_id: (artifact.hashes["sha256"], artifact.object_key) for artifact in artifacts}

    def filenames(self) -> list[str]:
        """Return the six names; the file of the third is completed by the worker."""
        stem = f"{self.project}-1.0"
        wheels = [f"{stem}-{tag}-none-any.whl" for tag in ("py3", "cp310", "cp311", "cp312", "cp313")]
        return [*wheels[:2], f"{stem}.tar.gz", *wheels[2:]]


def test_whatever_many_do_at_once(index: Index, alice: Principal, caplog: pytest.LogCaptureFixture) -> None:
    print(f"HATCH_STAGED_SEED={SEED}")  # noqa: T201 - shown if it fails
    index = replace(index, new_token=unguessable)
    outcomes = Counter[str]()
    for number in range(ROUNDS):
        limits, mixture = LIMITS[number % len(LIMITS)], MIXTURES[number % len(MIXTURES)]
        race = Race(replace(index, limits=limits), alice, f"foo{number}", SEED + number, mixture)
        outcomes += race.run()
        race.work()
        race.read()
        with index.database.reading() as tx:
            assert session_rows.count_live(tx, race.project) <= 1
            assert file_rows.processing(tx) == session_rows.processing(tx) == ()
            # No bytes that nobody refers to, and none that somebody misses.
            assert {stored.key for stored in index.objects.list()} == uploading.referenced(tx)
        for file in sessions.status(index, alice, race.session().id).files:
            assert file.state in {FileState.PENDING, FileState.COMPLETED}
    print(*(f"{count} x {outcome}" for outcome, count in sorted(outcomes.items())), sep="\n")  # noqa: T201 - likewise
    # The worker had nothing to complain of.
    assert caplog.text == ""
    assert outcomes.total() == ROUNDS * CROWD
    if ROUNDS >= ENOUGH:
        assert outcomes.keys() >= USUAL


def test_one_session_of_a_release_is_created_by_many(index: Index, alice: Principal) -> None:
    index = replace(index, new_token=unguessable)
    for number in range(max(1, ROUNDS // 10)):
        race = Race(index, alice, f"foo{number}", seed=0)
        with ThreadPoolExecutor(CROWD) as pool:
            outcomes = Counter(pool.map(lambda _, race=race: race.create(), range(CROWD)))
        assert outcomes == {"open": 1, "there is one": CROWD - 1}
