"""How many times a second an index answers an installer, with few files in it and with many; beside two others.

``python -m benchmarks.read_path`` installs pypiserver and devpi-server into a virtual environment of its own, gives all
three the same tiny wheels, and asks for the page of one project with one file, as pip does, over kept connections from
another process.  Only the ratios within one run mean anything.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks import servers
from benchmarks.load import load

MEASURED = "measured"
SIZES = (1, 1_000, 100_000)
NAMES = ("hatch-staged", "pypiserver", "devpi-server")


def main() -> None:
    """Print a table, in requests per second."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="files in the index")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=3, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="measurements, of which the median counts")
    parser.add_argument("--rivals", type=Path, help="scripts folder of an environment that has the others already")
    parser.add_argument("--patience", type=float, default=300, help="for uploading files to devpi-server (seconds)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scripts = options.rivals or servers.install(Path(folder) / "rivals")
        print("| page | " + " | ".join(f"{name} (1/s)" for name in NAMES) + " | ratios |")
        print("| --- |" + " --: |" * (len(NAMES) + 1))
        for size in options.sizes:
            compare(f"1 file, of {size:,} in the index", spread(size), scripts, options)
        compare("1,000 files, all in the index", one_project(1000), scripts, options)


def compare(title: str, files: dict[str, bytes], scripts: Path, options: argparse.Namespace) -> None:
    """Print a line of the table."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        roots = [
            stack.enter_context(servers.ours(folder, files)),
            stack.enter_context(servers.pypiserver(folder, files, scripts)),
        ]
        root, uploaded = stack.enter_context(servers.devpi(folder, files, scripts, patience=options.patience))
        roots.append(root)
        rounds = [
            [load(f"{root}{MEASURED}/", connections=options.connections, seconds=options.seconds) for root in roots]
            for _ in range(options.rounds)
        ]
    rates = [statistics.median(rates) for rates in zip(*rounds, strict=True)]
    ratios = " ".join(f"{rates[0] / rate:.1f}" for rate in rates[1:])
    cells = [f"{rate:,.0f}" for rate in rates]
    if uploaded < len(files):
        cells[-1] += f" (with {uploaded:,} files: what {options.patience:g} s of uploading came to)"
    print("| " + " | ".join([title, *cells, ratios]) + " |", flush=True)


def spread(size: int) -> dict[str, bytes]:
    """Return `size` wheels: one of the measured project, the others ten to a project."""
    names = [(MEASURED, "1.0"), *((f"project_{number // 10}", f"{number % 10}.0") for number in range(size - 1))]
    return {f"{project}-{version}-py3-none-any.whl": servers.wheel(project, version) for project, version in names}


def one_project(size: int) -> dict[str, bytes]:
    """Return `size` wheels of the measured project."""
    versions = [f"{number}.0" for number in range(size)]
    return {f"{MEASURED}-{version}-py3-none-any.whl": servers.wheel(MEASURED, version) for version in versions}


if __name__ == "__main__":
    main()
