"""A command as a whole process: how long it takes, how much of the processors, how much memory."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """What one run of a command took."""

    #: seconds from its start to its end
    wall: float
    #: seconds of processor time, of its children, too
    processor: float
    #: MiB that it had in memory at most
    memory: float


def cost_of(command: Sequence[str], *, folder: Path, environment: Mapping[str, str] | None = None) -> Cost:
    """Run `command` in `folder` and return what it took; raise `RuntimeError` with its output if it fails.

    Linux counts the memory of who starts a process as its own, so that is a small Python.
    """
    starter = [sys.executable, "-S", __file__, *command]
    done = subprocess.run(
        starter, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{command[:3]} failed: {done.stderr[-2000:]}")
    return Cost(*map(float, done.stdout.split()))


if sys.platform == "win32":

    def _used() -> tuple[float, float]:
        raise SystemExit("this benchmark does not run on Windows")

else:
    import resource

    def _used() -> tuple[float, float]:
        """Return the processor time and the memory of the one child that there was."""
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        unit = 1024**2 if sys.platform == "darwin" else 1024
        return used.ru_utime + used.ru_stime, used.ru_maxrss / unit


def _main(command: Sequence[str]) -> None:
    """Run `command`, its output on stderr, and print its cost."""
    began = time.perf_counter()
    code = subprocess.run(command, stdout=sys.stderr, check=False).returncode
    print(time.perf_counter() - began, *_used())
    sys.exit(code)


if __name__ == "__main__":
    _main(sys.argv[1:])
