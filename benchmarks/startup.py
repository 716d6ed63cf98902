"""What our startup line costs a Python that is not Hatch: it is to be below 0.3 ms.

Python reads the line with `exec` when it starts, compilation included, so that is what is timed.  The whole of an
empty start is timed beside it, for the proportion.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LINE = (Path(__file__).parent.parent / "src" / "hatch_staged.pth").read_text(encoding="utf-8")
ROUNDS = 2000
STARTS = 20


def main() -> None:
    """Print the medians in milliseconds, and exit with 1 if the line costs too much."""
    line = statistics.median(timed(lambda: exec(LINE)) for _ in range(ROUNDS))  # noqa: S102 - as `site` does
    empty = [sys.executable, "-I", "-S", "-c", "pass"]
    start = statistics.median(timed(lambda: subprocess.run(empty, check=True)) for _ in range(STARTS))
    print(f"startup line: {line:.4f} ms; an empty start of Python: {start:.1f} ms; ratio {line / start:.5f}")
    sys.exit(line >= 0.3)  # noqa: PLR2004 - what the design allows


def timed(work: Callable[[], object]) -> float:
    """Return how many milliseconds a call of `work` takes."""
    before = time.perf_counter()
    work()
    return (time.perf_counter() - before) * 1000


if __name__ == "__main__":
    main()
