"""Opening an index."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.index import uploading
from tests.index.building import build

from hatch_staged.errors import ConfigurationError
from hatch_staged.index import expiry, sessions, tokens
from hatch_staged.index.authorization import authenticate
from hatch_staged.index.configuration import Limits
from hatch_staged.index.core import has_index, open_index, unguessable

if TYPE_CHECKING:
    from pathlib import Path


def test_objects_of_another_database_are_refused_and_kept(tmp_path: Path) -> None:
    with open_index(tmp_path) as index:
        alice = authenticate(index, tokens.create(index, user="alice"))
        session = sessions.create(index, alice, name="foo", version="1.0").session
        uploading.stage(index, alice, session, build())
        sessions.publish(index, alice, session.id)
    away = tmp_path / "away.sqlite3"
    (tmp_path / "index.sqlite3").rename(away)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="does not know one of the files"):
            open_index(tmp_path)
        assert list(tmp_path.glob("index.sqlite3*")) == []
    away.replace(tmp_path / "index.sqlite3")
    with open_index(tmp_path) as index:
        assert len(list(index.objects.list())) == 1


def test_new_database_beside_objects_that_came_later_is_refused_and_kept(tmp_path: Path) -> None:
    with open_index(tmp_path) as index:
        uploading.put(index, "files/restored", b"without the database")
    with pytest.raises(ConfigurationError, match="does not know one of the files"):
        open_index(tmp_path)
    assert has_index(tmp_path)


def test_what_a_crash_left_of_the_first_upload_is_no_reason_to_refuse(tmp_path: Path) -> None:
    with open_index(tmp_path) as index:
        alice = authenticate(index, tokens.create(index, user="alice"))
        session = sessions.create(index, alice, name="foo", version="1.0").session
        uploading.create(index, alice, session, build())
        uploading.put(index, "files/orphan", b"stored, but the row does not say so")
        # Not the row of its file either, after a while.
        sessions.cancel(index, alice, session.id)
        expiry.forget_ended(replace(index, limits=Limits(retention=0)))
    with open_index(tmp_path) as index:
        assert len(list(index.objects.list())) == 1


def test_random_words_are_of_letters_and_digits_and_of_256_bits() -> None:
    words = {unguessable() for _ in range(500)}
    assert len(words) == 500
    assert all(word.isascii() and word.isalnum() for word in words)
    assert all(62 ** len(word) >= 2**256 for word in words)
