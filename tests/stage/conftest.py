"""What the tests of this room share: artifacts and releases."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any, Protocol

import pytest

from hatch_staged.protocol.distributions import parse_filename
from hatch_staged.protocol.states import SessionState
from hatch_staged.stage.model import StagedArtifact, StagedRelease

#: when a release expires, unless a test says otherwise
EXPIRES = datetime(2026, 11, 29, 7, tzinfo=timezone.utc)


class MakeArtifact(Protocol):
    """Makes a staged artifact of a file name and its bytes; keywords replace its fields."""

    def __call__(self, filename: str, content: bytes = ..., **fields: Any) -> StagedArtifact:  # noqa: D102 - the class says it
        ...


class MakeRelease(Protocol):
    """Makes a staged release of file names or artifacts; keywords replace its fields."""

    def __call__(self, *artifacts: str | StagedArtifact, **fields: Any) -> StagedRelease:  # noqa: D102 - the class says it
        ...


def _artifact(filename: str, content: bytes = b"content", **fields: Any) -> StagedArtifact:
    known = {
        "url": f"https://index.test/files/{filename}",
        "path": None,
        "size": len(content),
        "hashes": {"sha256": hashlib.sha256(content).hexdigest()},
    }
    return StagedArtifact(filename=filename, **{**known, **fields})


def _release(*artifacts: str | StagedArtifact, **fields: Any) -> StagedRelease:
    made = tuple(_artifact(each) if isinstance(each, str) else each for each in artifacts or ("foo-1.2.0.tar.gz",))
    said = parse_filename(made[0].filename)
    release = StagedRelease(
        project=said.project,
        version=said.version,
        requires_python=None,
        artifacts=made,
        index="https://index.test/upload/",
        session="https://index.test/upload/sessions/1",
        stage="https://index.test/stage/abc/simple/",
        session_token="abc",
        status=SessionState.OPEN,
        expires_at=EXPIRES,
    )
    return replace(release, **fields)


@pytest.fixture(scope="session")
def make_artifact() -> MakeArtifact:
    return _artifact


@pytest.fixture(scope="session")
def make_release() -> MakeRelease:
    return _release
