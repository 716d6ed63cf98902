"""From a session and its stage to an entry of the stage file."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from hatch_staged.errors import ProtocolError, StagedError
from hatch_staged.protocol.messages import META, Session, SessionFile, SessionLinks
from hatch_staged.protocol.simple import ListedFile, ProjectPage
from hatch_staged.protocol.states import FileState, SessionState
from hatch_staged.stage.entries import from_session
from hatch_staged.stage.stagefile import StageFile, dump

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.stage.conftest import MakeArtifact

    from hatch_staged.stage.model import StagedArtifact, StagedRelease

INDEX = "https://index.test/upload/"
STAGE = "https://index.test/stage/abc/simple/"
WHEEL = "foo-1.2.0-py3-none-any.whl"
SDIST = "foo-1.2.0.tar.gz"
SHA = "0f" * 32


def session(*completed: str, stage: str | None = STAGE, **others: FileState) -> Session:
    states = dict.fromkeys(completed, FileState.COMPLETED) | others
    return Session(
        meta=META,
        links=SessionLinks(session=INDEX + "1", upload=INDEX + "1/files", publish=INDEX + "1/publish", stage=stage),
        mechanisms=("http-post-bytes",),
        session_token=None if stage is None else "abc",
        expires_at=datetime(2026, 11, 29, 7, tzinfo=timezone.utc),
        status=SessionState.OPEN,
        files={name: SessionFile(status=state, link=INDEX + name) for name, state in states.items()},
    )


def listed(filename: str, **fields: Any) -> ListedFile:
    url = f"https://index.test/f/{filename}#sha256={SHA}"
    return ListedFile(**{"filename": filename, "url": url, "hashes": {"sha256": SHA}, "size": 3, **fields})


def entry(session: Session, files: Iterable[ListedFile] | None, local: Iterable[StagedArtifact] = ()) -> StagedRelease:
    page = None if files is None else ProjectPage(name="foo", files=tuple(files))
    return from_session(INDEX, session, page, project=canonicalize_name("foo"), version=Version("1.2.0"), local=local)


def test_what_the_index_says(make_artifact: MakeArtifact) -> None:
    time = datetime(2026, 11, 22, tzinfo=timezone.utc)
    wheel = listed(WHEEL, upload_time=time, hashes={"sha256": SHA, "md5": "00" * 16}, requires_python=">=3.10")
    release = entry(session(WHEEL, SDIST), [wheel, listed(SDIST, requires_python=">=3.10")])
    hashes = {"sha256": SHA}
    assert release.artifacts == (
        make_artifact(
            WHEEL,
            url=f"https://index.test/f/{WHEEL}",
            size=3,
            hashes={**hashes, "md5": "00" * 16},
            upload_time=time,
        ),
        make_artifact(SDIST, url=f"https://index.test/f/{SDIST}", size=3, hashes=hashes),
    )
    assert (release.project, release.version) == ("foo", Version("1.2.0"))
    assert release.requires_python == SpecifierSet(">=3.10")
    assert (release.index, release.session, release.stage, release.session_token) == (INDEX, INDEX + "1", STAGE, "abc")
    assert (release.status, release.expires_at) == (SessionState.OPEN, session().expires_at)


def test_staging_and_pulling_write_the_same(make_artifact: MakeArtifact) -> None:
    files = [listed(WHEEL), listed(SDIST)]
    local = [make_artifact(WHEEL, url=None, path=WHEEL)]
    staged = entry(session(WHEEL, SDIST), files, local)
    pulled = entry(session(SDIST, WHEEL), reversed(files))
    assert dump(StageFile((staged,))) == dump(StageFile((pulled,)))


def test_only_this_release_counts() -> None:
    others = ["foo-1.2.1.tar.gz", "bar-1.2.0.tar.gz", "foo-1.2.0.exe", "foo-1.2.0-py3.9.egg"]
    release = entry(session(SDIST), [listed(SDIST), *map(listed, others)])
    assert [artifact.filename for artifact in release.artifacts] == [SDIST]


def test_files_that_do_not_agree_on_python_require_none() -> None:
    release = entry(session(), [listed(SDIST), listed(WHEEL, requires_python=">=3.10")])
    assert release.requires_python is None


def test_a_file_that_is_not_completed_need_not_be_listed() -> None:
    release = entry(session(SDIST, **{WHEEL: FileState.PENDING}), [listed(SDIST)])
    assert [artifact.filename for artifact in release.artifacts] == [SDIST]


def test_without_previews_the_local_files_count(make_artifact: MakeArtifact) -> None:
    local = [make_artifact(name, url=None, path=f"dist/{name}") for name in (WHEEL, SDIST)]
    release = entry(session(SDIST, stage=None), None, local)
    assert release.artifacts == (local[1],)
    assert release.stage is None
    assert release.session_token is None


@pytest.mark.parametrize(
    ("file", "told"),
    [
        (listed(SDIST, size=None), f"size of {SDIST}: is missing"),
        (listed(SDIST, hashes={}), f"hashes.sha256 of {SDIST}: is missing"),
        (listed(SDIST, hashes={"sha256": "no"}), f"hashes.sha256 of {SDIST}"),
        (listed(SDIST, url=f"/f/{SDIST}"), f"url of {SDIST}"),
        (listed(SDIST, url="https://index.test/download/1"), f"url of {SDIST}"),
        (listed(SDIST, requires_python="3"), "requires-python"),
        (listed(SDIST, requires_python=">=" + "3" * 5000), "requires-python"),
    ],
)
def test_an_index_that_says_too_little(file: ListedFile, told: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        entry(session(SDIST), [file])
    assert told in caught.value.what


def test_a_session_file_that_the_stage_does_not_list() -> None:
    with pytest.raises(ProtocolError, match=WHEEL):
        entry(session(SDIST, WHEEL), [listed(SDIST)])


def test_a_stage_without_a_page() -> None:
    with pytest.raises(ProtocolError, match="no page"):
        entry(session(SDIST), None)


def test_a_session_file_that_is_not_here() -> None:
    with pytest.raises(ProtocolError, match=SDIST):
        entry(session(SDIST, stage=None), None)


def test_a_session_without_files() -> None:
    with pytest.raises(StagedError, match=r"foo 1\.2\.0 has no files"):
        entry(session(), [])
