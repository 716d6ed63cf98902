"""The stage of a publishing session, and what its token has to do with it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

import pytest

from hatch_staged.conformance.wire import NoAnswerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hatch_staged.conformance.steps import Session
    from hatch_staged.conformance.wire import Answer


def require_stage(session: Session) -> str:
    """Return the URL of a session's stage; skip the check if the index has no previews."""
    if session.stage is None:
        pytest.skip("the index has no previews")
    return session.stage


def require_token(session: Session) -> str:
    """Return the token of a session; skip the check if the index has no previews."""
    require_stage(session)
    assert session.token, f"there is a stage and no session-token: {session.body}"
    return session.token


def with_token(url: str, token: str, other: str) -> str:
    """Return a URL with `other` in the place of the token; fails if that is no part of it.

    It may be quoted, and in lower case if it is in the name of the host.
    """
    changed, count = _pattern(token).subn(lambda _: quote(other, safe=""), url)
    assert count, f"the token {token} is no part of {url}"
    return changed


def found(look: Callable[[], Answer]) -> Answer | None:
    """Return what is found with a wrong token, None if it is nothing; the host may not be there at all."""
    try:
        answer = look()
    except NoAnswerError:
        return None
    return answer if answer.ok else None


def assert_calculable(sessions: Iterable[Session]) -> None:
    """Compare the URL of each stage with that of another in which the token was replaced.

    The format is the index's own, so this is what can be seen of it: that it has the token in it, and nothing else
    that differs from session to session.
    """
    pairs = [(require_token(session), require_stage(session)) for session in sessions]
    model_token, model = pairs[0]
    for token, stage in pairs:
        with_token(stage, token, "")
        calculated = with_token(model, model_token, token)
        assert unquote(calculated).casefold() == unquote(stage).casefold(), f"{stage} is not like {model}"


def _pattern(token: str) -> re.Pattern[str]:
    return re.compile("".join(f"(?:{re.escape(letter)}|%{ord(letter):02x})" for letter in token), re.IGNORECASE)
