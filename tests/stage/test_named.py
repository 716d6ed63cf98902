"""Releases by name: what names one, and which one."""

from __future__ import annotations

import pytest
from tests.test_outcome import RELEASE

from hatch_staged.errors import ConfigurationError
from hatch_staged.stage.named import Named


@pytest.mark.parametrize(
    "text", ["", "foo", "foo=1", "foo==", "==1", "foo==one", "foo==1==2", "f o o==1", "foo>=1", f"foo=={'1' * 5000}"]
)
def test_something_that_is_no_release(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Named.parse(text)
    assert "NAME==VERSION" in caught.value.hint


def test_a_release_in_any_spelling() -> None:
    for text in ("foo==1.0", "Foo == v1", "FOO==1.0.0"):
        assert Named.parse(text).is_of(RELEASE)
    assert not Named.parse("foo==1.1").is_of(RELEASE)
    assert not Named.parse("bar==1.0").is_of(RELEASE)
    assert str(Named.parse("Foo==1.0")) == RELEASE.label
