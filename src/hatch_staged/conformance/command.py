"""The verb ``conformance``.

What the verb needs beyond click is imported where it runs: the other verbs are in the same program.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

import click

if TYPE_CHECKING:
    from rich.console import Console

    from hatch_staged.conformance.target import Target

# Of a report that is not for a terminal.
_WIDTH = 200
# Room for some ordinary files of the suite, and few enough to exceed it (bytes).
_QUOTA = click.IntRange(4_000, 1_000_000)
_FILE = click.Path(dir_okay=False, writable=True, path_type=Path)


def _fail(message: str, exit_code: int) -> NoReturn:
    """End with one of the exit codes that are the same for all verbs."""
    click.echo(f"Error: {message}", err=True)
    raise click.exceptions.Exit(exit_code)


def _list(context: click.Context, _parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001 - as click calls it
    """Print every requirement with its level and its section, and end."""
    if value and not context.resilient_parsing:
        from hatch_staged.conformance.requirements import requirements  # noqa: PLC0415 - see above

        for each in requirements().values():
            click.echo(f"{each.id:<24} {each.level:<10} {each.section}")
        context.exit()


@click.command(short_help="Try whether a URL is an Upload 2.0 index")
@click.argument("url")
@click.option(
    "--token", required=True, envvar="CONFORMANCE_TOKEN", show_envvar=True, help="Of somebody who may publish"
)
@click.option("--other-token", envvar="CONFORMANCE_OTHER_TOKEN", show_envvar=True, help="Of somebody else who may")
@click.option("--scheme", type=click.Choice(("basic", "bearer")), help="How to send tokens, if the index does not say")
@click.option("--user", default="__token__", show_default=True, help="Whose password a token is, as basic")
@click.option("--simple", help="The simple API where published releases appear")
@click.option("--legacy", help="The legacy upload API of the same index")
@click.option("--grant", help="A command that lets the other one upload to {project}")
@click.option("--revoke", help="A command that undoes --grant")
@click.option("--project-quota", type=_QUOTA, help="How many bytes a project may publish, if few")
@click.option("--patience", type=click.FloatRange(0), default=0, help="How many seconds a check may wait for an expiry")
@click.option("--only", multiple=True, metavar="ID", help="Try these only, or what begins like this; repeatable")
@click.option("--list", is_flag=True, is_eager=True, expose_value=False, callback=_list, help="List what there is")
@click.option("--json", "json_file", type=_FILE, help="Write the result as JSON")
@click.option("--junit", type=_FILE, help="Write the result in JUnit's format")
@click.option("--quiet", "-q", is_flag=True, help="Print the sum and what failed only")
def conformance(
    *,
    url: str,
    only: tuple[str, ...],
    json_file: Path | None,
    junit: Path | None,
    quiet: bool,
    scheme: str | None,
    **told: Any,
) -> None:
    """Try whether URL is the root endpoint of an index that speaks Upload 2.0 as PEP 694 has it.

    It creates projects with random names, publishes some of them, and cancels what it does not publish.  Ends with 0
    if no MUST failed, else with 1.
    """
    try:
        from hatch_staged.conformance.run import SuiteError, run  # noqa: PLC0415 - see above
    except ModuleNotFoundError as error:
        _fail(f"{error.name} is missing; install hatch-staged[conformance]", 2)
    from rich.console import Console  # noqa: PLC0415 - see above

    from hatch_staged.conformance import preconditions, verdict  # noqa: PLC0415 - see above
    from hatch_staged.conformance.requirements import chosen  # noqa: PLC0415 - see above
    from hatch_staged.conformance.target import Target  # noqa: PLC0415 - see above

    try:
        identifiers = chosen(only)
    except KeyError as error:
        raise click.BadParameter(f"there is no requirement {error.args[0]}", param_hint="--only") from None
    for option, file in (("--json", json_file), ("--junit", junit)):
        # Now, not when all is done.
        if file is not None and not file.parent.is_dir():
            raise click.BadParameter(f"there is no folder {file.parent}", param_hint=option)
    target = Target(root=url, scheme=scheme and scheme.title(), **told)
    _require_usage(target)
    try:
        target = preconditions.require(target)
    except preconditions.PreconditionError as error:
        _fail(str(error), error.exit_code)
    console = _console()
    with Console(stderr=True).status("") as line:
        try:
            outcomes = run(target, only=identifiers, junit=junit, progress=lambda outcome: line.update(outcome.check))
        except SuiteError as error:
            _fail(str(error), error.exit_code)
    verdicts = [each for each in verdict.judge(outcomes) if not only or each.requirement.id in identifiers]
    (verdict.show_failures if quiet else verdict.show)(verdicts, console)
    console.print(verdict.summary(verdicts), soft_wrap=True)
    if json_file is not None:
        try:
            json_file.write_text(verdict.as_json(verdicts, url), encoding="utf-8")
        except OSError as error:
            _fail(f"the result could not be written: {error}", 1)
    if any(each.fatal for each in verdicts):
        raise click.exceptions.Exit(1)


def _console() -> Console:
    """Return the terminal, or a file that is wide enough for whole exchanges."""
    from rich.console import Console  # noqa: PLC0415 - see above

    console = Console()
    return console if console.is_terminal else Console(width=max(console.width, _WIDTH))


def _require_usage(target: Target) -> None:
    url = urlsplit(target.root)
    if url.scheme not in {"http", "https"} or not url.netloc:
        raise click.BadParameter(f"{target.root} is no URL with http:// or https://", param_hint="URL")
    if target.other_token == target.token:
        raise click.BadParameter(
            "it is the same as --token, and has to be of somebody else", param_hint="--other-token"
        )
    if (target.grant is None) != (target.revoke is None):
        raise click.UsageError("--grant and --revoke need each other")
