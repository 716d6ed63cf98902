"""Simple pages as HTML (PEP 503, with PEP 592, 629, 714, 740): made from the same values as the JSON ones."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from hatch_staged.protocol.simple import API_VERSION

if TYPE_CHECKING:
    from hatch_staged.protocol.simple import ListedFile, ProjectPage


def root(links: dict[str, str]) -> str:
    """Return the list of projects: `links` maps their names to their pages."""
    return _page("Simple index", [_anchor(url, name, {}) for name, url in links.items()])


def project(page: ProjectPage) -> str:
    """Return the list of a project's files."""
    return _page(f"Links for {page.name}", [_file(file) for file in page.files])


def _file(file: ListedFile) -> str:
    attributes = {}
    if file.requires_python is not None:
        attributes["data-requires-python"] = file.requires_python
    if isinstance(file.core_metadata, dict):
        # PEP 714: the older name too, for installers that know only that one.
        attributes["data-core-metadata"] = attributes["data-dist-info-metadata"] = _hash(file.core_metadata)
    if file.provenance is not None:
        attributes["data-provenance"] = file.provenance
    return _anchor(f"{file.url}#{_hash(file.hashes)}", file.filename, attributes)


def _hash(hashes: dict[str, str]) -> str:
    return f"sha256={hashes['sha256']}"


def _anchor(url: str, text: str, attributes: dict[str, str]) -> str:
    told = "".join(f' {name}="{escape(value)}"' for name, value in {"href": url, **attributes}.items())
    return f"<a{told}>{escape(text)}</a><br>"


def _page(title: str, lines: list[str]) -> str:
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            f'<head><meta charset="utf-8"><meta name="pypi:repository-version" content="{API_VERSION}">',
            f"<title>{escape(title)}</title></head>",
            "<body>",
            *lines,
            "</body>",
            "</html>",
            "",
        ]
    )
