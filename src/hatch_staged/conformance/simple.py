"""What the simple API shows of a project (PEP 503, PEP 691): published ones, and a stage."""

from __future__ import annotations

from dataclasses import dataclass
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from hatch_staged.conformance.wire import Found, Principal, origin

if TYPE_CHECKING:
    from hatch_staged.conformance.artifacts import Artifact
    from hatch_staged.conformance.wire import Answer

JSON = "application/vnd.pypi.simple.v1+json"
_ACCEPT = f"{JSON}, application/vnd.pypi.simple.v1+html;q=0.5, text/html;q=0.1"


@dataclass(frozen=True)
class ListedFile:
    """A file as a page lists it."""

    url: str
    #: algorithm to hex digest
    hashes: dict[str, str]
    #: whether it is somewhere else than the page, where the token that the page was asked with has no business
    elsewhere: bool = False


def page(principal: Principal, simple: str, project: str) -> Answer:
    """Return the answer to a request for the page of `project` (normalized) below `simple`."""
    return principal.follow(f"{simple.rstrip('/')}/{project}/", Accept=_ACCEPT)


def files(principal: Principal, simple: str, project: str) -> dict[str, ListedFile]:
    """Return the files of `project` below `simple` by name; none if there is no such project there."""
    answer = page(principal, simple, project)
    if answer.status == 404:
        return Found()
    return listed(answer)


def listed(answer: Answer) -> dict[str, ListedFile]:
    """Return the files that a page lists by name."""
    assert answer.ok, f"a simple page could not be read: {answer}"
    if answer.media_type == JSON:
        return Found((entry["filename"], _file(answer, entry["url"], entry["hashes"])) for entry in _entries(answer))
    anchors = _Anchors()
    anchors.feed(answer.content.decode(errors="replace"))
    found = Found()
    for name, target in anchors.targets.items():
        url, _, fragment = target.partition("#")
        algorithm, _, digest = fragment.partition("=")
        found[name] = _file(answer, url, {algorithm: digest} if digest else {})
    return found


def download(principal: Principal, file: ListedFile) -> bytes:
    """Return the bytes of a listed file."""
    answer = (Principal(principal.wire) if file.elsewhere else principal).follow(file.url)
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
        names = [entry["filename"] for entry in _entries(answer)]
        assert len(names) == len(set(names)), f"published more than once: {names}"


def _entries(answer: Answer) -> list[dict[str, Any]]:
    entries = answer.json().get("files")
    assert isinstance(entries, list), f"files is no array: {answer}"
    for entry in entries:
        assert isinstance(entry, dict), f"a file is no object: {answer}"
    return entries


def _file(page: Answer, url: str, hashes: dict[str, str]) -> ListedFile:
    there = urljoin(page.url, url)
    return ListedFile(there, hashes, elsewhere=origin(there) != origin(page.url))


class _Anchors(HTMLParser):
    """The targets of anchors by their text, which "MUST be the filename"."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: dict[str, str] = {}
        self._open: str | None = None
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin an anchor."""
        if tag == "a":
            self._open, self._text = dict(attrs).get("href"), ""

    def handle_data(self, data: str) -> None:
        """Go on with its text."""
        self._text += data

    def handle_endtag(self, tag: str) -> None:
        """End it."""
        if tag == "a" and self._open:
            self.targets[self._text.strip()] = self._open
            self._open = None
