"""The index under trial: what the suite was told of it."""

from __future__ import annotations

import shlex
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import pytest

from hatch_staged.conformance.wire import Principal, Wire

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Where the checks find the target.
TARGET = pytest.StashKey["Target"]()

# For a command of the operator's (seconds).
_PATIENCE = 60.0

_Known = TypeVar("_Known", str, int)


@dataclass(frozen=True)
class Target:
    """An index by its URL and tokens; the rest lets the suite see more, and without it checks are skipped.

    What may hold a secret is no part of its `repr`, which pytest prints beside what has failed.
    """

    #: the root endpoint of Upload 2.0
    root: str
    #: of somebody who may register new projects, stage and publish
    token: str = field(repr=False)
    #: of somebody else who may do the same, for their own projects
    other_token: str | None = field(default=None, repr=False)
    #: the simple API (PEP 503) where published releases appear
    simple: str | None = None
    #: the legacy upload API of the same index
    legacy: str | None = None
    #: a command that lets the holder of `other_token` upload to ``{project}``
    grant: str | None = field(default=None, repr=False)
    #: a command that undoes `grant`
    revoke: str | None = field(default=None, repr=False)
    #: how many bytes the published files of a project may have together, if few enough to try
    project_quota: int | None = None
    #: how long a check may wait for something to expire (seconds)
    patience: float = 0.0
    #: how tokens are sent, ``Basic`` or ``Bearer``; None if the index is asked for it
    scheme: str | None = None
    #: whose password a token is
    user: str = "__token__"

    def owner(self, wire: Wire) -> Principal:
        """Return whose token it is."""
        return self._principal(wire, self.token)

    def other(self, wire: Wire) -> Principal:
        """Return whose the other token is; skip the check if there is none."""
        return self._principal(wire, _require(self.other_token, "--other-token"))

    def require_simple(self) -> str:
        """Return the URL of the simple API; skip the check if it is not known."""
        return _require(self.simple, "--simple")

    def require_legacy(self) -> str:
        """Return the URL of the legacy API; skip the check if it is not known."""
        return _require(self.legacy, "--legacy")

    def require_project_quota(self) -> int:
        """Return the quota of a project in bytes; skip the check if it is not known."""
        return _require(self.project_quota, "--project-quota")

    def require_grant(self) -> None:
        """Skip the check unless the other one can be let upload to a project, and be denied it again."""
        _require(self.grant, "--grant")
        _require(self.revoke, "--revoke")

    @contextmanager
    def granted(self, project: str) -> Iterator[None]:
        """Let the holder of the other token upload to `project` for a while; skip the check if nobody said how."""
        self.require_grant()
        _run("--grant", self.grant, project)
        try:
            yield
        finally:
            _run("--revoke", self.revoke, project)

    def _principal(self, wire: Wire, token: str) -> Principal:
        return Principal(wire, token, self.scheme or "Basic", self.user)


def _require(value: _Known | None, option: str) -> _Known:
    if value is None:
        pytest.skip(f"{option} was not given")
    return value


def _run(option: str, command: str | None, project: str) -> None:
    """Run the command; end the run if that does not work, which is no fault of the index."""
    try:
        words = [word.replace("{project}", project) for word in shlex.split(_require(command, option))]
        ended = subprocess.run(words, capture_output=True, text=True, check=False, timeout=_PATIENCE)
    except (OSError, ValueError, IndexError, subprocess.TimeoutExpired) as error:
        pytest.exit(f"{option} cannot be carried out: {error}", returncode=2)
    if ended.returncode != 0:
        pytest.exit(f"{option} ended with {ended.returncode}: {ended.stderr.strip()}", returncode=2)
