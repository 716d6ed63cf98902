"""One run of the checks against one index, with pytest as the engine."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hatch_staged.conformance.requirements import covered_by
from hatch_staged.conformance.target import TARGET, Target
from hatch_staged.conformance.verdict import Outcome, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

CHECKS = Path(__file__).parent / "checks"

# What would make pytest of the user's project part of ours.
_FOREIGN = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS")
_ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}

# What pytest puts before a message: of the check's own nothing is of interest, of others where they are defined.
_CLASS = re.compile(r"^(\w+\.)*(AssertionError: |NoAnswerError: |Failed: )?")


class SuiteError(Exception):
    """The checks did not run to their end, so that there is no verdict; says why, with an exit code of all verbs."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        """Keep both."""
        super().__init__(message)
        self.exit_code = exit_code


def run(
    target: Target,
    *,
    only: Collection[str] = (),
    junit: Path | None = None,
    checks: Path = CHECKS,
    progress: Callable[[Outcome], None] = lambda _outcome: None,
) -> tuple[Outcome, ...]:
    """Return the outcome of every check, or of those that cover one of the identifiers `only`.

    `junit` is a file to write the outcomes to, in JUnit's format; `checks` is the folder with the checks.  Raises
    `SuiteError`.
    """
    recorder = _Recorder(target, frozenset(only), progress)
    arguments = [
        str(checks),
        "-c",
        os.devnull,
        f"--rootdir={checks}",
        f"--confcutdir={checks}",
        "--import-mode=importlib",
        "-p",
        "no:cacheprovider",
        "--tb=short",
        "-o",
        "junit_suite_name=hatch-staged conformance",
    ]
    if junit is not None:
        arguments.append(f"--junit-xml={junit.absolute()}")
    try:
        with _variables():
            code = pytest.main(arguments, plugins=[recorder])
    except OSError as error:
        raise SuiteError(f"the result could not be written: {error}") from None
    ended = {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}
    if only:
        # All of them may be unobservable.
        ended.add(pytest.ExitCode.NO_TESTS_COLLECTED)
    if recorder.trouble or code not in ended:
        raise SuiteError(recorder.trouble or f"the suite ended early, pytest says {code}", recorder.exit_code)
    return tuple(recorder.outcomes.values())


@dataclass
class _Recorder:
    """The pytest plugin that hands the target to the checks and keeps what becomes of them."""

    target: Target
    only: frozenset[str]
    progress: Callable[[Outcome], None]
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    trouble: str = ""
    exit_code: int = 1
    _covered: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Hand over the target, and take pytest's place at the terminal."""
        config.stash[TARGET] = self.target
        config.pluginmanager.unregister(name="terminalreporter")

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Choose the checks."""
        for item in items:
            covered = covered_by(getattr(item, "obj", None))
            self._covered[item.nodeid] = covered
            item.user_properties += [("requirement", identifier) for identifier in covered]
        if self.only:
            items[:] = [item for item in items if self.only.intersection(self._covered[item.nodeid])]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the worst of what became of a check, its preparation, and its tidying up."""
        seen = _seen(report)
        # Before the file in JUnit's format is made of it, which is for others to read.
        report.longrepr = _told(report, seen)
        if report.passed and report.when != "call":
            return
        known = self.outcomes.get(report.nodeid)
        if known is not None and known.result is Result.FAILED:
            return
        outcome = Outcome(report.nodeid.rpartition("/")[2], self._covered[report.nodeid], Result(report.outcome), seen)
        self.outcomes[report.nodeid] = outcome
        self.progress(outcome)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep why the checks cannot be read."""
        if report.failed:
            self.trouble = str(report.longrepr)

    def pytest_internalerror(self, excrepr: object) -> None:
        """Keep what went wrong in pytest or here."""
        self.trouble = str(excrepr)

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Keep why the run was ended early: by somebody, by a check, or by pytest if not all checks can be read."""
        self.exit_code = getattr(excinfo.value, "returncode", None) or 1
        self.trouble = self.trouble or str(excinfo.value) or "interrupted"


def _seen(report: pytest.TestReport) -> str:
    if report.skipped and isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    told: str = getattr(crash, "message", "") if report.failed else ""
    # The first line is what the check says, the others are how pytest explains the comparison.
    return _CLASS.sub("", told.partition("\n")[0])


def _told(report: pytest.TestReport, seen: str) -> str | tuple[str, int, str] | None:
    """Return what was seen, and in which lines of which files, without the values and folders that pytest tells."""
    if isinstance(report.longrepr, tuple):
        path, line, reason = report.longrepr
        return Path(path).name, line, reason
    if not report.failed:
        return None
    entries = getattr(getattr(report.longrepr, "reprtraceback", None), "reprentries", ())
    places = [entry.reprfileloc for entry in entries if getattr(entry, "reprfileloc", None) is not None]
    return "\n".join([seen, *(f"{Path(place.path).name}:{place.lineno}" for place in places)])


@contextmanager
def _variables() -> Iterator[None]:
    before = dict(os.environ)
    for name in _FOREIGN:
        os.environ.pop(name, None)
    os.environ.update(_ALONE)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
