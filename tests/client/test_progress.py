"""The reporter that says nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from packaging.version import Version

from hatch_staged.client.artifacts import Release
from hatch_staged.client.progress import Reporter, Silent
from hatch_staged.client.publication import Plan

if TYPE_CHECKING:
    import pytest
    from tests.client.conftest import MakeRelease


def test_silence(capsys: pytest.CaptureFixture[str], make_release: MakeRelease) -> None:
    reporter: Reporter = Silent()
    (artifact, _) = make_release().artifacts

    reporter.planned(Plan(Release(canonicalize_name("foo"), Version("1.0"), ()), ()))
    reporter.started(artifact)
    reporter.advanced(artifact, 3)
    reporter.finished(artifact)
    reporter.notice("quiet")

    assert capsys.readouterr() == ("", "")
