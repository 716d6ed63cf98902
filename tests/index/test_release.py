"""A release from its first request to its publication, as clients and installers see it over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.index.building import build

if TYPE_CHECKING:
    from starlette.testclient import TestClient
    from tests.index.conftest import Api, Clock

JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}


def test_release_is_hidden_until_it_is_published_as_a_whole(api: Api, client: TestClient, clock: Clock) -> None:
    wheel, sdist = build("foo-1.0-py3-none-any.whl"), build("foo-1.0.tar.gz")
    session = api.create()
    api.stage(session, wheel)
    clock.advance(minutes=1)
    api.stage(session, sdist)

    page = client.get(session["links"]["stage"] + "foo/", headers=JSON)
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["x-robots-tag"] == "noindex"
    staged = {file["filename"]: file for file in page.json()["files"]}
    assert list(staged) == [wheel.filename, sdist.filename]
    assert [file["upload-time"] for file in staged.values()] == ["2026-11-22T12:00:00Z", "2026-11-22T12:01:00Z"]
    assert client.get(staged[wheel.filename]["url"]).content == wheel.data
    assert client.get(staged[wheel.filename]["url"] + ".metadata").content == wheel.metadata
    assert client.get("/simple/", headers=JSON).json()["projects"] == []
    assert client.get("/simple/foo/").status_code == 404
    assert client.get(f"/files/{wheel.sha256}/{wheel.filename}").status_code == 404

    clock.advance(minutes=1)
    published = api.post(session["links"]["publish"])
    assert (published.status_code, published.headers["location"]) == (201, session["links"]["session"])
    assert published.json()["status"] == "published"

    assert client.get("/simple/", headers=JSON).json()["projects"] == [{"name": "foo"}]
    listing = client.get("/simple/foo/", headers=JSON).json()
    assert listing["versions"] == ["1.0"]
    for built, file in zip((wheel, sdist), listing["files"], strict=True):
        assert file["filename"] == built.filename
        assert file["hashes"] == {"sha256": built.sha256}
        assert file["size"] == len(built.data)
        assert file["upload-time"] == "2026-11-22T12:02:00Z"
        assert file["requires-python"] == ">=3.8"
        download = client.get(file["url"])
        assert download.content == built.data
        assert "immutable" in download.headers["cache-control"]
        assert client.get(file["url"] + ".metadata").content == built.metadata


@pytest.mark.parametrize(
    ("end", "word"), [("publish", "was published"), ("cancel", "was canceled"), ("time", "expired")]
)
def test_stage_says_how_it_ended(api: Api, client: TestClient, clock: Clock, end: str, word: str) -> None:
    session = api.create()
    file = api.stage(session, build())
    stage = session["links"]["stage"]
    url = client.get(stage + "foo/", headers=JSON).json()["files"][0]["url"]
    if end == "publish":
        api.post(session["links"]["publish"])
    elif end == "cancel":
        assert api.delete(session["links"]["session"]).status_code == 200
    else:
        clock.advance(days=7)
    for gone in (stage, stage + "foo/", url, url + ".metadata"):
        answer = client.get(gone)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
        assert word in answer.json()["detail"]
    status = api.get(session["links"]["session"]).json()
    assert status["status"] == ("published" if end == "publish" else "canceled")
    assert bool(status.get("notices")) == (end == "time")
    assert api.get(file["links"]["file-upload-session"]).json()["status"] == (
        "completed" if end == "publish" else "canceled"
    )
