"""What the tests of this room share: releases, bytes and tiny wheels."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from hatch_staged.protocol.distributions import parse_filename
from hatch_staged.protocol.states import SessionState
from hatch_staged.stage.model import StagedArtifact, StagedRelease

if TYPE_CHECKING:
    from collections.abc import Callable


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
        expires_at=datetime(2026, 11, 29, 7, tzinfo=timezone.utc),
    )
    return replace(release, **fields)


def _wheel(name: str, version: str, says: str, tag: str = "py3-none-any") -> bytes:
    module, info = f"{name}.py", f"{name}-{version}.dist-info"
    members = {
        module: f"SAYS = {says!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {canonicalize_name(name)}\nVersion: {Version(version)}\n"
        "Provides-Extra: a\nProvides-Extra: b\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    record = f"{info}/RECORD"
    members[record] = "".join(f"{member},,\n" for member in (*members, record))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for member, text in members.items():
            archive.writestr(zipfile.ZipInfo(member), text)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def make_artifact() -> MakeArtifact:
    return _artifact


@pytest.fixture(scope="session")
def make_release() -> MakeRelease:
    return _release


@pytest.fixture(scope="session")
def make_wheel() -> Callable[..., bytes]:
    """Return a function of name, version and a text; its bytes are a wheel whose module says the text."""
    return _wheel
