"""Whoever holds the stage file gets the staged bytes, or a clear error, and nothing else."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.journeys.conftest import Person, RunningIndex


@pytest.fixture
def checkout(maintainer: Person, index: RunningIndex, make_project: Callable[..., Path]) -> Path:
    """Return a teammate's checkout, whose own code differs from what is staged, with the stage file in it."""
    ours, theirs = make_project("ours", origin="release"), make_project("theirs", origin="checkout")
    maintainer.build(ours)
    staged = maintainer.hatch("publish", "--staged", "-r", index.url, "-a", index.token, cwd=ours)
    assert staged.code == 0, staged.err
    shutil.copy(ours / ".stage.toml", theirs)
    return theirs


def damage(path: Path) -> None:
    """Change one byte in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_changed_byte_in_the_cache_is_refused_before_and_after_it_was_installed(
    teammate: Person, checkout: Path
) -> None:
    for _ in range(2):
        assert teammate.hatch("run", "test", cwd=checkout).code == 0
    # now that all is as it was, it is found out with little; that this is so little, nothing else tells
    warm = teammate.hatch("run", "test", cwd=checkout, PYTHONPROFILEIMPORTTIME="1")
    imported = {line.rpartition("|")[2].strip() for line in warm.err.splitlines()}
    assert "hatch_staged.hatch.unchanged" in imported
    assert not imported & {"filelock", "hatch_staged.stage.model", "httpx2", "msgspec", "packaging.pylock", "tomlkit"}
    [wheel] = teammate.cached("*.whl")
    damage(wheel)
    for _ in range(2):
        refused = teammate.hatch("run", "test", cwd=checkout)
        assert (refused.code, refused.out) == (6, "")
        assert len(refused.complaint) == 3
        assert str(wheel) in refused.complaint[1]
        # the second time nothing is installed any more
        assert teammate.hatch("env", "prune", cwd=checkout).code == 0

    wheel.unlink()
    assert teammate.hatch("run", "test", cwd=checkout).out.split()[1] == "release"


def test_a_changed_byte_on_the_index_is_refused_and_not_kept(
    teammate: Person, checkout: Path, index: RunningIndex
) -> None:
    for stored in index.objects:
        damage(stored)
    refused = teammate.hatch("run", "test", cwd=checkout)
    assert (refused.code, refused.out) == (6, "")
    assert len(refused.complaint) <= 3
    assert teammate.cached("*.whl") == []
    assert not list((teammate.home / "data").rglob("site-packages/lantern"))


def test_without_the_index_the_cache_is_enough_and_nothing_else_is(
    maintainer: Person, teammate: Person, checkout: Path, index: RunningIndex
) -> None:
    assert teammate.hatch("run", "test", cwd=checkout).code == 0
    stopped = maintainer.stage("serve", "--stop", "--data-dir", str(index.data), cwd=checkout)
    assert (stopped.code, stopped.out) == (0, "stopped\n")

    warm = teammate.hatch("run", "test", cwd=checkout)
    assert (warm.code, warm.out.split()[1]) == (0, "release")
    assert "its index cannot be reached" in warm.err
    assert teammate.hatch("env", "prune", cwd=checkout).code == 0
    anew = teammate.hatch("run", "test", cwd=checkout)
    assert (anew.code, anew.out.split()[1]) == (0, "release"), anew.err

    cold = maintainer.hatch("run", "test", cwd=checkout)
    assert (cold.code, cold.out) == (7, "")
    assert len(cold.complaint) <= 3


def test_no_output_shows_a_secret(maintainer: Person, teammate: Person, checkout: Path, index: RunningIndex) -> None:
    ours = checkout.parent / "ours"
    runs = [
        maintainer.hatch("-vv", "publish", "--staged", "-r", index.url, "-a", index.token, cwd=ours),
        teammate.hatch("-vv", "run", "test", cwd=checkout),
        maintainer.stage("status", "--json", "-a", index.token, cwd=ours),
        maintainer.stage("status", "-a", "hst_not-the-token", cwd=ours),
        maintainer.stage("cancel", "-y", "-a", index.token, cwd=ours),
        teammate.hatch("-vv", "run", "test", cwd=checkout),
    ]
    assert [run.code for run in runs] == [0, 0, 0, 0, 0, 3], [run.err for run in runs]
    stage_file = (checkout / ".stage.toml").read_text()
    session_token = stage_file.partition('session-token = "')[2].partition('"')[0]
    assert len(session_token) >= 43
    for run in runs:
        assert index.token not in run.out + run.err
        assert session_token not in run.out + run.err
    installed = "".join(path.read_text() for path in (teammate.home / "data").rglob("direct_url.json"))
    assert "lantern-1.0-py3-none-any.whl" in installed
    assert session_token not in installed
