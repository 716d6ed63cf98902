"""Our index as a process, and the suite as a command that is run against it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.conformance.faulty_index import Address, Order

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.conformance.configurations import Configuration
    from typing_extensions import Self

ROOT = Path(__file__).parent.parent.parent
#: A run that takes longer hangs (seconds).
PATIENCE = 600


@dataclass(frozen=True)
class Verdict:
    """What the suite says of a requirement."""

    #: passed, failed or skipped
    result: str
    level: str
    seen: str


@dataclass(frozen=True)
class Trial:
    """What the suite said of an index."""

    #: how it ended
    code: int
    printed: str
    verdicts: dict[str, Verdict]

    def with_result(self, result: str) -> dict[str, str]:
        """Return the requirements with this result, with what was seen."""
        return {identifier: each.seen for identifier, each in self.verdicts.items() if each.result == result}


class Workshop:
    """A process that serves one index after the other, in one configuration; `folder` is its own."""

    def __init__(self, configuration: Configuration, folder: Path) -> None:
        self.configuration = configuration
        self._folder = folder
        self._log = folder / "index.log"
        self._count = 0

    def __enter__(self) -> Self:
        self._errors = self._log.open("w")
        self._index = self._start("tests.conformance.faulty_index", self.configuration.name)
        self._suite = self._start("tests.conformance.suite_runs")
        return self

    def __exit__(self, *_error: object) -> None:
        for process in (self._suite, self._index):
            process.communicate(timeout=PATIENCE)
        self._errors.close()

    def _start(self, module: str, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=_unmeasured(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def try_index(self, *, mutant: str = "", only: Sequence[str] = ()) -> Trial:
        """Run the suite against a new index, sound or faulty, for all requirements or `only` some."""
        self._count += 1
        data_dir = self._folder / str(self._count)
        with self._serving(Order(str(data_dir), mutant)) as address:
            return self._run_suite(address, data_dir, only, measured=not mutant)

    @contextmanager
    def _serving(self, order: Order) -> Iterator[Address]:
        address = Address(**json.loads(self._ask(self._index, json.dumps(asdict(order)))))
        try:
            yield address
        finally:
            assert self._ask(self._index, "stop") == "stopped"

    def _ask(self, process: subprocess.Popen[str], line: str) -> str:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{line}\n")
        process.stdin.flush()
        answer = process.stdout.readline().strip()
        assert answer, self._log.read_text()
        return answer

    def _run_suite(self, address: Address, data_dir: Path, only: Sequence[str], *, measured: bool) -> Trial:
        out = data_dir / "suite.json"
        base = address.root.removesuffix("upload/")
        member = [sys.executable, "-m", "tests.conformance.membership", base]
        arguments = [address.root, "--json", str(out), "--quiet"]
        arguments += ["--token", address.token, "--other-token", address.other_token]
        arguments += ["--simple", f"{base}simple/", "--legacy", f"{base}legacy/"]
        arguments += ["--grant", shlex.join([*member, "add", "{project}"])]
        arguments += ["--revoke", shlex.join([*member, "remove", "{project}"])]
        arguments += [*self.configuration.options, *(f"--only={identifier}" for identifier in only)]
        code, printed = (self._command if measured else self._copy)(arguments, data_dir / "suite.txt")
        listed = json.loads(out.read_text())["requirements"] if out.exists() else []
        verdicts = {each["id"]: Verdict(each["result"], each["level"], each["seen"]) for each in listed}
        return Trial(code, printed, verdicts)

    def _command(self, arguments: Sequence[str], printed: Path) -> tuple[int, str]:
        """Run the suite as anybody does."""
        command = [sys.executable, "-m", "hatch_staged.conformance", *arguments]
        with printed.open("w") as file:
            ended = subprocess.run(
                command, cwd=ROOT, env=_variables(), stdout=file, stderr=file, timeout=PATIENCE, check=False
            )
        return ended.returncode, printed.read_text()

    def _copy(self, arguments: Sequence[str], printed: Path) -> tuple[int, str]:
        """Run the suite in a copy of a process that has it loaded."""
        code = int(self._ask(self._suite, json.dumps([arguments, str(printed)])))
        return code, printed.read_text()


def _variables() -> dict[str, str]:
    # Where uv is, which is installed with Hatch.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**os.environ, "PATH": path}


def _unmeasured() -> dict[str, str]:
    # What coverage hands on to processes; where the same lines are run hundreds of times, it says nothing new.
    return {name: value for name, value in _variables().items() if not name.startswith("COVERAGE_")}
