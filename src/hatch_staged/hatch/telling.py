"""What a verb tells while it works: lines for a person, or one JSON document for a program."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hatch_staged.errors import one_line
from hatch_staged.outcome import Outcome

if TYPE_CHECKING:
    from hatch_staged.stage.expected import Expectation
    from hatch_staged.status import ReleaseStatus


class Telling:
    """Where the lines of a verb go: results to stdout, the rest to stderr.

    With `as_json` stdout gets the document of `outcome` alone, from whoever ends the verb; `outcome` is None without.
    """

    def __init__(self, verb: str, *, as_json: bool, quiet: bool, verbose: bool = False) -> None:
        self.outcome = Outcome(verb) if as_json else None
        self._quiet = quiet
        self._verbose = verbose

    def answer(self, found: ReleaseStatus, text: str) -> None:
        """Take a release, and what was asked about it: printed even if quiet."""
        if self.outcome is None:
            click.echo(text)
        else:
            self.outcome.add(found)

    def expecting(self, whole: Expectation) -> None:
        """Take what the releases need to be whole, and what of it is missing; printed like an answer."""
        if self.outcome is not None:
            self.outcome.expecting(whole)
        elif whole.patterns:
            lack = f"missing: {', '.join(whole.missing)}" if whole.missing else "nothing is missing"
            click.echo(one_line(f"expected: {', '.join(whole.patterns)}; {lack}"))

    def done(self, found: ReleaseStatus, line: str = "") -> None:
        """Take a release that the verb is done with, and a line about it if there is anything to say."""
        if self.outcome is not None:
            self.outcome.add(found)
        elif line and not self._quiet:
            click.echo(line)

    def notice(self, text: str) -> None:
        """Take what a person should read, and a program may."""
        if self.outcome is not None:
            self.outcome.notice(text)
        self.progress(text)

    def progress(self, text: str) -> None:
        """Take what is worth a line while it is news."""
        if not self._quiet:
            click.echo(one_line(text), err=True)

    def detail(self, text: str) -> None:
        """Take what only somebody reads who looks closer."""
        if self._verbose:
            self.progress(text)
