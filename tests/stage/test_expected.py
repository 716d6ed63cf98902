"""Patterns of file names that a complete release has."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hatch_staged.stage.expected import Expectation

if TYPE_CHECKING:
    from tests.stage.conftest import MakeRelease


@pytest.mark.parametrize(
    ("expected", "absent"),
    [
        ((), ()),
        (("*.whl", "*.tar.gz"), ()),
        (("*manylinux*", "*macos*", "*macos*"), ("*macos*", "*manylinux*")),
        (("FOO*",), ("FOO*",)),
    ],
)
def test_each_pattern_needs_a_file(
    make_release: MakeRelease, expected: tuple[str, ...], absent: tuple[str, ...]
) -> None:
    release = make_release("foo-1.2.0-py3-none-any.whl", "foo-1.2.0.tar.gz")
    everything = tuple(sorted(set(expected)))
    assert Expectation.of(expected, [release]) == Expectation(everything, absent)
    assert Expectation.of(expected, []) == Expectation(everything, everything)
    half = replace(release, artifacts=release.artifacts[:1])
    other = replace(release, artifacts=release.artifacts[1:])
    assert Expectation.of(expected, [half, other]) == Expectation(everything, absent)
    assert Expectation.of(["*.zip"], [replace(half, expected=expected), other]) == Expectation(
        tuple(sorted({"*.zip", *expected})), tuple(sorted({"*.zip", *absent}))
    )
