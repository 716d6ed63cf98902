"""What a warm ``hatch run`` in a staged environment takes, beside the same run of a Hatch without our plugin.

``python -m benchmarks.warm_run`` prints the medians of twenty runs each, one after the other in turns, and their ratio:
of a command that does nothing, and of a test run of pytest, whose ratio is to be at most 1.05.  The other Hatch has the
checkout installed; everything else is the same.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import servers
from benchmarks.measured import cost_of
from benchmarks.publishing import environment

from hatch_staged.index import presence

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST = 1.05

_PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "warm"
version = "1.0"

[tool.hatch.envs.default]
installer = "uv"
dependencies = ["pytest"]
"""
_STAGED = """
[tool.hatch.env.collectors.staged]
envs = ["default"]
"""
_TEST = """
import pytest
import warm

@pytest.mark.parametrize("number", range(1000))
def test_a_number(number):
    assert warm.double(number) == 2 * number
"""
_COMMANDS = {"nothing": ["python", "-c", "pass"], "pytest": ["python", "-m", "pytest", "-q", "tests"]}


def main() -> None:
    """Print the ratios, and exit with 1 if that of the test run is too large."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    rounds: int = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plain = servers.install(folder / "hatch", [f"hatch=={version('hatch')}"]) / "hatch"
        ours = [sys.executable, "-m", "hatch"]
        sides = {"staged": (ours, folder / "staged"), "plain": ([str(plain)], folder / "plain")}
        try:
            for side, (hatch, project) in sides.items():
                make_project(project, staged=side == "staged")
                if side == "staged":
                    for arguments in (["build"], ["publish", "--staged"]):
                        cost_of([*hatch, *arguments], folder=project, environment=_home(project))
            ratios = {what: ratio(what, sides, rounds) for what in _COMMANDS}
        finally:
            for state in folder.rglob("serve.json"):
                presence.stop(state.parent)
    sys.exit(ratios["pytest"] > MOST)


def ratio(what: str, sides: dict[str, tuple[list[str], Path]], rounds: int) -> float:
    """Print and return how many times as long as the plain run of a command the staged one takes, both medians."""
    times: dict[str, list[float]] = {side: [] for side in sides}
    for number in range(rounds + 1):
        for side, (hatch, project) in sides.items():
            command = [*hatch, "run", *_COMMANDS[what]]
            wall = cost_of(command, folder=project, environment=_home(project)).wall
            if number:  # the first one makes the environment
                times[side].append(wall)
    staged, plain = (1000 * statistics.median(times[side]) for side in ("staged", "plain"))
    print(f"{what}: {staged:.0f} ms staged, {plain:.0f} ms plain, ratio {staged / plain:.3f}", flush=True)
    return staged / plain


def _home(project: Path) -> Mapping[str, str]:
    return environment(project.with_suffix(".home"))


def make_project(folder: Path, *, staged: bool) -> None:
    """Write a project with a thousand small tests; if `staged`, one that uses our collector."""
    for path, text in (
        ("pyproject.toml", _PROJECT + (_STAGED if staged else "")),
        ("src/warm/__init__.py", "def double(number):\n    return 2 * number\n"),
        ("tests/test_warm.py", _TEST),
    ):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


if __name__ == "__main__":
    main()
