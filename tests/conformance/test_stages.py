"""The token of a session in URLs, in whatever form it is there."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from hatch_staged.conformance import secrecy, stages
from hatch_staged.conformance.steps import Session

if TYPE_CHECKING:
    from hatch_staged.conformance.wire import Principal


def staged(token: str, stage: str) -> Session:
    return Session({"session-token": token, "links": {"stage": stage}})


@pytest.mark.parametrize(
    ("url", "changed"),
    [
        ("https://index.test/Ab~1/", "https://index.test/x%2Fy/"),
        ("https://index.test/%41b%7e1/", "https://index.test/x%2Fy/"),
        ("https://ab~1.index.test/", "https://x%2Fy.index.test/"),
    ],
)
def test_a_token_is_replaced_as_it_is_quoted_or_in_lower_case(url: str, changed: str) -> None:
    assert stages.with_token(url, "Ab~1", "x/y") == changed


def test_a_url_without_the_token_fails_the_check() -> None:
    with pytest.raises(AssertionError, match="the token Ab is no part of"):
        stages.with_token("https://index.test/", "Ab", "x")


def test_stages_are_calculable_if_only_the_token_differs() -> None:
    model = staged("Ab", "https://ab.index.test/")
    stages.assert_calculable([model, staged("cD", "https://cd.index.test/")])
    with pytest.raises(AssertionError, match="is not like"):
        stages.assert_calculable([model, staged("cD", "https://cd.index.test/2/")])


def test_a_host_that_is_not_there_has_no_stage(owner: Principal) -> None:
    for url in ("http://127.0.0.1:1/", "http://.localhost:1/", f"http://{'a' * 70}.localhost:1/"):
        assert stages.found(partial(owner.get, url)) is None


def test_what_is_near_differs_from_a_secret_in_any_case() -> None:
    for secret in ("aBc", "AAA", "a"):
        assert secret.casefold() not in {each.casefold() for each in secrecy.near(secret)}
