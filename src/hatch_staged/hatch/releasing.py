"""The whole of a release: stage it, test what is staged, publish it if that is green."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hatch_staged import releases, status, termination, testing
from hatch_staged.client.staging import OnInterrupt
from hatch_staged.errors import ConfigurationError, ConflictError, StagedError
from hatch_staged.hatch import context, project_tests, staging
from hatch_staged.hatch.staging import Options
from hatch_staged.outcome import Outcome
from hatch_staged.testing import Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from hatch.cli.application import Application

    from hatch_staged.desk import Desk
    from hatch_staged.hatch.project_tests import ProjectTests
    from hatch_staged.hatch.telling import Telling
    from hatch_staged.stage.model import StagedRelease

#: Options of staging that contradict a release, or that it has itself.
_NOT_HERE = ("dry-run", "json", "on-interrupt")

_GO_ON = "`hatch stage publish` publishes it, `hatch stage cancel` discards it"


@dataclass(frozen=True)
class Wish:
    """What the user wants: `script` is for ``hatch run``, None where the project decides.

    `agree` asks whether to publish releases with these labels; it is None where nobody needs to be asked.
    """

    artifacts: Sequence[str]
    options: Mapping[str, str]
    script: str | None
    agree: Callable[[Sequence[str]], bool] | None
    cancel_on_failure: bool

    def staging(self) -> Options:
        """Return how to stage; raise `ConfigurationError` for options that make no sense here."""
        if unfit := [key for key in _NOT_HERE if key in self.options]:
            raise ConfigurationError(f"-o {unfit[0]} is for `hatch publish --staged`, not for a release")
        then = OnInterrupt.CANCEL if self.cancel_on_failure else OnInterrupt.KEEP
        return replace(Options.of(self.options), on_interrupt=then)


def release(app: Application, desk: Desk, wish: Wish, telling: Telling) -> None:
    """Carry it out.  What is published is what this call has staged and tested, and nothing else of the stage file.

    Whatever goes wrong before that, and whoever ends us, nothing is published.  Raises `ConfigurationError` before
    anything is done where somebody ought to be asked, and there is nobody.
    """
    options = wish.staging()
    if wish.agree is not None and not context.at_terminal():
        raise ConfigurationError(
            "there is no terminal to ask at whether to publish, so nothing was done",
            hint="--yes; or `hatch publish --staged`, which does not publish",
        )
    tests = project_tests.find(app, desk, wish.script)
    staged = staging.stage(app, desk, wish.artifacts, options, telling.outcome or Outcome("release"))
    projects = {each.project for each in staged}
    ready = releases.ready_to_publish(desk, projects)
    with _unless_it_fails(desk, ready, telling, cancel=wish.cancel_on_failure):
        _test(app, desk, tests, telling)
        _still_the_same(desk, ready, projects)
    labels = [each.label for each in ready]
    if wish.agree is not None and not wish.agree(labels):
        raise StagedError(f"{', '.join(labels)} is staged and tested, not published", hint=_GO_ON)
    for published in releases.publish(desk, ready, notice=telling.notice):
        telling.done(status.as_noted(published), f"{published.label} is public")


def _test(app: Application, desk: Desk, tests: ProjectTests | None, telling: Telling) -> None:
    if tests is not None:
        tests.run(stdout=None if telling.outcome is None else 2)
        return
    telling.progress(f"The project has no script `{project_tests.SCRIPT}` in a staged environment: `hatch stage test`")
    trial = Trial(sys.executable, verbosity=app.verbosity)
    testing.try_out(desk, trial, tell=telling.progress, notice=telling.notice)


def _still_the_same(desk: Desk, ready: Sequence[StagedRelease], projects: Collection[str]) -> None:
    """Raise `ConflictError` if the stage file, which was tested, names something else by now."""
    now = [each.digest for each in desk.read().releases if each.project in projects]
    if now != [each.digest for each in ready]:
        raise ConflictError(
            "somebody else changed the stage file while it was tested", where=str(desk.stage_file), hint="repeat it"
        )


@contextmanager
def _unless_it_fails(desk: Desk, ready: Sequence[StagedRelease], telling: Telling, *, cancel: bool) -> Iterator[None]:
    """Say of a failure, or of an interruption, what becomes of what is staged, and cancel it if that is wanted."""
    names = ", ".join(each.label for each in ready)
    try:
        with termination.like_an_interrupt():
            yield
    except StagedError as error:
        error.what += f"; {names} is not published"
        error.hint = f"mend it and repeat; {_GO_ON}"
        if cancel:
            error.hint = _canceled(desk, ready, telling) or "mend it and repeat; what was staged is canceled"
        raise
    except KeyboardInterrupt:
        if cancel and (failure := _canceled(desk, ready, telling)):
            telling.notice(failure)
        telling.notice(f"interrupted: {names} is not published{'' if cancel else f'; {_GO_ON}'}")
        raise


def _canceled(desk: Desk, ready: Sequence[StagedRelease], telling: Telling) -> str | None:
    """Cancel `ready`; return why that is impossible, if it is."""
    try:
        for each in releases.cancel(desk, ready):
            telling.done(status.as_noted(each), f"{each.label} is canceled")
    except StagedError as error:
        return f"`hatch stage cancel`, for it could not be canceled now: {error.what}"
    return None
