"""API tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hatch_staged.errors import ConfigurationError
from hatch_staged.index import tokens
from hatch_staged.index.authorization import authenticate
from hatch_staged.index.core import Index, unguessable
from hatch_staged.index.records import Permission
from hatch_staged.index.refusals import UnauthenticatedError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.index.conftest import Clock


def test_secret_is_stored_nowhere(index: Index, tmp_path: Path) -> None:
    secret = tokens.create(index, user="alice")
    assert secret.startswith(tokens.PREFIX)
    assert authenticate(index, secret).user == "alice"
    index.close()
    stored = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert tokens.digest_of(secret).encode() in stored
    assert secret.encode() not in stored


def test_list_shows_scope_and_revocation(index: Index, clock: Clock) -> None:
    tokens.create(index, user="alice")
    clock.advance(seconds=1)
    secret = tokens.create(index, user="ci", permissions={Permission.STAGE}, projects=["Foo_Bar"])
    first, second = tokens.every(index)
    assert (first.user, first.permissions, first.projects) == ("alice", tokens.DEFAULT_PERMISSIONS, frozenset())
    assert (second.user, second.permissions, second.projects) == (
        "ci",
        frozenset({Permission.STAGE}),
        frozenset({"foo-bar"}),
    )

    assert tokens.revoke(index, second.id)
    assert not tokens.revoke(index, second.id)
    assert not tokens.revoke(index, "nothing")
    assert [token.revoked_at for token in tokens.every(index)] == [None, clock.now]
    with pytest.raises(UnauthenticatedError, match="revoked"):
        authenticate(index, secret)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"user": " "}, "name of its user"),
        ({"user": "alice", "permissions": ()}, "at least one permission"),
        ({"user": "alice", "projects": ["foo", "no/name"]}, "'no/name' is not a valid project name"),
    ],
)
def test_what_cannot_be_a_token_is_refused(index: Index, wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        tokens.create(index, **wrong)
    assert tokens.every(index) == ()


def test_random_words_have_256_bits_and_differ() -> None:
    words = {unguessable() for _ in range(100)}
    assert len(words) == 100
    assert all(len(word) >= 43 for word in words)
