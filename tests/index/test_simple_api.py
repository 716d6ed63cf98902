"""What installers get; that it is the right thing at the right time is in test_release.py."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from html import unescape
from typing import TYPE_CHECKING

import pytest
from starlette.testclient import TestClient
from tests.index.building import Built, build, metadata_of
from tests.index.conftest import Api
from tests.index.test_upload_api import is_problem

from hatch_staged.index import tokens
from hatch_staged.index.app import create_app
from hatch_staged.index.objects import MemoryObjects

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.index.conftest import Clock

    from hatch_staged.index.core import Index

HTML = {"Accept": "text/html"}
JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}


@pytest.fixture
def built() -> Built:
    return build(metadata=metadata_of("foo", "1.0", "Requires-Python: >=3.8,<4"))


@pytest.fixture(params=["published", "staged"])
def simple(request: pytest.FixtureRequest, api: Api, built: Built) -> str:
    """Return the simple index of everything published, or of a stage; each has `built`."""
    session = api.create()
    api.stage(session, built)
    if request.param == "published":
        api.post(session["links"]["publish"])
        return "http://index.test/simple/"
    stage: str = session["links"]["stage"]
    return stage


def links(page: str) -> list[tuple[str, str]]:
    """Return the attributes and the text of each link of a page."""
    return [(unescape(attributes), unescape(text)) for attributes, text in re.findall("<a (.*?)>(.*?)</a>", page)]


def test_html_says_what_json_says(client: TestClient, simple: str, built: Built) -> None:
    [(attributes, text)] = links(client.get(simple, headers=HTML).text)
    assert (attributes, text) == (f'href="{simple}foo/"', "foo")

    page, listing = client.get(f"{simple}foo/", headers=HTML), client.get(f"{simple}foo/", headers=JSON)
    [file] = listing.json()["files"]
    metadata = f"sha256={file['core-metadata']['sha256']}"
    told = {
        "href": f"{file['url']}#sha256={built.sha256}",
        "data-requires-python": ">=3.8,<4",
        "data-core-metadata": metadata,
        "data-dist-info-metadata": metadata,
    }
    assert links(page.text) == [(" ".join(f'{name}="{value}"' for name, value in told.items()), built.filename)]
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert listing.headers["content-type"] == JSON["Accept"]
    assert page.headers["vary"] == listing.headers["vary"] == "Accept"
    assert listing.json()["meta"] == {"api-version": "1.3"}
    assert client.get(simple, headers=JSON).json() == {"meta": {"api-version": "1.3"}, "projects": [{"name": "foo"}]}


def test_other_spellings_are_redirected(client: TestClient, simple: str) -> None:
    answer = client.get(f"{simple}FOO/", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (301, f"{simple}foo/")


def test_pages_without_the_last_slash_are_redirected(index: Index, api: Api, client: TestClient, simple: str) -> None:
    outside = TestClient(create_app(index, base_url="https://index.example.com/team/"))
    path = simple.removeprefix("http://index.test")
    for page in (path, f"{path}foo/", f"{path}F%20o/"):
        answer = outside.get(page.removesuffix("/"), follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (301, f"https://index.example.com/team{page}")
        assert answer.headers["cache-control"] == client.get(path, headers=api.headers).headers["cache-control"]


def test_nothing_else_is_redirected(client: TestClient) -> None:
    for url in ("/upload", "/upload/sessions/a", "/-/health/", "/simple/foo/bar", "/stage/a"):
        is_problem(client.get(url, follow_redirects=False), 404)


def test_equal_versions_are_listed_once(api: Api, client: TestClient, clock: Clock) -> None:
    for version, filename in (("1.0.0", "foo-1.0.tar.gz"), ("1.0", "foo-1.0-py3-none-any.whl")):
        session = api.create(version=version)
        api.stage(session, build(filename))
        api.post(session["links"]["publish"])
        clock.advance(seconds=1)
    assert client.get("/simple/foo/", headers=JSON).json()["versions"] == ["1.0.0"]


def test_other_projects_are_not_there(client: TestClient, simple: str) -> None:
    for name in ("bar", "Bar"):
        is_problem(client.get(f"{simple}{name}/", follow_redirects=True), 404)


def test_unacceptable(client: TestClient, simple: str) -> None:
    for url in (simple, f"{simple}foo/"):
        is_problem(client.get(url, headers={"Accept": "application/vnd.pypi.simple.v2+json"}), 406)


def test_head_has_no_body(client: TestClient, simple: str, built: Built) -> None:
    [file] = client.get(f"{simple}foo/", headers=JSON).json()["files"]
    answer = client.head(file["url"])
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(built.data))


def test_wrong_files_are_not_there(api: Api, client: TestClient, built: Built) -> None:
    session = api.create()
    api.stage(session, built)
    token = session["session-token"]
    for url in (
        f"/stage/{token}/files/other.whl",
        f"/stage/{token}/files/other.whl.metadata",
        "/stage/unknown/simple/",
        "/stage/unknown/simple/foo/",
        f"/stage/unknown/files/{built.filename}",
        f"/files/{built.sha256}/{built.filename}",
    ):
        is_problem(client.get(url), 404)
    api.post(session["links"]["publish"])
    assert client.get(f"/files/{built.sha256}/{built.filename}").status_code == 200
    is_problem(client.get(f"/files/{'0' * 64}/{built.filename}"), 404)


class LateObjects(MemoryObjects):
    """Objects before whose reading something else happens."""

    def __init__(self) -> None:
        super().__init__()
        self.before: Callable[[], object] = lambda: None

    async def stream(self, key: str, begin: int, end: int) -> AsyncIterator[bytes]:
        """Return the bytes, late."""
        await asyncio.to_thread(self.before)
        return await super().stream(key, begin, end)


@pytest.mark.parametrize("change", ["delete", "replace", "cancel", "lose"])
def test_file_that_goes_away_while_it_is_asked_for(index: Index, built: Built, change: str) -> None:
    objects = LateObjects()
    app = create_app(replace(index, objects=objects))
    with TestClient(app, base_url="http://index.test", raise_server_exceptions=False) as client:
        api = Api(client, tokens.create(index, user="alice"))
        session = api.create()
        file = api.stage(session, built)

        def happen() -> None:
            if change == "cancel":
                api.delete(session["links"]["session"])
            elif change == "lose":
                [stored] = objects.list()
                objects.delete(stored.key)
            else:
                api.delete(file["links"]["file-upload-session"])
            if change == "replace":
                api.stage(session, built)

        objects.before = happen
        answer = client.get(f"/stage/{session['session-token']}/files/{built.filename}")
        is_problem(answer, 500 if change == "lose" else 404)


def test_pending_file_is_not_in_the_stage(api: Api, client: TestClient, built: Built) -> None:
    session = api.create()
    file = api.post(session["links"]["upload"], built.declared()).json()
    api.send(file["mechanism"]["file_url"], built.data)
    assert client.get(session["links"]["stage"] + "foo/", headers=JSON).json()["files"] == []
    is_problem(client.get(f"/stage/{session['session-token']}/files/{built.filename}"), 404)


def test_versions_are_in_their_order(api: Api, client: TestClient) -> None:
    for version in ("1.10", "1.9", "1.9rc1"):
        session = api.create(version=version)
        api.stage(session, build(f"foo-{version}.tar.gz"))
        api.post(session["links"]["publish"])
    assert client.get("/simple/foo/", headers=JSON).json()["versions"] == ["1.9rc1", "1.9", "1.10"]


@pytest.mark.parametrize("base_url", [None, "https://index.example.com/team/"])
def test_a_publication_is_seen_at_once(index: Index, api: Api, base_url: str | None) -> None:
    """Also by another process, which has the same database open and has sent its pages before."""
    other = TestClient(create_app(index, base_url=base_url), base_url="http://other.test")
    for number, filename in enumerate(("foo-1.0.tar.gz", "foo-1.0-py3-none-any.whl"), 1):
        session = api.create()
        api.stage(session, build(filename))
        before = other.get("/simple/foo/", headers=JSON)
        assert len(before.json().get("files", [])) == number - 1
        api.post(session["links"]["publish"])
        after = other.get("/simple/foo/", headers=JSON)
        assert len(after.json()["files"]) == number
        assert "foo" in other.get("/simple/", headers=HTML).text


def test_each_way_to_the_index_has_its_links(client: TestClient, api: Api, built: Built) -> None:
    session = api.create()
    api.stage(session, built)
    api.post(session["links"]["publish"])
    for host in ("one.test", "two.test:8694", "one.test"):
        page = client.get("/simple/foo/", headers={**JSON, "Host": host}).json()
        assert page["files"][0]["url"].startswith(f"http://{host}/files/")
        assert f"http://{host}/simple/foo/" in client.get("/simple/", headers={**HTML, "Host": host}).text


def test_a_page_that_the_client_has_is_not_sent_again(client: TestClient, api: Api, built: Built) -> None:
    first = api.create()
    api.stage(first, built)
    api.post(first["links"]["publish"])
    tags = set()
    for url in ("/simple/", "/simple/foo/"):
        for accept in (HTML, JSON):
            page = client.get(url, headers=accept)
            tag = page.headers["etag"]
            again = client.get(url, headers={**accept, "If-None-Match": tag})
            assert (again.status_code, again.content) == (304, b"")
            kept = ("etag", "vary", "cache-control")
            assert [again.headers[name] for name in kept] == [page.headers[name] for name in kept]
            tags.add(tag)
    assert len(tags) == 4
    second = api.create(version="1.1")
    api.stage(second, build("foo-1.1.tar.gz"))
    api.post(second["links"]["publish"])
    assert client.get("/simple/foo/", headers={**JSON, "If-None-Match": ", ".join(tags)}).status_code == 200


def test_a_part_of_a_file(client: TestClient, simple: str, built: Built) -> None:
    [file] = client.get(f"{simple}foo/", headers=JSON).json()["files"]
    whole = client.get(file["url"])
    assert (whole.headers["accept-ranges"], whole.headers["etag"]) == ("bytes", f'"{built.sha256}"')
    size = len(built.data)
    for asked, begin, end in (("bytes=10-19", 10, 20), ("bytes=-5", size - 5, size), ("bytes=0-", 0, size)):
        part = client.get(file["url"], headers={"Range": asked, "If-Range": whole.headers["etag"]})
        assert (part.status_code, part.content) == (206, built.data[begin:end])
        assert part.headers["content-range"] == f"bytes {begin}-{end - 1}/{size}"
        assert part.headers["content-length"] == str(end - begin)
        assert client.head(file["url"], headers={"Range": asked}).status_code == 206
    answer = client.get(file["url"], headers={"Range": f"bytes={size}-"})
    is_problem(answer, 416)
    assert answer.headers["content-range"] == f"bytes */{size}"
    known = client.get(file["url"], headers={"If-None-Match": whole.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")


def test_a_stage_tells_of_its_session_what_whoever_created_it_was_told(
    client: TestClient, api: Api, built: Built
) -> None:
    session = api.create()
    api.stage(session, built)
    told = client.get(f"{session['links']['stage']}foo/", headers=JSON).json()["_hatch-staged"]
    links = session["links"]
    assert told == {
        "index": "http://index.test/upload/",
        "session": links["session"],
        "stage": links["stage"],
        "version": "1.0",
        **{key: session[key] for key in ("session-token", "status", "expires-at")},
    }
    api.post(links["publish"])
    assert client.get("/simple/foo/", headers=JSON).json().keys() == {"meta", "name", "versions", "files"}


def test_nothing_of_a_stage_is_kept_or_found(client: TestClient, api: Api, built: Built) -> None:
    session = api.create()
    api.stage(session, built)
    stage = session["links"]["stage"]
    [file] = client.get(f"{stage}foo/", headers=JSON).json()["files"]
    for url in (stage, f"{stage}foo/", file["url"], f"{file['url']}.metadata"):
        answer = client.get(url)
        assert (answer.headers["cache-control"], answer.headers["x-robots-tag"]) == ("no-store", "noindex")
