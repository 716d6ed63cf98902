"""``expires-at``: what is read of it, and when it is still the same."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from hatch_staged.conformance.timestamps import expires_at, is_same_expiry, lasting


def body(time: object) -> dict[str, object]:
    return {"status": "open", "expires-at": time}


@pytest.mark.parametrize("told", ["2026-01-02T03:04:05Z", "2026-01-02t03:04:05.678z", "2026-01-02T05:04:05+02:00"])
def test_a_timestamp_is_read_in_every_form_of_the_rfc(told: str) -> None:
    assert expires_at(body(told)) == datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)


@pytest.mark.parametrize("told", [None, 5, "2026-01-02", "2026-01-02T03:04:05", "soon"])
def test_what_is_no_timestamp_fails_the_check(told: object) -> None:
    with pytest.raises(AssertionError, match="expires-at is"):
        expires_at(body(told))


def test_an_index_may_add_to_an_expiry_on_its_own_but_not_much_and_never_take_away() -> None:
    told = body("2026-01-02T03:04:05Z")
    assert is_same_expiry(told, told)
    assert is_same_expiry(told, body("2026-01-02T03:04:15Z"))
    assert not is_same_expiry(told, body("2026-01-02T04:04:05Z"))
    assert not is_same_expiry(told, body("2026-01-02T03:04:04Z"))


def test_what_lasts_is_everything_but_the_expiry() -> None:
    assert lasting(body("2026-01-02T03:04:05Z")) == {"status": "open"}
