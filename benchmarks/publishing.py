"""``hatch publish --staged`` beside ``twine upload``, ``uv publish`` and ``hatch publish``, against one index.

``python -m benchmarks.publishing`` prints, for three releases, without and with a delay of 40 ms per round trip, what
each of them takes, and how many times as much as ours that is: wall time, processor time, memory of the client.  The
others upload to ``/legacy/`` of our index, which is started anew, and empty, for every run.  `floor` is a Python that
reads, hashes and writes the same bytes; `two floors` are one that reads, hashes, reads again and sends, and one that
receives, hashes and writes: no client can do less, because a file's hash is told before its bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import statistics
import sys
import tempfile
import zipfile
from contextlib import ExitStack
from dataclasses import astuple, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from benchmarks import far_away, servers
from benchmarks.measured import Cost, cost_of

if TYPE_CHECKING:
    from collections.abc import Mapping

ROUND_TRIP = 0.04  # seconds
OURS = "hatch publish --staged"
FLOOR = "floor"
TWO_FLOORS = "two floors"

_RIVALS = ("twine", "uv")
_VARIABLES = (
    ("HATCH_INDEX_USER", "HATCH_INDEX_AUTH"),
    ("TWINE_USERNAME", "TWINE_PASSWORD"),
    ("UV_PUBLISH_USERNAME", "UV_PUBLISH_PASSWORD"),
)
_FLOOR = """
import hashlib, pathlib, sys
for path in pathlib.Path(sys.argv[1]).iterdir():
    hasher = hashlib.sha256()
    with path.open("rb") as source, open(sys.argv[2], "wb") as target:
        while piece := source.read(262144):
            hasher.update(piece)
            target.write(piece)
"""
_RECEIVER = """
import hashlib, socket, sys
with socket.create_server(("127.0.0.1", 0)) as listener:
    print(listener.getsockname()[1], flush=True)
    connection, _ = listener.accept()
hasher = hashlib.sha256()
with connection, open(sys.argv[1], "wb") as target:
    while piece := connection.recv(262144):
        hasher.update(piece)
        target.write(piece)
"""
_SENDER = f"""
import hashlib, pathlib, socket, subprocess, sys
receiver = subprocess.Popen([sys.executable, "-c", {_RECEIVER!r}, sys.argv[2]], stdout=subprocess.PIPE)
with socket.create_connection(("127.0.0.1", int(receiver.stdout.readline()))) as connection:
    for path in pathlib.Path(sys.argv[1]).iterdir():
        with path.open("rb") as source:
            hasher = hashlib.sha256()
            while piece := source.read(262144):
                hasher.update(piece)
            source.seek(0)
            while piece := source.read(262144):
                connection.sendall(piece)
sys.exit(receiver.wait())
"""


@dataclass(frozen=True)
class Kind:
    """Wheels of one release; `size` in bytes."""

    count: int
    size: int


KINDS: Mapping[str, Kind] = MappingProxyType(
    {"40x5MB": Kind(40, 5_000_000), "400x50kB": Kind(400, 50_000), "1x1GB": Kind(1, 1_000_000_000)}
)


def main() -> None:
    """Print the medians of some rounds, and the ratios to ours."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS, help="what is published")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scripts = servers.install(folder / "rivals", _RIVALS)
        # Compiles what is not compiled yet.
        one_round(make_project(folder / "warm", Kind(1, 1000)), scripts, 0.0)
        for kind in given.kinds:
            project = make_project(folder / kind, KINDS[kind])
            for round_trip in (0.0, ROUND_TRIP):
                # one after the other, so that what the machine does meanwhile meets all of them
                rounds = [one_round(project, scripts, round_trip) for _ in range(given.rounds)]
                print(f"\n{kind}, {round_trip * 1000:.0f} ms per round trip")
                show({who: median([costs[who] for costs in rounds]) for who in rounds[0]})
            shutil.rmtree(project)


def median(costs: list[Cost]) -> Cost:
    """Return the medians."""
    return Cost(*(statistics.median(values) for values in zip(*map(astuple, costs), strict=True)))


