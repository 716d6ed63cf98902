"""When an environment is used as it is."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.hatch.test_marker import install

from hatch_staged import holding, releases
from hatch_staged.hatch.marker import Marker
from hatch_staged.hatch.unchanged import is_unchanged
from hatch_staged.stage import outline, selection
from hatch_staged.stage.outline import KeptOutlines

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Clock, Maintainer

    from hatch_staged.desk import Desk
    from hatch_staged.stage.model import StagedRelease


@dataclass(frozen=True)
class Environment:
    """What a teammate tested a moment ago."""

    desk: Desk
    folder: Path
    staged: StagedRelease
    artifact: Path

    @property
    def unchanged(self) -> bool:
        """Whether it is used as it is."""
        kept = KeptOutlines(self.folder / "outlines.json", self.desk.stage_file.read_bytes())
        return is_unchanged(
            kept.read() or (), kept, marker=Marker(self.folder), cache=self.desk.cache, now=self.desk.now()
        )


@pytest.fixture
def environment(maintainer: Maintainer, tmp_path: Path) -> Environment:
    [staged] = maintainer.stage("foo-1.0.tar.gz")
    desk = replace(maintainer.logged_in(None), cache=tmp_path / "teammate")
    [standing] = holding.look(desk, recent=True)
    obtained = holding.obtain(desk, standing, selection.probe(sys.executable))
    marker = Marker(tmp_path / "environment")
    install(marker, obtained.path)
    marker.finish({}, [obtained])
    kept = KeptOutlines(marker.folder / "outlines.json", desk.stage_file.read_bytes())
    kept.write([outline.of(staged)])
    return Environment(desk, marker.folder, staged, obtained.path)


def test_nothing_has_changed(environment: Environment, clock: Clock) -> None:
    assert environment.unchanged
    for _ in range(2):
        clock.advance(seconds=3)
        assert environment.unchanged, "the index shows the same page"


def test_a_cancellation(environment: Environment, maintainer: Maintainer, clock: Clock, tmp_path: Path) -> None:
    elsewhere = replace(maintainer.desk, stage_file=tmp_path / "other.toml")
    list(releases.cancel(elsewhere, [environment.staged]))
    clock.advance(seconds=2)
    assert environment.unchanged, "the index has been asked a moment ago"
    clock.advance(seconds=1)
    assert not environment.unchanged


def test_an_expiry(environment: Environment, clock: Clock) -> None:
    assert environment.staged.expires_at is not None
    clock.now = environment.staged.expires_at - timedelta(seconds=1)
    assert environment.unchanged
    clock.advance(seconds=1)
    assert not environment.unchanged


def change(path: Path) -> None:
    path.write_bytes(path.read_bytes()[::-1])


@pytest.mark.parametrize(
    "do",
    [
        lambda environment: change(environment.artifact),
        lambda environment: environment.artifact.unlink(),
        lambda environment: environment.desk.recent.forget(),
        lambda environment: Marker(environment.folder).begin(),
    ],
    ids=["other bytes", "no bytes", "something done at the index", "an installation"],
)
def test_what_is_looked_at_anew(environment: Environment, do: Callable[[Environment], object]) -> None:
    do(environment)
    assert not environment.unchanged


def test_an_index_that_was_away_is_asked_again(environment: Environment, clock: Clock) -> None:
    [answer] = [environment.desk.recent.get(outline.of(environment.staged).key)]
    assert answer is not None
    environment.desk.recent.keep({outline.of(environment.staged).key: answer._replace(alive=False)})
    assert not environment.unchanged
    assert clock() == answer.at
