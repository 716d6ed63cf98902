"""The values of a stage file."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from packaging.utils import canonicalize_name
from tests.stage.conftest import EXPIRES

from hatch_staged.protocol.distributions import Kind
from hatch_staged.stage.model import InvalidEntryError, StageFile

if TYPE_CHECKING:
    from tests.stage.conftest import MakeArtifact, MakeRelease

WHEEL = "foo-1.2.0-py3-none-any.whl"
SDIST = "foo-1.2.0.tar.gz"


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"filename": "dist/" + WHEEL}, "name"),
        ({"filename": "..\\" + WHEEL}, "name"),
        ({"filename": "foo.exe"}, "name"),
        ({"url": None}, "url"),
        ({"path": "dist/" + WHEEL}, "url"),
        ({"url": None, "path": "dist/other"}, "path"),
        ({"url": "ftp://index.test/" + WHEEL}, "url"),
        ({"url": "//index.test/" + WHEEL}, "url"),
        ({"url": "files/" + WHEEL}, "url"),
        ({"url": "https:///" + WHEEL}, "url"),
        ({"url": "https://[::1/" + WHEEL}, "url"),
        ({"url": "https://index.test:port/" + WHEEL}, "url"),
        ({"url": "https://index.test/a b/" + WHEEL}, "url"),
        ({"url": "https://index.test/a\n/" + WHEEL}, "url"),
        ({"url": "https://user:secret@index.test/" + WHEEL}, "url"),
        ({"url": "https://index.test/" + SDIST}, "url"),
        ({"size": -1}, "size"),
        ({"hashes": {}}, "hashes.sha256"),
        ({"hashes": {"md5": "00" * 16}}, "hashes.sha256"),
        ({"hashes": {"sha256": "00" * 16}}, "hashes.sha256"),
        ({"hashes": {"sha256": "AB" * 32}}, "hashes.sha256"),
        ({"hashes": {"sha256": "00" * 32, "md5": "xyz"}}, "hashes.md5"),
        ({"hashes": {"sha256": "00" * 32, "MD 5": "00"}}, "hashes"),
        ({"upload_time": datetime(2026, 1, 1)}, "upload-time"),  # noqa: DTZ001 - that is what is refused
        ({"upload_time": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))}, "upload-time"),
    ],
)
def test_an_artifact_is_refused_by_its_key(make_artifact: MakeArtifact, fields: dict[str, Any], key: str) -> None:
    with pytest.raises(InvalidEntryError) as caught:
        make_artifact(**{"filename": WHEEL, **fields})
    assert caught.value.key == key
    assert "secret" not in str(caught.value)


def test_an_artifact_may_have_a_quoted_url_with_a_query(make_artifact: MakeArtifact) -> None:
    filename = "foo-1.2.0+local-py3-none-any.whl"
    url = "http://index.test:8080/foo-1.2.0%2Blocal-py3-none-any.whl?signature=x"
    assert make_artifact(filename, url=url).url == url


def test_an_artifact_may_have_a_path(make_artifact: MakeArtifact) -> None:
    assert make_artifact(WHEEL, url=None, path="dist/" + WHEEL).path == "dist/" + WHEEL
    assert make_artifact(WHEEL, url=None, path=WHEEL).path == WHEEL


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"index": "file:///upload/"}, "tool.hatch-staged.index"),
        ({"session": "index.test/1"}, "tool.hatch-staged.session"),
        ({"stage": "https://u@index.test/"}, "tool.hatch-staged.stage"),
        ({"expires_at": datetime(2026, 1, 1)}, "tool.hatch-staged.expires-at"),  # noqa: DTZ001 - as above
        ({"artifacts": ()}, "wheels"),
        ({"project": "bar"}, "sdist"),
    ],
)
def test_a_release_is_refused_by_its_key(make_release: MakeRelease, fields: dict[str, Any], key: str) -> None:
    with pytest.raises(InvalidEntryError) as caught:
        make_release(SDIST, **fields)
    assert caught.value.key == key


@pytest.mark.parametrize(
    ("filenames", "key"),
    [
        ((SDIST, "foo-1.2.1-py3-none-any.whl"), "wheels"),
        ((SDIST, "bar-1.2.0-py3-none-any.whl"), "wheels"),
        ((WHEEL, "foo-1.2.1.tar.gz"), "sdist"),
        ((WHEEL, WHEEL), "wheels"),
        ((SDIST, "Foo-1.2.0.tar.gz"), "sdist"),
    ],
)
def test_the_files_of_a_release_fit_together(make_release: MakeRelease, filenames: tuple[str, ...], key: str) -> None:
    with pytest.raises(InvalidEntryError) as caught:
        make_release(*filenames)
    assert caught.value.key == key


def test_the_order_of_artifacts_means_nothing(make_release: MakeRelease) -> None:
    release = make_release(SDIST, WHEEL)
    assert release == make_release(WHEEL, SDIST)
    assert [artifact.filename for artifact in release.artifacts] == [WHEEL, SDIST]
    assert [artifact.filename for artifact in release.of_kind(Kind.SDIST)] == [SDIST]


def test_the_digest_is_of_sorted_checksum_lines(make_artifact: MakeArtifact, make_release: MakeRelease) -> None:
    # the wheel sorts first by name, the sdist by hash: lines are sorted as text
    wheel = make_artifact(WHEEL, hashes={"sha256": "ff" * 32})
    sdist = make_artifact(SDIST, hashes={"sha256": "00" * 32})
    text = f"{'00' * 32}  {SDIST}\n{'ff' * 32}  {WHEEL}\n"
    assert make_release(wheel, sdist).digest == f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def test_a_release_replaces_that_of_its_project_only(make_release: MakeRelease) -> None:
    foo, bar = make_release("foo-1.tar.gz"), make_release("bar-1.tar.gz")
    both = StageFile((foo, bar))
    assert both.releases == (bar, foo)
    newer = make_release("Foo-2.tar.gz")
    assert both.with_release(newer) == StageFile((bar, newer))
    assert both.without("Foo") == StageFile((bar,))
    assert both.without("baz") == both


def test_a_project_has_one_release(make_release: MakeRelease) -> None:
    release = make_release()
    with pytest.raises(InvalidEntryError) as caught:
        StageFile((release, release))
    assert caught.value.key == "packages[1].name"


def test_a_lock_file_package_says_the_same(make_release: MakeRelease) -> None:
    package = make_release(SDIST, WHEEL).package()
    assert package.name == canonicalize_name("foo")
    assert [wheel.name for wheel in package.wheels or ()] == [WHEEL]
    assert package.sdist is not None
    assert package.sdist.name == SDIST
    assert make_release(SDIST).package().wheels is None


def test_times_compare_in_any_zone(make_release: MakeRelease) -> None:
    release = make_release()
    assert replace(release, expires_at=EXPIRES.astimezone(timezone(timedelta(hours=2)))) == release


def test_without_a_session_there_has_to_be_a_stage(make_release: MakeRelease) -> None:
    release = make_release()
    stage_alone = replace(release, session=None, expires_at=None)
    assert stage_alone.place == release.place == release.stage
    assert replace(release, stage=None).place == release.session
    with pytest.raises(InvalidEntryError) as caught:
        replace(stage_alone, stage=None)
    assert caught.value.key == "tool.hatch-staged.session"
