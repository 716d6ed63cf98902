"""What an index has said lately."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from hatch_staged.protocol.states import SessionState
from hatch_staged.stage.recent import Answer, Recent, key_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.stage.conftest import MakeRelease

NOW = datetime(2026, 11, 22, 7, tzinfo=timezone.utc)
ALIVE = Answer(NOW, alive=True)


@pytest.fixture
def recent(tmp_path: Path) -> Recent:
    return Recent(tmp_path / "cache")


@pytest.mark.parametrize("page", ["0123", None])
@pytest.mark.parametrize(("alive", "urls"), [(True, None), (False, None), (False, {"foo.whl": "https://files.test/"})])
def test_answers_are_kept_until_others_are(
    recent: Recent,
    alive: bool,  # noqa: FBT001 - a table
    urls: dict[str, str] | None,
    page: str | None,
) -> None:
    answer = Answer(NOW, alive, urls, page)
    assert recent.get("foo") is None
    recent.keep({"foo": answer, "bar": ALIVE})
    assert (recent.get("foo"), recent.get("bar"), recent.get("baz")) == (answer, ALIVE, None)
    recent.keep({"bar": answer})
    assert (recent.get("foo"), recent.get("bar")) == (None, answer)
    recent.forget()
    recent.forget()
    assert recent.get("bar") is None


def test_an_answer_counts_for_its_life() -> None:
    life = timedelta(seconds=5)
    for age in (timedelta(), life):
        assert ALIVE.counts(NOW + age, life)
    for age in (life + timedelta(microseconds=1), timedelta(seconds=-1)):
        assert not ALIVE.counts(NOW + age, life)


def test_what_the_stage_file_says_otherwise_has_another_key(make_release: MakeRelease) -> None:
    release = make_release()
    assert release.expires_at is not None
    others = [
        replace(release, status=SessionState.PUBLISHED),
        replace(release, expires_at=release.expires_at + timedelta(days=1)),
        replace(release, stage="https://index.test/stage/def/simple/"),
        make_release("foo-1.2.0-py3-none-any.whl"),
    ]
    assert len({key_of(each) for each in (release, *others, make_release())}) == 5
    assert "abc" not in key_of(release)


@pytest.mark.parametrize("text", ["", "[]", "[1]", "{}", "null", '{"foo": {}}', '{"foo": {"at": 1}}', "\udcff"])
def test_a_broken_file_says_nothing(recent: Recent, text: str) -> None:
    recent.keep({"foo": ALIVE})
    recent.path.write_bytes(text.encode(errors="surrogateescape"))
    assert recent.get("foo") is None
    recent.keep({"foo": ALIVE})
    assert recent.get("foo") == ALIVE


def test_what_has_not_changed_is_not_written(recent: Recent) -> None:
    recent.keep({"foo": ALIVE})
    before = recent.path.stat().st_mtime_ns
    recent.keep({"foo": ALIVE})
    assert recent.path.stat().st_mtime_ns == before


def test_where_nothing_can_be_written_the_index_is_asked(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    recent = Recent(tmp_path / "file")
    recent.keep({"foo": ALIVE})
    assert recent.get("foo") is None
