"""What the simple API shows of a project (PEP 503, PEP 691): published ones, and a stage."""

from __future__ import annotations

from dataclasses import dataclass
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

if TYPE_CHECKING:
    from hatch_staged.conformance.artifacts import Artifact
    from hatch_staged.conformance.wire import Answer, Principal

JSON = "application/vnd.pypi.simple.v1+json"
_ACCEPT = f"{JSON}, application/vnd.pypi.simple.v1+html;q=0.5, text/html;q=0.1"


@dataclass(frozen=True)
class ListedFile:
    """A file as a page lists it."""

    url: str
    #: algorithm to hex digest
    hashes: dict[str, str]


def page(principal: Principal, simple: str, project: str) -> Answer:
    """Return the answer to a request for the page of `project` (normalized) below `simple`."""
    return principal.request("GET", f"{simple.rstrip('/')}/{project}/", {"Accept": _ACCEPT})


def files(principal: Principal, simple: str, project: str) -> dict[str, ListedFile]:
    """Return the files of `project` below `simple` by name; none if there is no such project there."""
    answer = page(principal, simple, project)
    if answer.status == 404:
        return {}
    return listed(answer)


def listed(answer: Answer) -> dict[str, ListedFile]:
    """Return the files that a page lists by name."""
    assert answer.ok, f"a simple page could not be read: {answer}"
    if answer.media_type == JSON:
        return dict(_entry(answer.url, entry) for entry in answer.json()["files"])
    anchors = _Anchors(answer.url)
    anchors.feed(answer.content.decode())
    return anchors.files


def download(principal: Principal, file: ListedFile) -> bytes:
    """Return the bytes of a listed file."""
    answer = principal.request("GET", file.url)
    assert answer.ok, f"a listed file could not be downloaded: {answer}"
    return answer.content


def require_published(principal: Principal, simple: str, project: str, artifact: Artifact) -> None:
    """Fail unless the artifact is listed, once, and can be downloaded with its bytes."""
    answer = page(principal, simple, project)
    public = listed(answer)
    assert artifact.filename in public, f"{artifact.filename} is not among the published: {sorted(public)}"
    data = download(principal, public[artifact.filename])
    assert data == artifact.data, f"{artifact.filename} is public with other bytes"
    if answer.media_type == JSON:
        names = [entry["filename"] for entry in answer.json()["files"]]
        assert len(names) == len(set(names)), f"published more than once: {names}"


def _entry(base: str, entry: dict[str, Any]) -> tuple[str, ListedFile]:
    return entry["filename"], ListedFile(urljoin(base, entry["url"]), entry["hashes"])


class _Anchors(HTMLParser):
    def __init__(self, base: str) -> None:
        super().__init__()
        self._base = base
        self.files: dict[str, ListedFile] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take the file that an anchor points at."""
        target = dict(attrs).get("href")
        if tag == "a" and target:
            url, _, fragment = urljoin(self._base, target).partition("#")
            algorithm, _, digest = fragment.partition("=")
            self.files[url.rpartition("/")[2]] = ListedFile(url, {algorithm: digest} if digest else {})
