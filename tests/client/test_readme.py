"""Descriptions that PyPI would refuse are found, and docutils is not imported for others."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hatch_staged.client.readme import fault

HEAD = "Metadata-Version: 2.1\nName: foo\nVersion: 1.0\n"
BROKEN = "Title\n=====\n\n``half of a literal\n"


def metadata(description: str, content_type: str = "") -> bytes:
    told = f"Description-Content-Type: {content_type}\n" if content_type else ""
    return f"{HEAD}{told}\n{description}".encode()


@pytest.mark.parametrize(
    ("description", "content_type"),
    [
        ("Title\n=====\n\n*text*\n", ""),
        ("Title\n=====\n\n*text*\n", "text/x-rst; charset=UTF-8"),
        (BROKEN, "text/markdown"),
        (BROKEN, "text/plain"),
        (BROKEN, "text/markdown; variant=GFM"),
        ("", ""),
        ("UNKNOWN\n", ""),
    ],
)
def test_what_renders(description: str, content_type: str) -> None:
    assert fault(metadata(description, content_type)) == ""


@pytest.mark.parametrize("content_type", ["", "text/x-rst", "text/x-rst; charset=UTF-8"])
def test_what_does_not_render(content_type: str) -> None:
    wrong = fault(metadata(BROKEN, content_type))
    assert wrong.startswith("its description cannot be rendered as reStructuredText: line 4: Inline literal start")


def test_files_are_not_read_and_raw_html_is_not_taken() -> None:
    """As on PyPI, where somebody else renders it."""
    assert fault(metadata(".. include:: /etc/hostname\n"))
    assert fault(metadata(".. raw:: html\n\n   <b>text</b>\n"))


def test_a_description_that_docutils_cannot_bear() -> None:
    deep = "".join(f"{' ' * indent}a\n\n" for indent in range(sys.getrecursionlimit()))
    assert "docutils gives up with RecursionError" in fault(metadata(deep))


def test_a_description_of_comments_only() -> None:
    assert "No content rendered" in fault(metadata(".. nothing\n"))


def test_docutils_is_imported_for_restructuredtext_only() -> None:
    code = (
        "import sys\n"
        "from hatch_staged.client import checks, plugins, readme, signing\n"
        "from hatch_staged.hatch import publisher\n"
        f"assert readme.fault({metadata(BROKEN, 'text/markdown')!r}) == ''\n"
        "print([name for name in ('docutils', 'nh3', 'sigstore', 'pypi_attestations') if name in sys.modules])\n"
    )
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, encoding="utf-8")
    assert run.stdout == "[]\n"
