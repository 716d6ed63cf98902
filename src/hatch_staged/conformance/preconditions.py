"""What has to be so before anything can be said of an index: mistakes of who calls the suite are no faults of it."""

from __future__ import annotations

import re
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest

from hatch_staged.conformance.artifacts import fresh_release
from hatch_staged.conformance.steps import Session
from hatch_staged.conformance.wire import NoAnswerError, Principal, Wire

if TYPE_CHECKING:
    from hatch_staged.conformance.target import Target
    from hatch_staged.conformance.wire import Answer

_MOST_REQUESTS = 10
# What is answered where nothing takes messages; redirects are, too.
_NOTHING_THERE = {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED}


class PreconditionError(Exception):
    """The suite cannot be run on what it was told; says why, with one of the exit codes of all verbs."""

    def __init__(self, message: str, exit_code: int) -> None:
        """Keep both."""
        super().__init__(message)
        self.exit_code = exit_code


def require(target: Target) -> Target:
    """Create a session and cancel it; return the target with the scheme in which it takes tokens.

    Raises `PreconditionError` if the URL or a token is not what it has to be.
    """
    wire = Wire(limit=_MOST_REQUESTS)
    try:
        if target.scheme is None:
            target = replace(target, scheme=_scheme(Principal(wire).post(target.root, {})))
        _require(target, wire)
    except NoAnswerError as error:
        raise PreconditionError(str(error), 7) from None
    except pytest.exit.Exception as stop:
        raise PreconditionError(str(stop), 1) from None
    finally:
        wire.close()
    return target


def _require(target: Target, wire: Wire) -> None:
    owner = target.owner(wire)
    # Nothing that creates anything: it has no name.
    probe = owner.post(target.root, {})
    if probe.status in _NOTHING_THERE or 300 <= probe.status < 400:
        raise _no_root(probe)
    _require_credentials(probe, "the token")
    if target.other_token is not None:
        _require_credentials(target.other(wire).post(target.root, {}), "the token of --other-token")
    created = owner.post(target.root, fresh_release().request())
    _require_credentials(created, "the token")
    if created.status == HTTPStatus.FORBIDDEN:
        raise PreconditionError(f"the token is not good for a session of a new project: {created}", 4)
    if not _is_message(probe) and not _is_message(created):
        raise _no_root(created)
    if created.ok:
        _cancel(owner, created)


def _scheme(answer: Answer) -> str:
    """Return the scheme that an index asks for; Basic, as tools of today send it, unless it takes bearers only."""
    challenges = ", ".join(answer.headers.get_list("www-authenticate"))
    bearers_only = re.search(r"\bBearer\b", challenges, re.IGNORECASE) and not re.search(
        r"\bBasic\b", challenges, re.IGNORECASE
    )
    return "Bearer" if bearers_only else "Basic"


def _require_credentials(answer: Answer, whose: str) -> None:
    if answer.status == HTTPStatus.UNAUTHORIZED:
        raise PreconditionError(f"{answer.url} does not take {whose}", 4)


def _no_root(answer: Answer) -> PreconditionError:
    leading = f", leading to {answer.location}" if "location" in answer.headers else ""
    return PreconditionError(
        f"{answer.method} {answer.url} answered {answer.status}{leading}: this is no Upload 2.0 root endpoint", 2
    )


def _is_message(answer: Answer) -> bool:
    return answer.media_type.endswith("json")


def _cancel(owner: Principal, created: Answer) -> None:
    try:
        owner.delete(Session(created.json()).url)
    except AssertionError:
        # Whatever this is, a check will say so.
        return
