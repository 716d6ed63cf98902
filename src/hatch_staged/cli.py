"""The verbs of ``hatch stage`` and ``hatch-staged``: options in, one call, words out.

What a verb needs beyond click is imported where it runs: whoever asks for `--help` waits for none of it.
"""

from __future__ import annotations

import os
import sys
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from hatch_staged import durations
from hatch_staged.conformance.command import conformance
from hatch_staged.errors import ConfigurationError, StagedError, StageGoneError
from hatch_staged.index_cli import project, serve, token

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import timedelta

    from hatch_staged.desk import Desk
    from hatch_staged.hatch.telling import Telling

    Function = Callable[..., Any]


def _duration(_context: click.Context, _parameter: click.Parameter, text: str | None) -> timedelta | None:
    try:
        return None if text is None else durations.parse(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


_PATH = click.Path()
_YES = click.option("--yes", "-y", is_flag=True, help="Do not ask")


@click.group(short_help="Work with a staged release")
def stage() -> None:
    """Look at, publish, cancel, extend or wait for what the stage file names; run an index of your own."""


def _index_option(*names: str, variable: str, **attributes: Any) -> Callable[[Function], Function]:
    """Return an option that Hatch's own `publish` has, too, with the same variable."""
    return click.option(*names, envvar=f"HATCH_INDEX_{variable}", show_envvar=True, **attributes)


def _with_desk(function: Function) -> Function:
    """Give a verb a `Desk` and a `Telling` in place of the options that all verbs on a stage file share."""
    options = (
        click.option("--stage-file", type=_PATH, help="The stage file [default: .stage.toml in the project]"),
        _index_option("--repo", "-r", variable="REPO", help="The index: a configured name or a URL"),
        _index_option("--user", "-u", variable="USER", help="The user to authenticate as"),
        _index_option("--auth", "-a", variable="AUTH", help="The password or token"),
        _index_option("--ca-cert", variable="CA_CERT", type=_PATH, help="A CA bundle"),
        _index_option("--client-cert", variable="CLIENT_CERT", type=_PATH, help="A client certificate"),
        _index_option("--client-key", variable="CLIENT_KEY", type=_PATH, help="Its private key"),
        click.option("--no-prompt", "-n", is_flag=True, help="Never ask for credentials"),
        click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON, and nothing else on stdout"),
        click.option("--verbose", "-v", count=True, help="Increase verbosity"),
        click.option("--quiet", "-q", count=True, help="Decrease verbosity"),
        click.option("--no-color", is_flag=True, help="Print without colors"),
    )

    @click.pass_context
    @wraps(function)
    def run(context: click.Context, /, **given: Any) -> None:
        from hatch_staged.hatch.context import IndexOptions, open_desk  # noqa: PLC0415 - see above
        from hatch_staged.hatch.display import reporting, set_output  # noqa: PLC0415 - see above
        from hatch_staged.hatch.telling import Telling  # noqa: PLC0415 - see above

        set_output(context, given.pop("verbose") - given.pop("quiet"), plain=given.pop("no_color"))
        stage_file = given.pop("stage_file")
        asked = IndexOptions.of(context)
        own = {name: value for name, value in given.items() if not hasattr(asked, name)}
        app = context.obj
        telling = Telling(str(context.info_name), as_json=own.pop("as_json"), quiet=app.quiet, verbose=app.verbose)
        with reporting(telling.outcome):
            desk = open_desk(app, asked, stage_file_option=stage_file).telling(telling.detail)
            function(desk, telling, **own)

    command: Function = run
    for option in reversed(options):
        command = option(command)
    return command


@stage.command()
@_with_desk
def status(desk: Desk, telling: Telling) -> None:
    """Show what the stage file says, checked against the index."""
    from hatch_staged import status  # noqa: PLC0415 - see above
    from hatch_staged.hatch import display  # noqa: PLC0415 - see above

    found = status.check(desk)
    for release in found:
        telling.answer(release, display.as_text(release, desk.now()))
    telling.expecting(status.expectation(desk, found))
    for release in found:
        if release.ended is not None:
            raise release.ended


@stage.command()
@_YES
@_with_desk
def publish(desk: Desk, telling: Telling, *, yes: bool) -> None:
    """Make every release that the stage file names public, each at once."""
    from hatch_staged import releases, status  # noqa: PLC0415 - see above

    ready = releases.ready_to_publish(desk)
    _confirm("Publish", [release.label for release in ready], yes=yes)
    for release in releases.publish(desk, ready, notice=telling.notice):
        telling.done(status.as_noted(release), f"{release.label} is public")


@stage.command()
@click.argument("release", metavar="[NAME==VERSION]", required=False)
@_YES
@_with_desk
def cancel(desk: Desk, telling: Telling, *, release: str | None, yes: bool) -> None:
    """Discard every release that the stage file names, and its files.

    With NAME==VERSION, that one alone, also if the stage file does not name it.
    """
    from hatch_staged import releases, status  # noqa: PLC0415 - see above
    from hatch_staged.stage.named import Named  # noqa: PLC0415 - see above

    wanted = None if release is None else Named.parse(release)
    live = releases.to_cancel(desk, wanted)
    _confirm("Discard", [each.label for each in live] or [str(wanted)], yes=yes)
    for canceled in releases.cancel(desk, live):
        telling.done(status.as_noted(canceled), f"{canceled.label} is canceled")
    if wanted is not None and not live:
        releases.discard(desk, wanted)
        telling.notice(f"{wanted} is canceled")


@stage.command()
@click.argument("duration", callback=_duration)
@_with_desk
def extend(desk: Desk, telling: Telling, *, duration: timedelta) -> None:
    """Ask for DURATION (2h, 3d, 1d12h) more for every release that the stage file names."""
    from hatch_staged import releases, status  # noqa: PLC0415 - see above
    from hatch_staged.hatch import display  # noqa: PLC0415 - see above

    if not duration:
        raise ConfigurationError("no time is nothing to extend by", hint="hatch stage extend 2h")
    for extension in releases.extend(desk, releases.live_in_stage_file(desk), duration):
        ends = display.expiry(extension.release.expires_at, desk.now())
        telling.done(status.as_noted(extension.release), f"{extension.release.label} {ends}")
        if (shortage := display.shortage(extension, duration)) is not None:
            telling.notice(shortage)


@stage.command()
@click.option("--timeout", callback=_duration, metavar="DURATION", help="Give up after so long: 90s, 2h, 1d12h")
@_with_desk
def wait(desk: Desk, telling: Telling, *, timeout: timedelta | None) -> None:
    """Wait until every release that the stage file names has been published (exit code 0), or is gone (3)."""
    from hatch_staged import watching  # noqa: PLC0415 - see above

    gone = []
    for found in watching.wait(desk, timeout, tell=telling.progress):
        if found.ended is None or found.published:
            telling.done(found, f"{found.release.label} is published")
        else:
            telling.done(found)
            gone.append(found.ended)
    if gone:
        raise StageGoneError("; ".join(each.what for each in gone), where=gone[0].where, hint=gone[0].hint)


@stage.command()
@click.argument("release", metavar="[NAME==VERSION]", required=False)
@click.option("--token", envvar="HATCH_STAGE_TOKEN", show_envvar=True, help="The session token of its stage")
@click.option("--url", envvar="HATCH_STAGE_URL", show_envvar=True, help="The URL of its stage")
@_with_desk
def pull(desk: Desk, telling: Telling, *, release: str | None, token: str | None, url: str | None) -> None:
    """Write the stage file from what the index says of a staged release.

    It is named NAME==VERSION, which takes credentials, or by the session token or the URL of its stage.
    """
    from hatch_staged import pulling, status  # noqa: PLC0415 - see above

    source = click.get_current_context().get_parameter_source
    typed = frozenset(name for name in ("token", "url") if source(name) is ParameterSource.COMMANDLINE)
    pulled = pulling.pull(desk, release, pulling.Capability(token, url, typed))
    telling.done(status.as_noted(pulled), f"{pulled.label}: {len(pulled.artifacts)} files, in {desk.stage_file}")


@stage.command(context_settings={"ignore_unknown_options": True})
@click.option("--python", metavar="PYTHON", help="An interpreter, or the folder of a virtual environment")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[ARGS]...")
@_with_desk
def install(desk: Desk, telling: Telling, *, python: str | None, arguments: tuple[str, ...]) -> None:
    """Install what the stage file names into the active virtual environment, or into any other.

    ARGS are for the installer, pip or uv: `foo[extra]`, `-e .`, `--no-deps`. All of them after `--`, where one is
    among our options.
    """
    from hatch_staged import installing, status  # noqa: PLC0415 - see above

    found = installing.find_python(python, os.environ)
    verbosity = click.get_current_context().obj.verbosity
    target = installing.Target(found, arguments, verbosity)
    for standing in installing.install(desk, target, tell=telling.progress):
        how = "would be" if target.dry else "is"
        telling.done(status.as_seen(standing), f"{standing.release.label} {how} installed for {found}")


@stage.command()
@click.option("--python", metavar="PYTHON", help="The kind of Python [default: the one that Hatch runs on]")
@click.option("--installer", type=click.Choice(["uv", "pip"]), default="uv", show_default=True, help="What installs")
@click.option("--with", "requirements", multiple=True, metavar="REQUIREMENT", help="Install this, too (repeatable)")
@click.option(
    "--copy",
    "copied",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="A file or folder for the working folder of COMMAND (repeatable)",
)
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND]")
@_with_desk
def test(
    desk: Desk,
    telling: Telling,
    *,
    python: str | None,
    installer: str,
    requirements: tuple[str, ...],
    copied: tuple[Path, ...],
    command: tuple[str, ...],
) -> None:
    """Check what the stage file names, in an environment that is made for it and removed again.

    Each release is installed, its files are compared with its RECORD, and its modules are imported. Then COMMAND runs
    in the environment, in an empty folder, so that nothing of the checkout is imported.
    """
    from hatch_staged import installing, status, termination, testing  # noqa: PLC0415 - see above

    trial = testing.Trial(
        sys.executable if python is None else installing.find_python(python, os.environ),
        installer == "pip",
        requirements,
        copied,
        command,
        click.get_current_context().obj.verbosity,
    )
    # stdout may be for the document alone
    run = partial(termination.run, stdout=None if telling.outcome is None else 2)
    for standing in testing.try_out(desk, trial, tell=telling.progress, notice=telling.notice, run=run):
        telling.done(status.as_seen(standing), f"{standing.release.label} passed")


