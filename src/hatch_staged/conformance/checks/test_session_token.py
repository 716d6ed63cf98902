"""PEP 694, "Publishing Session Token"."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from hatch_staged.conformance import secrecy, simple, stages, steps
from hatch_staged.conformance.requirements import covers

if TYPE_CHECKING:
    from hatch_staged.conformance.artifacts import Release
    from hatch_staged.conformance.conversation import Conversation
    from hatch_staged.conformance.steps import Session
    from hatch_staged.conformance.wire import Principal

# What needs no quoting, neither in a shell nor in a URL, and is no option.
_CONVENIENT = re.compile(r"[A-Za-z0-9_.~][A-Za-z0-9_.~-]*")
_SHORT = 100


@covers("SESSION-TOKEN-01", "Indexes SHOULD support preview stages")
def test_there_are_previews(session: Session) -> None:
    assert session.stage is not None, "there is no links.stage"
    assert session.token is not None, "there is no session-token"


@covers("SESSION-TOKEN-02", "by returning two key pieces of information")
def test_there_are_both_a_token_and_a_stage_or_none(conversation: Conversation) -> None:
    present = {("session-token" in body, "stage" in body["links"]) for body in conversation.sessions}
    assert present in ({(True, True)}, {(False, False)}), f"session-token and links.stage are there: {sorted(present)}"


@covers("SESSION-TOKEN-03", "Indexes which don't support staged previews MUST NOT include these")
def test_an_index_without_previews_has_neither(
    owner: Principal, anonymous: Principal, release: Release, session: Session
) -> None:
    if session.stage is None:
        assert "session-token" not in session.body, "there is a session-token and no links.stage"
        return
    steps.stage(owner, session, release.wheel())
    answer = simple.page(anonymous, session.stage, release.project)
    assert answer.ok, f"there is a links.stage and no preview: {answer}"


@covers("SESSION-TOKEN-04", "a short token which could be used as a convenience for installation tool UX.")
def test_tokens_are_convenient(abandoned: tuple[Session, ...]) -> None:
    for session in abandoned:
        token = stages.require_token(session)
        assert _CONVENIENT.fullmatch(token), f"a token has to be quoted: {token}"
        assert len(token) <= _SHORT, f"a token has {len(token)} characters: {token}"


@covers("SESSION-TOKEN-05", "The links.stage key gives the full URL to the stage")
def test_the_url_of_the_stage_is_a_full_one(session: Session) -> None:
    url = urlsplit(stages.require_stage(session))
    assert url.scheme in {"http", "https"}, f"links.stage is not a full URL: {url.geturl()}"
    assert url.hostname, f"links.stage is not a full URL: {url.geturl()}"


@covers("SESSION-TOKEN-06", "Both the session token and URL MUST be cryptographically unguessable")
@pytest.mark.parametrize("what", ["token", "stage"])
def test_neither_tokens_nor_stages_are_guessable(abandoned: tuple[Session, ...], what: str) -> None:
    of = stages.require_token if what == "token" else stages.require_stage
    values = [of(session) for session in abandoned]
    assert len(set(values)) == len(values), f"something is the same in two sessions: {values}"
    assert secrecy.bits(values) >= secrecy.LEAST_BITS, f"these differ in too few characters: {values}"


@covers("SESSION-TOKEN-06", "Both the session token and URL MUST be cryptographically unguessable")
def test_a_wrong_token_opens_no_stage(
    owner: Principal, anonymous: Principal, release: Release, session: Session
) -> None:
    stage, token = stages.require_stage(session), stages.require_token(session)
    steps.stage(owner, session, release.wheel())
    for wrong in secrecy.near(token):
        url = stages.with_token(stage, token, wrong)
        found = stages.found(partial(simple.page, anonymous, url, release.project))
        assert found is None, f"{wrong} opens the stage of {token}: {found}"


@covers("SESSION-TOKEN-07", "The stage URL MUST be calculable from the session token")
def test_stages_are_calculated_from_tokens(abandoned: tuple[Session, ...]) -> None:
    stages.assert_calculable(abandoned)
