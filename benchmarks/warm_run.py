"""What a warm ``hatch run`` in a staged environment takes, beside the same run of a Hatch without our plugin.

``python -m benchmarks.warm_run`` prints the medians of twenty runs each, one after the other in turns, and their
ratios: of the tests of the example project, whose ratio is to be at most 1.05, and of a command that does nothing.
`unstaged` is the same with ``HATCH_STAGED=off``: what a project that uses our collector takes without a stage file.

The two Hatches are installed alike, as users do it.  The plain one has the checkout installed; the project is otherwise
the same.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import servers
from benchmarks.measured import cost_of
from benchmarks.publishing import environment

from hatch_staged.hatch.context import SWITCH
from hatch_staged.index import presence

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST = 1.05

_ROOT = Path(__file__).parent.parent
_COLLECTOR = '[tool.hatch.env.collectors.staged]\nenvs = ["default"]\n'
_COMMANDS = {"tests": ["test"], "nothing": ["python", "-c", "pass"]}


@dataclass(frozen=True)
class Side:
    """A Hatch in a project's folder, with these variables."""

    hatch: Path
    project: Path
    variables: Mapping[str, str]

    def run(self, *arguments: str) -> float:
        """Run Hatch and return how long it took (seconds)."""
        return cost_of([str(self.hatch), *arguments], folder=self.project, environment=self.variables).wall


def main() -> None:
    """Print the ratios, and exit with 1 if that of the tests is too large."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    rounds: int = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        hatch = f"hatch=={version('hatch')}"
        ours = servers.install(folder / "ours", [hatch, f"{_ROOT}[index]"]) / "hatch"
        plain = servers.install(folder / "plain", [hatch]) / "hatch"
        variables = environment(folder / "with")
        project = make_project(folder / "with" / "project", collector=True)
        staged = Side(ours, project, variables)
        sides = {
            "staged": staged,
            "unstaged": Side(ours, project, {**variables, SWITCH: "off"}),
            "plain": Side(plain, make_project(folder / "without" / "project"), environment(folder / "without")),
        }
        try:
            staged.run("build")
            staged.run("publish", "--staged")
            ratios = {what: ratio(what, sides, rounds) for what in _COMMANDS}
        finally:
            for state in folder.rglob("serve.json"):
                presence.stop(state.parent)
    sys.exit(ratios["tests"] > MOST)


def ratio(what: str, sides: Mapping[str, Side], rounds: int) -> float:
    """Print the medians of a command, and return how many times as long as the plain run the staged one takes."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 2):
        for name, side in sides.items():
            wall = side.run("run", *_COMMANDS[what])
            if number > 1:  # the first one makes the environment, the next one finds it so
                times[name].append(wall)
    medians = {name: 1000 * statistics.median(each) for name, each in times.items()}
    told = ", ".join(f"{name} {median:.0f} ms ({median / medians['plain']:.3f})" for name, median in medians.items())
    print(f"{what}: {told}", flush=True)
    return medians["staged"] / medians["plain"]


def make_project(folder: Path, *, collector: bool = False) -> Path:
    """Return `folder` with the example project in it, with our collector or without."""
    shutil.copytree(_ROOT / "example-project", folder, ignore=shutil.ignore_patterns("dist", ".stage.toml"))
    if not collector:
        configuration = folder / "pyproject.toml"
        text = configuration.read_text(encoding="utf-8")
        if _COLLECTOR not in text:
            raise RuntimeError(f"{configuration} does not configure our collector as this benchmark knows it")
        configuration.write_text(text.replace(_COLLECTOR, ""), encoding="utf-8")
    return folder


if __name__ == "__main__":
    main()
