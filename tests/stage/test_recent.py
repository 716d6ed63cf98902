"""What an index has just said."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from hatch_staged.protocol.states import SessionState
from hatch_staged.stage.liveness import Alive, Published
from hatch_staged.stage.recent import Answer, Recent
from hatch_staged.stage.use import Standing

if TYPE_CHECKING:
    from pathlib import Path

    from tests.stage.conftest import MakeRelease

    from hatch_staged.stage.model import StagedRelease

NOW = datetime(2026, 11, 22, 7, tzinfo=timezone.utc)


@pytest.fixture
def recent(tmp_path: Path) -> Recent:
    return Recent(tmp_path / "cache" / "recent.json")


@pytest.fixture
def release(make_release: MakeRelease) -> StagedRelease:
    return make_release()


@pytest.mark.parametrize("page", ["0123", None])
@pytest.mark.parametrize(
    "fate", [Alive(), Published({"foo-1.2.0.tar.gz": "https://files.test/foo-1.2.0.tar.gz"}), None]
)
def test_an_answer_is_kept(
    recent: Recent, release: StagedRelease, fate: Alive | Published | None, page: str | None
) -> None:
    answer = Answer(Standing(release, fate), NOW, page)
    assert recent.get(release, NOW) is None
    recent.keep([answer])
    assert recent.get(release, NOW + timedelta(hours=1)) == answer
    recent.forget()
    recent.forget()
    assert recent.get(release, NOW) is None


def test_an_answer_counts_for_its_life(release: StagedRelease) -> None:
    answer = Answer(Standing(release, Alive()), NOW)
    life = timedelta(seconds=5)
    for age in (timedelta(), life):
        assert answer.counts(NOW + age, life)
    for age in (life + timedelta(microseconds=1), timedelta(seconds=-1)):
        assert not answer.counts(NOW + age, life)


def test_what_the_stage_file_says_otherwise_is_asked_again(recent: Recent, release: StagedRelease) -> None:
    recent.keep([Answer(Standing(release, Alive()), NOW)])
    assert release.expires_at is not None
    for other in (
        replace(release, status=SessionState.PUBLISHED),
        replace(release, expires_at=release.expires_at + timedelta(days=1)),
        replace(release, stage="https://index.test/stage/def/simple/"),
    ):
        assert recent.get(other, NOW) is None


def test_an_expiry_is_not_slept_through(recent: Recent, release: StagedRelease) -> None:
    assert release.expires_at is not None
    recent.keep([Answer(Standing(release, Alive()), release.expires_at - timedelta(seconds=1))])
    assert recent.get(release, release.expires_at) is None


def test_no_secret_is_written_down(recent: Recent, release: StagedRelease) -> None:
    recent.keep([Answer(Standing(release, Alive()), NOW)])
    assert "abc" not in recent.path.read_text()


@pytest.mark.parametrize("text", ["", "[]", "{}", "null"])
def test_a_broken_file_says_nothing(recent: Recent, release: StagedRelease, text: str) -> None:
    recent.keep([Answer(Standing(release, Alive()), NOW)])
    recent.path.write_text(text)
    assert recent.get(release, NOW) is None


def test_where_nothing_can_be_written_the_index_is_asked(tmp_path: Path, release: StagedRelease) -> None:
    (tmp_path / "file").touch()
    recent = Recent(tmp_path / "file" / "recent.json")
    recent.keep([Answer(Standing(release, Alive()), NOW)])
    assert recent.get(release, NOW) is None
