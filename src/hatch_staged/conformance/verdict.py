"""From the outcomes of checks to a verdict on each requirement, and its forms: a table, and JSON."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import asdict, dataclass
from enum import Enum
from itertools import groupby
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from hatch_staged.conformance.requirements import requirements, unobservable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

    from hatch_staged.conformance.requirements import Requirement


class Result(str, Enum):
    """What became of a check or a requirement."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


_OPTION = re.compile(r"--[a-z]")
_COLORS = {Result.PASSED: "green", Result.FAILED: "red", Result.SKIPPED: "yellow"}


@dataclass(frozen=True)
class Outcome:
    """What became of one check."""

    #: its name, unique in a run
    check: str
    #: the identifiers of the requirements that it covers
    covered: tuple[str, ...]
    result: Result
    #: why it failed or was skipped; empty if it passed
    seen: str = ""


@dataclass(frozen=True)
class Verdict:
    """What a run says of one requirement."""

    requirement: Requirement
    result: Result
    seen: str
    #: the names of the checks that say so
    checks: tuple[str, ...]

    @property
    def fatal(self) -> bool:
        """Whether this alone means that the index is no Upload 2.0 index."""
        return self.result is Result.FAILED and self.requirement.fatal

    @property
    def wants_option(self) -> bool:
        """Whether it was skipped by a check that names an option of the command."""
        return self.result is Result.SKIPPED and bool(self.checks) and _OPTION.search(self.seen) is not None


def judge(outcomes: Sequence[Outcome]) -> tuple[Verdict, ...]:
    """Return a verdict on every requirement, in the order of the PEP.

    One failed check fails a requirement; one that passed is enough beside others that were skipped.
    """
    return tuple(_judge(requirement, outcomes) for requirement in requirements().values())


def show(verdicts: Iterable[Verdict], console: Console) -> None:
    """Print a table for each section of the PEP."""
    for section, of_section in groupby(verdicts, key=lambda verdict: verdict.requirement.section):
        table = Table("requirement", "level", "result", title=section, title_justify="left")
        table.add_column("what was seen", overflow="fold")
        for verdict in of_section:
            result = Text(verdict.result.value, style=_COLORS[verdict.result])
            table.add_row(verdict.requirement.id, verdict.requirement.level, result, Text(verdict.seen))
        console.print(table)


def show_failures(verdicts: Iterable[Verdict], console: Console) -> None:
    """Print what was seen of those that failed, in lines below their sections; the same is told once."""
    failed = [verdict for verdict in verdicts if verdict.result is Result.FAILED]
    for section, of_section in groupby(failed, key=lambda verdict: verdict.requirement.section):
        console.print(Text(section))
        alike: dict[str, list[str]] = {}
        for verdict in of_section:
            alike.setdefault(verdict.seen, []).append(f"{verdict.requirement.id} ({verdict.requirement.level})")
        for seen, requirements_alike in alike.items():
            console.print(Text(f"  {', '.join(requirements_alike)}: {seen}"), soft_wrap=True)


def summary(verdicts: Iterable[Verdict]) -> str:
    """Return how many requirements passed, failed and were skipped.

    Of the failed ones how many are MUSTs, of the skipped ones how many are so because an option is missing.
    """
    verdicts = tuple(verdicts)
    counted = Counter(verdict.result for verdict in verdicts)
    musts = sum(verdict.fatal for verdict in verdicts)
    untold = sum(verdict.wants_option for verdict in verdicts)
    wanting = f" ({untold} of them for want of an option)" if untold else ""
    return (
        f"{counted[Result.PASSED]} passed, {counted[Result.FAILED]} failed ({musts} of them MUST), "
        f"{counted[Result.SKIPPED]} skipped{wanting}"
    )


def as_json(verdicts: Iterable[Verdict], index: str) -> str:
    """Return the verdicts on the index with this URL as JSON."""
    listed = [
        {**asdict(verdict.requirement), "result": verdict.result.value, "seen": verdict.seen, "checks": verdict.checks}
        for verdict in verdicts
    ]
    return json.dumps({"index": index, "requirements": listed}, indent=2)


def _judge(requirement: Requirement, outcomes: Sequence[Outcome]) -> Verdict:
    if requirement.id in unobservable():
        return Verdict(requirement, Result.SKIPPED, unobservable()[requirement.id], ())
    relevant = [outcome for outcome in outcomes if requirement.id in outcome.covered]
    for result in (Result.FAILED, Result.PASSED, Result.SKIPPED):
        decisive = [outcome for outcome in relevant if outcome.result is result]
        if decisive:
            seen = "; ".join(dict.fromkeys(outcome.seen for outcome in decisive if outcome.seen))
            return Verdict(requirement, result, seen, tuple(outcome.check for outcome in decisive))
    return Verdict(requirement, Result.SKIPPED, "not tried in this run", ())
