"""What a user sees: errors as lines with an exit code, the status of releases as text and as JSON."""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import contextmanager
from datetime import timedelta, timezone
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.filesize import decimal

from hatch_staged.durations import expires_in, render
from hatch_staged.errors import ConfigurationError, StagedError, one_line
from hatch_staged.redaction import redact, scrub

if sys.version_info >= (3, 11):
    from tomllib import TOMLDecodeError
else:
    from tomli import TOMLDecodeError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from hatch.cli.application import Application

    from hatch_staged.outcome import Outcome
    from hatch_staged.releases import Extension
    from hatch_staged.status import ReleaseStatus


_UNNAMED = "not in the stage file"
_INTERRUPTED = StagedError("interrupted")


@contextmanager
def reporting(outcome: Outcome | None = None) -> Iterator[None]:
    """Turn any failure inside into lines on stderr and into the exit code that it stands for.

    It leaves through `click.exceptions.Exit`, which Hatch and click both know how to treat.  `HATCH_DEBUG=1` shows the
    traceback as well.  With an `outcome` its document is printed on stdout, however it ends, except for wrong usage.
    """
    try:
        yield
    except (click.ClickException, click.exceptions.Exit):
        raise
    except (click.Abort, KeyboardInterrupt):
        if outcome is not None:
            click.echo(outcome.as_json(_INTERRUPTED.exit_code, _INTERRUPTED))
        raise
    except Exception as error:  # noqa: BLE001 - the outermost handler: a user gets a sentence, not a traceback
        told = _as_ours(error)
        _show(told)
        if outcome is not None:
            click.echo(outcome.as_json(told.exit_code, told))
        raise click.exceptions.Exit(told.exit_code) from None
    if outcome is not None:
        click.echo(outcome.as_json())


def _as_ours(error: Exception) -> StagedError:
    if isinstance(error, StagedError):
        return error
    if isinstance(error, OSError):
        return StagedError(error.strerror or str(error), where=str(error.filename or ""))
    if isinstance(error, TOMLDecodeError):
        # A stage file has errors of its own: this is one of Hatch's files.
        what = f"Hatch's configuration is no valid TOML: {error}"
        return ConfigurationError(what, hint="mend pyproject.toml, hatch.toml or config.toml")
    return StagedError(
        f"unexpected {type(error).__name__}: {scrub(str(error))}",
        hint="run it again with HATCH_DEBUG=1 and report the traceback",
    )


def _show(error: StagedError) -> None:
    if os.environ.get("HATCH_DEBUG") in {"1", "true"}:
        for line in scrub(traceback.format_exc()).splitlines():
            click.echo(one_line(line), err=True)
    first, *rest = error.lines()
    click.secho(first, fg="red", err=True)
    for line in rest:
        click.echo(line, err=True)


def set_output(context: click.Context, verbosity: int, *, plain: bool) -> None:
    """Apply the options ``-v``, ``-q`` and ``--no-color`` of a verb, which Hatch has on its root command only."""
    app: Application = context.obj
    app.verbosity += verbosity
    app.quiet, app.verbose = app.verbosity < 0, app.verbosity > 0
    if plain:
        app.console.no_color = True
        context.color = False


def stderr_of(app: Application) -> Console:
    """Return a console like Hatch's, on stderr."""
    return Console(stderr=True, no_color=app.console.no_color, force_interactive=app.console.is_interactive or None)


def as_text(found: ReleaseStatus, now: datetime) -> str:
    """Return the status of a release for a person."""
    release = found.release
    until = "" if found.ended is not None else expiry(found.expires_at, now)
    lines = [f"{release.label} on {redact(release.index)}: {', '.join(filter(None, [found.status, until]))}"]
    lines += [f"  {notice}" for notice in found.notices]
    for file in found.files:
        named = f"{decimal(file.artifact.size)}  sha256:{file.artifact.sha256}" if file.artifact else _UNNAMED
        lines.append(f"  {file.filename}  {file.status}  {named}")
        lines += [f"    {notice}" for notice in file.notices]
    return "\n".join(lines)


def expiry(moment: datetime | None, now: datetime) -> str:
    """Return when a stage ends, for a person; nothing where nobody knows."""
    return "" if moment is None else f"{expires_in(moment, now)} ({_zulu(moment)})"


def shortage(extension: Extension, asked: timedelta) -> str | None:
    """Return what a person is told of an index that granted less than `asked`, None if it granted that."""
    if extension.granted >= asked:
        return None
    granted = render(max(extension.granted, timedelta()))
    return f"{extension.release.label}: {render(asked)} more were asked for, the index granted {granted}"


def _zulu(moment: datetime) -> str:
    return f"{moment.astimezone(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
