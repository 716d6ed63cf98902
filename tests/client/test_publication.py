"""The plan is a table: each cell, and what holds for every plan."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name
from packaging.version import Version

from hatch_staged.client.artifacts import Artifact, Release
from hatch_staged.client.publication import Likeness, Step, compare, incomplete, plan, shortfall
from hatch_staged.errors import ProtocolError, StagedError, WrongBytesError
from hatch_staged.protocol.distributions import parse_filename
from hatch_staged.protocol.messages import META, Session, SessionFile, SessionLinks
from hatch_staged.protocol.simple import ListedFile, ProjectPage
from hatch_staged.protocol.states import FileState, SessionState

SDIST = "foo-1.0.tar.gz"
SAME = {"sha256": "aa"}


def artifact(filename: str = SDIST) -> Artifact:
    return Artifact(Path(filename), parse_filename(filename), 3, {"sha256": "aa", "blake2b": "bb"})


def release(*filenames: str) -> Release:
    return Release(canonicalize_name("foo"), Version("1.0"), tuple(artifact(name) for name in sorted(filenames)))


def session(files: dict[str, FileState], *, previews: bool = True) -> Session:
    stage = "https://i.example/stage/t/simple/" if previews else None
    return Session(
        meta=META,
        links=SessionLinks(session="s", upload="u", publish="p", stage=stage),
        mechanisms=("http-post-bytes",),
        expires_at=datetime(2030, 1, 1, tzinfo=timezone.utc),
        status=SessionState.OPEN,
        files={name: SessionFile(status=state, link=f"link of {name}") for name, state in files.items()},
    )


def page(hashes: dict[str, dict[str, str]], *, size: int | None = None) -> ProjectPage:
    return ProjectPage(
        name="foo",
        files=tuple(ListedFile(filename=name, url="f", hashes=listed, size=size) for name, listed in hashes.items()),
    )


@pytest.mark.parametrize(
    ("state", "listed", "step"),
    [
        (None, None, Step.UPLOAD),
        (FileState.PENDING, None, Step.REPLACE),
        (FileState.PENDING, SAME, Step.REPLACE),
        (FileState.PROCESSING, None, Step.WAIT),
        (FileState.PROCESSING, SAME, Step.WAIT),
        (FileState.ERROR, None, Step.REPLACE),
        (FileState.ERROR, SAME, Step.REPLACE),
        (FileState.CANCELED, None, Step.UPLOAD),
        (FileState.COMPLETED, SAME, Step.KEEP),
        (FileState.COMPLETED, {"sha256": "aa", "md5": "other"}, Step.KEEP),
        (FileState.COMPLETED, {"sha256": "aa", "blake2b": "other"}, Step.REPLACE),
        (FileState.COMPLETED, {"sha256": "other"}, Step.REPLACE),
        (FileState.COMPLETED, {"md5": "unknown here"}, Step.REPLACE),
        (FileState.COMPLETED, {}, Step.REPLACE),
        (FileState.COMPLETED, None, Step.REPLACE),
    ],
)
def test_the_step_for_one_artifact(state: FileState | None, listed: dict[str, str] | None, step: Step) -> None:
    status = session({} if state is None else {SDIST: state})

    made = plan(release(SDIST), status, None if listed is None else page({SDIST: listed}))

    (decision,) = made.decisions
    assert decision.step is step
    assert decision.replaces == (f"link of {SDIST}" if step is Step.REPLACE else None)
    assert made.settled == (step is not Step.WAIT)


def test_every_state_of_a_file_has_a_step() -> None:
    for state in FileState:
        plan(release(SDIST), session({SDIST: state}), None)


def test_the_size_counts_where_it_is_listed() -> None:
    (right,) = page({SDIST: SAME}, size=3).files
    (wrong,) = page({SDIST: SAME}, size=4).files

    assert compare(artifact(), right) is Likeness.SAME
    assert compare(artifact(), wrong) is Likeness.DIFFERENT


FILENAMES = [f"foo-1.0-{number}-py3-none-any.whl" for number in range(4)]


@given(
    mine=st.lists(st.sampled_from(FILENAMES), unique=True),
    present=st.dictionaries(st.sampled_from(FILENAMES), st.sampled_from(FileState)),
    listed=st.none() | st.dictionaries(st.sampled_from(FILENAMES), st.sampled_from([SAME, {"sha256": "cc"}, {}])),
    prune=st.booleans(),
)
def test_what_holds_for_every_plan(
    *, mine: list[str], present: dict[str, FileState], listed: dict[str, dict[str, str]] | None, prune: bool
) -> None:
    wanted = release(*mine)

    made = plan(wanted, session(present), None if listed is None else page(listed), prune=prune)

    # one decision for each artifact, in its place; what is not ours is named once, and touched if it is pruned
    assert [decision.artifact for decision in made.decisions] == list(wanted.artifacts)
    foreign = present.keys() - set(mine)
    assert set(made.foreign) == (set() if prune else foreign)
    assert {(each.filename, each.url) for each in made.pruned} == {(n, f"link of {n}") for n in foreign if prune}
    for decision in made.decisions:
        name = decision.artifact.filename
        # only a file that is there can be kept, replaced or waited for
        assert name in present or decision.step is Step.UPLOAD
        # nothing is kept on faith
        if decision.step is Step.KEEP:
            assert present[name] is FileState.COMPLETED
            assert listed is not None
            assert listed[name] == SAME
        # the index refuses to delete while it is processing
        assert (decision.step is Step.WAIT) == (present.get(name) is FileState.PROCESSING)
    touched = present.keys() if prune else set(mine)
    assert set(made.undecided) == {name for name in touched if present.get(name) is FileState.PROCESSING}


@pytest.mark.parametrize(
    ("state", "listed", "error", "told"),
    [
        (None, None, ProtocolError, "missing"),
        (FileState.ERROR, None, ProtocolError, "error"),
        (FileState.COMPLETED, None, ProtocolError, "does not list"),
        (FileState.COMPLETED, {}, ProtocolError, "without a hash"),
        (FileState.COMPLETED, {"sha256": "cc"}, WrongBytesError, "not the file on disk"),
    ],
)
def test_what_keeps_a_session_from_being_the_release(
    state: FileState | None, listed: dict[str, str] | None, error: type[StagedError], told: str
) -> None:
    status = session({} if state is None else {SDIST: state})

    found = shortfall(release(SDIST), status, None if listed is None else page({SDIST: listed}))

    assert type(found) is error
    assert SDIST in found.what
    assert told in found.what


def test_a_release_is_complete_when_each_artifact_is() -> None:
    whole = release(SDIST, FILENAMES[0])
    assert incomplete(whole, session({SDIST: FileState.COMPLETED}))
    for state in FileState:
        there = session({SDIST: FileState.COMPLETED, FILENAMES[0]: state, FILENAMES[1]: FileState.PENDING})
        assert incomplete(whole, there) is (state is not FileState.COMPLETED)


def test_a_session_that_is_the_release() -> None:
    assert shortfall(release(SDIST), session({SDIST: FileState.COMPLETED}), page({SDIST: SAME})) is None
    assert shortfall(release(SDIST), session({SDIST: FileState.COMPLETED}, previews=False), None) is None
