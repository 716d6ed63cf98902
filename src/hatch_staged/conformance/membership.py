"""Somebody who may upload to a project, then may not, and then may again.

Each turn is a command of the operator, which may be slow; so it is one story that many checks look at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatch_staged.conformance import simple, steps
from hatch_staged.conformance.artifacts import Release
from hatch_staged.conformance.endpoints import ask_all, endpoints

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatch_staged.conformance.steps import FileSession, Session
    from hatch_staged.conformance.target import Target
    from hatch_staged.conformance.wire import Answer, Principal


@dataclass(frozen=True)
class Colleague:
    """Somebody who may upload to a project that was somebody else's."""

    principal: Principal
    project: str


@dataclass(frozen=True)
class Membership:
    """What a principal was answered, by what they asked for."""

    #: before they were granted anything: of a session of somebody else
    stranger: Mapping[str, Answer]
    #: after that, of the same session
    granted: Mapping[str, Answer]
    #: after it was taken away: of the session of somebody else, and of one that they have created themselves
    revoked: Mapping[str, Answer]
    revoked_own: Mapping[str, Answer]
    #: then too: the staged file as they were given it below ``links.stage``, and as it is; None without previews
    preview: tuple[bytes, bytes] | None
    #: after they were granted it again, of both sessions
    restored: Mapping[str, Answer]
    #: the states of both sessions while they might do nothing, as somebody else was told
    untouched: tuple[str, str]


def come_and_go(owner: Principal, other: Principal, index: Target, project: str) -> Membership:
    """Let `other` in and out of a project of `owner`, and return what they were answered meanwhile."""
    release, own_release = Release(project, "1.0"), Release(project, "2.0")
    session = steps.open_session(owner, index.root, release)
    _prolong(owner, session)
    staged, wheel = release.sdist(), release.wheel()
    steps.stage(owner, session, staged)
    stranger = {"status": other.get(session.url), "begin an upload": other.post(session.upload, wheel.request())}
    with index.granted(project):
        granted = {"status": other.get(session.url), "begin an upload": other.post(session.upload, wheel.request())}
        # What comes next is of use only if these were granted; a check says so if not.
        file = steps.FileSession(granted["begin an upload"].json())
        own = steps.open_session(other, index.root, own_release)
        _prolong(other, own)
        own_file = steps.begin(other, own, own_release.wheel())
    revoked = ask_all(endpoints(index.root, release, session, file), other)
    revoked_own = ask_all(endpoints(index.root, own_release, own, own_file), other)
    preview = None
    if session.stage is not None:
        listed = simple.files(other, session.stage, project)
        seen = simple.download(other, listed[staged.filename]) if staged.filename in listed else b""
        preview = (seen, staged.data)
    untouched = (steps.state(owner, session.url), steps.state(owner, own.url))
    with index.granted(project):
        restored = _go_on(other, session, file, wheel.data) | {"cancel their own": other.delete(own.url)}
    return Membership(stranger, granted, revoked, revoked_own, preview, restored, untouched)


def _prolong(principal: Principal, session: Session) -> None:
    """Give a session the time that the commands may take, as far as the index grants it."""
    if session.extend is not None:
        steps.extend(principal, session.extend, 600)


def _go_on(principal: Principal, session: Session, file: FileSession, data: bytes) -> dict[str, Answer]:
    answers = {
        "status": principal.get(session.url),
        "file status": principal.get(file.url),
        "send bytes": principal.send(file.file_url, data),
        "complete": steps.complete(principal, file),
    }
    if session.extend is not None:
        answers["extend"] = steps.extend(principal, session.extend, 60)
    answers["publish"] = principal.post(session.publish)
    steps.session_state(principal, session)
    return answers
