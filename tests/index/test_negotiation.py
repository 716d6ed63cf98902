"""Which representation a client gets."""

from __future__ import annotations

import pytest

from hatch_staged.index.negotiation import Format, choose

PIP = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01"
UV = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", Format.HTML),
        ("*/*", Format.HTML),
        ("text/*", Format.HTML),
        (BROWSER, Format.HTML),
        (PIP, Format.JSON),
        (UV, Format.JSON),
        ("application/*", Format.HTML_V1),
        ("application/vnd.pypi.simple.latest+json", Format.JSON),
        ("application/vnd.pypi.simple.latest+html", Format.HTML_V1),
        ("application/vnd.pypi.simple.v1+json;q=0, text/html", Format.HTML),
        ("APPLICATION/vnd.pypi.simple.v1+JSON ; Q=1", Format.JSON),
        ("application/vnd.pypi.simple.v2+json, */*;q=0.001", Format.HTML),
        ("application/vnd.pypi.simple.v2+json", None),
        ("text/html;q=0", None),
        ("text/html;q=much", None),
        (",", None),
    ],
)
def test_best_format(accept: str, chosen: Format | None) -> None:
    assert choose(accept) is chosen