@stage.command()
@click.option("--run", "script", metavar="[ENV:]SCRIPT", help="What `hatch run` runs to test it [default: test]")
@_YES
@click.option("--cancel-on-failure", is_flag=True, help="Cancel what was staged if its tests fail")
@click.option("--option", "-o", "options", multiple=True, metavar="KEY=VALUE", help="As of `hatch publish --staged`")
@click.argument("artifacts", nargs=-1)
@_with_desk
def release(
    desk: Desk,
    telling: Telling,
    *,
    script: str | None,
    yes: bool,
    cancel_on_failure: bool,
    options: tuple[str, ...],
    artifacts: tuple[str, ...],
) -> None:
    """Stage ARTIFACTS, test what is staged, and publish it if that is green.

    The tests are SCRIPT in an environment that installs what is staged, or else `hatch stage test`. If they fail, what
    was staged is left as it is.
    """
    from hatch_staged.hatch import releasing  # noqa: PLC0415 - see above

    given = dict(option.partition("=")[::2] for option in options)
    agree = None if yes else _agrees
    wish = releasing.Wish(artifacts, given, script, agree, cancel_on_failure)
    releasing.release(click.get_current_context().obj, desk, wish, telling)


@stage.command()
@click.option(
    "--format",
    "kind",
    type=click.Choice(["pylock", "requirements", "json", "env", "github"]),
    required=True,
    help="For what: see the reference",
)
@click.option("--output", "-o", type=click.Path(path_type=Path), help="A file; else it is printed")
@click.option("--python", metavar="PYTHON", help="For `requirements`: the Python whose files they name")
@_with_desk
def export(desk: Desk, telling: Telling, *, kind: str, output: Path | None, python: str | None) -> None:
    """Write what the stage file says for other tools; session tokens are in it.

    pylock: a lock file. requirements: a file of requirements. json: for scripts. env: lines for a shell, with which pip
    and uv see the stage. github: outputs and a summary of a step in GitHub Actions.
    """
    from hatch_staged import exporting  # noqa: PLC0415 - see above
    from hatch_staged.hatch import git  # noqa: PLC0415 - see above
    from hatch_staged.stage import export  # noqa: PLC0415 - see above

    if telling.outcome is not None:
        raise ConfigurationError("export has no outcome", hint="--format json prints the releases as JSON")
    if kind == "github" and output is not None:
        raise ConfigurationError("--format github writes into the files that GitHub names, not into --output")
    found = exporting.available(desk, tell=telling.progress)
    if kind == "github":
        exporting.github(desk, found, os.environ, say=partial(click.echo, nl=False))
        return
    if kind == "requirements":
        text = exporting.requirements(found, python, os.environ)
    else:
        text = {"pylock": export.pylock, "json": export.as_json, "env": export.env}[kind](found)
    if output is None:
        click.echo(text, nl=False)
    else:
        exporting.write(desk, output, text, lock=kind == "pylock")
        telling.progress(f"{output} has {', '.join(each.label for each in found)}")
        if not all(each.public for each in found) and (warning := git.warning(output)) is not None:
            telling.progress(warning)


