"""The stage of a publishing session, and what its token has to do with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatch_staged.conformance.steps import Session


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


def assert_calculable(sessions: Iterable[Session]) -> None:
    """Compare the URL of each stage with that of another in which the token was replaced.

    The format is the index's own, so this is what can be seen of it: that it has the token in it, and nothing else
    that differs from session to session.
    """
    pairs = [(require_token(session), require_stage(session)) for session in sessions]
    model_token, model = pairs[0]
    for token, stage in pairs:
        assert token in stage, f"the token {token} is no part of {stage}"
        assert model.replace(model_token, token) == stage, f"{stage} is made in another way than {model}"
