"""Pages of the simple API, in HTML and in JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.conformance.fake_index import Reply

from hatch_staged.conformance import simple
from hatch_staged.conformance.simple import ListedFile

if TYPE_CHECKING:
    from tests.conformance.fake_index import FakeIndex

    from hatch_staged.conformance.wire import Principal

PAGE = ("GET", "/simple/foo/")
JSON = {"Content-Type": "application/vnd.pypi.simple.v1+json; charset=utf-8"}
HTML = {"Content-Type": "text/html"}


def test_a_page_in_json_lists_files_with_absolute_urls(fake: FakeIndex, owner: Principal) -> None:
    listed = {"filename": "foo-1.0.tar.gz", "url": "../../files/foo-1.0.tar.gz", "hashes": {"sha256": "ab"}}
    fake.script[PAGE] = [Reply(200, json.dumps({"files": [listed]}).encode(), JSON)]
    assert simple.files(owner, f"{fake.origin}/simple", "foo") == {
        "foo-1.0.tar.gz": ListedFile(f"{fake.origin}/files/foo-1.0.tar.gz", {"sha256": "ab"})
    }


def test_a_page_in_html_lists_the_same(fake: FakeIndex, owner: Principal) -> None:
    page = b"""<html><body><a name="top"></a>
        <a href="../../files/foo-1.0.tar.gz#sha256=ab" data-requires-python="&gt;=3">foo-1.0.tar.gz</a>
        <a href="https://elsewhere.test/foo-1.0-py3-none-any.whl">foo-1.0-py3-none-any.whl</a></body></html>"""
    fake.script[PAGE] = [Reply(200, page, HTML)]
    assert simple.files(owner, f"{fake.origin}/simple/", "foo") == {
        "foo-1.0.tar.gz": ListedFile(f"{fake.origin}/files/foo-1.0.tar.gz", {"sha256": "ab"}),
        "foo-1.0-py3-none-any.whl": ListedFile("https://elsewhere.test/foo-1.0-py3-none-any.whl", {}, elsewhere=True),
    }


def test_the_name_of_a_file_in_html_is_the_text_of_its_anchor(fake: FakeIndex, owner: Principal) -> None:
    page = b"<a href='/get?file=foo%2D1.0.tar.gz&amp;by=us#sha256=ab'> foo-<wbr>1.0.tar.gz </a>"
    fake.script[PAGE] = [Reply(200, page, HTML)]
    assert simple.files(owner, f"{fake.origin}/simple/", "foo") == {
        "foo-1.0.tar.gz": ListedFile(f"{fake.origin}/get?file=foo%2D1.0.tar.gz&by=us", {"sha256": "ab"})
    }


@pytest.mark.parametrize("told", [{}, {"files": {}}, {"files": ["foo"]}, {"files": [{"filename": "foo"}]}], ids=repr)
def test_a_page_that_lists_no_files_fails_the_check(fake: FakeIndex, owner: Principal, told: object) -> None:
    fake.script[PAGE] = [Reply(200, json.dumps(told).encode(), JSON)]
    with pytest.raises(AssertionError, match=r"files is no array|is no object|url is missing in"):
        simple.files(owner, f"{fake.origin}/simple/", "foo")


def test_a_project_that_is_not_there_has_no_files(fake: FakeIndex, owner: Principal) -> None:
    assert simple.files(owner, f"{fake.origin}/simple/", "foo") == {}


def test_a_page_that_cannot_be_read_is_no_empty_page(fake: FakeIndex, owner: Principal) -> None:
    fake.script[PAGE] = [Reply(500)]
    with pytest.raises(AssertionError, match="could not be read"):
        simple.files(owner, f"{fake.origin}/simple/", "foo")


def test_json_is_asked_for_first(fake: FakeIndex, owner: Principal) -> None:
    simple.page(owner, f"{fake.origin}/simple/", "foo")
    [seen] = fake.asked(*PAGE)
    assert seen.headers["accept"].startswith("application/vnd.pypi.simple.v1+json,")


def test_a_listed_file_is_downloaded_or_the_check_fails(fake: FakeIndex, owner: Principal) -> None:
    fake.script["GET", "/files/foo"] = [Reply(200, b"bytes"), Reply(403)]
    file = ListedFile(f"{fake.origin}/files/foo", {})
    assert simple.download(owner, file) == b"bytes"
    with pytest.raises(AssertionError, match="could not be downloaded"):
        simple.download(owner, file)


def test_the_token_is_not_sent_to_another_host_than_that_of_the_page(fake: FakeIndex, owner: Principal) -> None:
    fake.script["GET", "/foo"] = [Reply(200, b"bytes")]
    simple.download(owner, ListedFile(f"{fake.origin}/foo", {}))
    simple.download(owner, ListedFile(f"{fake.origin}/foo", {}, elsewhere=True))
    assert ["authorization" in seen.headers for seen in fake.seen] == [True, False]
