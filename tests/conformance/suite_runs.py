"""Runs the suite as often as it is told: ``python -m tests.conformance.suite_runs``.

Python, pytest, the suite and its checks are loaded once, as that takes longer than most runs: each run is a copy of
this process.  A line that it reads has the arguments of the suite and the file for what it prints, as JSON; the answer
is a line with how that ended.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from hatch_staged.conformance import preconditions, run, verdict  # noqa: F401 - what the command imports where it runs
from hatch_staged.conformance.command import conformance
from hatch_staged.conformance.target import Target
from hatch_staged.conformance.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Sequence


def main() -> None:
    """Run what is ordered."""
    _load()
    while line := sys.stdin.readline():
        arguments, printed = json.loads(line)
        print(_run(arguments, Path(printed)), flush=True)  # noqa: T201 - that is how it answers


def _load() -> None:
    # No check covers this: all are read, none is run, and nobody is asked.
    run.run(Target("http://127.0.0.1/", token=""), only=["nothing"])
    Wire(limit=0).close()
    # What is there by now stays: no copy looks for garbage in it.
    gc.collect()
    gc.freeze()


if sys.platform == "win32":

    def _run(arguments: Sequence[str], printed: Path) -> int:
        command = [sys.executable, "-m", "hatch_staged.conformance", *arguments]
        with printed.open("w") as file:
            return subprocess.run(command, stdout=file, stderr=file, check=False).returncode

else:

    def _run(arguments: Sequence[str], printed: Path) -> int:
        child = os.fork()
        if child:
            _, status = os.waitpid(child, 0)
            return os.waitstatus_to_exitcode(status)
        code = 1
        try:
            with printed.open("w") as file, redirect_stdout(file), redirect_stderr(file):
                conformance(arguments)
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            # The rest of the copy is not ours to tidy up.
            os._exit(code)


if __name__ == "__main__":
    main()
