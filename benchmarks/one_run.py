"""What ``hatch publish --staged`` costs beyond Hatch itself: time when there is nothing to do, memory for 2 GiB.

``python -m benchmarks.one_run`` prints the time beyond ``hatch --version`` of a run whose files are all staged already,
at the local index, which is to be below 300 ms; and the memory beyond ``hatch publish --help`` of one that stages a
wheel of 2 GiB, which is to be below 60 MiB.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks import servers
from benchmarks.measured import cost_of
from benchmarks.publishing import Kind, environment, make_project

from hatch_staged.index import presence

MOST_TIME = 300  # ms
MOST_MEMORY = 60  # MiB

_HATCH = [sys.executable, "-m", "hatch"]


def main() -> None:
    """Print both, and exit with 1 if one is too much."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--size", type=int, default=2048, help="of the wheel (MiB)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        time = time_with_nothing_to_do(Path(name), given.rounds)
    with tempfile.TemporaryDirectory() as name:
        memory = memory_for_one_wheel(Path(name), given.size)
    sys.exit(time >= MOST_TIME or memory >= MOST_MEMORY)


def time_with_nothing_to_do(folder: Path, rounds: int) -> float:
    """Print and return by how many milliseconds such a run takes longer than ``hatch --version``, both medians."""
    project = make_project(folder / "project", Kind(2, 1000))
    told = environment(folder)
    publish = [*_HATCH, "publish", "--staged", "--no-prompt"]
    try:
        for _ in range(2):  # starts the index and stages; compiles what the second run needs
            cost_of(publish, folder=project, environment=told)
        runs = [
            (
                cost_of(publish, folder=project, environment=told).wall,
                cost_of([*_HATCH, "--version"], folder=project, environment=told).wall,
            )
            for _ in range(rounds)
        ]
    finally:
        for state in folder.rglob("serve.json"):
            presence.stop(state.parent)
    staging, version = (1000 * statistics.median(run[which] for run in runs) for which in (0, 1))
    print(f"nothing to do: {staging:.0f} ms, {staging - version:.0f} ms more than hatch --version ({version:.0f} ms)")
    return staging - version


def memory_for_one_wheel(folder: Path, size: int) -> float:
    """Print and return by how many MiB staging a wheel of `size` MiB peaks above ``hatch publish --help``."""
    project = make_project(folder / "project", Kind(1, size * 1024 * 1024))
    with servers.empty(folder) as (port, secret):
        told = environment(folder, secret)
        publish = [*_HATCH, "publish", "--staged", "--no-prompt", "--repo", f"http://127.0.0.1:{port}/upload/"]
        staging = cost_of(publish, folder=project, environment=told).memory
    plain = cost_of([*_HATCH, "publish", "--help"], folder=project, environment=environment(folder)).memory
    print(f"{size} MiB: {staging:.0f} MiB, {staging - plain:.0f} MiB more than hatch publish --help ({plain:.0f} MiB)")
    return staging - plain


if __name__ == "__main__":
    main()
