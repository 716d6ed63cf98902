"""The reporter that says nothing, and two that hear the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from packaging.version import Version

from hatch_staged.client.artifacts import Release
from hatch_staged.client.progress import Both, Reporter, Silent
from hatch_staged.client.publication import Plan

if TYPE_CHECKING:
    import pytest
    from tests.client.conftest import MakeRelease

    from hatch_staged.client.artifacts import Artifact


def tell_all(reporter: Reporter, artifact: Artifact) -> None:
    """Call every method."""
    reporter.planned(Plan(Release(canonicalize_name("foo"), Version("1.0"), ()), ()))
    reporter.started(artifact)
    reporter.advanced(artifact, 3)
    reporter.finished(artifact)
    reporter.deleted("foo-1.0.zip")
    reporter.notice("quiet")


def test_silence(capsys: pytest.CaptureFixture[str], make_release: MakeRelease) -> None:
    (artifact, _) = make_release().artifacts

    tell_all(Silent(), artifact)

    assert capsys.readouterr() == ("", "")


class Listener:
    """Keeps the names of the methods that are called."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def planned(self, plan: Plan) -> None:
        """Keep it."""
        self.heard.append(f"planned {plan.release.project}")

    def started(self, artifact: Artifact) -> None:
        """Keep it."""
        self.heard.append(f"started {artifact.filename}")

    def advanced(self, artifact: Artifact, n_bytes: int) -> None:
        """Keep it."""
        self.heard.append(f"advanced {artifact.filename} {n_bytes}")

    def finished(self, artifact: Artifact) -> None:
        """Keep it."""
        self.heard.append(f"finished {artifact.filename}")

    def deleted(self, filename: str) -> None:
        """Keep it."""
        self.heard.append(f"deleted {filename}")

    def notice(self, text: str) -> None:
        """Keep it."""
        self.heard.append(text)


def test_two_hear_the_same(make_release: MakeRelease) -> None:
    (artifact, _) = make_release().artifacts
    alone, first, second = Listener(), Listener(), Listener()

    tell_all(alone, artifact)
    tell_all(Both(first, second), artifact)

    assert alone.heard == first.heard == second.heard
    assert len(alone.heard) == 6
