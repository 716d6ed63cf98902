"""Every endpoint of a publishing session, to be asked by whoever a check is about."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatch_staged.conformance.wire import MEDIA_TYPE, META, OCTETS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hatch_staged.conformance.artifacts import Release
    from hatch_staged.conformance.steps import FileSession, Session
    from hatch_staged.conformance.wire import Answer, Principal


@dataclass(frozen=True)
class Endpoint:
    """One request."""

    #: what it asks for
    name: str
    method: str
    url: str
    content_type: str = MEDIA_TYPE
    content: bytes | None = None

    def ask(self, principal: Principal, **headers: str) -> Answer:
        """Return the answer to `principal`."""
        return principal.request(self.method, self.url, {"Content-Type": self.content_type, **headers}, self.content)


def endpoints(root: str, release: Release, session: Session, file: FileSession) -> tuple[Endpoint, ...]:
    """Return a request to each endpoint of a session for `release` and of `file` in it, those that end it last.

    As far as their links are there.
    """
    another = release.wheel("py2-none-any")
    offered = (
        _post("create", root, release.request()),
        Endpoint("status", "GET", session.url),
        _post("begin an upload", session.upload, another.request()),
        Endpoint("file status", "GET", file.url),
        Endpoint("send bytes", "POST", file.file_url, OCTETS, b"bytes"),
        _post("extend the file", file.extend, {"meta": META, "extend-for": 60}),
        _post("extend", session.extend, {"meta": META, "extend-for": 60}),
        _post("complete", file.complete),
        Endpoint("delete the file", "DELETE", file.url),
        _post("publish", session.publish),
        Endpoint("cancel", "DELETE", session.url),
    )
    return tuple(endpoint for endpoint in offered if endpoint is not None)


def ask_all(asked: Iterable[Endpoint], principal: Principal, **headers: str) -> dict[str, Answer]:
    """Return what `principal` was answered at each of the endpoints, by its name."""
    return {endpoint.name: endpoint.ask(principal, **headers) for endpoint in asked}


def exceptions(answers: Mapping[str, Answer], status: int) -> str:
    """Return the answers with another status than `status`, in a line; empty if there are none."""
    return "; ".join(f"{name}: {answer}" for name, answer in answers.items() if answer.status != status)


def _post(name: str, url: str | None, message: object | None = None) -> Endpoint | None:
    if url is None:
        return None
    return Endpoint(name, "POST", url, content=json.dumps({"meta": META} if message is None else message).encode())
