"""Simple pages as HTML; that they say what the JSON ones say is in test_simple_api.py."""

from __future__ import annotations

from hatch_staged.index import simple_html
from hatch_staged.protocol.simple import ListedFile, ProjectPage


def test_what_a_file_does_not_have_is_left_out() -> None:
    file = ListedFile(filename="foo-1.0.tar.gz", url="https://index.test/foo-1.0.tar.gz", hashes={"sha256": "ab"})
    page = simple_html.project(ProjectPage(name="foo", files=(file,)))
    assert '<a href="https://index.test/foo-1.0.tar.gz#sha256=ab">foo-1.0.tar.gz</a>' in page


def test_markup_is_escaped() -> None:
    page = simple_html.root({'<"foo">': "https://index.test/?a&b"})
    assert '<a href="https://index.test/?a&amp;b">&lt;&quot;foo&quot;&gt;</a>' in page
