"""What a user sees: errors as lines with an exit code, the status of releases as text and as JSON."""

from __future__ import annotations

import json
import os
import sys
import traceback
from contextlib import contextmanager
from datetime import timezone
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.filesize import decimal

from hatch_staged.errors import ConfigurationError, StagedError
from hatch_staged.redaction import redact
from hatch_staged.stage.use import expires_in

if sys.version_info >= (3, 11):
    from tomllib import TOMLDecodeError
else:
    from tomli import TOMLDecodeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from hatch.cli.application import Application

    from hatch_staged.status import ReleaseStatus


@contextmanager
def reporting() -> Iterator[None]:
    """Turn any failure inside into lines on stderr and into the exit code that it stands for.

    It leaves through `click.exceptions.Exit`, which Hatch and click both know how to treat.  `HATCH_DEBUG=1` shows the
    traceback as well.
    """
    try:
        yield
    except (click.ClickException, click.exceptions.Exit, click.Abort):
        raise
    except StagedError as error:
        raise _exit(error) from None
    except OSError as error:
        raise _exit(StagedError(error.strerror or str(error), where=str(error.filename or ""))) from None
    except TOMLDecodeError as error:
        # A stage file has errors of its own: this is one of Hatch's files.
        what = f"Hatch's configuration is no valid TOML: {error}"
        raise _exit(ConfigurationError(what, hint="mend pyproject.toml, hatch.toml or config.toml")) from None
    except Exception as error:  # noqa: BLE001 - the outermost handler: a user gets a sentence, not a traceback
        unexpected = StagedError(
            f"unexpected {type(error).__name__}: {error}",
            hint="run it again with HATCH_DEBUG=1 and report the traceback",
        )
        raise _exit(unexpected) from None


def _exit(error: StagedError) -> click.exceptions.Exit:
    if os.environ.get("HATCH_DEBUG") in {"1", "true"}:
        traceback.print_exc(file=sys.stderr)
    first, *rest = error.lines()
    click.secho(first, fg="red", err=True)
    for line in rest:
        click.echo(line, err=True)
    return click.exceptions.Exit(error.exit_code)


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


def as_text(found: Sequence[ReleaseStatus], now: datetime) -> str:
    """Return the status of releases for a person."""
    lines = []
    for each in found:
        release = each.release
        until = f", {expires_in(each.expires_at, now)} ({_zulu(each.expires_at)})" if each.ended is None else ""
        lines.append(f"{release.project} {release.version} on {redact(release.index)}: {each.status}{until}")
        lines += [f"  {notice}" for notice in each.notices]
        for file in each.files:
            named = (
                f"{decimal(file.artifact.size)}  sha256:{file.artifact.sha256}"
                if file.artifact
                else "not in the stage file"
            )
            lines.append(f"  {file.filename}  {file.status}  {named}")
            lines += [f"    {notice}" for notice in file.notices]
    return "\n".join(lines)


def as_json(found: Sequence[ReleaseStatus]) -> str:
    """Return the status of releases for a program; the session token is not in it."""
    return json.dumps({"releases": [_release_as_json(each) for each in found]}, indent=2)


def _release_as_json(each: ReleaseStatus) -> dict[str, object]:
    return {
        "project": each.release.project,
        "version": str(each.release.version),
        "index": each.release.index,
        "status": each.status,
        "expires-at": _zulu(each.expires_at),
        "digest": each.release.digest,
        "notices": list(each.notices),
        "files": [
            {
                "filename": file.filename,
                "status": file.status,
                "in-stage-file": file.artifact is not None,
                "size": file.artifact.size if file.artifact else None,
                "sha256": file.artifact.sha256 if file.artifact else None,
                "notices": list(file.notices),
            }
            for file in each.files
        ],
    }


def _zulu(moment: datetime) -> str:
    return f"{moment.astimezone(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
