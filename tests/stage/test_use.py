"""A stage file in use: what is said of a release, and the artifact that an interpreter gets."""

from __future__ import annotations

import io
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from packaging.tags import Tag
from packaging.version import Version

from hatch_staged.errors import StageGoneError, UnreachableError
from hatch_staged.protocol.simple import ListedFile, Meta, ProjectPage
from hatch_staged.protocol.states import SessionState
from hatch_staged.stage import use
from hatch_staged.stage.cache import Cache
from hatch_staged.stage.liveness import Alive, Published
from hatch_staged.stage.selection import Interpreter
from hatch_staged.stage.use import Standing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.stage.conftest import MakeRelease

    from hatch_staged.stage.model import StagedRelease

NOW = datetime(2026, 11, 22, 7, tzinfo=timezone.utc)
PYTHON = Interpreter("python", Version("3.12.0"), {"python_version": "3.12"}, (Tag("py3", "none", "any"),))


def page_of(release: StagedRelease) -> ProjectPage:
    """Return the page that lists `release`."""
    listed = tuple(
        ListedFile(filename=a.filename, url=f"https://files.test/{a.filename}", hashes=dict(a.hashes), size=a.size)
        for a in release.artifacts
    )
    return ProjectPage(meta=Meta(api_version="1.1"), name=release.project, files=listed)


def test_a_line_for_each_standing(make_release: MakeRelease) -> None:
    release = make_release()
    assert Standing(release, Alive()).describe(NOW) == "foo 1.2.0 from the stage (open, expires in 7 days)"
    endless = replace(release, expires_at=None)
    assert Standing(endless, Alive()).describe(NOW) == "foo 1.2.0 from the stage (open)"
    assert Standing(endless, None).describe(NOW) == "foo 1.2.0 from the stage (its index cannot be reached)"
    away = Standing(release, None).describe(NOW)
    assert away == "foo 1.2.0 from the stage (its index cannot be reached; expires in 7 days)"
    assert Standing(release, Published({})).describe(NOW) == "foo 1.2.0 as published (the bytes that were staged)"


def test_looking(make_release: MakeRelease) -> None:
    release = make_release()
    asked = []

    def there(simple: str, project: str, /) -> ProjectPage:
        asked.append((simple, project))
        return page_of(release)

    def away(simple: str, project: str, /) -> ProjectPage:
        raise UnreachableError(f"{simple} {project}")

    def nothing(_simple: str, _project: str, /) -> None:
        return None

    assert use.look(release, read_page=there, simple=None, now=NOW) == Standing(release, Alive())
    assert asked == [(release.stage, "foo")]
    assert use.look(release, read_page=away, simple=None, now=NOW) == Standing(release, None)
    with pytest.raises(StageGoneError):
        use.look(release, read_page=nothing, simple=None, now=NOW)
    published = replace(release, status=SessionState.PUBLISHED)
    standing = use.look(published, read_page=there, simple="https://index.test/simple/", now=NOW)
    assert standing.fate == Published({"foo-1.2.0.tar.gz": "https://files.test/foo-1.2.0.tar.gz"})


SIMPLE = "https://index.test/simple/"


def published_releases_away(simple: str, _project: str, /) -> None:
    """Read pages of an index without stages that cannot say what is published."""
    if simple == SIMPLE:
        raise UnreachableError("no answer")


def test_an_index_that_said_the_stage_is_gone_is_not_away(make_release: MakeRelease) -> None:
    with pytest.raises(UnreachableError, match="no answer"):
        use.look(make_release(), read_page=published_releases_away, simple=SIMPLE, now=NOW)


def test_a_published_release_is_tested_offline(make_release: MakeRelease) -> None:
    release = make_release(status=SessionState.PUBLISHED)
    standing = use.look(release, read_page=published_releases_away, simple=SIMPLE, now=NOW)
    assert standing == Standing(release, None)


@pytest.mark.parametrize("left", [timedelta(), timedelta(days=-1)])
def test_an_expired_stage_is_not_tested_offline(make_release: MakeRelease, left: timedelta) -> None:
    def away(_simple: str, _project: str, /) -> None:
        raise UnreachableError("no answer")

    release = make_release(expires_at=NOW + left)
    with pytest.raises(StageGoneError, match="expired at") as caught:
        use.look(release, read_page=away, simple=None, now=NOW)
    assert "remove the stage file" in caught.value.hint
    published = replace(release, status=SessionState.PUBLISHED)
    assert use.look(published, read_page=away, simple=SIMPLE, now=NOW) == Standing(published, None), (
        "it does not expire"
    )


def test_what_is_obtained_and_from_where(make_release: MakeRelease, tmp_path: Path) -> None:
    release = make_release("foo-1.2.0-py3-none-any.whl", "foo-1.2.0.tar.gz")
    fetched = []

    @contextmanager
    def fetch(url: str) -> Iterator[Iterator[bytes]]:
        fetched.append(url)
        yield iter(io.BytesIO(b"content"))

    url = "https://files.test/foo-1.2.0-py3-none-any.whl"
    for fate, expected in (
        (Alive(), release.artifacts[0].url),
        (None, release.artifacts[0].url),
        (Published({"foo-1.2.0-py3-none-any.whl": url}), url),
    ):
        cache = Cache(tmp_path / str(len(fetched)), fetch)
        obtained = use.obtain(Standing(release, fate), PYTHON, cache)
        assert (obtained.project, obtained.artifact) == ("foo", release.artifacts[0])
        assert obtained.path.read_bytes() == b"content"
        assert obtained.signature == cache.verify(obtained.artifact)
        assert fetched[-1] == expected
