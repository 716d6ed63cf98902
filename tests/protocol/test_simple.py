"""Pages of the simple API as JSON."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import msgspec
import pytest

from hatch_staged.protocol.simple import ListedFile, ListedProject, ProjectPage, RootPage

# after the examples of PEP 691 and PEP 700
PAGE = {
    "meta": {"api-version": "1.1"},
    "name": "holygrail",
    "versions": ["1.0"],
    "files": [
        {
            "filename": "holygrail-1.0.tar.gz",
            "url": "https://example.com/files/holygrail-1.0.tar.gz",
            "hashes": {"sha256": "00"},
            "requires-python": ">=3.7",
            "yanked": "Had a vulnerability",
            "size": 123456,
            "upload-time": "2022-08-01T15:02:45Z",
        },
        {
            "filename": "holygrail-1.0-py3-none-any.whl",
            "url": "https://example.com/files/holygrail-1.0-py3-none-any.whl",
            "hashes": {"sha256": "01"},
            "core-metadata": {"sha256": "02"},
        },
    ],
}


def test_a_project_page() -> None:
    page = msgspec.json.decode(json.dumps(PAGE).encode(), type=ProjectPage)
    sdist, wheel = page.files
    assert (page.name, page.versions) == ("holygrail", ("1.0",))
    assert sdist.upload_time == datetime(2022, 8, 1, 15, 2, 45, tzinfo=timezone.utc)
    assert (sdist.size, sdist.requires_python, sdist.yanked) == (123456, ">=3.7", "Had a vulnerability")
    assert (wheel.core_metadata, wheel.yanked, wheel.size) == ({"sha256": "02"}, False, None)
    assert json.loads(msgspec.json.encode(page)) == PAGE


def test_a_page_of_version_1_0_and_one_of_the_future() -> None:
    bare = {"meta": {"api-version": "1.0"}, "name": "x", "files": [{"filename": "f", "url": "u", "hashes": {}}]}
    page = msgspec.json.decode(json.dumps(bare).encode(), type=ProjectPage)
    assert page.files == (ListedFile(filename="f", url="u", hashes={}),)
    future = {**bare, "meta": {"api-version": "1.9", "_new": 1}, "new": []}
    assert msgspec.json.decode(json.dumps(future).encode(), type=ProjectPage).files == page.files


@pytest.mark.parametrize("key", ["filename", "url", "hashes"])
def test_what_a_file_must_have(key: str) -> None:
    file = {name: value for name, value in {"filename": "f", "url": "u", "hashes": {}}.items() if name != key}
    with pytest.raises(msgspec.ValidationError, match=f"`{key}`"):
        msgspec.json.decode(json.dumps({"name": "x", "files": [file]}).encode(), type=ProjectPage)


def test_the_root_page() -> None:
    page = RootPage(projects=(ListedProject(name="foo"),))
    assert json.loads(msgspec.json.encode(page)) == {"meta": {"api-version": "1.3"}, "projects": [{"name": "foo"}]}


def test_what_a_stage_of_our_index_tells_beside_its_files() -> None:
    told = {
        "index": "https://index.example.com/upload/",
        "session": "https://index.example.com/upload/sessions/1/",
        "stage": "https://index.example.com/stage/t/simple/",
        "session-token": "t",
        "version": "1.0",
        "status": "open",
        "expires-at": "2026-11-29T07:00:00Z",
    }
    page = msgspec.json.decode(json.dumps({**PAGE, "_hatch-staged": told}).encode(), type=ProjectPage)
    assert page.staged_session != msgspec.UNSET
    assert json.loads(msgspec.json.encode(page)) == {**PAGE, "_hatch-staged": told}