stage.add_command(serve)
stage.add_command(token)
stage.add_command(project)
stage.add_command(conformance)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``hatch-staged``: Hatch's own root command, its options and its set-up, with our verbs as its commands."""
    from hatch.cli import hatch  # noqa: PLC0415 - see above

    from hatch_staged import __version__  # noqa: PLC0415 - see above
    from hatch_staged.hatch.display import reporting  # noqa: PLC0415 - see above

    root = click.Group(
        "hatch-staged",
        callback=hatch.callback,
        params=[parameter for parameter in hatch.params if parameter.name != "version"],
        commands=stage.commands,
        context_settings=hatch.context_settings,
        invoke_without_command=True,
        help=stage.help,
    )
    root = click.version_option(__version__, prog_name="hatch-staged")(root)
    try:
        with reporting():
            root(arguments, prog_name=root.name, windows_expand_args=False)
    except click.exceptions.Exit as end:
        # of `reporting`: click has no part in what fails before it calls a verb
        sys.exit(end.exit_code)


def _confirm(verb: str, labels: Sequence[str], *, yes: bool) -> None:
    if yes:
        return
    try:
        agreed = click.confirm(_question(verb, labels), err=True)
    except click.Abort:
        raise ConfigurationError(
            "nobody confirmed, so nothing was done", hint="--yes, where nobody can be asked"
        ) from None
    if not agreed:
        raise StagedError("nothing was done")


def _agrees(labels: Sequence[str]) -> bool:
    try:
        return click.confirm(_question("Publish", labels), err=True)
    except click.Abort:
        return False


def _question(verb: str, labels: Sequence[str]) -> str:
    return f"{verb} {', '.join(labels)}?"