def show(costs: Mapping[str, Cost]) -> None:
    """Print a line for each."""
    ours = costs[OURS]
    print(f"{'':24}{'wall':>16}{'processor':>18}{'memory':>20}")
    for who, cost in costs.items():
        print(
            f"{who:24}{cost.wall:8.2f} s {cost.wall / ours.wall:5.2f}{cost.processor:10.2f} s "
            f"{cost.processor / ours.processor:5.2f}{cost.memory:10.0f} MiB {cost.memory / ours.memory:5.2f}",
            flush=True,
        )


def one_round(project: Path, scripts: Path, round_trip: float) -> Mapping[str, Cost]:
    """Publish what is in `project` with each of them once, and return what that took."""
    costs = {who: cost_of_publishing(who, project, scripts, round_trip) for who in (OURS, "twine", "uv", "hatch")}
    for name, script in ((FLOOR, _FLOOR), (TWO_FLOORS, _SENDER)):
        command = [sys.executable, "-c", script, str(project / "dist"), str(project / "copy")]
        costs[name] = cost_of(command, folder=project)
        (project / "copy").unlink()
    return costs


def cost_of_publishing(who: str, project: Path, scripts: Path, round_trip: float) -> Cost:
    """Publish with `who` at an index of its own, `round_trip` seconds away."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=project.parent)))
        port, secret = stack.enter_context(servers.empty(folder))
        if round_trip:
            port = stack.enter_context(far_away.behind(port, round_trip))
        root = f"http://127.0.0.1:{port}/"
        wheels = sorted(str(path) for path in (project / "dist").iterdir())
        hatch = [sys.executable, "-m", "hatch", "publish", "--no-prompt"]
        command = {
            OURS: [*hatch, "--staged", "--repo", f"{root}upload/"],
            "hatch": [*hatch, "--repo", f"{root}legacy/"],
            "twine": [str(scripts / "twine"), "upload", "--repository-url", f"{root}legacy/", *wheels],
            "uv": [str(scripts / "uv"), "publish", "--publish-url", f"{root}legacy/", *wheels],
        }[who]
        (project / ".stage.toml").unlink(missing_ok=True)
        return cost_of(command, folder=project, environment=environment(folder, secret))


def environment(folder: Path, secret: str = "") -> Mapping[str, str]:
    """Return where Hatch keeps what it has, in `folder`, and the credentials for each of them, if there are any."""
    told = {
        **os.environ,
        "HATCH_DATA_DIR": str(folder / "hatch"),
        "HATCH_CACHE_DIR": str(folder / "cache"),
        "TWINE_NON_INTERACTIVE": "1",
        # as installers leave it
        "PYTHONDONTWRITEBYTECODE": "",
    }
    if secret:
        for user, password in _VARIABLES:
            told |= {user: "__token__", password: secret}
    return told


def make_project(folder: Path, kind: Kind) -> Path:
    """Return a folder with a project and, in `dist`, its wheels."""
    (folder / "dist").mkdir(parents=True)
    (folder / "pyproject.toml").write_text('[project]\nname = "bench"\nversion = "1.0"\n')
    for build in range(1, kind.count + 1):
        make_wheel(folder / "dist" / f"bench-1.0-{build}-py3-none-any.whl", build, kind.size)
    return folder


def make_wheel(path: Path, build: int, size: int) -> None:
    """Write a valid wheel with `size` bytes of content that does not compress."""
    info = "bench-1.0.dist-info"
    members = {
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: bench\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: bench\nRoot-Is-Purelib: true\n"
        f"Tag: py3-none-any\nBuild: {build}\n",
        f"{info}/RECORD": f"bench.bin,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n",
    }
    piece = hashlib.shake_128(path.name.encode()).digest(min(size, 1_000_000))
    with zipfile.ZipFile(path, "w") as archive:
        with archive.open(zipfile.ZipInfo("bench.bin"), "w", force_zip64=True) as member:
            for begin in range(0, size, len(piece)):
                member.write(piece[: size - begin])
        for name, content in members.items():
            archive.writestr(name, content)


if __name__ == "__main__":
    main()
