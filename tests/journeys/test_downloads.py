"""Each staged artifact is downloaded once, however many environments install it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from tests.conftest import Maintainer, served
from tests.index import empty

from hatch_staged.index import tokens
from hatch_staged.index.core import open_index
from hatch_staged.repositories import Repository

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.types import ASGIApp, Receive, Scope, Send
    from tests.conftest import MakeDesk
    from tests.journeys.conftest import Person

PACKAGES = 50
PROJECT = """
    [project]
    name = "whole"
    version = "1.0"

    [tool.hatch.env.collectors.staged]
    envs = ["check"]

    [tool.hatch.envs.check]
    skip-install = true
    [[tool.hatch.envs.check.matrix]]
    by = ["pip", "uv", "uv-again"]
    [tool.hatch.envs.check.overrides]
    name."uv".installer = "uv"
    name."pip".installer = "pip"
"""
COUNT = """
import importlib.metadata
print(sum(each.name.startswith("part") for each in importlib.metadata.distributions()))
"""


class Gets:
    """Counts the GETs of each path."""

    def __init__(self) -> None:
        self.counted: Counter[str] = Counter()

    def around(self, app: ASGIApp) -> ASGIApp:
        """Return the same application, counted."""

        async def counting(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and scope["method"] == "GET":
                self.counted[scope["path"]] += 1
            await app(scope, receive, send)

        return counting

    @property
    def of_artifacts(self) -> dict[str, int]:
        """How often each file was asked for, by its name."""
        return {path.rpartition("/")[2]: count for path, count in self.counted.items() if path.endswith(".whl")}


@pytest.fixture
def gets(tmp_path: Path, make_desk: MakeDesk) -> Iterator[Gets]:
    """Stage many releases for the project in the folder ``project``, at an index whose GETs are counted."""
    gets = Gets()
    empty.database(tmp_path / "index")
    with open_index(tmp_path / "index") as index, served(index, around=gets.around) as root:
        team = Repository("team", f"{root}upload/", f"{root}simple/")
        desk = make_desk({"team": team}, auth=tokens.create(index, user="team"))
        names = [f"part{number}-1.0-py3-none-any.whl" for number in range(PACKAGES)]
        Maintainer(desk.stage_file.parent, desk).stage(*names)
        assert gets.of_artifacts == {}
        yield gets


def test_a_matrix_downloads_each_artifact_once(teammate: Person, gets: Gets, tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "pyproject.toml").write_text(PROJECT)
    for _ in range(2):
        ran = teammate.hatch("run", "check:python", "-c", COUNT, cwd=project)
        assert ran.code == 0, ran.err
        assert [line for line in ran.out.split() if line.isdigit()] == [str(PACKAGES)] * 3
        assert gets.of_artifacts == {f"part{number}-1.0-py3-none-any.whl": 1 for number in range(PACKAGES)}
