"""What has become of a stage."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.stage.conftest import EXPIRES

from hatch_staged.errors import StagedError, StageGoneError, UnreachableError, WrongBytesError
from hatch_staged.protocol.simple import ListedFile, ProjectPage
from hatch_staged.protocol.states import SessionState
from hatch_staged.stage.liveness import Alive, Published, check

if TYPE_CHECKING:
    from tests.stage.conftest import MakeRelease

    from hatch_staged.stage.model import StagedArtifact, StagedRelease

STAGE = "https://index.test/stage/abc/simple/"
SIMPLE = "https://index.test/simple/"
WHEEL = "foo-1.2.0-py3-none-any.whl"
SDIST = "foo-1.2.0.tar.gz"


class FakeIndexes:
    """The simple indexes that there are, each with one project."""

    def __init__(self, **pages: ProjectPage | None) -> None:
        self.pages = {STAGE: pages.get("stage"), SIMPLE: pages.get("simple")}
        self.asked: list[str] = []

    def read(self, simple: str, project: str, /) -> ProjectPage | None:
        """Return the page of the one project."""
        assert project == "foo"
        self.asked.append(simple)
        return self.pages[simple]


def listed(artifact: StagedArtifact, **hashes: str) -> ListedFile:
    url = f"https://index.test/public/{artifact.filename}"
    return ListedFile(filename=artifact.filename, url=url, hashes=hashes or {"sha256": artifact.sha256})


def page(*files: ListedFile) -> ProjectPage:
    return ProjectPage(name="foo", files=files)


@pytest.fixture
def release(make_release: MakeRelease) -> StagedRelease:
    return make_release(WHEEL, SDIST, stage=STAGE)


def fate(release: StagedRelease, indexes: FakeIndexes, simple: str | None = SIMPLE, days: int = -1) -> object:
    return check(release, read_page=indexes.read, simple=simple, now=EXPIRES + timedelta(days=days))


@pytest.mark.parametrize("status", [SessionState.OPEN, SessionState.PROCESSING, SessionState.ERROR])
def test_alive(release: StagedRelease, status: SessionState) -> None:
    other = ListedFile(filename="foo-0.1.tar.gz", url="https://index.test/x", hashes={})
    indexes = FakeIndexes(stage=page(*map(listed, release.artifacts), other))
    assert fate(replace(release, status=status), indexes) == Alive()
    assert indexes.asked == [STAGE]


def test_alive_beyond_its_expiry_when_extended(release: StagedRelease) -> None:
    assert fate(release, FakeIndexes(stage=page(*map(listed, release.artifacts))), days=1) == Alive()


@pytest.mark.parametrize("hashes", [{"sha256": "00" * 32}, {"md5": "00"}])
def test_a_stage_with_other_bytes(release: StagedRelease, hashes: dict[str, str]) -> None:
    first, second = release.artifacts
    with pytest.raises(WrongBytesError) as caught:
        fate(release, FakeIndexes(stage=page(listed(first), listed(second, **hashes))))
    assert f"other bytes for {second.filename}" in caught.value.what
    assert "hatch stage pull foo==1.2.0" in caught.value.hint


def test_a_stage_that_lost_a_file(release: StagedRelease) -> None:
    with pytest.raises(WrongBytesError, match=f"no longer {SDIST}"):
        fate(release, FakeIndexes(stage=page(listed(release.artifacts[0]))))


@pytest.mark.parametrize("status", [SessionState.OPEN, SessionState.PUBLISHED])
def test_published(release: StagedRelease, status: SessionState) -> None:
    indexes = FakeIndexes(simple=page(*map(listed, release.artifacts)))
    urls = {name: f"https://index.test/public/{name}" for name in (WHEEL, SDIST)}
    assert fate(replace(release, status=status), indexes) == Published(urls)
    assert indexes.asked == ([SIMPLE] if status is SessionState.PUBLISHED else [STAGE, SIMPLE])


def test_published_without_previews(release: StagedRelease) -> None:
    indexes = FakeIndexes(simple=page(*map(listed, release.artifacts)))
    assert isinstance(fate(replace(release, stage=None), indexes), Published)
    assert indexes.asked == [SIMPLE]


@pytest.mark.parametrize("hashes", [{"sha256": "00" * 32}, {"md5": "00"}])
def test_published_with_other_bytes(release: StagedRelease, hashes: dict[str, str]) -> None:
    with pytest.raises(WrongBytesError, match="is not the one that was staged"):
        fate(release, FakeIndexes(simple=page(listed(release.artifacts[1], **hashes))))


def test_canceled_needs_no_network(release: StagedRelease) -> None:
    indexes = FakeIndexes(stage=page(*map(listed, release.artifacts)))
    with pytest.raises(StageGoneError, match="was canceled"):
        fate(replace(release, status=SessionState.CANCELED), indexes)
    assert indexes.asked == []


@pytest.mark.parametrize(
    ("fields", "simple", "days", "told"),
    [
        ({}, SIMPLE, 0, "expired at 2026-11-29 07:00 UTC"),
        ({}, None, 1, "expired"),
        ({}, SIMPLE, -1, "canceled, published or unknown"),
        ({}, None, -1, "canceled, published or unknown"),
        ({"status": SessionState.PUBLISHED}, None, -1, "was published"),
        ({"status": SessionState.PUBLISHED}, SIMPLE, -1, "lists no such files"),
        ({"stage": None}, None, 1, "expired"),
    ],
)
def test_gone(release: StagedRelease, fields: dict[str, object], simple: str | None, days: int, told: str) -> None:
    with pytest.raises(StageGoneError) as caught:
        fate(replace(release, **fields), FakeIndexes(), simple, days)  # type: ignore[arg-type] # of several types
    assert told in caught.value.what
    assert "remove the stage file" in caught.value.hint
    assert ("'simple'" in caught.value.hint) == (simple is None)
    assert caught.value.exit_code == 3


def test_a_token_from_a_variable_may_be_the_wrong_one(release: StagedRelease) -> None:
    doubtful = replace(release, token_variable="HATCH_STAGE_TOKEN")
    with pytest.raises(StageGoneError) as caught:
        fate(doubtful, FakeIndexes())
    assert caught.value.what == "the token of HATCH_STAGE_TOKEN does not open a stage of foo==1.2.0"
    assert caught.value.where == "https://index.test/upload/"
    with pytest.raises(StageGoneError, match="expired"):
        fate(doubtful, FakeIndexes(), days=1)


def test_half_a_publication_is_none(release: StagedRelease) -> None:
    with pytest.raises(StageGoneError):
        fate(release, FakeIndexes(simple=page(listed(release.artifacts[0]))))


def test_not_published_and_without_previews(release: StagedRelease) -> None:
    with pytest.raises(StagedError, match="has no previews") as caught:
        fate(replace(release, stage=None), FakeIndexes())
    assert caught.value.exit_code == 1


def test_whether_to_go_on_offline_is_the_callers(release: StagedRelease) -> None:
    def unreachable(_simple: str, _project: str, /) -> ProjectPage | None:
        raise UnreachableError("offline")

    with pytest.raises(UnreachableError):
        check(release, read_page=unreachable, simple=None, now=EXPIRES)


def test_one_whose_expiry_nobody_told_is_unknown_not_expired(release: StagedRelease) -> None:
    endless = replace(release, expires_at=None)
    with pytest.raises(StageGoneError, match="is gone: canceled, published or unknown"):
        fate(endless, FakeIndexes(), days=300)
